// SPDX-License-Identifier: Apache-2.0
#include "base/byteorder.h"
#include "format/frames_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PART_SIZE = 1 << 20, // of a large frame
    BLOCK_EXTRA = 8,     // checksums behind a block
    TRIAL_MAX = 64 << 20 // content that is decoded to test a frame
};

static struct salvage_loss loss_of(const struct frames *d, uint64_t offset, uint64_t length) {
    const char *article = d->codec->name, *name = strchr(article, ' ');
    return (struct salvage_loss){.format = name != NULL ? name + 1 : article,
                                 .offset = offset,
                                 .length = length,
                                 .placed = true,
                                 .output_offset = d->delivered};
}

static void note_loss(struct frames *d, const struct salvage_loss *loss, const char *why) {
    salvage_lost(d->stage.salvage, loss, why);
    d->delivered += loss->zeros;
    if (loss->zeros > 0)
        stage_push(d->next, (struct view){.size = (size_t)loss->zeros});
}

// The content of a damaged frame that was already passed on counts as lost, too.
static void lose_frame(struct frames *d, struct shared *s) {
    struct salvage_loss loss = loss_of(d, s->lost_offset, s->lost_length);
    loss.output_offset -= s->delivered;
    s->failed = false;
    note_loss(d, &loss, s->why);
}

// A part of a frame does not decode: the rest of the frame is lost. The header of a frame in one
// part may say how much that is.
void frames_salvage_lose(struct part *p) {
    struct frames *d = p->frames;
    struct shared *s = p->shared;
    if (!s->failed) {
        s->failed = true;
        s->lost_offset = p->input.place.position;
        s->lost_length = 0;
        snprintf(s->why, sizeof s->why, "%.*s", diag_cut(p->fault.text, SALVAGE_WHY_MAX),
                 p->fault.text);
    }
    s->lost_length += p->input.have;
    if (!p->ends)
        return;
    bool whole = s->lost_offset == p->input.place.position && p->input.count == 1, ended;
    const struct frames_piece *frame = p->input.pieces;
    uint64_t content =
        whole && s->delivered == 0 ? d->codec->content_size(frame->data, frame->size) : UINT64_MAX;
    struct frames_walk w = {0};
    if (content != UINT64_MAX)
        frames_follow(d->codec, &w, frame->data, frame->size, &ended);
    if (content == UINT64_MAX || content / d->codec->block_max > w.blocks) {
        lose_frame(d, s);
        return;
    }
    struct salvage_loss loss = loss_of(d, s->lost_offset, s->lost_length);
    loss.zeros = content;
    loss.exact = strstr(s->why, d->codec->wrong_checksum) != NULL; // otherwise the size may be
                                                                   // wrong
    note_loss(d, &loss, s->why);
}

// The bytes that a frame may begin with: the codec's magic, or one of the skippable ones.
static bool is_magic(const struct frames_codec *codec, const uint8_t *data, size_t size) {
    uint8_t magic[4], skippable[4];
    le32_put(magic, codec->magic);
    le32_put(skippable, FRAMES_SKIPPABLE);
    size_t n = size < 4 ? size : 4;
    return memcmp(data, magic, n) == 0 ||
           ((data[0] & 0xf0) == skippable[0] && memcmp(data + 1, skippable + 1, n - 1) == 0);
}

static size_t find(void *context, const uint8_t *data, size_t size) {
    const struct frames *d = context;
    size_t at = 0;
    while (at < size && !is_magic(d->codec, data + at, size - at))
        at++;
    return at;
}

// Whether decoding the frame, in one piece, shows damage; at most TRIAL_MAX bytes of its content
// are decoded.
static bool is_broken(const struct frames *d, const uint8_t *data, size_t size) {
    const struct frames_codec *codec = d->codec;
    void *decoder = codec->open(d->window_max);
    struct slab *out = slab_new(FRAMES_OUTPUT_SIZE);
    bool between = false, good = decoder != NULL && out != NULL;
    size_t used = 0, made = 0, in = 1, n = 0;
    while (good && !between && (in > 0 || n > 0) && made <= TRIAL_MAX) {
        in = size - used;
        n = FRAMES_OUTPUT_SIZE;
        good = codec->decode(decoder, data + used, &in, out->data, &n, &between) == NULL;
        used += in;
        made += n;
    }
    slab_unref(out);
    codec->close(decoder);
    return !good || (made <= TRIAL_MAX && (!between || used != size));
}

// True between the parts of a large frame.
static bool is_inside(const struct frames *d) {
    return d->serial != NULL || d->frame.have > 0;
}

