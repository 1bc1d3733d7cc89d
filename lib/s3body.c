// SPDX-License-Identifier: Apache-2.0
#include "s3body.h"

#include "fdio.h"
#include "interrupt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PIECE_SIZE = 128 << 10, // of input for one call of the cipher: its output stays in the cache
    WINDOW_SIZE = 16 << 20, // of a mapped file
};

struct run {
    struct s3_body *body;
    struct s3_content_stream *stream;
    int out_fd;
    const char *out_name;
    uint8_t *out; // PIECE_SIZE + S3_CONTENT_SLACK
    bool begun;
};

static int write_out(struct run *r, size_t size, struct fault *f) {
    struct s3_body *body = r->body;
    if (size == 0)
        return 0;
    size_t wanted = S3_BODY_HEAD_SIZE - body->head_size;
    size_t taken = size < wanted ? size : wanted;
    memcpy(body->head + body->head_size, r->out, taken);
    body->head_size += taken;
    if (fdio_write_full(r->out_fd, r->out, size) < 0) {
        if (errno == EPIPE)
            return diag_fault(f, EX_IOERR, "%s", ""); // as a filter that SIGPIPE ends: quietly
        if (errno == EINTR)
            return diag_fault(f, EX_TEMPFAIL, "%s", "");
        return diag_fault_errno(f, EX_IOERR, errno, "cannot write %s", r->out_name);
    }
    body->written += size;
    return 0;
}

static int push(struct run *r, const uint8_t *data, size_t size, struct fault *f) {
    if (!r->begun && r->body->first != NULL)
        r->body->first(data, size);
    r->begun = true;
    while (size > 0) {
        size_t piece = size < PIECE_SIZE ? size : PIECE_SIZE;
        size_t n;
        if (s3_content_push(r->stream, data, piece, r->out, &n, f) < 0 || write_out(r, n, f) < 0)
            return -1;
        data += piece;
        size -= piece;
    }
    return 0;
}

// Pushes the part of a regular file that can be mapped and moves the descriptor's offset and
// in->offset behind it. What cannot be mapped is left to be read, and so are errors to be found.
static int push_mapped(struct run *r, struct input *in, struct fault *f) {
    off_t at = lseek(in->fd, 0, SEEK_CUR);
    if (in->size == UINT64_MAX || at < 0)
        return 0;
    uint64_t left = in->size;
    int result = 0;
    while (left > 0 && result == 0) {
        if (interrupt_pending() != 0)
            return diag_fault(f, EX_TEMPFAIL, "%s", "");
        size_t skip = (size_t)(at % sysconf(_SC_PAGESIZE));
        size_t size = left < WINDOW_SIZE - skip ? (size_t)left : WINDOW_SIZE - skip;
        uint8_t *window = mmap(NULL, skip + size, PROT_READ, MAP_SHARED, in->fd, at - (off_t)skip);
        if (window == MAP_FAILED)
            break;
        // Where a page cannot be had (the file was cut, the disk fails) this says so, and read will
        // say why; without it the process would get SIGBUS.
        bool there = madvise(window, skip + size, MADV_POPULATE_READ) == 0;
        if (there)
            result = push(r, window + skip, size, f);
        munmap(window, skip + size);
        if (!there)
            break;
        at += (off_t)size;
        left -= size;
        in->offset += size;
    }
    if (result == 0 && lseek(in->fd, at, SEEK_SET) < 0)
        return diag_fault_errno(f, EX_IOERR, errno, "cannot seek in the input");
    return result;
}

static int push_read(struct run *r, struct input *in, struct fault *f) {
    struct view v;
    int got;
    while ((got = input_next(in, &v, f)) > 0) {
        int result = push(r, v.data, v.size, f);
        slab_unref(v.slab);
        if (result < 0)
            return -1;
    }
    return got;
}

int s3_body_run(struct s3_body *body, struct s3_content_stream *s, struct input *in, int out_fd,
                const char *out_name, struct fault *f) {
    struct run r = {.body = body, .stream = s, .out_fd = out_fd, .out_name = out_name};
    body->written = 0;
    body->head_size = 0;
    r.out = malloc(PIECE_SIZE + S3_CONTENT_SLACK);
    if (r.out == NULL)
        return diag_fault_memory(f);
    size_t n = 0;
    int result = push_mapped(&r, in, f);
    if (result == 0)
        result = push_read(&r, in, f);
    if (result == 0)
        result = s3_content_finish(s, r.out, &n, f);
    if (result == 0)
        result = write_out(&r, n, f);
    free(r.out);
    return result;
}
