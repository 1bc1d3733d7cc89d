// SPDX-License-Identifier: Apache-2.0
#include "format/frames.h"

#include "base/byteorder.h"
#include "engine/resync.h"
#include "engine/salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char frames_no_memory[] = "out of memory";

enum {
    OUTPUT_SIZE = 1 << 20, // of one slab
    OUTPUTS_MAX = FRAMES_HOLD_MAX / OUTPUT_SIZE,
    EXPANSION_GUESS = 3, // of content to frame, for the cost of a unit
    PART_SIZE = 1 << 20, // of a large frame, while salvaging
    BLOCK_EXTRA = 8,     // checksums behind a block
    TRIAL_MAX = 64 << 20 // content that is made to see whether a frame decodes
};

// A decoder with the reference count of the units that use it one after the other.
struct shared {
    const struct frames_codec *codec;
    void *decoder;
    unsigned references; // main thread
    bool between;        // after the last unit that ran
    bool spoiled;        // it has failed: what follows of the frame cannot be decoded
    // Where the stage salvages; main thread:
    uint64_t delivered; // content
    bool failed;
    uint64_t lost_offset, lost_length; // of the frame
    char why[SALVAGE_WHY_MAX + 1];
};

struct frames {
    struct stage stage;
    const struct frames_codec *codec;
    struct stage *next;
    uint64_t position;
    struct frames_walk walk;
    struct gather frame;   // what has come of the frame
    struct shared *serial; // of a frame that is decoded as it comes; NULL between such frames
    struct part *last;     // the last unit submitted for it, until delivered
    struct resync *resync; // NULL: the stage does not salvage
    uint64_t delivered;    // content, and zeros in its place
};

// A frame, or a part of one.
struct part {
    struct unit unit;
    struct frames *frames;
    struct shared *shared;
    struct slab *slab; // holds the data
    const uint8_t *data;
    size_t size, used;
    bool ends; // the frame ends with it
    struct place place;
    struct slab *outputs[OUTPUTS_MAX];
    size_t output_sizes[OUTPUTS_MAX];
    unsigned output_count;
    bool unwanted; // the rest of the content
    bool failed;
    struct fault fault;
};

static void shared_unref(struct shared *s) {
    if (s == NULL || --s->references > 0)
        return;
    s->codec->close(s->decoder);
    free(s);
}

