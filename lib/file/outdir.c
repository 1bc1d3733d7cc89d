// SPDX-License-Identifier: Apache-2.0
#include "file/outdir.h"

#include "base/member_name.h"
#include "base/names.h"
#include "os/fdio.h"
#include "os/noclobber.h"
#include "os/path.h"
#include "os/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FOLDER_MODE = 0750 };

// The most folders that all names together may have: each is remembered, and takes a block of the
// disk, and a name of a few hundred bytes can have hundreds of folders.
enum { FOLDERS_EASY = 10000, FOLDERS_PER_NAME = 4 };

struct outdir {
    int fd;
    // The folder that contains the directory, if the directory is new; -1 and errno if it cannot be
    // opened.
    bool made;
    int parent_fd, parent_error;
    bool overwrite;
    char shown[256];          // its path, printable
    struct names *folders;    // that have been entered, by their paths; the value: whether this run
                              // created it
    struct names *identities; // the same, by device and inode; the value is the one of `folders`
    uint64_t folder_count;    // of `folders`
    uint64_t name_count;      // names so far, with repetitions
    unsigned removed;
};

// Whether the folder open at `fd` is empty. Returns 1 or 0; or -1 with errno.
static int is_empty(int fd) {
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        int error = errno;
        if (copy >= 0)
            close(copy);
        errno = error;
        return -1;
    }
    const struct dirent *e = readdir(dir);
    while (e != NULL && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0))
        e = readdir(dir);
    closedir(dir);
    return e == NULL;
}

// Whether the program can have just created a folder with this owner and mode in the folder at
// parent_fd. A network file system may show another owner and mode than requested: a test file
// shows which.
static bool looks_made(int parent_fd, const struct stat *folder) {
    const mode_t others = S_IWGRP | S_IWOTH;
    if (folder->st_uid == geteuid() && (folder->st_mode & others) == 0)
        return true;
    char name[TEMPORARY_NAME_SIZE];
    struct stat st;
    int fd = temporary_create(parent_fd, name, &st);
    bool alike =
        fd >= 0 && st.st_uid == folder->st_uid && (folder->st_mode & others & ~st.st_mode) == 0;
    if (fd >= 0) {
        (void)unlinkat(parent_fd, name, 0);
        close(fd);
    }
    return alike;
}

// Whether no other user can replace a folder of this user's in the folder at parent_fd.
static bool is_safe(int parent_fd) {
    struct stat st;
    return fstat(parent_fd, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) &&
           ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (st.st_mode & S_ISVTX) != 0);
}

// Opens the folder that was just created in the folder at parent_fd. Another user who may write
// there may have replaced it. If none can, what is in it already is from another run of this user,
// which found it there. Returns a descriptor, or -1 and *f.
static int open_made(int parent_fd, const char *base, const char *shown, struct fault *f) {
    struct stat st;
    int fd = openat(parent_fd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool other = fd < 0 && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT);
    int empty = fd >= 0 && fstat(fd, &st) == 0 ? is_empty(fd) : -1, error = errno;
    if ((empty > 0 || (empty == 0 && is_safe(parent_fd))) && looks_made(parent_fd, &st))
        return fd;
    if (fd >= 0)
        close(fd);
    if (empty < 0 && !other)
        return diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error,
                                "cannot open directory %s", shown);
    return diag_fault(
        f, EX_CANTCREAT,
        "cannot make directory %s: it was replaced meanwhile; make it where only you can write",
        shown);
}

// Creates the directory, or opens the existing one. Returns 0, or -1 and *f.
static int make_or_open(struct outdir *o, const char *path, const char *shown, struct fault *f) {
    char making[300], opening[300];
    const char *base;
    snprintf(making, sizeof making, "cannot make directory %s", shown);
    snprintf(opening, sizeof opening, "cannot open directory %s", shown);
    errno = 0; // not every failure of a path comes from a call that sets it
    int parent_fd = path_open_parent(path, &base, making, f);
    if (parent_fd < 0 && errno == ENOENT)
        return diag_fault(f, EX_CANTCREAT, "%s: the folder that it would be in does not exist",
                          making);
    if (parent_fd < 0)
        return -1;
    // "", "." and ".." exist.
    if (mkdirat(parent_fd, base[0] != '\0' ? base : ".", FOLDER_MODE) == 0) {
        o->made = true;
        o->parent_fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        o->parent_error = errno;
        o->fd = open_made(parent_fd, base, shown, f);
        close(parent_fd);
        return o->fd < 0 ? -1 : 0;
    }
    int error = errno;
    close(parent_fd);
    if (error != EEXIST)
        return diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error, "%s", making);
    int fd = path_open_folder(path, opening, f);
    if (fd < 0)
        return -1;
    o->fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    error = errno;
    close(fd);
    return o->fd >= 0
               ? 0
               : diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error, "%s", opening);
}

