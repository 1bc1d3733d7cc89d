// SPDX-License-Identifier: Apache-2.0
#include "file/indir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct indir {
    int fd;
};

int indir_fault(const char *name, int error, struct fault *f) {
    const char *shown = diag_shown(name, 256);
    if (error == ELOOP)
        return diag_fault(f, EX_DATAERR,
                          "%s: it is, or its path leads through, a symbolic link, which is not "
                          "followed",
                          shown);
    return diag_fault_errno(f, diag_open_status(error, EX_NOINPUT), error, "cannot open %s", shown);
}

int indir_open(struct indir **out, const char *path, struct fault *f) {
    *out = NULL;
    struct indir *d = calloc(1, sizeof *d);
    if (d == NULL)
        return diag_fault_memory(f);
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0) {
        int error = errno;
        free(d);
        return indir_fault(path, error, f);
    }
    *out = d;
    return 0;
}

int indir_fd(const struct indir *d) {
    return d->fd;
}

void indir_close(struct indir *d) {
    if (d == NULL)
        return;
    close(d->fd);
    free(d);
}

// Opens a folder in the folder at fd. Returns a descriptor, or -1 with errno, which is ELOOP for a
// symbolic link (O_DIRECTORY alone would give ENOTDIR).
static int enter(int fd, const char *component) {
    int inner = openat(fd, component, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (inner < 0 && errno == ENOTDIR)
        errno = fstatat(fd, component, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)
                    ? ELOOP
                    : ENOTDIR;
    return inner;
}

// For older kernels, and sandboxes that forbid openat2: the same, component by component. Returns a
// descriptor, or -1 with errno.
static int open_stepwise(const struct indir *d, const char *name, int flags) {
    char *path = strdup(name), *component = path;
    if (path == NULL)
        return -1;
    int folder = d->fd, fd = -1, error = 0;
    for (char *slash; error == 0 && (slash = strchr(component, '/')) != NULL;
         component = slash + 1) {
        *slash = '\0';
        int inner = enter(folder, component);
        error = inner < 0 ? errno : 0;
        if (folder != d->fd)
            close(folder);
        folder = inner;
    }
    if (error == 0 && (fd = openat(folder, component, flags)) < 0)
        error = errno;
    if (folder >= 0 && folder != d->fd)
        close(folder);
    free(path);
    errno = error;
    return fd;
}

int indir_open_file(const struct indir *d, const char *name, int flags, struct fault *f) {
    flags |= O_CLOEXEC | O_NOFOLLOW;
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, d->fd, name, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = open_stepwise(d, name, flags);
    return fd >= 0 ? fd : indir_fault(name, errno, f);
}
