// SPDX-License-Identifier: Apache-2.0
#include "file/outdir.h"

#include "base/member_name.h"
#include "base/names.h"
#include "os/fdio.h"
#include "os/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FOLDER_MODE = 0750 };

struct outdir {
    int fd;
    // The folder that the directory is in, where the directory is new; -1 and errno where that
    // cannot be opened.
    bool made;
    int parent_fd, parent_error;
    bool overwrite;
    struct names *folders; // that have been entered, by their paths; the value is not NULL
    unsigned removed;
};

int outdir_open(struct outdir **out, const char *path, bool overwrite, struct fault *f) {
    char shown[256];
    diag_name(path, strlen(path), shown, sizeof shown);
    *out = NULL;
    bool made = mkdir(path, FOLDER_MODE) == 0;
    if (!made && errno != EEXIST)
        return diag_fault_errno(f, outfile_status(errno), errno, "cannot make directory %s", shown);
    struct outdir *o = calloc(1, sizeof *o);
    if (o == NULL)
        return diag_fault_memory(f);
    *o = (struct outdir){.made = made, .parent_fd = -1, .overwrite = overwrite};
    o->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->fd < 0) {
        int error = errno;
        free(o);
        return diag_fault_errno(f, outfile_status(error), error, "cannot open directory %s", shown);
    }
    if (made) { // so it is no symbolic link, and its ".." is where its name is
        o->parent_fd = openat(o->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        o->parent_error = errno;
    }
    o->removed = temporary_remove_left(o->fd);
    fdio_allow_many(); // a stream may interleave more files than the usual soft limit allows
    *out = o;
    return 0;
}

int outdir_fd(const struct outdir *o) {
    return o->fd;
}

void outdir_close(struct outdir *o) {
    if (o == NULL)
        return;
    close(o->fd);
    if (o->parent_fd >= 0)
        close(o->parent_fd);
    names_free(o->folders);
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
    // Older kernels, and sandboxes that forbid it: for a single component that is not "..", these
    // flags come to the same.
    return openat(dir_fd, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// Opens a folder of the folder at dir_fd, making it if it is missing.
static int enter(int dir_fd, const char *component) {
    int fd = open_component(dir_fd, component);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(dir_fd, component, FOLDER_MODE) < 0 && errno != EEXIST)
        return -1;
    return open_component(dir_fd, component);
}

// To be called for each folder that is entered: `fd` is open for it, `path` its path below the
// directory.
static int note_folder(struct outdir *o, int fd, const char *path, struct fault *f) {
    struct name *folder = names_add(&o->folders, path, strlen(path));
    if (folder == NULL)
        return diag_fault_memory(f);
    if (folder->value == NULL)
        o->removed += temporary_remove_left(fd);
    folder->value = o; // anything but NULL
    return 0;
}

// Opens the folder that holds `name` (for_folder: the folder `name` itself), making what is
// missing. Returns a descriptor, and *base, the last component; or -1 and *f.
static int descend(struct outdir *o, const char *name, bool for_folder, const char **base,
                   struct fault *f) {
    char path[MEMBER_NAME_MAX + 1], shown[200];
    strcpy(path, name);
    char *component = path;
    int fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
    while (fd >= 0) {
        char *slash = strchr(component, '/');
        if (slash == NULL && !for_folder)
            break;
        if (slash != NULL)
            *slash = '\0';
        int inner = enter(fd, component);
        int error = errno;
        close(fd);
        fd = inner;
        if (fd < 0 && (error == ENOTDIR || error == ELOOP))
            return diag_fault(
                f, EX_CANTCREAT,
                "%s: cannot make folder %s: a file or a symbolic link is in its place",
                diag_name(name, strlen(name), shown, sizeof shown), path);
        errno = error;
        if (fd >= 0 && note_folder(o, fd, path, f) < 0) {
            close(fd);
            return -1;
        }
        if (slash == NULL)
            break;
        *slash = '/';
        component = slash + 1;
    }
    if (fd < 0)
        return diag_fault_errno(f, outfile_status(errno), errno, "%s: cannot make its folder",
                                diag_name(name, strlen(name), shown, sizeof shown));
    *base = name + (component - path);
    return fd;
}

int outdir_create(struct outdir *o, const char *name, struct outfile **file, struct fault *f) {
    const char *base;
    *file = NULL;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    char shown[200];
    diag_name(name, strlen(name), shown, sizeof shown);
    int result = outfile_begin_at(file, fd, base, shown, o->overwrite, f);
    close(fd);
    return result;
}

int outdir_retract(struct outdir *o, const char *name, struct salvage_scope *scope,
                   struct fault *f) {
    const char *base;
    int fd = descend(o, name, false, &base, f);
    if (fd < 0)
        return -1;
    char shown[200];
    diag_name(name, strlen(name), shown, sizeof shown);
    int result = outfile_retract_at(fd, name, shown, o->overwrite, scope, f);
    close(fd);
    return result;
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
    // No component was a symbolic link when it was entered. If one is now, what is behind it is
    // none of ours, and a sync does it no harm.
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