int outdir_open(struct outdir **out, const char *path, bool overwrite, struct fault *f) {
    char shown[256];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    char *stripped = strndup(path, size);
    struct outdir *o = calloc(1, sizeof *o);
    *out = NULL;
    int result = stripped == NULL || o == NULL ? diag_fault_memory(f) : 0;
    if (result == 0) {
        *o = (struct outdir){.fd = -1, .parent_fd = -1, .overwrite = overwrite};
        result = make_or_open(o, stripped, diag_name(path, strlen(path), shown, sizeof shown), f);
    }
    free(stripped);
    if (result < 0) {
        outdir_close(o);
        return -1;
    }
    // Standard output may go to a file in the directory: no restored file may replace it.
    noclobber_add_output(STDOUT_FILENO);
    noclobber_add_output(STDERR_FILENO);
    o->removed = temporary_remove_left(o->fd);
    fdio_allow_many(); // a stream may interleave more files than the usual soft limit allows
    memcpy(o->shown, shown, sizeof shown);
    *out = o;
    return 0;
}

const char *outdir_shown(const struct outdir *o) {
    return o->shown;
}

int outdir_fd(const struct outdir *o) {
    return o->fd;
}

void outdir_close(struct outdir *o) {
    if (o == NULL)
        return;
    if (o->fd >= 0)
        close(o->fd);
    if (o->parent_fd >= 0)
        close(o->parent_fd);
    names_free(o->folders);
    names_free(o->identities);
    free(o);
}

unsigned outdir_removed(const struct outdir *o) {
    return o->removed;
}

int outdir_check_name(const char *name, size_t size, struct fault *f) {
    if (member_name_check(name, size, f) < 0)
        return -1;
    for (const char *component = name; component != NULL;) {
        const char *slash = memchr(component, '/', (size_t)(name + size - component));
        if (temporary_is_name(component,
                              (size_t)((slash != NULL ? slash : name + size) - component)))
            return member_name_refused(name, size,
                                       "has a component that is the name of a temporary file", f);
        component = slash != NULL ? slash + 1 : NULL;
    }
    return 0;
}

