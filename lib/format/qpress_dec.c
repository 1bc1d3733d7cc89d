// SPDX-License-Identifier: Apache-2.0
#include "format/qpress_dec.h"

#include "base/checksum.h"
#include "engine/salvage.h"
#include "format/qpress.h"
#include "format/qpress_resync.h"
#include "format/quicklz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE_MAX = 4096 };

enum state { IN_ARCHIVE_HEAD, IN_ITEM_HEAD, IN_PACKET_HEAD, IN_PACKET };

// What a decoder that salvages knows besides.
struct salvaging {
    struct resync resync;
    bool begun;     // the archive's head has come, or is lost
    bool skipping;  // the file's blocks go nowhere
    bool misplaced; // a folder's head may be lost: names may be in the wrong folder
    uint64_t base;  // bytes of the files before, where all go to one output
    // What is lost since the last block of the file that was passed on.
    struct {
        bool any;
        uint64_t offset, length;
        uint64_t size; // that it stands for, where `sized`
        bool sized;
        char why[SALVAGE_WHY_MAX + 1];
    } missing;
    // A block that does not continue the file although nothing is lost: the next one shows whether
    // its offset is right. `view.slab` NULL: none.
    struct {
        struct view view;
        uint64_t position;
    } doubtful;
};

struct decoder {
    struct stage stage;
    struct salvaging *salvaging;
    uint64_t max_block;
    struct qpress_target target;
    struct stage *single; // of qpress_dec_new_single: where the one file goes
    bool single_seen;
    uint64_t position;
    enum state state;
    struct head head;
    uint64_t block_size; // the archive's
    bool in_file;
    struct stage *next;       // the file's
    uint64_t produced;        // bytes of the file in the blocks submitted
    struct qpress_item block; // whose packet is being read
    struct quicklz_header packet;
    struct gather data;       // the packet
    char path[PATH_SIZE_MAX]; // of the folder that is open, each component followed by '/'
    size_t path_size;
    unsigned depth;
    size_t depths[PATH_SIZE_MAX / 2]; // path_size before each folder was entered
};

struct block {
    struct unit unit;
    struct decoder *decoder;
    struct stage *next;
    struct quicklz_header packet;
    const uint8_t *data; // the packet
    struct slab *slab;   // holds it
    struct slab *output;
    uint32_t adler;
    uint64_t offset;        // in the file
    uint64_t output_offset; // where the files go to one output
    struct place place;
    bool failed;
    struct fault fault;
};

// Verifies and decodes one block. Returns 0, or -1 with b->fault.
static int decode(struct block *b) {
    char where[PLACE_TEXT_SIZE];
    uint32_t adler = checksum_adler32(b->data, b->packet.stored_size);
    if (adler != b->adler)
        return diag_fault(&b->fault, EX_DATAERR,
                          "damaged qpress block %s: Adler-32: expected 0x%08" PRIx32
                          ", found 0x%08" PRIx32 "; fetch the backup again",
                          place_text(&b->place, 0, where), b->adler, adler);
    if (b->next == NULL)
        return 0;
    b->output = slab_new(b->packet.size + QUICKLZ_SLACK);
    if (b->output == NULL)
        return diag_fault_memory(&b->fault);
    size_t at;
    const char *wrong = quicklz_decode(&b->packet, b->data, b->output->data, &at);
    if (wrong != NULL)
        return diag_fault(&b->fault, EX_DATAERR, "damaged QuickLZ packet: %s %s", wrong,
                          place_text(&b->place, at, where));
    if (b->next->ops->place == NULL)
        return 0;
    int placed =
        b->next->ops->place(b->next, b->offset, b->output->data, b->packet.size, &b->fault);
    slab_unref(b->output); // not to be held until its turn comes
    b->output = NULL;
    return placed;
}

static enum job_result run_block(struct job *job, unsigned thread) {
    (void)thread;
    struct block *b = (struct block *)job;
    b->failed = decode(b) < 0;
    slab_unref(b->slab);
    b->slab = NULL;
    return JOB_DONE;
}

// What the file of that stage loses is noted under.
static struct salvage_scope *scope_of(const struct decoder *d, const struct stage *next) {
    return next != NULL && next->salvage != NULL ? next->salvage : d->stage.salvage;
}

