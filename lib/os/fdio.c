// SPDX-License-Identifier: Apache-2.0
#include "os/fdio.h"

#include "os/interrupt.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static_assert(sizeof(off_t) == 8, "files may be larger than 2 GiB: -D_FILE_OFFSET_BITS=64");

// Linux transfers at most this many bytes a call.
enum { TRANSFER_MAX = 1 << 30 };

ssize_t fdio_read_some(int fd, void *data, size_t size) {
    for (;;) {
        if (interrupt_pending() != 0) {
            errno = EINTR;
            return -1;
        }
        ssize_t n = read(fd, data, size < TRANSFER_MAX ? size : TRANSFER_MAX);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

ssize_t fdio_read_full(int fd, void *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = fdio_read_some(fd, (char *)data + done, size - done);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t fdio_pread_full(int fd, void *data, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)data + done, size - done, (off_t)(offset + done));
        if (n == 0)
            break;
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)done;
}

int fdio_write_full(int fd, const void *data, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(fd, (const char *)data + done, size - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR || interrupt_pending() != 0)
            return -1;
    }
    return 0;
}

void fdio_enlarge_pipe(int fd) {
    int size = fcntl(fd, F_GETPIPE_SZ);
    if (size < 0)
        return; // not a pipe
    int limit = 1 << 20;
    FILE *f = fopen("/proc/sys/fs/pipe-max-size", "re");
    if (f != NULL) {
        if (fscanf(f, "%d", &limit) != 1)
            limit = 1 << 20;
        fclose(f);
    }
    if (size < limit)
        (void)fcntl(fd, F_SETPIPE_SZ, limit);
}

void fdio_allow_many(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); // if that fails, as many as before
    }
}
