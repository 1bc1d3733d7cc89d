// SPDX-License-Identifier: Apache-2.0
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; // as the kernel's

int path_descriptor(const char *path) {
    static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    for (int fd = 0; fd < 3; fd++)
        if (strcmp(path, standard[fd]) == 0)
            return fd;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *number = path + strlen(folders[i]);
        if (strncmp(path, folders[i], strlen(folders[i])) != 0 || number[0] == '\0' ||
            number[strspn(number, "0123456789")] != '\0')
            continue;
        errno = 0;
        long fd = strtol(number, NULL, 10);
        if (errno == 0 && fd <= INT_MAX)
            return (int)fd;
    }
    return -1;
}

struct walk {
    int fd; // the folder reached so far
    unsigned links;
    char rest[PATH_MAX]; // of the path
};

// Goes on to a folder, which is open at `fd`.
static void enter(struct walk *w, int fd) {
    close(w->fd);
    w->fd = fd;
}

// Puts the target of the link open at `fd` before the rest of the path. Returns 0 or an errno.
static int follow(struct walk *w, int fd) {
    char target[PATH_MAX];
    ssize_t size = readlinkat(fd, "", target, sizeof target);
    if (size < 0)
        return errno;
    if (++w->links > LINKS_MAX)
        return ELOOP;
    size_t rest = strlen(w->rest);
    if ((size_t)size + 1 + rest + 1 > sizeof w->rest)
        return ENAMETOOLONG;
    memmove(w->rest + size + 1, w->rest, rest + 1);
    memcpy(w->rest, target, (size_t)size);
    w->rest[size] = '/';
    if (target[0] != '/')
        return 0;
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return errno;
    enter(w, root);
    return 0;
}

// Takes one step: to the folder `name`, or to the target of a link of that name. Returns 0, or -1
// and *f.
static int step(struct walk *w, const char *name, const char *doing, struct fault *f) {
    // O_DIRECTORY makes the kernel mount a file system that is mounted on demand.
    int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        enter(w, fd);
        return 0;
    }
    struct stat st;
    int error = errno;
    if (error == ENOTDIR || error == ELOOP)
        fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool link = fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
    if (link && (st.st_uid == 0 || st.st_uid == geteuid()))
        error = follow(w, fd);
    if (fd >= 0)
        close(fd);
    if (link && st.st_uid != 0 && st.st_uid != geteuid()) {
        return diag_fault(f, EX_NOPERM,
                          "%s: %s is a symbolic link of another user (%lu), which is not followed; "
                          "give the path that it leads to",
                          doing, diag_shown(name, 200), (unsigned long)st.st_uid);
    }
    return error == 0
               ? 0
               : diag_fault_errno(f, diag_open_status(error, EX_CANTCREAT), error, "%s", doing);
}

static int walk(struct walk *w, const char *doing, struct fault *f) {
    for (;;) {
        char name[NAME_MAX + 1];
        size_t slashes = strspn(w->rest, "/"), size = strcspn(w->rest + slashes, "/");
        if (size == 0)
            return 0;
        if (size >= sizeof name)
            return diag_fault_errno(f, EX_CANTCREAT, ENAMETOOLONG, "%s", doing);
        memcpy(name, w->rest + slashes, size);
        name[size] = '\0';
        memmove(w->rest, w->rest + slashes + size, strlen(w->rest + slashes + size) + 1);
        if (step(w, name, doing, f) < 0)
            return -1;
    }
}

// Opens the folder that the first `size` bytes of a path name; 0 means the current folder.
static int open_folder(const char *path, size_t size, const char *doing, struct fault *f) {
    struct walk w = {.links = 0};
    if (size >= sizeof w.rest)
        return diag_fault_errno(f, EX_CANTCREAT, ENAMETOOLONG, "%s", doing);
    memcpy(w.rest, path, size);
    w.rest[size] = '\0';
    w.fd = open(size > 0 && path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w.fd < 0)
        return diag_fault_errno(f, diag_open_status(errno, EX_CANTCREAT), errno, "%s", doing);
    if (walk(&w, doing, f) == 0)
        return w.fd;
    close(w.fd);
    return -1;
}

int path_open_folder(const char *path, const char *doing, struct fault *f) {
    if (path[0] == '\0')
        return diag_fault_errno(f, EX_CANTCREAT, ENOENT, "%s", doing);
    return open_folder(path, strlen(path), doing, f);
}

int path_open_parent(const char *path, const char **base, const char *doing, struct fault *f) {
    const char *slash = strrchr(path, '/');
    *base = slash != NULL ? slash + 1 : path;
    return open_folder(path, (size_t)(*base - path), doing, f);
}
