// SPDX-License-Identifier: Apache-2.0
#include "format/qpress_dec.h"

#include "base/checksum.h"
#include "format/foreign.h"
#include "format/qpress_dec_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The size of the path of a folder or a file, and the depth of folders.
enum { PATH_SIZE_MAX = 4096, DEPTH_MAX = PATH_SIZE_MAX / 2 };

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
    uint64_t output_offset; // if all files go to one output
    struct place place;
    bool failed;
    struct fault fault;
};

// Verifies and decodes one block. Returns 0, or -1 with b->fault.
static int decode(struct block *b) {
    uint32_t adler = checksum_adler32(b->data, b->packet.stored_size);
    if (adler != b->adler)
        return diag_fault(&b->fault, EX_DATAERR,
                          "damaged qpress block %s: Adler-32: expected 0x%08" PRIx32
                          ", found 0x%08" PRIx32 "; fetch the backup again",
                          place_text(&b->place, 0), b->adler, adler);
    if (b->next == NULL)
        return 0;
    b->output = slab_new(b->packet.size + QUICKLZ_SLACK);
    if (b->output == NULL)
        return diag_fault_memory(&b->fault);
    size_t at;
    const char *wrong = quicklz_decode(&b->packet, b->data, b->output->data, &at);
    if (wrong != NULL)
        return diag_fault(&b->fault, EX_DATAERR, "damaged QuickLZ packet: %s %s", wrong,
                          place_text(&b->place, at));
    if (b->next->ops->place == NULL)
        return 0;
    int placed =
        b->next->ops->place(b->next, b->offset, b->output->data, b->packet.size, &b->fault);
    slab_unref(b->output); // free it now rather than at delivery
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

struct salvage_scope *qpress_dec_scope(const struct decoder *d, const struct stage *next) {
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
    salvage_lost(qpress_dec_scope(b->decoder, b->next), &loss, b->fault.text);
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

void qpress_dec_submit_block(struct decoder *d) {
    struct block *b = stage_unit(&d->stage, sizeof *b, deliver_block, NULL);
    if (b == NULL)
        return;
    b->unit.job.run = run_block;
    b->unit.release = release_block;
    bool placed = d->next != NULL && d->next->ops->place != NULL; // the output is not kept
    b->unit.cost = sizeof *b + d->packet.stored_size + (placed ? 0 : d->packet.size);
    b->decoder = d;
    b->next = d->next;
    b->packet = d->packet;
    b->data = d->data.data;
    b->slab = d->data.slab;
    b->adler = d->block.adler;
    b->offset = d->produced;
    b->output_offset = d->base + d->produced;
    b->place = d->data.place;
    d->data = (struct gather){0};
    d->produced += d->packet.size;
    ordered_submit(d->stage.ordered, &b->unit);
}

// A marker that calls file_end, or end, when it is delivered.
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

void qpress_dec_submit_mark(struct decoder *d, bool archive) {
    if (!archive && d->target.file_end == NULL)
        return;
    struct mark *m = stage_unit(&d->stage, sizeof *m, deliver_mark, NULL);
    if (m == NULL)
        return;
    m->decoder = d;
    m->next = d->next;
    m->archive = archive;
    ordered_submit(d->stage.ordered, &m->unit);
}

static int refuse_depth(const struct decoder *d, struct fault *f) {
    return diag_fault(f, EX_DATAERR, "folders in qpress archive nested too deep %s",
                      place_text(&d->head.place, 0));
}

// Appends the item's name to the open folder's path; *size is the size of both. Returns 0, or -1
// and *f. Memory grows with the data: a member may have only a header, and there may be many.
static int append_name(struct decoder *d, const struct qpress_item *item, size_t *size,
                       struct fault *f) {
    *size = d->path_size + item->name_size;
    if (*size + 2 > PATH_SIZE_MAX)
        return refuse_depth(d, f);
    if (*size + 2 > d->path_room) {
        char *larger = realloc(d->path, 2 * (*size + 2));
        if (larger == NULL)
            return diag_fault_memory(f);
        d->path = larger;
        d->path_room = 2 * (*size + 2);
    }
    memcpy(d->path + d->path_size, item->name, item->name_size);
    d->path[*size] = '\0';
    return 0;
}

static int enter_folder(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    size_t size;
    if (append_name(d, item, &size, f) < 0)
        return -1;
    if (d->target.folder != NULL && d->target.folder(d->target.context, d->path, size, f) < 0)
        return -1;
    if (d->depth == DEPTH_MAX)
        return refuse_depth(d, f);
    if (d->depth == d->depth_room) {
        unsigned room = d->depth_room == 0 ? 8 : 2 * d->depth_room;
        uint16_t *larger = realloc(d->depths, room * sizeof *larger);
        if (larger == NULL)
            return diag_fault_memory(f);
        d->depths = larger;
        d->depth_room = room;
    }
    d->depths[d->depth++] = (uint16_t)d->path_size;
    d->path[size] = '/';
    d->path_size = size + 1;
    return 0;
}

int qpress_dec_begin_file(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    size_t size;
    if (append_name(d, item, &size, f) < 0)
        return -1;
    d->in_file = true;
    d->produced = 0;
    d->next = NULL;
    return d->target.file(d->target.context, d->path, size, &d->next, f);
}

int qpress_dec_take_item(struct decoder *d, const struct qpress_item *item, struct fault *f) {
    switch (item->kind) {
    case QPRESS_ENTER:
        return enter_folder(d, item, f);
    case QPRESS_LEAVE:
        if (d->depth == 0)
            return diag_fault(f, EX_DATAERR,
                              "damaged qpress archive %s: leaves a folder that it did not enter",
                              place_text(&d->head.place, 0));
        d->path_size = d->depths[--d->depth];
        return 0;
    case QPRESS_FILE:
        return qpress_dec_begin_file(d, item, f);
    case QPRESS_FILE_END:
        d->in_file = false;
        qpress_dec_submit_mark(d, false);
        return 0;
    default:
        if (item->recovery != d->produced)
            return diag_fault(
                f, EX_DATAERR,
                "damaged qpress archive: block %s does not continue the file: expected "
                "offset %" PRIu64 ", found %" PRIu64,
                place_text(&d->head.place, 0), d->produced, item->recovery);
        d->block = *item;
        d->state = IN_PACKET_HEAD;
        return 0;
    }
}

// Checks the packet's header, of which `have` bytes are at `bytes`.
static int check_packet(struct decoder *d, const uint8_t *bytes, size_t have,
                        const struct place *place, struct fault *f) {
    const char *wrong = quicklz_parse_header(bytes, have, &d->packet);
    if (wrong != NULL)
        return diag_fault(f, EX_DATAERR, "damaged QuickLZ packet: %s %s", wrong,
                          place_text(place, 0));
    if (d->packet.size > d->block_size)
        return diag_fault(f, EX_DATAERR,
                          "damaged qpress archive: packet %s larger than the archive's blocks: "
                          "expected at most %" PRIu64 " bytes, found %zu",
                          place_text(place, 0), d->block_size, d->packet.size);
    return 0;
}

// Takes the packet's header; if it is whole in the view it stays there, so that the packet need not
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
    // The header is the first part of the gathered bytes.
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
        qpress_dec_submit_block(d);
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
    if (parsed < 0 && archive && foreign_wants_more(d->head.bytes, d->head.have, &d->head.place))
        return v->size > 0 && (head_fill(&d->head, SNIFF_SIZE, v, &d->position), true);
    d->state = IN_ITEM_HEAD;
    if (parsed < 0 && archive)
        foreign_explain(&f, d->head.bytes, d->head.have, &d->head.place);
    if (parsed < 0 || (!archive && qpress_dec_take_item(d, &item, &f) < 0)) {
        stage_fail(&d->stage, &f);
        return false;
    }
    d->head.have = 0;
    return !d->stage.failed;
}

static void push(struct stage *stage, struct view v) {
    struct decoder *d = (struct decoder *)stage;
    if (stage->salvage != NULL) {
        qpress_salvage_push(d, v);
        return;
    }
    bool more = !stage_is_closed(&d->stage);
    while (more) {
        ordered_relieve(stage->ordered);
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
}

static void finish(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    if (stage_is_closed(&d->stage))
        return;
    if (stage->salvage != NULL && (d->resync != NULL || stage->name != NULL)) {
        qpress_salvage_finish(d);
        return;
    }
    struct fault f = {0};
    size_t need;
    struct place here = d->head.place;
    here.origin += d->position - here.position;
    here.position = d->position;
    if (d->state == IN_ARCHIVE_HEAD && d->head.have == 0)
        diag_fault(&f, EX_DATAERR, "input is empty: expected a qpress archive");
    else if (d->state == IN_ARCHIVE_HEAD &&
             qpress_parse_archive(d->head.bytes, d->head.have, d->max_block, &d->head.place,
                                  &d->block_size, &need, &f) < 0)
        foreign_explain(&f, d->head.bytes, d->head.have, &d->head.place); // there is no more
    else if (d->state == IN_ARCHIVE_HEAD && d->head.have < strlen(QPRESS_ARCHIVE_TAG) &&
             memcmp(d->head.bytes, QPRESS_ARCHIVE_TAG, d->head.have) != 0)
        diag_fault(&f, EX_DATAERR,
                   "%zu byte%s: too short for a qpress archive, %s; it is something else",
                   d->head.have, d->head.have == 1 ? "" : "s", place_text(&d->head.place, 0));
    else if (d->in_file || d->head.have > 0 || d->state != IN_ITEM_HEAD)
        diag_fault(&f, EX_DATAERR,
                   "qpress archive ends too early, %s: expected the rest of %s; it was cut short: "
                   "fetch the backup again",
                   place_text(&here, 0), d->in_file ? "a file" : "its next entry");
    else if (d->single != NULL && !d->single_seen)
        diag_fault(&f, EX_DATAERR, "qpress archive holds no file: expected one");
    if (f.status != 0)
        stage_fail(&d->stage, &f);
    else
        qpress_dec_submit_mark(d, true);
}

static void free_decoder(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    gather_clear(&d->data);
    qpress_salvage_free(d);
    free(d->path);
    free(d->depths);
    free(d);
}

struct stage *qpress_dec_new(struct ordered *o, uint64_t max_block, struct qpress_target target) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_decoder};
    struct decoder *d = stage_new(sizeof *d, &operations, o);
    if (d == NULL)
        return NULL;
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
