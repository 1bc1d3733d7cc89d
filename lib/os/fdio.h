// SPDX-License-Identifier: Apache-2.0
// Whole reads and writes on descriptors: short transfers and EINTR are handled here, once.
#ifndef XBPIPE_FDIO_H
#define XBPIPE_FDIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Reads until `size` bytes are there or the input ends. Returns how many were read (less than
// `size` only at the end of input), or -1 with errno. If interrupt_pending() (interrupt.h) reports
// a signal, it returns -1 with EINTR; other signals do not end it.
ssize_t fdio_read_full(int fd, void *data, size_t size);

// One read, of at most `size` bytes, with the same rules. 0 is the end of input.
ssize_t fdio_read_some(int fd, void *data, size_t size);

// Reads at `offset` until `size` bytes are there or the file ends. Returns how many were read, or
// -1 with errno.
ssize_t fdio_pread_full(int fd, void *data, size_t size, uint64_t offset);

// Writes all. Returns 0, or -1 with errno; then an unknown part was written.
int fdio_write_full(int fd, const void *data, size_t size);

// Makes the pipe on fd, if it is one, as large as the system allows an unprivileged process.
// Failures are ignored: the size only affects speed.
void fdio_enlarge_pipe(int fd);

// Lets the process open as many files as its hard limit allows.
void fdio_allow_many(void);

#endif
