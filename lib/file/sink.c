// SPDX-License-Identifier: Apache-2.0
#include "file/sink.h"

#include "format/innodb_page.h"
#include "os/counters.h"
#include "os/interrupt.h"
#include "os/pagecache.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIECES_MAX = 32,      // of one write
    WRITE_SIZE = 1 << 20, // bytes after which a write takes no further piece
    ZEROS_SIZE = 64 << 10,
    // The range of plausible sizes of file-system blocks. Other values (such as the preferred sizes
    // of network file systems) say nothing about holes.
    BLOCK_MIN = 4096,
    BLOCK_MAX = 64 << 10
};

struct sink {
    struct stage stage;
    int fd;
    char *name;
    bool seekable;
    bool terminal; // which must not get binary data
    enum sink_holes holes;
    uint64_t block;     // size of a block size of a block that may become a hole
    atomic_bool sparse; // the file has holes
    atomic_bool left;   // zeros have been left out
    void (*done)(void *);
    void *context;
    uint64_t position;      // offset of the next byte
    uint64_t size;          // of the file
    uint64_t end;           // end of the data written; the file is extended to `size` at the end
    bool dense;             // data may overwrite other data now, so that no zeros are left out
    struct write *open;     // the last submitted write, which takes further pieces until it begins
    struct write *previous; // the write that the next must not overtake; like `open`, until
                            // released
    pthread_mutex_t lock;   // over `failed`, and the pieces and `begun` of the open write
    bool failed;            // a write has failed; nothing is written after it
};

// One write call.
struct write {
    struct unit unit;
    struct sink *sink;
    uint64_t offset;
    size_t size;
    size_t zeros; // if not 0, this many are written, and there are no pieces
    unsigned count;
    bool begun;
    bool dense;
    int error; // errno
    struct iovec pieces[PIECES_MAX];
    struct slab *slabs[PIECES_MAX];
};

static const uint8_t zeros[ZEROS_SIZE];