static struct shared *shared_new(const struct frames_codec *codec) {
    struct shared *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct shared){.codec = codec, .decoder = codec->open(), .references = 1};
    if (s->decoder == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

// Decodes into one more output. Returns 1 if there is more to do, 0 at the end, -1 with p->fault.
static int decode_some(struct part *p) {
    const struct frames_codec *codec = p->shared->codec;
    struct slab *out = slab_new(OUTPUT_SIZE);
    if (out == NULL)
        return diag_fault_memory(&p->fault);
    size_t filled = 0;
    bool progress = true;
    while (filled < OUTPUT_SIZE && progress) {
        size_t in = p->size - p->used, made = OUTPUT_SIZE - filled;
        bool between = false;
        const char *wrong = codec->decode(p->shared->decoder, p->data + p->used, &in,
                                          out->data + filled, &made, &between);
        if (wrong != NULL) {
            char where[PLACE_TEXT_SIZE];
            slab_unref(out);
            if (wrong == frames_no_memory)
                return diag_fault_memory(&p->fault);
            return diag_fault(&p->fault, EX_DATAERR, "damaged data in %s frame %s: %s", codec->name,
                              place_text(&p->place, p->used, where), wrong);
        }
        p->used += in;
        filled += made;
        progress = in > 0 || made > 0;
        if (progress) // asked without input, a decoder says what it waits for
            p->shared->between = between;
    }
    p->outputs[p->output_count] = out;
    p->output_sizes[p->output_count++] = filled;
    return progress;
}

static enum job_result run_part(struct job *job, unsigned thread) {
    (void)thread;
    struct part *p = (struct part *)job;
    int more = 1;
    if (p->shared->spoiled || p->unwanted) {
        p->failed = p->shared->spoiled = true;
        diag_fault(&p->fault, EX_DATAERR, "%s", "");
        return JOB_DONE;
    }
    while (more > 0 && p->output_count < OUTPUTS_MAX)
        more = decode_some(p);
    if (more == 0 && p->ends && !p->shared->between) {
        char where[PLACE_TEXT_SIZE];
        more = diag_fault(&p->fault, EX_DATAERR,
                          "damaged data in %s frame %s: it does not end where it should",
                          p->shared->codec->name, place_text(&p->place, p->used, where));
    }
    p->failed = p->shared->spoiled = more < 0;
    return more > 0 ? JOB_MORE : JOB_DONE;
}

static void drop_outputs(struct part *p) {
    for (unsigned i = 0; i < p->output_count; i++)
        slab_unref(p->outputs[i]);
    p->output_count = 0;
}

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

// What was passed on of a frame that turns out to be damaged is as good as lost.
static void lose_frame(struct frames *d, struct shared *s) {
    struct salvage_loss loss = loss_of(d, s->lost_offset, s->lost_length);
    loss.output_offset -= s->delivered;
    s->failed = false;
    note_loss(d, &loss, s->why);
}

static size_t walk(const struct frames_codec *codec, struct frames_walk *w, const uint8_t *data,
                   size_t size, bool *ended);

// A part of a frame does not decode: the rest of the frame is lost. A frame in one part may say how
// much that is.
static void lose_part(struct part *p) {
    struct frames *d = p->frames;
    struct shared *s = p->shared;
    if (!s->failed) {
        s->failed = true;
        s->lost_offset = p->place.position;
        s->lost_length = 0;
        snprintf(s->why, sizeof s->why, "%.*s", diag_cut(p->fault.text, SALVAGE_WHY_MAX),
                 p->fault.text);
    }
    s->lost_length += p->size;
    if (!p->ends)
        return;
    bool whole = s->lost_offset == p->place.position, ended;
    uint64_t content =
        whole && s->delivered == 0 ? d->codec->content_size(p->data, p->size) : UINT64_MAX;
    struct frames_walk w = {0};
    if (content != UINT64_MAX)
        walk(d->codec, &w, p->data, p->size, &ended);
    if (content == UINT64_MAX || content / d->codec->block_max > w.blocks) {
        lose_frame(d, s);
        return;
    }
    struct salvage_loss loss = loss_of(d, s->lost_offset, s->lost_length);
    loss.zeros = content;
    loss.exact = strstr(s->why, d->codec->wrong_checksum) != NULL; // else the size may be wrong
    note_loss(d, &loss, s->why);
}

static void deliver_part(struct unit *unit) {
    struct part *p = (struct part *)unit;
    struct frames *d = p->frames;
    if (!d->stage.broken && p->failed && d->stage.salvage != NULL &&
        p->fault.status == EX_DATAERR) {
        lose_part(p);
        drop_outputs(p);
        return;
    }
    if (!d->stage.broken && p->failed)
        stage_break(&d->stage, &p->fault);
    for (unsigned i = 0; i < p->output_count && !d->stage.broken; i++)
        if (p->output_sizes[i] > 0) {
            p->shared->delivered += p->output_sizes[i];
            d->delivered += p->output_sizes[i];
            stage_push(d->next, (struct view){.data = p->outputs[i]->data,
                                              .size = p->output_sizes[i],
                                              .slab = p->outputs[i],
                                              .origin = p->place.origin});
        }
    drop_outputs(p);
    // What is not wanted any more is not made: a few bytes of a frame may stand for gigabytes.
    d->stage.broken = d->stage.broken || stage_is_closed(d->next);
    p->unwanted = d->stage.broken;
}

static void release_part(struct unit *unit) {
    struct part *p = (struct part *)unit;
    if (p->frames->last == p)
        p->frames->last = NULL;
    drop_outputs(p);
    slab_unref(p->slab);
    shared_unref(p->shared);
    free(p);
}

// Submits what has been gathered, to be decoded by `shared` (whose reference is taken over).
static void submit(struct frames *d, struct shared *shared, bool ends) {
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL || shared == NULL) {
        free(p);
        shared_unref(shared);
        stage_fail_memory(&d->stage);
        return;
    }
    size_t content = d->frame.have * EXPANSION_GUESS;
    p->unit.job.run = run_part;
    p->unit.deliver = deliver_part;
    p->unit.release = release_part;
    p->unit.cost =
        sizeof *p + d->frame.have + (content < FRAMES_HOLD_MAX ? content : FRAMES_HOLD_MAX);
    p->frames = d;
    p->shared = shared;
    p->slab = d->frame.slab;
    p->data = d->frame.data;
    p->size = d->frame.have;
    p->ends = ends;
    p->place = d->frame.place;
    gather_begin(&d->frame, 0);
    if (d->serial != NULL) {
        p->unit.job.after = d->last != NULL ? &d->last->unit.job : NULL;
        d->last = p;
    }
    ordered_submit(d->stage.ordered, &p->unit);
}

