// SPDX-License-Identifier: Apache-2.0
#include "file/input.h"

#include "os/counters.h"
#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/noclobber.h"
#include "os/pagecache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The size of a slab, and the least room for another read into it. The bytes of a larger slab would
// leave the processor's second-level cache before they are used.
enum { READ_SIZE = 512 << 10, READ_MIN = 64 << 10 };

int input_open(struct input *in, const char *path, struct fault *f) {
    *in = (struct input){.fd = STDIN_FILENO, .name = "standard input", .size = UINT64_MAX};
    struct stat st;
    if (path != NULL && strcmp(path, "-") != 0) {
        in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (in->fd < 0)
            return diag_fault_errno(f, diag_open_status(errno, EX_NOINPUT), errno, "cannot open %s",
                                    diag_shown(path, 256));
        if (fstat(in->fd, &st) == 0 && S_ISDIR(st.st_mode)) {
            close(in->fd);
            in->fd = -1;
            return diag_fault(f, EX_NOINPUT, "%s is a directory: expected a file",
                              diag_shown(path, 256));
        }
        in->name = path;
    }
    noclobber_add(in->fd);
    if (fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        off_t at = lseek(in->fd, 0, SEEK_CUR);
        if (at >= 0 && st.st_size >= at) {
            in->start = (uint64_t)at;
            in->size = (uint64_t)(st.st_size - at);
            counters_expect(in->size);
        }
        (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else {
        fdio_enlarge_pipe(in->fd);
    }
    return 0;
}

// Returns 0 with room for a good read in the slab, or -1.
static int make_room(struct input *in) {
    // Short reads (from a pipe, a socket) share a slab: their bytes are then contiguous, and a
    // stage that holds a few of them does not hold a whole slab for them.
    if (in->slab != NULL && in->slab->capacity - in->used >= READ_MIN)
        return 0;
    slab_unref(in->slab);
    in->slab = slab_new(READ_SIZE);
    in->used = 0;
    return in->slab != NULL ? 0 : -1;
}

int input_next(struct input *in, struct view *v, struct fault *f) {
    if (make_room(in) < 0)
        return diag_fault_memory(f);
    uint8_t *at = in->slab->data + in->used;
    size_t room = in->slab->capacity - in->used;
    ssize_t n = fdio_read_some(in->fd, at, room < READ_SIZE ? room : READ_SIZE);
    if (n == 0)
        return 0;
    if (n < 0 && errno == EINTR)
        return diag_fault(f, EX_TEMPFAIL, "%s", "");
    if (n < 0) {
        int error = errno;
        return diag_fault_errno(f, EX_IOERR, error, "cannot read %s at input offset %" PRIu64,
                                diag_shown(in->name, 256), in->offset);
    }
    *v = (struct view){.data = at,
                       .size = (size_t)n,
                       .slab = slab_ref(in->slab),
                       .origin = in->offset,
                       .exact = true};
    in->used += (size_t)n;
    counters_add_in((uint64_t)n);
    if (in->size != UINT64_MAX)
        pagecache_read(in->fd, in->start + in->offset, (size_t)n);
    in->offset += (size_t)n;
    return 1;
}

bool input_waits(const struct input *in) {
    struct pollfd p = {.fd = in->fd, .events = POLLIN};
    return in->size == UINT64_MAX && poll(&p, 1, 0) == 0;
}

void input_close(struct input *in) {
    slab_unref(in->slab);
    if (in->fd > STDIN_FILENO)
        close(in->fd); // opened for reading: nothing can be lost
}