static void lose_block(const struct block *b) {
    struct salvage_loss loss = {.format = "qpress",
                                .offset = b->place.position - QPRESS_BLOCK_HEAD,
                                .length = QPRESS_BLOCK_HEAD + b->packet.stored_size,
                                .placed = true,
                                .output_offset = b->output_offset,
                                .zeros = b->packet.size,
                                .exact = true};
    salvage_lost(scope_of(b->decoder, b->next), &loss, b->fault.text);
    if (b->next != NULL)
        stage_push(b->next, (struct view){.size = b->packet.size});
}

static void deliver_block(struct unit *unit) {
    struct block *b = (struct block *)unit;
    if (b->decoder->stage.broken)
        return;
    if (b->failed && b->fault.status == EX_DATAERR && b->decoder->stage.salvage != NULL)
        lose_block(b);
    else if (b->failed)
        stage_break(&b->decoder->stage, &b->fault);
    else if (b->next == NULL)
        return;
    else if (b->next->ops->place != NULL)
        b->next->ops->placed(b->next, b->packet.size);
    else
        stage_push(b->next, (struct view){.data = b->output->data,
                                          .size = b->packet.size,
                                          .slab = b->output,
                                          .origin = b->place.origin});
}

static void release_block(struct unit *unit) {
    struct block *b = (struct block *)unit;
    slab_unref(b->slab);
    slab_unref(b->output);
    free(b);
}

// Takes over the gathered packet.
static void submit_block(struct decoder *d) {
    struct block *b = calloc(1, sizeof *b);
    if (b == NULL) {
        stage_fail_memory(&d->stage);
        return;
    }
    b->unit.job.run = run_block;
    b->unit.deliver = deliver_block;
    b->unit.release = release_block;
    bool placed = d->next != NULL && d->next->ops->place != NULL; // the output is not held
    b->unit.cost = sizeof *b + d->packet.stored_size + (placed ? 0 : d->packet.size);
    b->decoder = d;
    b->next = d->next;
    b->packet = d->packet;
    b->data = d->data.data;
    b->slab = d->data.slab;
    b->adler = d->block.adler;
    b->offset = d->produced;
    b->output_offset = (d->salvaging != NULL ? d->salvaging->base : 0) + d->produced;
    b->place = d->data.place;
    d->data = (struct gather){0};
    d->produced += d->packet.size;
    ordered_submit(d->stage.ordered, &b->unit);
}

// A marker that calls file_end, or end, when its turn comes.
struct mark {
    struct unit unit;
    struct decoder *decoder;
    struct stage *next;
    bool archive;
};

static void deliver_mark(struct unit *unit) {
    struct mark *m = (struct mark *)unit;
    const struct qpress_target *target = &m->decoder->target;
    if (m->decoder->stage.broken)
        return;
    if (m->archive)
        target->end(target->context);
    else
        target->file_end(target->context, m->next);
}

static void release_mark(struct unit *unit) {
    free(unit);
}

static void submit_mark(struct decoder *d, bool archive) {
    if (!archive && d->target.file_end == NULL)
        return;
    struct mark *m = calloc(1, sizeof *m);
    if (m == NULL) {
        stage_fail_memory(&d->stage);
        return;
    }
    m->unit.deliver = deliver_mark;
    m->unit.release = release_mark;
    m->decoder = d;
    m->next = d->next;
    m->archive = archive;
    ordered_submit(d->stage.ordered, &m->unit);
}

// Appends the item's name to the open folder's path; returns the whole size, or 0 and *f.
static size_t append_name(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    size_t size = d->path_size + item->name_size;
    if (size + 2 > sizeof d->path) {
        char where[PLACE_TEXT_SIZE];
        diag_fault(f, EX_DATAERR, "folders in qpress archive nested too deep %s",
                   place_text(&d->head.place, 0, where));
        return 0;
    }
    memcpy(d->path + d->path_size, item->name, item->name_size);
    d->path[size] = '\0';
    return size;
}

static int enter_folder(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    size_t size = append_name(d, item, f);
    if (size == 0 && item->name_size + d->path_size > 0)
        return -1;
    if (d->target.folder != NULL && d->target.folder(d->target.context, d->path, size, f) < 0)
        return -1;
    if (d->depth == sizeof d->depths / sizeof d->depths[0])
        return diag_fault(f, EX_DATAERR, "folders in qpress archive nested too deep");
    d->depths[d->depth++] = d->path_size;
    d->path[size] = '/';
    d->path_size = size + 1;
    return 0;
}