static enum resync_answer probe(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why) {
    const struct frames *d = context;
    bool ended, inside = is_inside(d) && !w->searching;
    struct frames_walk walked = inside ? d->walk : (struct frames_walk){0};
    size_t used = frames_follow(d->codec, &walked, w->data, w->have, &ended);
    diag_fault(why, EX_DATAERR, "what follows is not %s frame", d->codec->name);
    if (walked.lost || walked.largest > d->codec->block_max + BLOCK_EXTRA)
        return RESYNC_NOTHING;
    *size = used;
    if (inside && (ended || w->end || w->have >= PART_SIZE))
        return RESYNC_UNIT;
    if (inside) {
        *size = PART_SIZE;
        return RESYNC_MORE;
    }
    if (!ended && w->have >= FRAMES_UNIT_MAX && !w->searching)
        return RESYNC_UNIT;
    if (!ended) {
        diag_fault(why, EX_DATAERR, "the input ends inside %s frame", d->codec->name);
        // Not just the next block, which may have four bytes, because the walk starts again each
        // time.
        size_t more = walked.skip < FRAMES_UNIT_MAX ? (size_t)walked.skip : FRAMES_UNIT_MAX;
        size_t least = w->have < PART_SIZE ? w->have : PART_SIZE;
        *size = w->have + (more > least ? more : least) + 4;
        bool too_large = w->searching && *size > 2 * FRAMES_UNIT_MAX;
        return w->end || too_large ? RESYNC_NOTHING : RESYNC_MORE;
    }
    if (w->have < used + 4 && !w->end) {
        *size = used + 4;
        return RESYNC_MORE;
    }
    // If another frame begins inside, the outline may fit by chance.
    bool ends_well = w->have == used || is_magic(d->codec, w->data + used, w->have - used);
    size_t inner = 1 + find(context, w->data + 1, used - 1);
    if ((ends_well && inner >= used - 3) || !is_broken(d, w->data, used))
        return RESYNC_UNIT;
    diag_fault(why, EX_DATAERR, "%s frame does not end where it should", d->codec->name);
    return RESYNC_NOTHING;
}

// The end of a large frame is lost, or bytes between frames.
struct gap {
    struct unit unit;
    struct frames *frames;
    struct shared *shared; // of the frame; NULL: none
    struct salvage_loss loss;
    char why[SALVAGE_WHY_MAX + 1];
};

static void deliver_gap(struct unit *unit) {
    struct gap *g = (struct gap *)unit;
    struct frames *d = g->frames;
    struct shared *s = g->shared;
    if (d->stage.broken)
        return;
    if (s != NULL && s->failed) { // it was already damaged
        s->lost_length += g->loss.length;
        lose_frame(d, s);
        return;
    }
    g->loss.output_offset = d->delivered - (s != NULL ? s->delivered : 0);
    note_loss(d, &g->loss, g->why);
}

static void release_gap(struct unit *unit) {
    frames_shared_unref(((struct gap *)unit)->shared);
    free(unit);
}

static void submit_gap(struct frames *d, uint64_t offset, uint64_t length, const char *why) {
    struct gap *g = stage_unit(&d->stage, sizeof *g, deliver_gap, NULL);
    if (g == NULL)
        return;
    g->unit.release = release_gap;
    g->frames = d;
    g->shared = d->serial; // with its reference
    g->loss = loss_of(d, offset, length);
    snprintf(g->why, sizeof g->why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    d->serial = NULL;
    d->last = NULL;
    d->walk = (struct frames_walk){0};
    frames_held_clear(&d->frame);
    ordered_submit(d->stage.ordered, &g->unit);
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct frames *d = context;
    (void)hit;
    d->position = position;
    frames_take(d, v);
}

static void take_gap(void *context, const struct resync_gap *gap) {
    struct frames *d = context;
    uint64_t held = d->frame.have; // of a large frame, and not yet submitted
    submit_gap(d, gap->offset - held, gap->length + held, gap->why);
}

static const struct resync_format format = {.size = sizeof(struct resync),
                                            .probe = probe,
                                            .find = find,
                                            .unit = take_unit,
                                            .gap = take_gap};

void frames_salvage_push(struct frames *d, struct view v) {
    if (resync_start(&d->resync, &d->stage, &format, d))
        resync_push(d->resync, v);
}

void frames_salvage_finish(struct frames *d) {
    if (!resync_start(&d->resync, &d->stage, &format, d))
        return;
    resync_finish(d->resync);
    if (stage_is_closed(&d->stage))
        return;
    if (is_inside(d))
        submit_gap(d, d->resync->position - d->frame.have, d->frame.have,
                   "the input ends inside a frame");
    stage_finish_in_order(&d->stage, d->next);
}
