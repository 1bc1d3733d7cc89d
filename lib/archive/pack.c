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
    STAGES_MAX = 4,
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
    unsigned open;                 // files
    struct qpress_enc_items items; // of the qpress archive, that come before the next file
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
                      "; pack files that nothing writes to",
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
        return diag_fault_errno(f, EX_IOERR, errno, "cannot examine it");
    if (now.st_size != before->st_size)
        return changed((uint64_t)before->st_size, (uint64_t)now.st_size, f);
    if (now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        return diag_fault(f, EX_TEMPFAIL,
                          "changed while it was read; pack files that nothing writes to");
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

// The next stage of the member, from the sink on. Returns NULL if the allocation failed.
static struct stage *add_stage(struct member *m, struct stage *stage) {
    if (stage == NULL)
        return NULL;
    stage->name = m->shown;
    m->stages[m->stage_count++] = stage;
    return stage;
}

// The two stages that make a file of a qpress archive.
static struct stage *add_qpress(struct member *m, struct qpress_enc_items *items,
                                struct stage *next, void (*done)(void *)) {
    struct ordered *o = m->pack->ordered;
    next = add_stage(m, qpress_enc_file_new(o, items, next, done, m));
    return next != NULL ? add_stage(m, qpress_enc_blocks_new(o, m->pack->settings->qpress, next))
                        : NULL;
}

// The same for an archive of its own, which knows no folder.
static struct stage *add_qpress_alone(struct member *m, const char *name, size_t size,
                                      struct stage *next) {
    struct qpress_enc_items items = {0};
    const char *slash = memrchr(name, '/', size);
    const char *base = slash != NULL ? slash + 1 : name;
    bool good = qpress_enc_items_archive(&items) == 0 &&
                qpress_enc_items_file(&items, base, (size_t)(name + size - base)) == 0;
    next = good ? add_qpress(m, &items, next, NULL) : NULL;
    qpress_enc_items_free(&items);
    return next;
}

// Returns 0; or -1: there is no memory.
static int build_stages(struct member *m, const char *name, size_t size) {
    const struct pack_settings *s = m->pack->settings;
    struct ordered *o = m->pack->ordered;
    if (s->qpress_archive) {
        struct qpress_enc_items *items = &m->pack->items;
        return qpress_enc_items_file(items, name, size) == 0 &&
                       add_qpress(m, items, m->pack->sink, complete) != NULL
                   ? 0
                   : -1;
    }
    char stored[MEMBER_NAME_MAX + 1];
    int stored_size = snprintf(stored, sizeof stored, "%s%s", name, s->suffix);
    struct stage *next = add_stage(
        m, xbstream_writer_new(o, stored, (size_t)stored_size, m->pack->sink, complete, m));
    if (next != NULL && s->key != NULL)
        next = add_stage(m, xbcrypt_enc_new(o, &m->pack->encryption, next));
    if (next != NULL && s->compress != NULL)
        next = add_stage(m, frames_enc_new(o, s->compress, next));
    if (next != NULL && s->qpress != NULL)
        next = add_qpress_alone(m, name, size, next);
    return next != NULL ? 0 : -1;
}

// Makes the member of that name, which is the last one then; its file is not yet open, and it has
// no stages. Returns NULL if the allocation failed.
static struct member *new_member(struct pack *p, const char *name, size_t size) {
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->pack = p;
    m->fd = -1;
    diag_name(name, size, m->shown, sizeof m->shown);
    counters_set_member(m->shown);
    if (p->first == NULL)
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
        return diag_fault_errno(f, EX_IOERR, errno, "%s: cannot examine it", m->shown);
    if (S_ISREG(m->before.st_mode))
        return 0;
    return diag_fault(f, EX_DATAERR, "%s: it is no longer a regular file", m->shown);
}

static bool is_output(const struct pack *p, const struct stat *st) {
    const struct stat *output = p->settings->output;
    return output != NULL && st->st_dev == output->st_dev && st->st_ino == output->st_ino;
}

// The file is the output: it is not packed. Returns 0; or -1 and *f if that is a failure.
static int leave_out(struct member *m, struct fault *f) {
    const struct pack_settings *s = m->pack->settings;
    if (s->left_out == NULL)
        return diag_fault(f, EX_CANTCREAT,
                          "%s: this file is to be packed, and would be lost; write elsewhere",
                          m->shown);
    s->left_out(m->shown);
    close_file(m);
    m->complete = true;
    return 0;
}

// Packs one file. Returns 0; or -1 and *f, where the member, if there is one, stays without an end.
static int pack_file(struct pack *p, const char *name, size_t size, struct fault *f) {
    if (p->open == OPEN_MAX_FILES)
        ordered_flush(p->ordered);
    struct member *m = new_member(p, name, size);
    if (m == NULL)
        return diag_fault_memory(f);
    int result = open_file(m, name, f);
    if (result == 0 && is_output(p, &m->before))
        return leave_out(m, f);
    if (build_stages(m, name, size) < 0)
        return diag_fault_memory(f);
    if (result < 0)
        return -1;
    if (p->settings->member != NULL)
        p->settings->member(m->shown);
    return read_file(m, f);
}

// After a failure: the oldest file that did not come to its end is the one to show that.
static void leave_open(struct pack *p) {
    free_members(p, false);
    if (p->first == NULL || p->first->stage_count == 0 || p->sink->broken)
        return;
    if (p->settings->qpress_archive)
        qpress_enc_file_leave_open(p->first->stages[0]);
    else
        xbstream_writer_leave_open(p->first->stages[0]);
    ordered_flush(p->ordered);
}

// Packs what the list has at `i`: a file, or in a qpress archive an empty folder.
static int pack_entry(struct pack *p, size_t i, struct fault *f) {
    size_t size;
    const char *name = filelist_name(p->settings->files, i, &size);
    if (name[size - 1] != '/')
        return pack_file(p, name, size, f);
    return qpress_enc_items_folder(&p->items, name, size - 1) < 0 ? diag_fault_memory(f) : 0;
}

// Writes what a qpress archive has after its last file: the way back to its top.
static void end_archive(struct pack *p) {
    ordered_flush(p->ordered);
    struct fault f;
    if (qpress_enc_items_folder(&p->items, "", 0) < 0) {
        diag_fault_memory(&f);
        ordered_fail(p->ordered, &f);
    }
    if (!ordered_failing(p->ordered))
        qpress_enc_items_push(&p->items, p->sink);
}

int pack_run(struct ordered *o, const struct pack_settings *settings, struct stage *sink,
             struct fault *f) {
    struct pack p = {.ordered = o,
                     .settings = settings,
                     .encryption = {.key = settings->key, .chunk_size = XBCRYPT_CHUNK_DEFAULT},
                     .sink = sink};
    size_t count = filelist_count(settings->files);
    struct fault fault;
    if (settings->qpress_archive && qpress_enc_items_archive(&p.items) < 0) {
        diag_fault_memory(&fault);
        ordered_fail(o, &fault);
    }
    for (size_t i = 0; i < count && !ordered_failing(o); i++) {
        free_members(&p, false);
        if (pack_entry(&p, i, &fault) < 0)
            ordered_fail(o, &fault); // in its place: what was read before it still counts
    }
    if (settings->qpress_archive && !ordered_failing(o))
        end_archive(&p);
    if (!ordered_failing(o))
        stage_finish(sink);
    int result = ordered_finish(o, f);
    if (result < 0)
        leave_open(&p);
    ordered_drop(o);
    free_members(&p, true);
    qpress_enc_items_free(&p.items);
    return result;
}