static int begin_file(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    size_t size = append_name(d, item, f);
    if (size == 0 && item->name_size + d->path_size > 0)
        return -1;
    d->in_file = true;
    d->produced = 0;
    d->next = NULL;
    return d->target.file(d->target.context, d->path, size, &d->next, f);
}

static int handle_item(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    char where[PLACE_TEXT_SIZE];
    switch (item->kind) {
    case QPRESS_ENTER:
        return enter_folder(d, item, f);
    case QPRESS_LEAVE:
        if (d->depth == 0)
            return diag_fault(f, EX_DATAERR,
                              "damaged qpress archive %s: leaves a folder that it did not enter",
                              place_text(&d->head.place, 0, where));
        d->path_size = d->depths[--d->depth];
        return 0;
    case QPRESS_FILE:
        return begin_file(d, item, f);
    case QPRESS_FILE_END:
        d->in_file = false;
        submit_mark(d, false);
        return 0;
    default:
        if (item->recovery != d->produced)
            return diag_fault(
                f, EX_DATAERR,
                "damaged qpress archive: block %s does not continue the file: expected "
                "offset %" PRIu64 ", found %" PRIu64,
                place_text(&d->head.place, 0, where), d->produced, item->recovery);
        d->block = *item;
        d->state = IN_PACKET_HEAD;
        return 0;
    }
}

// Checks the packet's header, of which `have` bytes are at `bytes`.
static int check_packet(struct decoder *d, const uint8_t *bytes, size_t have,
                        const struct place *place, struct fault *f) {
    char where[PLACE_TEXT_SIZE];
    const char *wrong = quicklz_parse_header(bytes, have, &d->packet);
    if (wrong != NULL)
        return diag_fault(f, EX_DATAERR, "damaged QuickLZ packet: %s %s", wrong,
                          place_text(place, 0, where));
    if (d->packet.size > d->block_size)
        return diag_fault(f, EX_DATAERR,
                          "damaged qpress archive: packet %s larger than the archive's blocks: "
                          "expected at most %" PRIu64 " bytes, found %zu",
                          place_text(place, 0, where), d->block_size, d->packet.size);
    return 0;
}

// The packet's header; where it lies whole in the view it stays there, so that the packet need not
// be copied. Returns false when there is nothing more to do with the view.
static bool take_packet_head(struct decoder *d, struct view *v) {
    struct fault f;
    if (v->size == 0)
        return false;
    if (d->head.have == 0 && v->data != NULL && v->size >= quicklz_header_size(v->data[0])) {
        struct place place = {.origin = v->origin, .exact = v->exact, .position = d->position};
        if (check_packet(d, v->data, v->size, &place, &f) < 0) {
            stage_fail(&d->stage, &f);
            return false;
        }
        gather_begin(&d->data, d->packet.stored_size);
        d->state = IN_PACKET;
        return true;
    }
    if (!head_fill(&d->head, 1, v, &d->position) ||
        !head_fill(&d->head, quicklz_header_size(d->head.bytes[0]), v, &d->position))
        return false;
    if (check_packet(d, d->head.bytes, d->head.have, &d->head.place, &f) < 0) {
        stage_fail(&d->stage, &f);
        return false;
    }
    // The header goes first into what is gathered.
    gather_begin(&d->data, d->packet.stored_size);
    struct view head = {.data = d->head.bytes,
                        .size = d->head.have,
                        .origin = d->head.place.origin,
                        .exact = d->head.place.exact};
    uint64_t position = d->head.place.position;
    if (gather_fill(&d->data, &head, &position) < 0) {
        stage_fail_memory(&d->stage);
        return false;
    }
    d->state = IN_PACKET;
    return true;
}

static bool take_packet(struct decoder *d, struct view *v) {
    if (d->data.have < d->data.need) {
        if (v->size == 0)
            return false;
        if (gather_fill(&d->data, v, &d->position) < 0) {
            stage_fail_memory(&d->stage);
            return false;
        }
    }
    if (d->data.have == d->data.need) {
        submit_block(d);
        d->head.have = 0;
        d->state = IN_ITEM_HEAD;
    }
    return !d->stage.failed;
}

static bool take_head(struct decoder *d, struct view *v) {
    struct fault f;
    struct qpress_item item;
    size_t need;
    bool archive = d->state == IN_ARCHIVE_HEAD;
    int parsed = archive ? qpress_parse_archive(d->head.bytes, d->head.have, d->max_block,
                                                &d->head.place, &d->block_size, &need, &f)
                         : qpress_parse_item(d->head.bytes, d->head.have, d->in_file,
                                             &d->head.place, &item, &need, &f);
    if (parsed == 0)
        return v->size > 0 && (head_fill(&d->head, need, v, &d->position), true);
    d->state = IN_ITEM_HEAD;
    if (parsed < 0 || (!archive && handle_item(d, &item, &f) < 0)) {
        stage_fail(&d->stage, &f);
        return false;
    }
    d->head.have = 0;
    return !d->stage.failed;
}

