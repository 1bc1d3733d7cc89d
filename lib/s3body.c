// SPDX-License-Identifier: Apache-2.0
#include "s3body.h"

#include "cpus.h"
#include "fdio.h"
#include "interrupt.h"
#include "pagecache.h"
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PIECE_SIZE = 128 << 10, // of input for one call of the cipher: its output stays in the cache
    WINDOW_SIZE = 8 << 20,  // of a mapped file
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
    if (body->own_file)
        pagecache_written(r->out_fd, body->written, size);
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

// A stretch of the input file. Mapping it, having its pages ready and unmapping it again cost a
// quarter of what AES-CBC takes, so where there is a second processor it does that meanwhile.
struct window {
    struct job job;
    int fd;
    off_t at;       // of the first byte wanted
    size_t size;    // bytes wanted
    size_t skip;    // bytes before it that are mapped too, up to a page's start
    uint8_t *pages; // NULL: not mapped
    off_t first;    // where the pages are in the file
    size_t mapped;  // bytes
    bool there;
};

static void unmap(struct window *w) {
    if (w->pages == NULL)
        return;
    munmap(w->pages, w->mapped);
    pagecache_read(w->fd, (uint64_t)w->first, w->mapped);
    w->pages = NULL;
}

static enum job_result map(struct job *job, unsigned thread) {
    (void)thread;
    struct window *w = (struct window *)job;
    unmap(w);
    w->skip = (size_t)(w->at % sysconf(_SC_PAGESIZE));
    w->mapped = w->skip + w->size;
    w->first = w->at - (off_t)w->skip;
    void *pages = mmap(NULL, w->mapped, PROT_READ, MAP_SHARED, w->fd, w->first);
    w->pages = pages == MAP_FAILED ? NULL : pages;
    // Where a page cannot be had (the file was cut, the disk fails) this says so, and reading it
    // will say why; without it the process would get SIGBUS.
    w->there = w->pages != NULL && madvise(w->pages, w->mapped, MADV_POPULATE_READ) == 0;
    return JOB_DONE;
}

// Sets the window going for the first bytes of *left at *next, and moves both on. Returns false
// where nothing is left.
static bool advance(struct window *w, struct pool *pool, off_t *next, uint64_t *left) {
    if (*left == 0)
        return false;
    w->at = *next;
    w->size = *left < WINDOW_SIZE ? (size_t)*left : WINDOW_SIZE;
    *next += (off_t)w->size;
    *left -= w->size;
    pool_submit(pool, &w->job);
    return true;
}

// Pushes `left` bytes of the file from *at, which is moved behind what was pushed: all, or what is
// before a window that cannot be had.
static int push_windows(struct run *r, struct input *in, struct pool *pool, off_t *at,
                        uint64_t left, struct fault *f) {
    struct window windows[2] = {{.job.run = map, .fd = in->fd}, {.job.run = map, .fd = in->fd}};
    struct window *now = &windows[0], *ahead = &windows[1];
    off_t next = *at;
    int result = 0;
    bool more = advance(now, pool, &next, &left);
    while (more && result == 0) {
        pool_wait(pool, &now->job);
        if (!now->there)
            break;
        more = advance(ahead, pool, &next, &left);
        result = interrupt_pending() != 0 ? diag_fault(f, EX_TEMPFAIL, "%s", "")
                                          : push(r, now->pages + now->skip, now->size, f);
        if (result == 0) {
            *at += (off_t)now->size;
            in->offset += now->size;
        } else if (more) {
            pool_cancel(pool, &ahead->job);
        }
        struct window *other = now;
        now = ahead;
        ahead = other;
    }
    unmap(now);
    unmap(ahead);
    return result;
}

// Pushes the part of a regular file that can be mapped and moves the descriptor's offset and
// in->offset behind it. What cannot be mapped is left to be read, and so are errors to be found.
static int push_mapped(struct run *r, struct input *in, struct fault *f) {
    off_t at = lseek(in->fd, 0, SEEK_CUR);
    struct pool *pool;
    if (in->size == UINT64_MAX || at < 0)
        return 0;
    if (pool_new(&pool, in->size > WINDOW_SIZE && cpus_available() > 1 ? 2 : 1, f) < 0)
        return -1;
    int result = push_windows(r, in, pool, &at, in->size, f);
    pool_free(pool);
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
