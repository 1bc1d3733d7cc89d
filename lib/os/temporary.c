// SPDX-License-Identifier: Apache-2.0
#include "os/temporary.h"

#include "os/noclobber.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0640 };

static const char prefix[] = ".xbpipe-", suffix[] = ".tmp";
enum { DIGITS = 16, PREFIX_SIZE = sizeof prefix - 1, SUFFIX_SIZE = sizeof suffix - 1 };

// A name nobody else has thought of; many for one call of the system. Returns 0, or -1 with errno.
static int draw(uint64_t *random) {
    static uint64_t drawn[32];
    static size_t left;
    enum { DRAWN = sizeof drawn / sizeof drawn[0] };
    if (left == 0) {
        if (getrandom(drawn, sizeof drawn, 0) != (ssize_t)sizeof drawn)
            return -1;
        left = DRAWN;
    }
    *random = drawn[--left];
    return 0;
}

int temporary_create(int dir_fd, char name[static TEMPORARY_NAME_SIZE], struct stat *st) {
    for (;;) {
        uint64_t random;
        if (draw(&random) < 0)
            return -1;
        snprintf(name, TEMPORARY_NAME_SIZE, "%s%016" PRIx64 "%s", prefix, random, suffix);
        int fd =
            openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        if (fd < 0 && errno != EEXIST)
            return -1;
        if (fd < 0)
            continue;
        // Another run may have seen the file before it was locked, and removed it.
        bool taken = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        if (fstat(fd, st) < 0) {
            int error = errno;
            (void)unlinkat(dir_fd, name, 0);
            close(fd);
            errno = error;
            return -1;
        }
        if (!taken && st->st_nlink > 0)
            return fd;
        close(fd);
    }
}

bool temporary_is_name(const char *name, size_t size) {
    if (size != PREFIX_SIZE + DIGITS + SUFFIX_SIZE || memcmp(name, prefix, PREFIX_SIZE) != 0 ||
        memcmp(name + PREFIX_SIZE + DIGITS, suffix, SUFFIX_SIZE) != 0)
        return false;
    for (size_t i = PREFIX_SIZE; i < PREFIX_SIZE + DIGITS; i++)
        if (memchr("0123456789abcdef", name[i], 16) == NULL)
            return false;
    return true;
}

// Removes one if no program holds it. Returns 1 if it did, else 0.
static unsigned remove_left(int dir_fd, const char *name) {
    // On NFS only a file that is open for writing can be locked exclusively.
    int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    struct stat st, named;
    bool left = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !noclobber_has(&st) &&
                flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                named.st_ino == st.st_ino && named.st_dev == st.st_dev &&
                unlinkat(dir_fd, name, 0) == 0;
    close(fd);
    return left;
}

unsigned temporary_remove_left(int dir_fd) {
    unsigned removed = 0;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (temporary_is_name(e->d_name, strlen(e->d_name)))
            removed += remove_left(dir_fd, e->d_name);
    closedir(dir);
    return removed;
}