// ---- Salvage.

static struct salvage_loss loss_of(const struct decoder *d, uint64_t offset, uint64_t length) {
    return (struct salvage_loss){.format = "qpress",
                                 .offset = offset,
                                 .length = length,
                                 .placed = d->in_file && !d->salvaging->skipping,
                                 .output_offset = d->salvaging->base + d->produced};
}

// A loss of the open file; of the archive where none is.
static void lose(struct decoder *d, struct salvage_loss loss, const char *why) {
    bool of_file = d->in_file && !d->salvaging->skipping;
    struct stage *next = of_file ? d->next : NULL;
    d->produced += loss.zeros;
    salvage_submit(&d->stage, next, scope_of(d, next), &loss, why);
}

// Adds to what is missing in the open file. `size`: what it stands for; NULL: not known.
static void miss(struct decoder *d, uint64_t offset, uint64_t length, const size_t *size,
                 const char *why) {
    struct salvaging *s = d->salvaging;
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

// What was missing is lost, as `zeros` bytes of the file, `exact` or not.
static void settle(struct decoder *d, uint64_t zeros, bool exact) {
    struct salvaging *s = d->salvaging;
    if (!s->missing.any)
        return;
    struct salvage_loss loss = loss_of(d, s->missing.offset, s->missing.length);
    loss.zeros = s->skipping ? 0 : zeros;
    loss.exact = exact;
    s->missing.any = false;
    lose(d, loss, s->missing.why);
}

static void drop_doubtful(struct decoder *d) {
    struct salvaging *s = d->salvaging;
    if (s->doubtful.view.slab == NULL)
        return;
    miss(d, s->doubtful.position, s->doubtful.view.size, NULL,
         "the block does not continue its file");
    slab_unref(s->doubtful.view.slab);
    s->doubtful.view.slab = NULL;
}

// The open file ends here. Where its own end is missing, `why` says so.
static void close_file(struct decoder *d, uint64_t position, const char *why) {
    struct salvaging *s = d->salvaging;
    drop_doubtful(d);
    // The size that heads claim, for which no next block vouches.
    settle(d, s->missing.sized ? s->missing.size : 0, false);
    if (why != NULL && !s->skipping)
        lose(d, loss_of(d, position, 0), why);
    if (!s->skipping)
        submit_mark(d, false);
    if (d->target.folder == NULL)
        s->base += d->produced;
    d->in_file = s->skipping = false;
}

// Begins a file of that item, or one whose head is lost. Returns false on failure.
static bool open_file(struct decoder *d, const struct qpress_item *item, uint64_t position) {
    struct salvaging *s = d->salvaging;
    struct fault f;
    d->produced = 0;
    if (begin_file(d, item, &f) == 0) {
        if (s->misplaced && d->target.folder != NULL)
            lose(d, loss_of(d, position, 0), "it may belong into another folder");
        return true;
    }
    d->in_file = true;
    if (f.status != EX_DATAERR) {
        stage_fail(&d->stage, &f);
        return false;
    }
    s->skipping = true;
    miss(d, position, 0, NULL, f.text); // and what comes is added
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
        submit_block(d);
}

// The bytes that can be missing where so many of the archive are: a block takes at least its head
// and a packet's.
static bool is_plausible(const struct decoder *d, uint64_t missing, uint64_t stored) {
    return missing <= (stored / (QPRESS_BLOCK_HEAD + 3) + 1) * d->max_block;
}

// A block that the next one, which begins at `next` of the file, proves to be at its place, or not.
static void settle_doubtful(struct decoder *d, uint64_t next) {
    struct salvaging *s = d->salvaging;
    struct view v = s->doubtful.view;
    if (v.slab == NULL)
        return;
    struct qpress_item item;
    struct quicklz_header packet;
    struct place place = {0};
    qpress_parse_unit(v.data, v.size, &place, &item, &packet);
    if (next != item.recovery + packet.size) {
        drop_doubtful(d);
        return;
    }
    struct salvage_loss loss = loss_of(d, s->doubtful.position, 0);
    loss.zeros = item.recovery - d->produced;
    loss.exact = true;
    lose(d, loss, "blocks before this one are missing");
    submit_sound_block(d, v, s->doubtful.position, &item, &packet);
    slab_unref(v.slab);
    s->doubtful.view.slab = NULL;
}

static void salvage_block(struct decoder *d, struct view v, uint64_t position,
                          const struct qpress_item *item, const struct quicklz_header *packet,
                          const char *hit) {
    static const struct qpress_item nameless = {.kind = QPRESS_FILE, .name = (const uint8_t *)""};
    struct salvaging *s = d->salvaging;
    if (d->in_file && !s->skipping && hit == NULL)
        settle_doubtful(d, item->recovery);
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
            lose(d, loss, "the head of the file is lost, and its name");
        }
        lost = true;
    }
    if (s->skipping || hit != NULL) {
        miss(d, position, v.size, hit != NULL ? &packet->size : NULL,
             hit != NULL ? hit : "the head of its file is lost");
        return;
    }
    if (item->recovery > d->produced && !lost && item->recovery >> 44 == 0) {
        s->doubtful.view = v;
        slab_ref(v.slab);
        s->doubtful.position = position;
        return;
    }
    if (item->recovery < d->produced ||
        (item->recovery > d->produced &&
         !is_plausible(d, item->recovery - d->produced, position))) {
        miss(d, position, v.size, NULL, "the block does not continue its file");
        return;
    }
    if (!s->missing.any && item->recovery > d->produced) // of a file whose head is lost
        miss(d, position, 0, NULL, "blocks before this one are missing");
    settle(d, item->recovery - d->produced, true);
    submit_sound_block(d, v, position, item, packet);
}

