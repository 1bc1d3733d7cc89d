// SPDX-License-Identifier: Apache-2.0
#include "format/frames.h"

#include "base/byteorder.h"
#include "format/frames_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char frames_no_memory[] = "out of memory";

// Of content to frame, for the cost of a unit.
enum { EXPANSION_GUESS = 3 };

void frames_shared_unref(struct shared *s) {
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
    struct slab *out = slab_new(FRAMES_OUTPUT_SIZE);
    if (out == NULL)
        return diag_fault_memory(&p->fault);
    size_t filled = 0;
    bool progress = true;
    while (filled < FRAMES_OUTPUT_SIZE && progress) {
        size_t in = p->size - p->used, made = FRAMES_OUTPUT_SIZE - filled;
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
    while (more > 0 && p->output_count < FRAMES_OUTPUTS_MAX)
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

static void deliver_part(struct unit *unit) {
    struct part *p = (struct part *)unit;
    struct frames *d = p->frames;
    if (!d->stage.broken && p->failed && d->stage.salvage != NULL &&
        p->fault.status == EX_DATAERR) {
        frames_salvage_lose(p);
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
    frames_shared_unref(p->shared);
    free(p);
}

// Submits what has been gathered, to be decoded by `shared` (whose reference is taken over).
static void submit(struct frames *d, struct shared *shared, bool ends) {
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL || shared == NULL) {
        free(p);
        frames_shared_unref(shared);
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
        frames_shared_unref(d->serial);
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

size_t frames_follow(const struct frames_codec *codec, struct frames_walk *w, const uint8_t *data,
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

void frames_take(struct frames *d, struct view v) {
    while (!stage_is_closed(&d->stage) && v.size > 0) {
        bool ended;
        struct view part =
            view_split(&v, frames_follow(d->codec, &d->walk, v.data, v.size, &ended));
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

static void push(struct stage *stage, struct view v) {
    struct frames *d = (struct frames *)stage;
    if (stage->salvage == NULL)
        frames_take(d, v);
    else
        frames_salvage_push(d, v);
}

static void finish(struct stage *stage) {
    struct frames *d = (struct frames *)stage;
    if (stage_is_closed(&d->stage))
        return;
    if (stage->salvage != NULL) {
        frames_salvage_finish(d);
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
    frames_shared_unref(d->serial);
    resync_free(d->resync);
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
