// SPDX-License-Identifier: Apache-2.0
#include "file/outfile.h"

#include "engine/salvage.h"
#include "os/noclobber.h"
#include "os/path.h"
#include "os/rename.h"
#include "os/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct outfile {
    int fd;
    int dir_fd; // -1: written directly, nothing to rename
    int to_fd;  // of the folder in which it gets its name; -1: the same
    bool overwrite;
    char *base;
    char *shown;
    char temporary[TEMPORARY_NAME_SIZE];
    struct stat st;       // of the file when it was begun, if it is seekable
    struct outfile *next; // in `begun`
};

// The unfinished files of outfile_begin.
static struct outfile *begun;

static void release(struct outfile *o) {
    for (struct outfile **link = &begun; *link != NULL; link = &(*link)->next)
        if (*link == o) {
            *link = o->next;
            break;
        }
    if (o->fd >= 0 && o->fd != STDOUT_FILENO)
        close(o->fd);
    if (o->dir_fd >= 0)
        close(o->dir_fd);
    if (o->to_fd >= 0)
        close(o->to_fd);
    free(o->base);
    free(o->shown);
    free(o);
}

static struct outfile *allocate(const char *base, const char *shown, bool overwrite) {
    struct outfile *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->fd = o->dir_fd = o->to_fd = -1;
    o->overwrite = overwrite;
    o->base = strdup(base);
    o->shown = strdup(shown);
    if (o->base == NULL || o->shown == NULL) {
        release(o);
        return NULL;
    }
    return o;
}

// Whether a file may get this name. Returns 0, or -1 and *f.
static int check_base(int dir_fd, const char *base, const char *shown, bool overwrite,
                      struct fault *f) {
    struct stat st;
    if (fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0
                               : diag_fault_errno(f, diag_open_status(errno, EX_CANTCREAT), errno,
                                                  "%s: cannot create", shown);
    if (S_ISDIR(st.st_mode))
        return diag_fault(f, EX_CANTCREAT, "%s: a directory has that name", shown);
    const char *reason = noclobber_reason(&st);
    if (reason != NULL)
        return diag_fault(f, EX_CANTCREAT, "%s: %s", shown, reason);
    if (!overwrite)
        return diag_fault(f, EX_CANTCREAT,
                          "%s: file exists already; remove it, or use --overwrite to replace it",
                          shown);
    return 0;
}

// Whether another unfinished file will get this name: the last one would replace the others.
static int check_begun(const struct outfile *self, int dir_fd, const char *base, const char *shown,
                       struct fault *f) {
    struct stat dir, other;
    for (const struct outfile *o = begun; o != NULL; o = o->next)
        if (o != self && strcmp(o->base, base) == 0 && fstat(dir_fd, &dir) == 0 &&
            fstat(o->dir_fd, &other) == 0 && dir.st_dev == other.st_dev &&
            dir.st_ino == other.st_ino)
            return diag_fault(f, EX_CANTCREAT,
                              "%s: two outputs have this name: expected a file for each", shown);
    return 0;
}

int outfile_begin_at(struct outfile **out, int dir_fd, const char *base, const char *shown,
                     bool overwrite, struct fault *f) {
    *out = NULL;
    if (check_base(dir_fd, base, shown, overwrite, f) == 0)
        return outfile_begin_unchecked_at(out, dir_fd, base, shown, overwrite, f);
    close(dir_fd);
    return -1;
}

int outfile_begin_unchecked_at(struct outfile **out, int dir_fd, const char *base,
                               const char *shown, bool overwrite, struct fault *f) {
    *out = NULL;
    struct outfile *o = allocate(base, shown, overwrite);
    if (o == NULL) {
        close(dir_fd);
        return diag_fault_memory(f);
    }
    o->dir_fd = dir_fd;
    o->fd = temporary_create(o->dir_fd, o->temporary, &o->st);
    if (o->fd < 0) {
        int error = errno;
        release(o);
        return diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error,
                                "%s: cannot create", shown);
    }
    *out = o;
    return 0;
}

// Makes the outfile of a descriptor that is written directly. The outfile owns the descriptor,
// unless it is standard output; on failure it is closed.
static int begin_descriptor(struct outfile **out, int fd, const char *shown, struct fault *f) {
    *out = allocate("-", shown, false);
    if (*out != NULL)
        (*out)->fd = fd;
    if (*out != NULL && noclobber_claim(fd, shown, f) == 0)
        return 0;
    if (*out != NULL)
        release(*out);
    else
        diag_fault_memory(f);
    *out = NULL;
    return -1;
}

