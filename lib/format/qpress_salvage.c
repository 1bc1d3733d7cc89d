// SPDX-License-Identifier: Apache-2.0
#include "format/qpress_dec_private.h"
#include "format/qpress_resync.h"

#include <stdio.h>

// Files are never larger, but the offset in a damaged header may be.
enum { OFFSET_BITS_MAX = 44 };

// The state of a decoder that salvages; d->resync is its first member.
struct salvaging {
    struct resync resync;
    bool begun;     // the archive's header was read, or is lost
    bool skipping;  // the file's blocks are dropped
    bool misplaced; // a folder's header may be lost: files may be in the wrong folder
    // Lost since the last block of the file that was passed on.
    struct {
        bool any;
        uint64_t offset, length;
        uint64_t size; // of the lost content, if `sized`
        bool sized;
        char why[SALVAGE_WHY_MAX + 1];
    } missing;
    // A block that does not continue the file: the next block shows whether its offset is right.
    // `view.slab` NULL: none.
    struct {
        struct view view;
        uint64_t position;
    } doubtful;
};

static struct salvaging *salvaging_of(const struct decoder *d) {
    return (struct salvaging *)d->resync;
}

static struct salvage_loss loss_of(const struct decoder *d, uint64_t offset, uint64_t length) {
    return (struct salvage_loss){.format = "qpress",
                                 .offset = offset,
                                 .length = length,
                                 .placed = d->in_file && !salvaging_of(d)->skipping,
                                 .output_offset = d->base + d->produced};
}

// A loss of the open file; of the archive if none is open.
static void lose(struct decoder *d, struct salvage_loss loss, const char *why) {
    bool of_file = d->in_file && !salvaging_of(d)->skipping;
    struct stage *next = of_file ? d->next : NULL;
    d->produced += loss.zeros;
    salvage_submit(&d->stage, next, qpress_dec_scope(d, next), &loss, why);
}

// Adds to the missing part of the open file. `size`: of its content; NULL: not known.
static void miss(struct decoder *d, uint64_t offset, uint64_t length, const size_t *size,
                 const char *why) {
    struct salvaging *s = salvaging_of(d);
    if (!s->missing.any) {
        s->missing.any = true;
        s->missing.offset = offset;
        s->missing.sized = true;
        s->missing.size = 0;
        snprintf(s->missing.why, sizeof s->missing.why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX),
                 why);
    }
    s->missing.length = offset + length - s->missing.offset;
    s->missing.sized = s->missing.sized && size != NULL;
    s->missing.size += size != NULL ? *size : 0;
}

// Records the missing part as lost, as `zeros` bytes of the file, `exact` or not.
static void settle(struct decoder *d, uint64_t zeros, bool exact) {
    struct salvaging *s = salvaging_of(d);
    if (!s->missing.any)
        return;
    struct salvage_loss loss = loss_of(d, s->missing.offset, s->missing.length);
    loss.zeros = s->skipping ? 0 : zeros;
    loss.exact = exact;
    s->missing.any = false;
    lose(d, loss, s->missing.why);
}

static void drop_doubtful(struct decoder *d) {
    struct salvaging *s = salvaging_of(d);
    if (s->doubtful.view.slab == NULL)
        return;
    miss(d, s->doubtful.position, s->doubtful.view.size, NULL,
         "the block does not continue its file");
    slab_unref(s->doubtful.view.slab);
    s->doubtful.view.slab = NULL;
}

static void settle_doubtful(struct decoder *d, uint64_t next);

// The open file ends here. If its own end is missing, `why` says so.
static void close_file(struct decoder *d, uint64_t position, const char *why) {
    struct salvaging *s = salvaging_of(d);
    settle_doubtful(d, UINT64_MAX);
    // The size that the headers claim; no later block confirms it.
    settle(d, s->missing.sized ? s->missing.size : 0, false);
    if (why != NULL && !s->skipping)
        lose(d, loss_of(d, position, 0), why);
    if (!s->skipping)
        qpress_dec_submit_mark(d, false);
    if (d->target.folder == NULL)
        d->base += d->produced;
    d->in_file = s->skipping = false;
}

// Begins a file of that item, or one whose header is lost. Returns false on failure.
static bool open_file(struct decoder *d, const struct qpress_item *item, uint64_t position) {
    struct salvaging *s = salvaging_of(d);
    struct fault f;
    d->produced = 0;
    if (qpress_dec_begin_file(d, item, &f) == 0) {
        if (s->misplaced && d->target.folder != NULL)
            lose(d, loss_of(d, position, 0), "it may belong to another folder");
        return true;
    }
    d->in_file = true;
    if (f.status != EX_DATAERR) {
        stage_fail(&d->stage, &f);
        return false;
    }
    s->skipping = true;
    miss(d, position, 0, NULL, f.text); // more may be added
    return true;
}