static void submit_serial(struct frames *d, bool ends) {
    if (d->serial == NULL && (d->serial = shared_new(d->codec)) == NULL) {
        stage_fail_memory(&d->stage);
        return;
    }
    d->serial->references++;
    submit(d, d->serial, ends);
    if (ends) {
        shared_unref(d->serial);
        d->serial = NULL;
        d->last = NULL;
    }
}

enum { STEP_MAGIC, STEP_SKIPPABLE };

static unsigned step_size(const struct frames_codec *codec, unsigned step) {
    return step < FRAMES_FIRST ? 4 : codec->step_size(step);
}

static bool take_step(const struct frames_codec *codec, struct frames_walk *w) {
    uint32_t word = le32_get(w->bytes);
    w->blocks += w->step == FRAMES_FIRST + 1;
    switch (w->step) {
    case STEP_MAGIC:
        w->step = (word & 0xfffffff0u) == 0x184d2a50u ? STEP_SKIPPABLE : FRAMES_FIRST;
        w->foreign = w->step != STEP_SKIPPABLE && word != codec->magic;
        return !w->foreign;
    case STEP_SKIPPABLE:
        w->skip = word;
        w->step = FRAMES_LAST;
        return true;
    default:
        return codec->take_step(w);
    }
}

// How many of the `size` bytes belong to the frame; *ended: it ends with them.
static size_t walk(const struct frames_codec *codec, struct frames_walk *w, const uint8_t *data,
                   size_t size, bool *ended) {
    size_t at = 0;
    *ended = false;
    while (!w->lost) {
        size_t n = size - at < w->skip ? size - at : (size_t)w->skip;
        at += n;
        w->skip -= n;
        if (w->skip > 0)
            return size;
        if (w->step == FRAMES_LAST) {
            *ended = true;
            return at;
        }
        while (w->have < step_size(codec, w->step) && at < size)
            w->bytes[w->have++] = data[at++];
        if (w->have < step_size(codec, w->step))
            return size;
        bool block = w->step == FRAMES_FIRST + 1;
        w->lost = !take_step(codec, w);
        if (block && w->skip > w->largest)
            w->largest = w->skip;
        w->have = 0;
        memset(w->bytes, 0, sizeof w->bytes);
    }
    return size;
}

// libzstd would go on: it has decoders for the formats before Zstandard 1.0, with magic numbers of
// their own, which no backup tool has written and which nobody tries to break any more.
static void fail_foreign(struct frames *d) {
    uint8_t magic[4];
    char where[PLACE_TEXT_SIZE];
    struct fault f;
    le32_put(magic, d->codec->magic);
    const uint8_t *found = d->frame.data;
    diag_fault(&f, EX_DATAERR,
               "expected the magic of %s frame %s, %02x %02x %02x %02x, found %02x %02x %02x %02x; "
               "it is of another format, or damaged: fetch the backup again",
               d->codec->name, place_text(&d->frame.place, 0, where), magic[0], magic[1], magic[2],
               magic[3], found[0], found[1], found[2], found[3]);
    stage_fail(&d->stage, &f);
}

static void take(struct frames *d, struct view v) {
    while (!stage_is_closed(&d->stage) && v.size > 0) {
        bool ended;
        struct view part = view_split(&v, walk(d->codec, &d->walk, v.data, v.size, &ended));
        if (d->frame.have == 0)
            d->frame.place =
                (struct place){.origin = part.origin, .exact = part.exact, .position = d->position};
        d->position += part.size;
        if (gather_append(&d->frame, part) < 0) {
            stage_fail_memory(&d->stage);
            return;
        }
        if (d->walk.foreign) {
            fail_foreign(d);
            return;
        }
        bool piecewise = d->serial != NULL || d->walk.lost || d->frame.have > FRAMES_UNIT_MAX;
        if (ended)
            d->walk = (struct frames_walk){0};
        if (piecewise)
            submit_serial(d, ended);
        else if (ended)
            submit(d, shared_new(d->codec), true);
    }
}

// ---- Salvage.

