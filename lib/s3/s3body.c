// SPDX-License-Identifier: Apache-2.0
#include "s3/s3body.h"

#include "engine/pool.h"
#include "os/fdio.h"
#include "os/pagecache.h"
#include "program/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Of input for one call of the cipher, whose output then stays in the cache.
enum { PIECE_SIZE = 128 << 10 };

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
    progress_out(size);
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

// A piece of the input that is got while the one before it is decrypted. Mapping a file and
// unmapping it cost a quarter of what AES-CBC takes, so a second processor, where there is one,
// does that. The input and its slabs are in use by this job alone while it runs.
struct ahead {
    struct job job;
    struct input *in;
    struct view v;
    int got; // what input_next returned
    struct fault f;
};

static enum job_result get(struct job *job, unsigned thread) {
    (void)thread;
    struct ahead *a = (struct ahead *)job;
    slab_unref(a->v.slab);
    a->v.slab = NULL;
    a->got = input_next(a->in, &a->v, &a->f);
    return JOB_DONE;
}

// As push_read, for a regular file. (A read of a pipe has to stay on the main thread: there it is
// that a signal ends it.)
static int push_ahead(struct run *r, struct input *in, struct fault *f) {
    struct pool *pool;
    if (pool_new(&pool, r->body->threads > 1 ? 2 : 1, f) < 0)
        return -1;
    struct ahead pieces[2] = {{.job.run = get, .in = in}, {.job.run = get, .in = in}};
    int result = 0;
    pool_submit(pool, &pieces[0].job);
    for (unsigned i = 0;; i = 1 - i) {
        struct ahead *now = &pieces[i], *next = &pieces[1 - i];
        pool_wait(pool, &now->job);
        if (now->got <= 0) {
            result = now->got;
            if (result < 0)
                *f = now->f;
            break;
        }
        pool_submit(pool, &next->job);
        result = push(r, now->v.data, now->v.size, f);
        if (result < 0) {
            pool_wait(pool, &next->job);
            break;
        }
    }
    pool_free(pool);
    for (unsigned i = 0; i < 2; i++)
        slab_unref(pieces[i].v.slab);
    return result;
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
    int result = in->size == UINT64_MAX ? push_read(&r, in, f) : push_ahead(&r, in, f);
    if (result == 0)
        result = s3_content_finish(s, r.out, &n, f);
    if (result == 0)
        result = write_out(&r, n, f);
    free(r.out);
    return result;
}