// Begins an output for a path such as /dev/fd/N: opening the path would truncate or replace the
// file.
static int begin_numbered(struct outfile **out, int number, const char *shown, struct fault *f) {
    int flags = fcntl(number, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return diag_fault_errno(f, EX_CANTCREAT, EBADF, "%s: cannot open for writing", shown);
    int fd = number == STDOUT_FILENO ? number : fcntl(number, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return diag_fault_errno(f, EX_OSERR, errno, "%s: cannot open for writing", shown);
    return begin_descriptor(out, fd, shown, f);
}

static bool is_special(const struct stat *st) {
    return !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode);
}

// Opens the device or FIFO `base` in the folder open at dir_fd, which *seen describes.
static int begin_special(struct outfile **out, int dir_fd, const char *base,
                         const struct stat *seen, const char *shown, struct fault *f) {
    // A user who creates a FIFO where a file is expected could read the data that the file's mode
    // would protect.
    if (S_ISFIFO(seen->st_mode) && seen->st_uid != 0 && seen->st_uid != geteuid())
        return diag_fault(f, EX_NOPERM,
                          "%s: this FIFO belongs to another user (%lu), who would get the data; if "
                          "you want that, use standard output and >",
                          shown, (unsigned long)seen->st_uid);
    struct stat st;
    int fd = openat(dir_fd, base, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    int error = errno;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == seen->st_dev && st.st_ino == seen->st_ino)
        return begin_descriptor(out, fd, shown, f);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 || error == ELOOP)
        return diag_fault(f, EX_CANTCREAT,
                          "%s: it was replaced meanwhile; write where only you can", shown);
    return diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error,
                            "%s: cannot open for writing", shown);
}

// Begins the file, device or FIFO `base` in the folder open at dir_fd.
static int begin_named(struct outfile **out, int dir_fd, const char *base, const char *shown,
                       bool overwrite, struct fault *f) {
    struct stat st;
    if (fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_special(&st))
        return begin_special(out, dir_fd, base, &st, shown, f);
    if (fstatat(dir_fd, base, &st, 0) == 0 && is_special(&st))
        return diag_fault(
            f, EX_CANTCREAT,
            "%s: this is a symbolic link to a device or a pipe, which is not followed; "
            "give the path that it leads to",
            shown);
    temporary_remove_left(dir_fd);
    if (check_begun(NULL, dir_fd, base, shown, f) < 0)
        return -1;
    int own_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (own_fd < 0)
        return diag_fault_errno(f, EX_OSERR, errno, "%s: cannot create", shown);
    if (outfile_begin_at(out, own_fd, base, shown, overwrite, f) < 0)
        return -1;
    (*out)->next = begun;
    begun = *out;
    return 0;
}

int outfile_begin(struct outfile **out, const char *path, bool overwrite, struct fault *f) {
    *out = NULL;
    if (path == NULL || strcmp(path, "-") == 0)
        return begin_descriptor(out, STDOUT_FILENO, "standard output", f);
    char creating[300];
    const char *shown = diag_shown(path, 256);
    int number = path_descriptor(path);
    if (number >= 0)
        return begin_numbered(out, number, shown, f);
    const char *base;
    snprintf(creating, sizeof creating, "%s: cannot create", shown);
    int dir_fd = path_open_parent(path, &base, creating, f);
    if (dir_fd < 0)
        return -1;
    int result = base[0] != '\0'
                     ? begin_named(out, dir_fd, base, shown, overwrite, f)
                     : diag_fault(f, EX_CANTCREAT, "%s: expected the name of a file", shown);
    close(dir_fd);
    return result;
}

int outfile_fd(const struct outfile *o) {
    return o->fd;
}

const char *outfile_shown(const struct outfile *o) {
    return o->shown;
}

void outfile_allow_all(struct sandbox_rules *rules) {
    for (const struct outfile *o = begun; o != NULL; o = o->next)
        sandbox_allow(rules, o->dir_fd, SANDBOX_NAMES);
}

bool outfile_seekable(const struct outfile *o) {
    return o->dir_fd >= 0;
}

// The last bytes of a name that leave room for `added` bytes in a component. The first bytes are
// dropped, because the partitions of a table differ at the end.
static const char *shorten(const char *base, size_t added) {
    size_t size = strlen(base), room = NAME_MAX - added;
    if (size <= room)
        return base;
    base += size - room;
    while (((unsigned char)*base & 0xc0) == 0x80) // the rest of a character of UTF-8
        base++;
    return base;
}

