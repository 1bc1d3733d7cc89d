// SPDX-License-Identifier: Apache-2.0
#include "frames.h"

#include "byteorder.h"

#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_SIZE = 1 << 20, // of one slab
    OUTPUTS_MAX = FRAMES_HOLD_MAX / OUTPUT_SIZE,
    EXPANSION_GUESS = 3 // of content to frame, for the cost of a unit
};

// A decoder with the reference count of the units that use it one after the other.
struct shared {
    const struct frames_codec *codec;
    void *decoder;
    unsigned references; // main thread
    bool between;        // after the last unit that ran
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
    while (more > 0 && p->output_count < OUTPUTS_MAX)
        more = decode_some(p);
    if (more == 0 && p->ends && !p->shared->between) {
        char where[PLACE_TEXT_SIZE];
        more = diag_fault(&p->fault, EX_DATAERR,
                          "damaged data in %s frame %s: it does not end where it should",
                          p->shared->codec->name, place_text(&p->place, p->used, where));
    }
    p->failed = more < 0;
    return more > 0 ? JOB_MORE : JOB_DONE;
}

static void drop_outputs(struct part *p) {
    for (unsigned i = 0; i < p->output_count; i++)
        slab_unref(p->outputs[i]);
    p->output_count = 0;
}

static void deliver_part(struct unit *unit) {
    struct part *p = (struct part *)unit;
    if (p->frames->stage.broken) {
        drop_outputs(p);
        return;
    }
    if (p->failed) {
        stage_break(&p->frames->stage, &p->fault);
        return;
    }
    for (unsigned i = 0; i < p->output_count; i++)
        if (p->output_sizes[i] > 0)
            stage_push(p->frames->next, (struct view){.data = p->outputs[i]->data,
                                                      .size = p->output_sizes[i],
                                                      .slab = p->outputs[i],
                                                      .origin = p->place.origin});
    drop_outputs(p);
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
    switch (w->step) {
    case STEP_MAGIC:
        w->step = (word & 0xfffffff0u) == 0x184d2a50u ? STEP_SKIPPABLE : FRAMES_FIRST;
        return w->step == STEP_SKIPPABLE || word == codec->magic;
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
        w->lost = !take_step(codec, w);
        w->have = 0;
        memset(w->bytes, 0, sizeof w->bytes);
    }
    return size;
}

static void push(struct stage *stage, struct view v) {
    struct frames *d = (struct frames *)stage;
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
        bool piecewise = d->serial != NULL || d->walk.lost || d->frame.have > FRAMES_UNIT_MAX;
        if (ended)
            d->walk = (struct frames_walk){0};
        if (piecewise)
            submit_serial(d, ended);
        else if (ended)
            submit(d, shared_new(d->codec), true);
    }
}

static void finish(struct stage *stage) {
    struct frames *d = (struct frames *)stage;
    if (stage_is_closed(&d->stage))
        return;
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