static void salvage_item(struct decoder *d, const struct qpress_item *item, uint64_t position,
                         size_t size, const char *hit) {
    struct salvaging *s = d->salvaging;
    struct fault f;
    if (item->kind == QPRESS_FILE_END) {
        if (!d->in_file) {
            lose(d, loss_of(d, position, size), "the end of a file whose head is lost");
            return;
        }
        if (hit != NULL) {
            struct salvage_loss loss = loss_of(d, position, size);
            loss.exact = true;
            drop_doubtful(d);
            settle(d, s->missing.sized ? s->missing.size : 0, false);
            lose(d, loss, hit);
        }
        close_file(d, position, NULL);
        return;
    }
    if (d->in_file) {
        s->misplaced = true; // it was searched for
        close_file(d, position, "its end is missing");
    }
    if (item->kind == QPRESS_FILE) {
        if (open_file(d, item, position) && hit != NULL)
            lose(d, loss_of(d, position, 0), "no block follows the head of the file");
    } else if (handle_item(d, item, &f) < 0) {
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
                                 .begun = d->salvaging->begun,
                                 .in_file = d->in_file,
                                 .depth = d->depth};
    return qpress_probe(&state, w, size, why);
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct decoder *d = context;
    struct place place = {.origin = v.origin, .exact = v.exact, .position = position};
    struct qpress_item item;
    struct quicklz_header packet;
    d->salvaging->begun = true;
    if (!qpress_parse_unit(v.data, v.size, &place, &item, &packet))
        return;
    d->head.place = place;
    if (item.kind == QPRESS_BLOCK)
        salvage_block(d, v, position, &item, &packet, hit);
    else
        salvage_item(d, &item, position, v.size, hit);
}

// Whether the gap is what the packet's header in it says, so that nothing but that block is lost.
static bool is_one_block(const struct resync_gap *gap) {
    struct quicklz_header h;
    return gap->head_size >= QPRESS_BLOCK_HEAD + QUICKLZ_HEADER_MAX &&
           quicklz_parse_header(gap->head + QPRESS_BLOCK_HEAD, QUICKLZ_HEADER_MAX, &h) == NULL &&
           gap->length == QPRESS_BLOCK_HEAD + h.stored_size;
}

static void take_gap(void *context, const struct resync_gap *gap) {
    struct decoder *d = context;
    struct salvaging *s = d->salvaging;
    bool head = !s->begun && gap->length == QPRESS_ARCHIVE_HEAD;
    s->begun = true;
    if (d->in_file) {
        // More than one block may have the end of the file in it, and the heads of folders.
        s->misplaced = s->misplaced || !is_one_block(gap);
        drop_doubtful(d);
        miss(d, gap->offset, gap->length, NULL, gap->why);
        return;
    }
    s->misplaced = s->misplaced || !head;
    lose(d, loss_of(d, gap->offset, gap->length), gap->why);
}