static void submit_sound_block(struct decoder *d, struct view v, uint64_t position,
                               const struct qpress_item *item,
                               const struct quicklz_header *packet) {
    d->block = *item;
    d->packet = *packet;
    view_split(&v, QPRESS_BLOCK_HEAD);
    gather_begin(&d->data, v.size);
    d->data.place = (struct place){
        .origin = v.origin, .exact = v.exact, .position = position + QPRESS_BLOCK_HEAD};
    if (gather_append(&d->data, v) < 0)
        stage_fail_memory(&d->stage);
    else
        qpress_dec_submit_block(d);
}

// Whether that much content can be missing with that many bytes of the archive: a block has at
// least its header and a packet's.
static bool is_plausible(const struct decoder *d, uint64_t missing, uint64_t stored) {
    return missing <= (stored / (QPRESS_BLOCK_HEAD + 3) + 1) * d->max_block;
}

// The offset of the doubtful block is right if the next block, which begins at `next` of the file,
// continues it. If there is no next block (UINT64_MAX), the offset is accepted nevertheless if
// something before the block is lost, but the size of the loss is not certain, because no checksum
// covers the header.
static void settle_doubtful(struct decoder *d, uint64_t next) {
    struct salvaging *s = salvaging_of(d);
    struct view v = s->doubtful.view;
    if (v.slab == NULL)
        return;
    struct qpress_item item;
    struct quicklz_header packet;
    struct place place = {0};
    qpress_resync_parse(v.data, v.size, &place, &item, &packet);
    bool sure = next == item.recovery + packet.size;
    if (!sure && !(next == UINT64_MAX && s->missing.any)) {
        drop_doubtful(d);
        return;
    }
    s->doubtful.view.slab = NULL;
    if (!s->missing.any)
        miss(d, s->doubtful.position, 0, NULL, "blocks before this one are missing");
    settle(d, item.recovery - d->produced, sure);
    submit_sound_block(d, v, s->doubtful.position, &item, &packet);
    slab_unref(v.slab);
}

static void hold_doubtful(struct decoder *d, struct view v, uint64_t position) {
    struct salvaging *s = salvaging_of(d);
    s->doubtful.view = v;
    slab_ref(v.slab);
    s->doubtful.position = position;
}

static void salvage_block(struct decoder *d, struct view v, uint64_t position,
                          const struct qpress_item *item, const struct quicklz_header *packet,
                          const char *hit) {
    static const struct qpress_item nameless = {.kind = QPRESS_FILE, .name = (const uint8_t *)""};
    struct salvaging *s = salvaging_of(d);
    if (d->in_file && !s->skipping)
        settle_doubtful(d, hit == NULL ? item->recovery : UINT64_MAX);
    bool lost = s->missing.any;
    if (d->in_file && !s->skipping && lost && hit == NULL && item->recovery == 0 &&
        d->produced > 0 && d->single == NULL) {
        s->misplaced = true;
        close_file(d, position, "its end is missing");
    }
    if (!d->in_file) {
        if (!open_file(d, &nameless, position))
            return;
        if (!s->skipping) {
            struct salvage_loss loss = loss_of(d, position, 0);
            loss.exact = true;
            lose(d, loss, "the header of the file is lost, with its name");
        }
        lost = true;
    }
    if (s->skipping || hit != NULL) {
        miss(d, position, v.size, hit != NULL ? &packet->size : NULL,
             hit != NULL ? hit : "the header of its file is lost");
        return;
    }
    uint64_t gap = item->recovery - d->produced;
    if (item->recovery < d->produced || item->recovery >> OFFSET_BITS_MAX != 0 ||
        (lost && !is_plausible(d, gap, position))) {
        miss(d, position, v.size, NULL, "the block does not continue its file");
        return;
    }
    if (gap > 0 && !(s->missing.any && s->missing.sized && s->missing.size == gap)) {
        if (lost && !s->missing.any) // of a file whose head is lost
            miss(d, position, 0, NULL, "blocks before this one are missing");
        hold_doubtful(d, v, position);
        return;
    }
    settle(d, gap, true);
    submit_sound_block(d, v, position, item, packet);
}

