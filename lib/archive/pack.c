// SPDX-License-Identifier: Apache-2.0
#include "archive/pack.h"

#include "format/xbcrypt_enc.h"
#include "format/xbstream.h"
#include "format/xbstream_writer.h"
#include "os/counters.h"
#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/pagecache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WINDOW_SIZE = 1 << 20, // bytes that are read at a time: what stays in a core's own cache
    STAGES_MAX = 3,
    OPEN_MAX_FILES = 256, // at a time
    SHOWN_SIZE = 256
};

// A file on its way. All have the same stages, so that, the queue being one, the bytes of one come
// out before those of the next.
struct member {
    struct pack *pack;
    struct member *next;              // in pack->first
    bool complete;                    // its last chunk is on its way to the sink
    int fd;                           // -1: closed
    struct stat before;               // as it was when it was opened
    struct stage *stages[STAGES_MAX]; // [0] is next to the sink
    unsigned stage_count;
    char shown[SHOWN_SIZE]; // printable name
};

struct pack {
    struct ordered *ordered;
    const struct pack_settings *settings;
    struct xbcrypt_enc_settings encryption;
    struct stage *sink;
    struct member *first; // begun and not freed, oldest first
    struct member *last;
    unsigned open;         // files
    struct member *failed; // that could not be read as it should; what comes after it is not packed
};

// A piece of a file; or, with an empty one at the end of an empty file, that end alone.
struct window {
    struct unit unit;
    struct member *member;
    uint64_t offset, size;
    bool hole; // there is nothing to read
    bool last;
    struct slab *slab;
    ssize_t got; // bytes read; -1: failed
    int error;   // errno
};

static struct stage *entrance(const struct member *m) {
    return m->stages[m->stage_count - 1];
}

static void close_file(struct member *m) {
    if (m->fd < 0)
        return;
    close(m->fd); // opened for reading: nothing can be lost
    m->fd = -1;
    m->pack->open--;
}

// In order: the member's last chunk has been pushed. The stages that are on the way here are freed
// later.
static void complete(void *context) {
    struct member *m = context;
    m->complete = true;
}

static void free_member(struct member *m) {
    close_file(m);
    for (unsigned i = 0; i < m->stage_count; i++)
        stage_free(m->stages[i]);
    free(m);
}

// Frees the members that are complete, or all. They become complete in order.
static void free_members(struct pack *p, bool all) {
    while (p->first != NULL && (all || p->first->complete)) {
        struct member *m = p->first;
        p->first = m->next;
        free_member(m);
    }
    if (p->first == NULL)
        p->last = NULL;
}

static enum job_result read_window(struct job *job, unsigned thread) {
    (void)thread;
    struct window *w = (struct window *)job;
    if (w->hole || w->size == 0)
        return JOB_DONE;
    w->slab = slab_new((size_t)w->size);
    if (w->slab == NULL)
        return JOB_DONE;
    w->got = fdio_pread_full(w->member->fd, w->slab->data, (size_t)w->size, w->offset);
    w->error = w->got < 0 ? errno : 0;
    if (w->got > 0)
        counters_add_in((uint64_t)w->got);
    pagecache_read(w->member->fd, w->offset, w->size);
    return JOB_DONE;
}

static int changed(uint64_t expected, uint64_t found, struct fault *f) {
    return diag_fault(f, EX_TEMPFAIL,
                      "changed while it was read: expected %" PRIu64 " bytes, found %" PRIu64
                      "; pack what nothing writes to",
                      expected, found);
}

// Tells how the window's reading went.
static int check_window(const struct window *w, struct fault *f) {
    if (w->hole || w->size == 0)
        return 0;
    if (w->slab == NULL)
        return diag_fault_memory(f);
    if (w->got < 0)
        return diag_fault_errno(f, EX_IOERR, w->error, "cannot read it at offset %" PRIu64,
                                w->offset);
    if ((uint64_t)w->got < w->size)
        return changed((uint64_t)w->member->before.st_size, w->offset + (uint64_t)w->got, f);
    return 0;
}

