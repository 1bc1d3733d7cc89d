// SPDX-License-Identifier: Apache-2.0
// To be preloaded into a program: plays somebody else who may write to the same folders, always at
// the worst moment. With NEIGHBOUR_WHEN=CALL:NAME, at the first CALL (mkdirat, openat, renameat2)
// for NAME, the file NEIGHBOUR_PUTS of the same folder comes to stand in the place of NAME: after
// mkdirat has made it, before the others look. With NEIGHBOUR_FOLDS set, the file system takes
// capital and small letters of ASCII for the same, as some do.
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(call, type, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, call))

static void act(const char *call, int dir_fd, const char *name) {
    static int acted;
    const char *when = getenv("NEIGHBOUR_WHEN"), *puts = getenv("NEIGHBOUR_PUTS");
    size_t size = strlen(call);
    if (acted || when == NULL || strncmp(when, call, size) != 0 || when[size] != ':' ||
        strcmp(when + size + 1, name) != 0)
        return;
    acted = 1;
    if (syscall(SYS_renameat2, dir_fd, puts, dir_fd, name, RENAME_EXCHANGE) != 0 &&
        REAL("renameat", int, int, const char *, int, const char *)(dir_fd, puts, dir_fd, name) !=
            0)
        fprintf(stderr, "neighbour: cannot put %s in the place of %s\n", puts, name);
}

static const char *fold(const char *name, char folded[static PATH_MAX]) {
    if (getenv("NEIGHBOUR_FOLDS") == NULL || strlen(name) >= PATH_MAX)
        return name;
    size_t i = 0;
    for (; name[i] != '\0'; i++)
        folded[i] = (char)tolower((unsigned char)name[i]);
    folded[i] = '\0';
    return folded;
}

int mkdirat(int dir_fd, const char *name, mode_t mode) {
    char f[PATH_MAX];
    int result = REAL("mkdirat", int, int, const char *, mode_t)(dir_fd, fold(name, f), mode);
    int error = errno;
    act("mkdirat", dir_fd, name);
    errno = error;
    return result;
}

int openat(int dir_fd, const char *name, int flags, ...) {
    char f[PATH_MAX];
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if ((flags & O_ACCMODE) == O_WRONLY)
        act("openat", dir_fd, name);
    return REAL("openat", int, int, const char *, int, ...)(dir_fd, fold(name, f), flags, mode);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    char f[PATH_MAX], t[PATH_MAX];
    act("renameat2", to_fd, to);
    return REAL("renameat2", int, int, const char *, int, const char *,
                unsigned)(from_fd, fold(from, f), to_fd, fold(to, t), flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    char f[PATH_MAX], t[PATH_MAX];
    return REAL("renameat", int, int, const char *, int, const char *)(from_fd, fold(from, f),
                                                                       to_fd, fold(to, t));
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    char f[PATH_MAX], t[PATH_MAX];
    return REAL("linkat", int, int, const char *, int, const char *,
                int)(from_fd, fold(from, f), to_fd, fold(to, t), flags);
}

int fstatat(int dir_fd, const char *restrict name, struct stat *restrict st, int flags) {
    char f[PATH_MAX];
    return REAL("fstatat", int, int, const char *, struct stat *, int)(dir_fd, fold(name, f), st,
                                                                       flags);
}

// The one system call that the C library has no function for: openat2.
long syscall(long number, ...) {
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    char f[PATH_MAX];
    if (number == SYS_openat2)
        a[1] = (long)fold((const char *)a[1], f);
    return REAL("syscall", long, long, ...)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