// Returns 0 or an errno. Changes the pieces.
static int write_pieces(const struct sink *s, struct iovec *pieces, unsigned count,
                        uint64_t offset) {
    while (count > 0) {
        ssize_t n = s->seekable ? pwritev(s->fd, pieces, (int)count, (off_t)offset)
                                : writev(s->fd, pieces, (int)count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        offset += (size_t)n;
        size_t written = (size_t)n;
        while (count > 0 && written >= pieces->iov_len) {
            written -= pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + written;
            pieces->iov_len -= written;
        }
    }
    return 0;
}

// True if the `size` bytes at `at` of the file, a block or a part of one, need not be written: the
// file is new, and unwritten parts read as zeros.
static bool may_leave_out(struct sink *s, const uint8_t *data, size_t size, uint64_t at) {
    if (s->holes == SINK_HOLES_AUTO && !atomic_load_explicit(&s->sparse, memory_order_relaxed)) {
        if (at % BLOCK_MIN == 0 && size >= INNODB_PAGE_HEAD && innodb_page_is_compressed(data, at))
            atomic_store_explicit(&s->sparse, true, memory_order_relaxed);
        return false;
    }
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

// Writes at most PIECES_MAX pieces, without blocks of zeros if they are to become holes. Returns 0
// or an errno. Changes the pieces.
static int write_sparsely(struct sink *s, struct iovec *pieces, unsigned count, uint64_t offset) {
    if (s->holes != SINK_HOLES_AUTO && s->holes != SINK_HOLES_ALWAYS)
        return write_pieces(s, pieces, count, offset);
    struct iovec run[PIECES_MAX]; // the data between two holes, from `offset` on
    unsigned parts = 0;
    uint64_t at = offset;
    for (unsigned i = 0; i < count; i++) {
        uint8_t *data = pieces[i].iov_base;
        bool first = true; // of this piece in the run
        for (size_t left = pieces[i].iov_len, n; left > 0; left -= n, data += n, at += n) {
            n = (size_t)(s->block - at % s->block);
            n = n < left ? n : left;
            if (!may_leave_out(s, data, n, at)) {
                if (first)
                    run[parts++] = (struct iovec){.iov_base = data};
                first = false;
                run[parts - 1].iov_len += n;
                continue;
            }
            int error = write_pieces(s, run, parts, offset);
            if (error != 0)
                return error;
            atomic_store_explicit(&s->left, true, memory_order_relaxed);
            parts = 0;
            first = true;
            offset = at + n;
        }
    }
    return write_pieces(s, run, parts, offset);
}

// Returns 0 or an errno: EINTR if a signal asks the program to stop.
static int write_zeros(const struct sink *s, uint64_t offset, size_t size) {
    int error = 0;
    while (size > 0 && error == 0) {
        struct iovec pieces[WRITE_SIZE / ZEROS_SIZE];
        unsigned count = 0;
        size_t n = 0;
        while (count < sizeof pieces / sizeof pieces[0] && n < size) {
            size_t part = size - n < ZEROS_SIZE ? size - n : ZEROS_SIZE;
            // A write call does not change what it writes.
            pieces[count++] = (struct iovec){.iov_base = (void *)(uintptr_t)zeros, .iov_len = part};
            n += part;
        }
        error = interrupt_pending() != 0 ? EINTR : write_pieces(s, pieces, count, offset);
        if (s->seekable)
            pagecache_written(s->fd, offset, n);
        offset += n;
        size -= n;
    }
    return error;
}

static enum job_result run_write(struct job *job, unsigned thread) {
    (void)thread;
    struct write *w = (struct write *)job;
    struct sink *s = w->sink;
    pthread_mutex_lock(&s->lock);
    w->begun = true;
    bool failed = s->failed;
    pthread_mutex_unlock(&s->lock);
    if (failed)
        return JOB_DONE;
    if (w->zeros > 0)
        w->error = write_zeros(s, w->offset, w->zeros);
    else if (w->dense)
        w->error = write_pieces(s, w->pieces, w->count, w->offset);
    else
        w->error = write_sparsely(s, w->pieces, w->count, w->offset);
    if (s->seekable && w->zeros == 0)
        pagecache_written(s->fd, w->offset, w->size);
    if (w->error != 0) {
        pthread_mutex_lock(&s->lock);
        s->failed = true;
        pthread_mutex_unlock(&s->lock);
    }
    return JOB_DONE;
}

static int write_fault(const struct sink *s, int error, struct fault *f) {
    if (error == EPIPE)
        return diag_fault(f, EX_IOERR, "%s", ""); // quietly, like a filter that SIGPIPE ends
    if (error == EINTR)
        return diag_fault(f, EX_TEMPFAIL, "%s", "");
    return diag_fault_errno(f, EX_IOERR, error, "cannot write %s", s->name);
}

static void deliver_write(struct unit *unit) {
    struct write *w = (struct write *)unit;
    if (w->error != 0) {
        struct fault f;
        write_fault(w->sink, w->error, &f);
        stage_break(&w->sink->stage, &f);
    }
}

static void release_write(struct unit *unit) {
    struct write *w = (struct write *)unit;
    if (w->sink->open == w)
        w->sink->open = NULL;
    if (w->sink->previous == w)
        w->sink->previous = NULL;
    for (unsigned i = 0; i < w->count; i++)
        slab_unref(w->slabs[i]);
    free(w);
}

// Adds a piece to the open write, if there is one that has not begun and ends where the piece
// begins.
static bool append(struct sink *s, const struct view *v) {
    struct write *w = s->open;
    if (w == NULL || w->offset + w->size != s->position || w->size >= WRITE_SIZE)
        return false;
    pthread_mutex_lock(&s->lock);
    bool taken = !w->begun && w->count < PIECES_MAX;
    if (taken) {
        // A write call does not change what it writes.
        w->pieces[w->count] =
            (struct iovec){.iov_base = (void *)(uintptr_t)v->data, .iov_len = v->size};
        w->slabs[w->count++] = v->slab;
        w->size += v->size;
    }
    pthread_mutex_unlock(&s->lock);
    if (taken)
        ordered_add_cost(s->stage.ordered, &w->unit, v->size);
    return taken;
}

// The next write, without a piece. NULL if the allocation failed.
static struct write *begin_write(struct sink *s) {
    struct write *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->unit.job.run = run_write;
    w->unit.deliver = deliver_write;
    w->unit.release = release_write;
    w->unit.cost = sizeof *w;
    w->sink = s;
    w->dense = s->dense;
    w->offset = s->position;
    // One write at a time even if the order does not matter: two writes to one file would only wait
    // for each other in the kernel.
    if (s->previous != NULL)
        w->unit.job.after = &s->previous->unit.job;
    s->open = s->previous = w;
    return w;
}

// `written`: data, or zeros that are not left out.
static void advance(struct sink *s, size_t size, bool written) {
    s->position += size;
    if (s->size < s->position)
        s->size = s->position;
    if (written && s->end < s->position)
        s->end = s->position;
}

static void push_data(struct sink *s, struct view v) {
    if (view_hold(&v) < 0) {
        stage_fail_memory(&s->stage);
        return;
    }
    if (!append(s, &v)) {
        struct write *w = begin_write(s);
        if (w == NULL) {
            slab_unref(v.slab);
            stage_fail_memory(&s->stage);
            return;
        }
        w->pieces[0] = (struct iovec){.iov_base = (void *)(uintptr_t)v.data, .iov_len = v.size};
        w->slabs[0] = v.slab;
        w->count = 1;
        w->size = v.size;
        w->unit.cost += v.size;
        ordered_submit(s->stage.ordered, &w->unit);
    }
    advance(s, v.size, true);
}

static void push_zeros(struct sink *s, size_t size) {
    struct write *w = begin_write(s);
    if (w == NULL) {
        stage_fail_memory(&s->stage);
        return;
    }
    w->zeros = size;
    ordered_submit(s->stage.ordered, &w->unit);
    advance(s, size, true);
}

// Whether the data has control characters that text does not have.
static bool is_binary(struct view v) {
    for (size_t i = 0; v.data != NULL && i < v.size; i++)
        if ((v.data[i] < 0x20 && memchr("\t\n\r\f", v.data[i], 4) == NULL) || v.data[i] == 0x7f)
            return true;
    return v.data == NULL;
}

static void push(struct stage *stage, struct view v) {
    struct sink *s = (struct sink *)stage;
    // The data before this may have failed: do not write this at its offset.
    if (v.size == 0 || stage_is_closed(&s->stage))
        return;
    if (s->terminal && is_binary(v)) {
        struct fault f;
        diag_fault(&f, EX_USAGE, "%s is a terminal, and this is binary data: use > FILE or a pipe",
                   s->name);
        stage_fail(&s->stage, &f);
        return;
    }
    counters_add_out(v.size);
    if (v.data != NULL) {
        push_data(s, v);
    } else if (!s->seekable || s->holes == SINK_HOLES_NEVER || s->dense) {
        push_zeros(s, v.size);
    } else {
        advance(s, v.size, false);
        atomic_store_explicit(&s->sparse, true, memory_order_relaxed);
    }
}

static void deliver_end(struct stage *stage, void *context) {
    (void)context;
    struct sink *s = (struct sink *)stage;
    bool short_file = s->end < s->size || atomic_load(&s->left);
    if (s->seekable && short_file && ftruncate(s->fd, (off_t)s->size) < 0) {
        struct fault f;
        write_fault(s, errno, &f);
        stage_break(&s->stage, &f);
        return;
    }
    if (s->done != NULL)
        s->done(s->context);
}

static void finish(struct stage *stage) {
    struct sink *s = (struct sink *)stage;
    if (stage_is_closed(&s->stage))
        return;
    stage_end_in_order(stage, deliver_end, NULL);
}

static int place(struct stage *stage, uint64_t offset, const void *data, size_t size,
                 struct fault *f) {
    struct sink *s = (struct sink *)stage;
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    int error = write_sparsely(s, &piece, 1, offset);
    if (error != 0)
        return write_fault(s, error, f);
    pagecache_written(s->fd, offset, size);
    return 0;
}

static void placed(struct stage *stage, size_t size) {
    struct sink *s = (struct sink *)stage;
    counters_add_out(size);
    advance(s, size, true);
}

static int seek(struct stage *stage, uint64_t offset, struct fault *f) {
    struct sink *s = (struct sink *)stage;
    (void)f;
    s->position = offset;
    s->dense = true;
    s->open = NULL; // it may have left out zeros
    return 0;
}

static void free_sink(struct stage *stage) {
    struct sink *s = (struct sink *)stage;
    pthread_mutex_destroy(&s->lock);
    free(s->name);
    free(s);
}

struct stage *sink_new(struct ordered *o, int fd, const char *name, bool seekable,
                       void (*done)(void *context), void *context) {
    static const struct stage_operations file = {.push = push,
                                                 .finish = finish,
                                                 .place = place,
                                                 .placed = placed,
                                                 .seek = seek,
                                                 .free = free_sink};
    static const struct stage_operations stream = {
        .push = push, .finish = finish, .free = free_sink};
    struct sink *s = stage_new(sizeof *s, seekable ? &file : &stream, o);
    if (s == NULL || (s->name = strdup(name)) == NULL) {
        free(s);
        return NULL;
    }
    s->fd = fd;
    s->seekable = seekable;
    s->terminal = !seekable && isatty(fd);
    s->block = BLOCK_MIN;
    s->done = done;
    s->context = context;
    pthread_mutex_init(&s->lock, NULL);
    return &s->stage;
}

void sink_set_holes(struct stage *sink, enum sink_holes holes, blksize_t block_size) {
    struct sink *s = (struct sink *)sink;
    s->holes = holes;
    if (block_size >= BLOCK_MIN && block_size <= BLOCK_MAX && (block_size & (block_size - 1)) == 0)
        s->block = (uint64_t)block_size;
}