static bool begin_salvage(struct decoder *d) {
    static const struct resync_format format = {
        .probe = probe, .find = qpress_find, .unit = take_unit, .gap = take_gap};
    if (d->salvaging != NULL)
        return true;
    d->salvaging = calloc(1, sizeof *d->salvaging);
    if (d->salvaging == NULL) {
        stage_fail_memory(&d->stage);
        return false;
    }
    d->block_size = d->max_block;
    resync_begin(&d->salvaging->resync, &d->stage, &format, d);
    return true;
}

static void finish_salvage(struct decoder *d) {
    if (!begin_salvage(d))
        return;
    resync_finish(&d->salvaging->resync);
    if (stage_is_closed(&d->stage))
        return;
    uint64_t end = d->salvaging->resync.position;
    if (d->in_file)
        close_file(d, end, "the archive ends inside it");
    if (d->single != NULL && !d->single_seen) {
        struct salvage_loss loss = loss_of(d, end, 0);
        loss.placed = true;
        salvage_submit(&d->stage, NULL, scope_of(d, d->single), &loss,
                       "the archive holds no file: expected one");
    }
    submit_mark(d, true);
}

static void push(struct stage *stage, struct view v) {
    struct decoder *d = (struct decoder *)stage;
    if (stage->salvage != NULL) {
        if (!stage_is_closed(stage) && begin_salvage(d))
            resync_push(&d->salvaging->resync, v);
        return;
    }
    bool more = !stage_is_closed(&d->stage);
    while (more)
        switch (d->state) {
        case IN_PACKET_HEAD:
            more = take_packet_head(d, &v);
            break;
        case IN_PACKET:
            more = take_packet(d, &v);
            break;
        default:
            more = take_head(d, &v);
        }
}

static void finish(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    if (stage_is_closed(&d->stage))
        return;
    if (stage->salvage != NULL && (d->salvaging != NULL || stage->name != NULL)) {
        finish_salvage(d);
        return;
    }
    struct fault f = {0};
    char where[PLACE_TEXT_SIZE];
    struct place here = d->head.place;
    here.origin += d->position - here.position;
    here.position = d->position;
    if (d->state == IN_ARCHIVE_HEAD && d->head.have == 0)
        diag_fault(&f, EX_DATAERR, "input is empty: expected a qpress archive");
    else if (d->in_file || d->head.have > 0 || d->state != IN_ITEM_HEAD)
        diag_fault(&f, EX_DATAERR,
                   "qpress archive ends too early, %s: expected the rest of %s; it was cut short: "
                   "fetch the backup again",
                   place_text(&here, 0, where), d->in_file ? "a file" : "its next entry");
    else if (d->single != NULL && !d->single_seen)
        diag_fault(&f, EX_DATAERR, "qpress archive holds no file: expected one");
    if (f.status != 0)
        stage_fail(&d->stage, &f);
    else
        submit_mark(d, true);
}

static void free_decoder(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    gather_clear(&d->data);
    if (d->salvaging != NULL) {
        slab_unref(d->salvaging->doubtful.view.slab);
        resync_clear(&d->salvaging->resync);
    }
    free(d->salvaging);
    free(d);
}

struct stage *qpress_dec_new(struct ordered *o, uint64_t max_block, struct qpress_target target) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_decoder};
    struct decoder *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->stage.ops = &operations;
    d->stage.ordered = o;
    d->max_block = max_block;
    d->target = target;
    return &d->stage;
}

static int single_file(void *context, const char *path, size_t size, struct stage **next,
                       struct fault *f) {
    (void)path;
    (void)size;
    struct decoder *d = context;
    if (d->single_seen)
        return diag_fault(
            f, EX_DATAERR,
            "qpress archive holds a second file: expected one; unpack it with qpunpack");
    d->single_seen = true;
    *next = d->single;
    return 0;
}

static void single_end(void *context) {
    struct decoder *d = context;
    stage_finish(d->single);
}

struct stage *qpress_dec_new_single(struct ordered *o, uint64_t max_block, struct stage *next) {
    struct stage *stage = qpress_dec_new(
        o, max_block, (struct qpress_target){.file = single_file, .end = single_end});
    if (stage != NULL) {
        struct decoder *d = (struct decoder *)stage;
        d->target.context = d;
        d->single = next;
    }
    return stage;
}