// The bytes that a frame may begin with: the codec's magic, or one of the skippable ones.
static bool is_magic(const struct frames_codec *codec, const uint8_t *data, size_t size) {
    uint8_t magic[4], skippable[4] = {0x50, 0x2a, 0x4d, 0x18};
    le32_put(magic, codec->magic);
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

// Whether the frame, in one piece, is found to be damaged by decoding it; no more than TRIAL_MAX of
// its content are looked at.
static bool is_broken(const struct frames_codec *codec, const uint8_t *data, size_t size) {
    void *decoder = codec->open();
    struct slab *out = slab_new(OUTPUT_SIZE);
    bool between = false, good = decoder != NULL && out != NULL;
    size_t used = 0, made = 0, in = 1, n = 0;
    while (good && !between && (in > 0 || n > 0) && made <= TRIAL_MAX) {
        in = size - used;
        n = OUTPUT_SIZE;
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
    size_t used = walk(d->codec, &walked, w->data, w->have, &ended);
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
        // Not just the next block, which may be of four bytes: the walk begins anew each time.
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
    // Where another frame begins inside, that the outline ends well may be chance.
    bool ends_well = w->have == used || is_magic(d->codec, w->data + used, w->have - used);
    size_t inner = 1 + find(context, w->data + 1, used - 1);
    if ((ends_well && inner >= used - 3) || !is_broken(d->codec, w->data, used))
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
    if (s != NULL && s->failed) { // it was damaged before
        s->lost_length += g->loss.length;
        lose_frame(d, s);
        return;
    }
    g->loss.output_offset = d->delivered - (s != NULL ? s->delivered : 0);
    note_loss(d, &g->loss, g->why);
}

static void release_gap(struct unit *unit) {
    shared_unref(((struct gap *)unit)->shared);
    free(unit);
}

static void submit_gap(struct frames *d, uint64_t offset, uint64_t length, const char *why) {
    struct gap *g = calloc(1, sizeof *g);
    if (g == NULL) {
        stage_fail_memory(&d->stage);
        return;
    }
    g->unit.deliver = deliver_gap;
    g->unit.release = release_gap;
    g->unit.cost = sizeof *g;
    g->frames = d;
    g->shared = d->serial; // with its reference
    g->loss = loss_of(d, offset, length);
    snprintf(g->why, sizeof g->why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    d->serial = NULL;
    d->last = NULL;
    d->walk = (struct frames_walk){0};
    gather_clear(&d->frame);
    ordered_submit(d->stage.ordered, &g->unit);
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct frames *d = context;
    (void)hit;
    d->position = position;
    take(d, v);
}

static void take_gap(void *context, const struct resync_gap *gap) {
    struct frames *d = context;
    uint64_t held = d->frame.have; // of a large frame, and not yet submitted
    submit_gap(d, gap->offset - held, gap->length + held, gap->why);
}

static bool begin_salvage(struct frames *d) {
    static const struct resync_format format = {
        .probe = probe, .find = find, .unit = take_unit, .gap = take_gap};
    if (d->resync != NULL)
        return true;
    d->resync = calloc(1, sizeof *d->resync);
    if (d->resync == NULL) {
        stage_fail_memory(&d->stage);
        return false;
    }
    resync_begin(d->resync, &d->stage, &format, d);
    return true;
}

static void finish_salvage(struct frames *d) {
    if (!begin_salvage(d))
        return;
    resync_finish(d->resync);
    if (stage_is_closed(&d->stage))
        return;
    if (is_inside(d))
        submit_gap(d, d->resync->position - d->frame.have, d->frame.have,
                   "the input ends inside a frame");
    stage_finish_in_order(&d->stage, d->next);
}

static void push(struct stage *stage, struct view v) {
    struct frames *d = (struct frames *)stage;
    if (stage->salvage == NULL)
        take(d, v);
    else if (!stage_is_closed(stage) && begin_salvage(d))
        resync_push(d->resync, v);
}

static void finish(struct stage *stage) {
    struct frames *d = (struct frames *)stage;
    if (stage_is_closed(&d->stage))
        return;
    if (stage->salvage != NULL) {
        finish_salvage(d);
        return;
    }
    if (d->serial != NULL || d->frame.have > 0) {
        struct fault f;
        char where[PLACE_TEXT_SIZE];
        // Where the decoder has something to say of what came, that says more.
        if (d->frame.have > 0)
            submit_serial(d, false);
        struct place end = {.origin = d->frame.place.origin, .position = d->position};
        diag_fault(&f, EX_DATAERR,
                   "input ends inside %s frame %s; it was cut short: fetch the backup again",
                   d->codec->name, place_text(&end, 0, where));
        if (!d->stage.failed)
            stage_fail(&d->stage, &f);
        return;
    }
    stage_finish_in_order(stage, d->next);
}

static void free_frames(struct stage *stage) {
    struct frames *d = (struct frames *)stage;
    gather_clear(&d->frame);
    shared_unref(d->serial);
    if (d->resync != NULL)
        resync_clear(d->resync);
    free(d->resync);
    free(d);
}

struct stage *frames_new(struct ordered *o, const struct frames_codec *codec, struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_frames};
    struct frames *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->stage.ops = &operations;
    d->stage.ordered = o;
    d->codec = codec;
    d->next = next;
    return &d->stage;
}