static void salvage_item(struct decoder *d, const struct qpress_item *item, uint64_t position,
                         size_t size, const char *hit) {
    struct salvaging *s = salvaging_of(d);
    struct fault f;
    if (item->kind == QPRESS_FILE_END) {
        if (!d->in_file) {
            lose(d, loss_of(d, position, size), "the end of a file whose header is lost");
            return;
        }
        if (hit != NULL) {
            struct salvage_loss loss = loss_of(d, position, size);
            loss.exact = true;
            settle_doubtful(d, UINT64_MAX);
            settle(d, s->missing.sized ? s->missing.size : 0, false);
            lose(d, loss, hit);
        }
        close_file(d, position, NULL);
        return;
    }
    if (d->in_file) {
        s->misplaced = true; // it was found by searching
        close_file(d, position, "its end is missing");
    }
    if (item->kind == QPRESS_FILE) {
        if (open_file(d, item, position) && hit != NULL)
            lose(d, loss_of(d, position, 0), "no block follows the header of the file");
    } else if (qpress_dec_take_item(d, item, &f) < 0) {
        if (f.status != EX_DATAERR)
            stage_fail(&d->stage, &f);
        else
            lose(d, loss_of(d, position, size), f.text);
        s->misplaced = true;
    }
}

static enum resync_answer probe(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why) {
    const struct decoder *d = context;
    struct qpress_state state = {.max_block = d->max_block,
                                 .begun = salvaging_of(d)->begun,
                                 .in_file = d->in_file,
                                 .depth = d->depth};
    return qpress_resync_probe(&state, w, size, why);
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct decoder *d = context;
    struct place place = {.origin = v.origin, .exact = v.exact, .position = position};
    struct qpress_item item;
    struct quicklz_header packet;
    salvaging_of(d)->begun = true;
    if (!qpress_resync_parse(v.data, v.size, &place, &item, &packet))
        return;
    d->head.place = place;
    if (item.kind == QPRESS_BLOCK)
        salvage_block(d, v, position, &item, &packet, hit);
    else
        salvage_item(d, &item, position, v.size, hit);
}

// Whether the gap has the size that the packet's header in it says, so that only that block is
// lost.
static bool is_one_block(const struct resync_gap *gap, struct quicklz_header *h) {
    return gap->head_size >= QPRESS_BLOCK_HEAD + QUICKLZ_HEADER_MAX &&
           quicklz_parse_header(gap->head + QPRESS_BLOCK_HEAD, QUICKLZ_HEADER_MAX, h) == NULL &&
           gap->length == QPRESS_BLOCK_HEAD + h->stored_size;
}

static void take_gap(void *context, const struct resync_gap *gap) {
    struct decoder *d = context;
    struct salvaging *s = salvaging_of(d);
    bool head = !s->begun && gap->length == QPRESS_ARCHIVE_HEAD;
    s->begun = true;
    if (d->in_file) {
        // More than one block may include the end of the file, and headers of folders.
        struct quicklz_header packet;
        bool one = is_one_block(gap, &packet);
        s->misplaced = s->misplaced || !one;
        settle_doubtful(d, UINT64_MAX);
        miss(d, gap->offset, gap->length, one ? &packet.size : NULL, gap->why);
        return;
    }
    s->misplaced = s->misplaced || !head;
    lose(d, loss_of(d, gap->offset, gap->length), gap->why);
}

static const struct resync_format format = {.size = sizeof(struct salvaging),
                                            .probe = probe,
                                            .find = qpress_resync_find,
                                            .unit = take_unit,
                                            .gap = take_gap};

static bool begin(struct decoder *d) {
    if (d->resync == NULL)
        d->block_size = d->max_block; // the archive's own may be damaged
    return resync_start(&d->resync, &d->stage, &format, d);
}

void qpress_salvage_push(struct decoder *d, struct view v) {
    if (begin(d))
        resync_push(d->resync, v);
}

void qpress_salvage_finish(struct decoder *d) {
    if (!begin(d))
        return;
    resync_finish(d->resync);
    if (stage_is_closed(&d->stage))
        return;
    uint64_t end = d->resync->position;
    if (d->in_file)
        close_file(d, end, "the archive ends inside it");
    if (d->single != NULL && !d->single_seen) {
        struct salvage_loss loss = loss_of(d, end, 0);
        loss.placed = true;
        salvage_submit(&d->stage, NULL, qpress_dec_scope(d, d->single), &loss,
                       "the archive holds no file: expected one");
    }
    qpress_dec_submit_mark(d, true);
}

void qpress_salvage_free(struct decoder *d) {
    if (d->resync != NULL)
        slab_unref(salvaging_of(d)->doubtful.view.slab);
    resync_free(d->resync);
}