// Opens the folder `component` of the folder open at dir_fd, following nothing. The component is
// one that outdir_check_name lets through. Returns a descriptor, or -1 with errno.
static int open_component(int dir_fd, const char *component) {
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    long fd = syscall(SYS_openat2, dir_fd, component, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return (int)fd;
    // For older kernels, and sandboxes that forbid openat2: for a single component that is not
    // "..", these flags have the same effect.
    return openat(dir_fd, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Opens a folder in the folder at dir_fd, and creates it if it is missing.
static int enter(int dir_fd, const char *component, bool *new) {
    int fd = open_component(dir_fd, component);
    *new = false;
    if (fd >= 0 || errno != ENOENT)
        return fd;
    *new = mkdirat(dir_fd, component, FOLDER_MODE) == 0;
    if (!*new &&errno != EEXIST)
        return -1;
    return open_component(dir_fd, component);
}

// Refuses a folder that has been entered under another name: a file system that treats two names as
// the same would mix the content of both.
static int note_identity(struct outdir *o, int fd, struct name *folder, struct fault *f) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return diag_fault_errno(f, EX_IOERR, errno, "cannot examine a folder");
    const uint64_t identity[] = {st.st_dev, st.st_ino};
    struct name *noted = names_add(&o->identities, identity, sizeof identity);
    if (noted == NULL)
        return diag_fault_memory(f);
    const struct name *other = noted->value;
    if (other != NULL) {
        return diag_fault(f, EX_CANTCREAT,
                          "%s: this folder is the same as %s here: the two names are the same to "
                          "the file system; restore to another",
                          diag_shown_name(folder->bytes, folder->size, 200),
                          diag_shown_name(other->bytes, other->size, 200));
    }
    noted->value = folder;
    return 0;
}

// The values of entered folders point to one of these.
static char made, found;

static int refuse_folders(const char *path, struct fault *f) {
    return diag_fault(f, EX_CANTCREAT,
                      "%s: one folder too many: expected at most %d, and %d more for each name; no "
                      "backup tool writes more: the archive is no backup, or damaged",
                      diag_shown(path, 200), FOLDERS_EASY, FOLDERS_PER_NAME);
}

// Call it for each folder that is entered: `fd` is its descriptor, `path` its path below the
// directory.
static int note_folder(struct outdir *o, int fd, const char *path, bool new, struct fault *f) {
    struct name *folder = names_add(&o->folders, path, strlen(path));
    if (folder == NULL)
        return diag_fault_memory(f);
    if (folder->value != NULL)
        return 0;
    folder->value = new ? &made : &found;
    if (++o->folder_count > FOLDERS_EASY + FOLDERS_PER_NAME * o->name_count)
        return refuse_folders(path, f);
    if (note_identity(o, fd, folder, f) < 0)
        return -1;
    o->removed += temporary_remove_left(fd);
    return 0;
}

// Opens the folder that contains `name` (for_folder: the folder `name` itself), and creates missing
// ones. Returns a descriptor, and *base, the last component; or -1 and *f.
static int descend(struct outdir *o, const char *name, bool for_folder, const char **base,
                   struct fault *f) {
    char path[MEMBER_NAME_MAX + 1];
    strcpy(path, name);
    o->name_count++;
    char *component = path;
    bool here = !for_folder && strchr(path, '/') == NULL;
    int fd = here ? fcntl(o->fd, F_DUPFD_CLOEXEC, 0) : o->fd;
    while (fd >= 0) {
        char *slash = strchr(component, '/');
        if (slash == NULL && !for_folder)
            break;
        if (slash != NULL)
            *slash = '\0';
        bool new;
        int inner = enter(fd, component, &new);
        int error = errno;
        if (fd != o->fd)
            close(fd);
        fd = inner;
        if (fd < 0 && (error == ENOTDIR || error == ELOOP))
            return diag_fault(
                f, EX_CANTCREAT,
                "%s: cannot make folder %s: a file or a symbolic link is in its place",
                diag_shown(name, 200), path);
        errno = error;
        if (fd >= 0 && note_folder(o, fd, path, new, f) < 0) {
            close(fd);
            return -1;
        }
        if (slash == NULL)
            break;
        *slash = '/';
        component = slash + 1;
    }
    if (fd < 0)
        return diag_fault_errno(f, diag_open_status(errno, EX_CANTCREAT), errno,
                                "%s: cannot make its folder", diag_shown(name, 200));
    *base = name + (component - path);
    return fd;
}

// An earlier run leaves many files, so the message gives advice for all of them. Returns 1 if the
// name is free; 0 if outfile.h has to look, and reports what is wrong, if anything; or -1 and *f.
static int check_new(const struct outdir *o, int fd, const char *base, const char *shown,
                     struct fault *f) {
    struct stat st;
    if (o->overwrite)
        return 0;
    if (fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (S_ISDIR(st.st_mode) || noclobber_reason(&st) != NULL)
        return 0;
    return diag_fault(f, EX_CANTCREAT,
                      "%s: file exists already in %s; use an empty directory, or --overwrite",
                      shown, o->shown);
}

int outdir_create(struct outdir *o, const char *name, bool check, struct outfile **file,
                  struct fault *f) {
    const char *base;
    *file = NULL;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    const char *shown = diag_shown(name, 200);
    int result = check ? check_new(o, fd, base, shown, f) : 1;
    if (result < 0)
        close(fd);
    else
        result = (result == 0 ? outfile_begin_at
                              : outfile_begin_unchecked_at)(file, fd, base, shown, o->overwrite, f);
    if (result < 0 && f->status == EX_NOPERM)
        diag_prefix(f, o->shown);
    return result;
}

int outdir_move(struct outdir *o, struct outfile *file, const char *name, struct fault *f) {
    const char *base;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    int result = outfile_move(file, fd, base, diag_shown(name, 200), f);
    close(fd);
    return result;
}

int outdir_rename(struct outdir *o, const char *from, const char *to,
                  const struct outfile_identity *id, struct fault *f) {
    const char *base, *to_base;
    int fd = descend(o, from, false, &base, f);
    int to_fd = fd >= 0 ? descend(o, to, false, &to_base, f) : -1;
    int result = -1;
    if (to_fd >= 0)
        result =
            outfile_rename_at(fd, base, to_fd, to_base, diag_shown(to, 200), o->overwrite, id, f);
    if (to_fd >= 0)
        close(to_fd);
    if (fd >= 0)
        close(fd);
    return result;
}

int outdir_remove(struct outdir *o, const char *name, const struct outfile_identity *id,
                  struct fault *f) {
    const char *base;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    int result = outfile_remove_at(fd, base, diag_shown(name, 200), id, f);
    close(fd);
    return result;
}

int outdir_reopen(struct outdir *o, const char *name, const struct outfile_identity *id,
                  struct outfile **file, struct fault *f) {
    const char *base;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    const char *shown = diag_shown(name, 200);
    int result = outfile_reopen_at(file, fd, base, shown, o->overwrite, id, f);
    close(fd);
    return result;
}

int outdir_has(struct outdir *o, const char *name, bool *has, struct fault *f) {
    const char *base;
    struct stat st;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    *has =
        fstatat(fd, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !(o->overwrite && S_ISREG(st.st_mode));
    close(fd);
    return 0;
}

static void forget_folder(struct outdir *o, int fd, struct name *folder) {
    struct stat st;
    if (fstat(fd, &st) == 0) {
        const uint64_t identity[] = {st.st_dev, st.st_ino};
        struct name *noted = names_find(o->identities, identity, sizeof identity);
        if (noted != NULL)
            names_remove(o->identities, noted);
    }
    names_remove(o->folders, folder);
}

void outdir_remove_folder(struct outdir *o, const char *name) {
    struct name *folder = names_find(o->folders, name, strlen(name));
    struct fault unused;
    const char *base;
    if (folder == NULL || folder->value != &made)
        return;
    int fd = descend(o, name, false, &base, &unused);
    int own = fd >= 0 ? open_component(fd, base) : -1;
    if (own >= 0 && unlinkat(fd, base, AT_REMOVEDIR) == 0)
        forget_folder(o, own, folder);
    if (own >= 0)
        close(own);
    if (fd >= 0)
        close(fd);
}

int outdir_make_folder(struct outdir *o, const char *name, struct fault *f) {
    const char *base;
    int fd = descend(o, name, true, &base, f);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

struct syncing {
    const struct outdir *dir;
    int error; // errno of the first folder that could not be synced
    char shown[200];
};

static void sync_folder(struct name *folder, void *context) {
    struct syncing *s = context;
    if (s->error != 0)
        return;
    // No component was a symbolic link when it was entered. If one is now, it leads to a foreign
    // folder, and a sync does no harm there.
    int fd = openat(s->dir->fd, folder->bytes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        s->error = errno;
        diag_name(folder->bytes, folder->size, s->shown, sizeof s->shown);
    }
    if (fd >= 0)
        close(fd);
}

int outdir_sync(struct outdir *o, struct fault *f) {
    struct syncing s = {.dir = o};
    names_visit(o->folders, sync_folder, &s);
    if (s.error != 0)
        return diag_fault_errno(f, EX_IOERR, s.error, "cannot sync folder %s", s.shown);
    if (fsync(o->fd) < 0)
        return diag_fault_errno(f, EX_IOERR, errno, "cannot sync the directory");
    if (o->made && (o->parent_fd < 0 || fsync(o->parent_fd) < 0))
        return diag_fault_errno(f, EX_IOERR, o->parent_fd < 0 ? o->parent_error : errno,
                                "cannot sync the folder that the directory was made in");
    return 0;
}
