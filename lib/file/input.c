// SPDX-License-Identifier: Apache-2.0
#include "file/input.h"

#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/noclobber.h"
#include "os/pagecache.h"
#include "program/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Bytes of a slab. Larger ones fall out of the second-level cache before they are looked at.
enum { READ_SIZE = 1 << 20, READ_MIN = 64 << 10, WINDOW_SIZE = 4 << 20 };

int input_open(struct input *in, const char *path, struct fault *f) {
    *in = (struct input){.fd = STDIN_FILENO, .name = "standard input", .size = UINT64_MAX};
    if (path != NULL && strcmp(path, "-") != 0) {
        char shown[256];
        in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (in->fd < 0)
            return diag_fault_errno(f, errno == EACCES ? EX_NOPERM : EX_NOINPUT, errno,
                                    "cannot open %s",
                                    diag_name(path, strlen(path), shown, sizeof shown));
        in->name = path;
    }
    noclobber_add(in->fd);
    struct stat st;
    if (fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        off_t at = lseek(in->fd, 0, SEEK_CUR);
        if (at >= 0 && st.st_size >= at) {
            in->start = (uint64_t)at;
            in->size = (uint64_t)(st.st_size - at);
            progress_expect(in->size);
        }
        (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else {
        fdio_enlarge_pipe(in->fd);
    }
    return 0;
}

// Returns 0 with room for a good read in the slab, or -1.
static int make_room(struct input *in) {
    // Short reads (from a pipe, a socket) follow each other in one slab, so that what they bring is
    // in one piece and holding it does not hold a slab each.
    if (in->slab != NULL && in->slab->capacity - in->used >= READ_MIN)
        return 0;
    slab_unref(in->slab);
    in->slab = slab_new(READ_SIZE);
    in->used = 0;
    return in->slab != NULL ? 0 : -1;
}

// A page that cannot be had when it is touched (the file was cut, its disk fails, between the
// moment its window was mapped and now) has no better way to say so.
static void report_lost_page(int signal_number) {
    (void)signal_number;
    static const char text[] = ": cannot read the input: it was cut, or its disk failed\n";
    const char *name = program_invocation_short_name;
    ssize_t ignored = write(STDERR_FILENO, name, strlen(name));
    ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(EX_IOERR);
}

static void catch_lost_pages(void) {
    struct sigaction action = {.sa_handler = report_lost_page};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

// The next window of a regular file. Returns false where it has to be read.
static bool next_window(struct input *in, struct view *v) {
    uint64_t at = in->start + in->offset;
    if (in->size == UINT64_MAX || in->offset >= in->size ||
        at % (uint64_t)sysconf(_SC_PAGESIZE) != 0)
        return false;
    uint64_t left = in->size - in->offset;
    size_t size = left < WINDOW_SIZE ? (size_t)left : WINDOW_SIZE;
    struct slab *window = slab_map(in->fd, at, size);
    if (window == NULL || lseek(in->fd, (off_t)(at + size), SEEK_SET) < 0) {
        slab_unref(window);
        return false;
    }
    if (in->offset == 0)
        catch_lost_pages();
    *v = (struct view){
        .data = window->data, .size = size, .slab = window, .origin = in->offset, .exact = true};
    pagecache_read(in->fd, at, size);
    progress_in(size);
    in->offset += size;
    return true;
}

int input_next(struct input *in, struct view *v, struct fault *f) {
    if (interrupt_pending() == 0 && next_window(in, v))
        return 1;
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
        char shown[256];
        return diag_fault_errno(f, EX_IOERR, error, "cannot read %s at input offset %" PRIu64,
                                diag_name(in->name, strlen(in->name), shown, sizeof shown),
                                in->offset);
    }
    *v = (struct view){.data = at,
                       .size = (size_t)n,
                       .slab = slab_ref(in->slab),
                       .origin = in->offset,
                       .exact = true};
    in->used += (size_t)n;
    progress_in((uint64_t)n);
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
