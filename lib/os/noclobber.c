// SPDX-License-Identifier: Apache-2.0
#include "os/noclobber.h"

#include <unistd.h>

static struct {
    dev_t device;
    ino_t inode;
} files[NOCLOBBER_MAX];
static size_t count;

void noclobber_add(int fd) {
    struct stat st;
    if (count == NOCLOBBER_MAX || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || noclobber_has(&st))
        return;
    files[count].device = st.st_dev;
    files[count++].inode = st.st_ino;
}

bool noclobber_has(const struct stat *st) {
    for (size_t i = 0; i < count; i++)
        if (files[i].device == st->st_dev && files[i].inode == st->st_ino)
            return true;
    return false;
}

int noclobber_check_stdout(struct fault *f) {
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) < 0 || !noclobber_has(&st))
        return 0;
    return diag_fault(f, EX_CANTCREAT,
                      "standard output is a file that is being read, which would be lost; write to "
                      "another file");
}