char *outfile_damaged_name(const char *name, unsigned number) {
    char added[60] = OUTFILE_DAMAGED, *whole;
    const char *slash = strrchr(name, '/'), *base = slash != NULL ? slash + 1 : name;
    if (number > 0)
        snprintf(added, sizeof added, OUTFILE_DAMAGED ".%u", number);
    if (strlen(base) + strlen(added) > NAME_MAX) {     // shortened names could be the same
        uint64_t sum = UINT64_C(14695981039346656037); // FNV-1a
        for (const char *c = base; *c != '\0'; c++)
            sum = (sum ^ (unsigned char)*c) * UINT64_C(1099511628211);
        snprintf(added, sizeof added, ".%016" PRIx64 OUTFILE_DAMAGED, sum);
        if (number > 0)
            snprintf(added, sizeof added, ".%016" PRIx64 OUTFILE_DAMAGED ".%u", sum, number);
    }
    if (asprintf(&whole, "%.*s%s%s", (int)(base - name), name, shorten(base, strlen(added)),
                 added) < 0)
        return NULL;
    return whole;
}

// Notes the file as `base` in the folder of `path`, of any length.
static int note_damaged(const char *path, const char *base, struct salvage_scope *scope,
                        struct fault *f) {
    const char *slash = strrchr(path, '/');
    char *whole, *shown = NULL;
    if (asprintf(&whole, "%.*s%s", slash != NULL ? (int)(slash + 1 - path) : 0, path, base) < 0)
        return diag_fault_memory(f);
    size_t size = strlen(whole), room = 4 * size + 5; // enough for diag_name
    shown = malloc(room);
    if (shown != NULL)
        salvage_file(scope, diag_name(whole, size, shown, room));
    else
        diag_fault_memory(f);
    free(whole);
    free(shown);
    return shown != NULL ? 0 : -1;
}

int outfile_damaged(struct outfile *o, const char *path, struct salvage_scope *scope,
                    struct fault *f) {
    char *base, *shown;
    if (o->dir_fd < 0)
        return 0;
    if (asprintf(&base, "%s" OUTFILE_DAMAGED, shorten(o->base, strlen(OUTFILE_DAMAGED))) < 0)
        return diag_fault_memory(f);
    if (asprintf(&shown, "%s" OUTFILE_DAMAGED, o->shown) < 0) {
        free(base);
        return diag_fault_memory(f);
    }
    free(o->base);
    free(o->shown);
    o->base = base;
    o->shown = shown;
    if (check_base(o->dir_fd, base, shown, o->overwrite, f) < 0 ||
        check_begun(o, o->dir_fd, base, shown, f) < 0)
        return -1;
    return note_damaged(path, base, scope, f);
}

// Gives the file, written at dir_fd as `from`, its name. An existing file is replaced only with
// `overwrite`, and never if the run reads it or has written it. Returns 0, or -1 and *f.
static int name_file(int dir_fd, const char *from, int to_fd, const char *to, const char *shown,
                     bool overwrite, struct fault *f) {
    int result = rename_new(dir_fd, from, to_fd, to);
    if (result < 0 && errno == EEXIST) {
        if (check_base(to_fd, to, shown, overwrite, f) < 0)
            return -1;
        // Without `overwrite` the name has become free; if it is taken once more, that is an error.
        result =
            overwrite ? renameat(dir_fd, from, to_fd, to) : rename_new(dir_fd, from, to_fd, to);
    }
    return result == 0 ? 0
                       : diag_fault_errno(f, diag_open_status(errno, EX_CANTCREAT), errno,
                                          "%s: cannot give the file its name", shown);
}

int outfile_move(struct outfile *o, int dir_fd, const char *base, const char *shown,
                 struct fault *f) {
    char *own_base = strdup(base), *own_shown = strdup(shown);
    int to_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (to_fd < 0 || own_base == NULL || own_shown == NULL) {
        diag_fault_errno(f, EX_OSERR, to_fd < 0 ? errno : ENOMEM, "%s", shown);
        free(own_base);
        free(own_shown);
        if (to_fd >= 0)
            close(to_fd);
        return -1;
    }
    if (o->to_fd >= 0)
        close(o->to_fd);
    free(o->base);
    free(o->shown);
    o->to_fd = to_fd;
    o->base = own_base;
    o->shown = own_shown;
    return 0;
}

struct outfile_identity outfile_identity(const struct outfile *o) {
    return (struct outfile_identity){o->st.st_dev, o->st.st_ino};
}

blksize_t outfile_block_size(const struct outfile *o) {
    return o->st.st_blksize;
}

