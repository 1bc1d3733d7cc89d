// SPDX-License-Identifier: Apache-2.0
#include "os/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

// Whether a call may have failed because this kernel, file system or sandbox lacks it.
static bool may_be_missing(int error) {
    return error == EINVAL || error == ENOSYS || error == EPERM || error == EOPNOTSUPP;
}

// For a file system without hard links: creates an empty file of that name, which fails if the name
// is taken, and replaces it by the file. A run that is killed between the two leaves the empty
// file.
static int rename_over_own(int dir_fd, const char *from, int to_fd, const char *to) {
    struct stat own, now;
    if (mknodat(to_fd, to, S_IFREG | S_IRUSR | S_IWUSR, 0) < 0)
        return -1;
    bool known = fstatat(to_fd, to, &own, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(own.st_mode) &&
                 own.st_size == 0;
    if (known && renameat(dir_fd, from, to_fd, to) == 0)
        return 0;
    int error = known ? errno : EEXIST;
    if (known && fstatat(to_fd, to, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == own.st_dev &&
        now.st_ino == own.st_ino && now.st_size == 0)
        (void)unlinkat(to_fd, to, 0);
    errno = error;
    return -1;
}

int rename_new(int dir_fd, const char *from, int to_fd, const char *to) {
    if (renameat2(dir_fd, from, to_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (!may_be_missing(errno))
        return -1;
    if (linkat(dir_fd, from, to_fd, to, 0) == 0)
        return unlinkat(dir_fd, from, 0);
    return may_be_missing(errno) ? rename_over_own(dir_fd, from, to_fd, to) : -1;
}