// Tells whether the file is still as it was when it was opened.
static int check_end(const struct member *m, struct fault *f) {
    struct stat now;
    const struct stat *before = &m->before;
    if (fstat(m->fd, &now) < 0)
        return diag_fault_errno(f, EX_IOERR, errno, "cannot look at it");
    if (now.st_size != before->st_size)
        return changed((uint64_t)before->st_size, (uint64_t)now.st_size, f);
    if (now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        return diag_fault(f, EX_TEMPFAIL, "changed while it was read; pack what nothing writes to");
    return 0;
}

static void fail_member(struct member *m, const struct fault *f) {
    struct fault named = *f;
    diag_prefix(&named, m->shown);
    m->pack->failed = m;
    ordered_fail(m->pack->ordered, &named);
}

static void deliver_window(struct unit *unit) {
    struct window *w = (struct window *)unit;
    struct member *m = w->member;
    struct fault f;
    if (m->pack->failed != NULL)
        return;
    if (check_window(w, &f) < 0) {
        fail_member(m, &f);
        return;
    }
    // A view of a hole is no longer than its size can say.
    for (uint64_t left = w->size, n; left > 0; left -= n) {
        n = left < SIZE_MAX ? left : SIZE_MAX;
        stage_push(entrance(m), (struct view){.data = w->hole ? NULL : w->slab->data,
                                              .size = (size_t)n,
                                              .slab = w->slab,
                                              .origin = w->offset,
                                              .exact = true});
    }
    if (!w->last)
        return;
    if (check_end(m, &f) < 0) {
        fail_member(m, &f);
        return;
    }
    close_file(m);
    stage_finish(entrance(m));
}

static void release_window(struct unit *unit) {
    struct window *w = (struct window *)unit;
    slab_unref(w->slab);
    free(w);
}

// Returns 0; or -1: there is no memory.
static int submit_window(struct member *m, uint64_t offset, uint64_t size, bool hole) {
    struct window *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    w->unit.job.run = read_window;
    w->unit.deliver = deliver_window;
    w->unit.release = release_window;
    w->unit.cost = sizeof *w + sizeof *m + (hole ? 0 : (size_t)size);
    w->member = m;
    w->offset = offset;
    w->size = size;
    w->hole = hole;
    w->last = offset + size == (uint64_t)m->before.st_size;
    ordered_submit(m->pack->ordered, &w->unit);
    return 0;
}

// Finds what begins at `offset`: bytes or a hole, and how far it goes, at most to the end of the
// file. Where the file system does not say, it is bytes.
static uint64_t extent_end(const struct member *m, uint64_t offset, bool *hole) {
    uint64_t size = (uint64_t)m->before.st_size;
    off_t data = lseek(m->fd, (off_t)offset, SEEK_DATA);
    *hole = data < 0 ? errno == ENXIO : (uint64_t)data > offset;
    off_t end = *hole ? data : lseek(m->fd, (off_t)offset, SEEK_HOLE);
    return end < 0 || (uint64_t)end > size ? size : (uint64_t)end;
}

// Submits all of the file, as fast as what is in flight allows. Returns 0; or -1 and *f.
static int read_file(struct member *m, struct fault *f) {
    struct pack *p = m->pack;
    uint64_t offset = 0, size = (uint64_t)m->before.st_size, end = size;
    // One that takes as much of the disk as it has bytes has no holes.
    bool sparse = p->settings->sparse && (uint64_t)m->before.st_blocks < size / 512;
    if (size > WINDOW_SIZE)
        (void)posix_fadvise(m->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    do {
        if (interrupt_pending() != 0)
            return diag_fault(f, EX_TEMPFAIL, "%s", "");
        bool hole = false;
        if (sparse && size > 0)
            end = extent_end(m, offset, &hole);
        if (!hole && end > offset + WINDOW_SIZE)
            end = offset + WINDOW_SIZE;
        if (submit_window(m, offset, end - offset, hole) < 0)
            return diag_fault_memory(f);
        offset = end;
        end = size;
        ordered_pump(p->ordered);
    } while (offset < size && !ordered_failing(p->ordered));
    return 0;
}

static int build_stages(struct member *m, const char *stored, size_t size, struct fault *f) {
    struct pack *p = m->pack;
    struct ordered *o = p->ordered;
    struct stage *next = xbstream_writer_new(o, stored, size, p->sink, complete, m);
    if (next != NULL)
        m->stages[m->stage_count++] = next;
    if (next != NULL && p->settings->key != NULL) {
        next = xbcrypt_enc_new(o, &p->encryption, next);
        if (next != NULL)
            m->stages[m->stage_count++] = next;
    }
    if (next != NULL && p->settings->compress != NULL) {
        next = frames_enc_new(o, p->settings->compress, next);
        if (next != NULL)
            m->stages[m->stage_count++] = next;
    }
    if (next == NULL)
        return diag_fault_memory(f);
    for (unsigned i = 0; i < m->stage_count; i++)
        m->stages[i]->name = m->shown;
    return 0;
}

// Makes the member of that name, which is the last one then; its file is not yet open. Returns NULL
// and *f if the allocation failed.
static struct member *new_member(struct pack *p, const char *name, size_t size, struct fault *f) {
    char stored[MEMBER_NAME_MAX + 1];
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL) {
        diag_fault_memory(f);
        return NULL;
    }
    m->pack = p;
    m->fd = -1;
    diag_name(name, size, m->shown, sizeof m->shown);
    counters_set_member(m->shown);
    int stored_size = snprintf(stored, sizeof stored, "%s%s", name, p->settings->suffix);
    if (build_stages(m, stored, (size_t)stored_size, f) < 0) {
        free_member(m);
        return NULL;
    }
    if (p->last == NULL)
        p->first = m;
    else
        p->last->next = m;
    p->last = m;
    return m;
}

// Opens the member's file, a regular one. Returns 0; or -1 and *f.
static int open_file(struct member *m, const char *name, struct fault *f) {
    // A named pipe that has come in the file's place is not waited for.
    m->fd = indir_open_file(m->pack->settings->dir, name, O_RDONLY | O_NOCTTY | O_NONBLOCK, f);
    if (m->fd < 0)
        return -1;
    m->pack->open++;
    if (fstat(m->fd, &m->before) < 0)
        return diag_fault_errno(f, EX_IOERR, errno, "%s: cannot look at it", m->shown);
    if (S_ISREG(m->before.st_mode))
        return 0;
    return diag_fault(f, EX_DATAERR, "%s: it is no longer a regular file", m->shown);
}

static bool is_output(const struct pack *p, const struct stat *st) {
    const struct stat *output = p->settings->output;
    return output != NULL && st->st_dev == output->st_dev && st->st_ino == output->st_ino;
}

// Packs one file. Returns 0; or -1 and *f, where the member, if there is one, stays without an end.
static int pack_file(struct pack *p, const char *name, size_t size, struct fault *f) {
    if (p->open == OPEN_MAX_FILES)
        ordered_flush(p->ordered);
    struct member *m = new_member(p, name, size, f);
    if (m == NULL || open_file(m, name, f) < 0)
        return -1;
    if (is_output(p, &m->before)) {
        if (p->settings->left_out == NULL)
            return diag_fault(f, EX_CANTCREAT,
                              "%s: this file is to be packed, and would be lost; write elsewhere",
                              m->shown);
        p->settings->left_out(m->shown);
        close_file(m);
        m->complete = true;
        return 0;
    }
    if (p->settings->member != NULL) {
        p->settings->member(m->shown);
    }
    return read_file(m, f);
}

// After a failure: the oldest file that did not come to its end is the one to show that.
static void leave_open(struct pack *p) {
    free_members(p, false);
    if (p->first == NULL || p->sink->broken)
        return;
    xbstream_writer_leave_open(p->first->stages[0]);
    ordered_flush(p->ordered);
}

int pack_run(struct ordered *o, const struct pack_settings *settings, struct stage *sink,
             struct fault *f) {
    struct pack p = {.ordered = o,
                     .settings = settings,
                     .encryption = {.key = settings->key, .chunk_size = XBCRYPT_CHUNK_DEFAULT},
                     .sink = sink};
    size_t count = filelist_count(settings->files);
    for (size_t i = 0; i < count && !ordered_failing(o); i++) {
        size_t size;
        const char *name = filelist_name(settings->files, i, &size);
        free_members(&p, false);
        struct fault file_fault;
        if (pack_file(&p, name, size, &file_fault) < 0)
            ordered_fail(o, &file_fault); // in its place: what was read before it still counts
    }
    if (!ordered_failing(o))
        stage_finish(sink);
    int result = ordered_finish(o, f);
    if (result < 0)
        leave_open(&p);
    ordered_drop(o);
    free_members(&p, true);
    return result;
}