// Whether the file of that name is the file of the run. Returns 0, or -1 and *f.
static int check_own(int dir_fd, const char *base, const char *shown,
                     const struct outfile_identity *id, struct fault *f) {
    struct stat st;
    if (fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return diag_fault_errno(f, EX_CANTCREAT, errno, "%s: cannot examine the restored file",
                                shown);
    if (S_ISREG(st.st_mode) && st.st_dev == id->device && st.st_ino == id->inode)
        return 0;
    return diag_fault(f, EX_CANTCREAT,
                      "%s: it was replaced meanwhile; restore where only you can write", shown);
}

int outfile_rename_at(int dir_fd, const char *from, int to_fd, const char *to, const char *shown,
                      bool overwrite, const struct outfile_identity *id, struct fault *f) {
    return check_own(dir_fd, from, shown, id, f) < 0
               ? -1
               : name_file(dir_fd, from, to_fd, to, shown, overwrite, f);
}

int outfile_remove_at(int dir_fd, const char *base, const char *shown,
                      const struct outfile_identity *id, struct fault *f) {
    if (check_own(dir_fd, base, shown, id, f) < 0)
        return -1;
    if (unlinkat(dir_fd, base, 0) == 0)
        return 0;
    return diag_fault_errno(f, diag_open_status(errno, EX_CANTCREAT), errno,
                            "%s: cannot remove the file, which the stream has removed", shown);
}

// Gives the file `base`, open at o->fd, a temporary name in its folder. Returns 0, or -1 and errno.
static int unname(struct outfile *o, const char *base) {
    if (flock(o->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -1; // without locks there is none to hold
    struct stat unused;
    int placeholder = temporary_create(o->dir_fd, o->temporary, &unused);
    if (placeholder < 0)
        return -1;
    int result = renameat(o->dir_fd, base, o->dir_fd, o->temporary);
    close(placeholder);
    return result;
}

int outfile_reopen_at(struct outfile **out, int dir_fd, const char *base, const char *shown,
                      bool overwrite, const struct outfile_identity *id, struct fault *f) {
    *out = NULL;
    if (check_own(dir_fd, base, shown, id, f) < 0)
        return -1;
    struct outfile *o = allocate(base, shown, overwrite);
    if (o == NULL)
        return diag_fault_memory(f);
    o->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (o->dir_fd >= 0)
        o->fd = openat(dir_fd, base, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (o->fd < 0 || fstat(o->fd, &o->st) < 0 || unname(o, base) < 0) {
        int error = errno;
        release(o);
        return diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error,
                                "%s: cannot remove the file's name", shown);
    }
    *out = o;
    return 0;
}

int outfile_sync(struct outfile *o, struct fault *f) {
    // EINVAL: a pipe or a device, which has nothing to sync.
    if (fsync(o->fd) == 0 || (o->dir_fd < 0 && errno == EINVAL))
        return 0;
    return diag_fault_errno(f, EX_IOERR, errno, "%s: cannot sync", o->shown);
}

// Closes the file's descriptor, so that the result is known before the file has its name, and gives
// it the name. A copy of the descriptor keeps the lock meanwhile.
static int close_and_name(struct outfile *o, struct fault *f) {
    int fd = o->fd, lock = o->dir_fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1, result = 0;
    if (o->dir_fd >= 0 && lock < 0)
        return diag_fault_errno(f, EX_OSERR, errno, "%s", o->shown);
    o->fd = lock;
    if (fd != STDOUT_FILENO && close(fd) < 0)
        result = diag_fault_errno(f, EX_IOERR, errno, "%s: cannot write", o->shown);
    else if (o->dir_fd >= 0)
        result = name_file(o->dir_fd, o->temporary, o->to_fd >= 0 ? o->to_fd : o->dir_fd, o->base,
                           o->shown, o->overwrite, f);
    if (result == 0 && o->dir_fd >= 0)
        result = noclobber_add_written(&o->st, f);
    return result;
}

int outfile_commit(struct outfile *o, struct fault *f) {
    int result = close_and_name(o, f);
    if (result < 0 && o->dir_fd >= 0)
        (void)unlinkat(o->dir_fd, o->temporary, 0);
    release(o);
    return result;
}

static int sync_folder(const struct outfile *o, struct fault *f) {
    int fd = openat(o->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 ? fsync(fd) : -1, error = errno;
    if (fd >= 0)
        close(fd);
    return result == 0
               ? 0
               : diag_fault_errno(f, EX_IOERR, error, "%s: cannot sync its folder", o->shown);
}

int outfile_commit_synced(struct outfile *o, struct fault *f) {
    if (outfile_sync(o, f) < 0) {
        outfile_discard(o);
        return -1;
    }
    int result = close_and_name(o, f);
    if (result == 0 && o->dir_fd >= 0)
        result = sync_folder(o, f);
    else if (result < 0 && o->dir_fd >= 0)
        (void)unlinkat(o->dir_fd, o->temporary, 0);
    release(o);
    return result;
}

void outfile_discard(struct outfile *o) {
    if (o == NULL)
        return;
    if (o->dir_fd >= 0)
        (void)unlinkat(o->dir_fd, o->temporary, 0);
    release(o);
}
