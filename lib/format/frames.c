// SPDX-License-Identifier: Apache-2.0
#include "format/frames.h"

#include "base/byteorder.h"
#include "format/frames_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char frames_no_memory[] = "out of memory", frames_too_large[] = "too large a window";

enum {
    PIECE_LEAST = 64 << 10, // pieces of at least this size are not copied
    OWN_LEAST = 4 << 10,    // memory for those
    OUTPUT_LEAST = 64 << 10 // content of at least this size gets its own slab
};

void frames_held_clear(struct frames_held *h) {
    for (size_t i = 0; i < h->count; i++)
        slab_unref(h->pieces[i].slab);
    free(h->pieces);
    *h = (struct frames_held){.place = h->place};
}

static struct frames_piece *add_piece(struct frames_held *h) {
    if (h->count == h->room) {
        size_t room = h->room == 0 ? 4 : 2 * h->room;
        struct frames_piece *larger = reallocarray(h->pieces, room, sizeof *larger);
        if (larger == NULL)
            return NULL;
        h->pieces = larger;
        h->room = room;
    }
    h->pieces[h->count] = (struct frames_piece){0};
    return &h->pieces[h->count++];
}

// Copies bytes after those that were copied before, as many as there is room for. Returns how many,
// or 0 if the allocation failed.
static size_t copy_some(struct frames_held *h, const uint8_t *data, size_t size) {
    struct frames_piece *last = h->count > 0 ? &h->pieces[h->count - 1] : NULL;
    if (last == NULL || !last->own || last->size == last->slab->capacity) {
        size_t before = last != NULL && last->own ? last->slab->capacity : OWN_LEAST / 2;
        struct slab *slab = slab_new(2 * before < PIECE_LEAST ? 2 * before : PIECE_LEAST);
        last = slab != NULL ? add_piece(h) : NULL;
        if (last == NULL) {
            slab_unref(slab);
            return 0;
        }
        *last = (struct frames_piece){.data = slab->data, .slab = slab, .own = true};
    }
    size_t room = last->slab->capacity - last->size, n = size < room ? size : room;
    if (data != NULL)
        memcpy(last->slab->data + last->size, data, n);
    else
        memset(last->slab->data + last->size, 0, n);
    last->size += n;
    return n;
}

// Holds bytes of the frame; `ends`: they complete it. Returns 0, or -1 if the allocation failed.
static int hold(struct frames_held *h, struct view v, bool ends) {
    struct frames_piece *piece;
    h->have += v.size;
    if (v.slab != NULL && v.data != NULL && (ends || v.size >= PIECE_LEAST)) {
        piece = add_piece(h);
        if (piece == NULL)
            return -1;
        *piece = (struct frames_piece){.data = v.data, .size = v.size, .slab = slab_ref(v.slab)};
        return 0;
    }
    while (v.size > 0) {
        size_t n = copy_some(h, v.data, v.size);
        if (n == 0)
            return -1;
        view_split(&v, n);
    }
    return 0;
}

void frames_shared_unref(struct shared *s) {
    if (s == NULL || --s->references > 0)
        return;
    s->codec->close(s->decoder);
    free(s);
}

static struct shared *shared_new(const struct frames *d) {
    struct shared *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct shared){.codec = d->codec, .place = d->frame.place, .references = 1};
    return s;
}

// Moves past the decoded pieces, and releases them unless salvage may need them again.
static void pass_pieces(struct part *p) {
    struct frames_held *h = &p->input;
    for (; p->piece < h->count && p->at == h->pieces[p->piece].size; p->piece++, p->at = 0)
        if (p->frames->stage.salvage == NULL) {
            slab_unref(h->pieces[p->piece].slab);
            h->pieces[p->piece].slab = NULL;
        }
}

// The frame needs more memory than is allowed. How much is known only if its header is in one
// piece.
static int fail_window(struct part *p) {
    const struct frames *d = p->frames;
    const struct frames_piece *head = &p->input.pieces[0];
    uint64_t need = p->piece == 0 ? d->codec->window_size(head->data, head->size) : 0, mib = 1;
    while (mib << 20 < need && mib < 1 << 20)
        mib *= 2;
    char found[30] = "more", option[30] = "SIZE";
    if (need > 0) {
        snprintf(found, sizeof found, "%" PRIu64, need);
        snprintf(option, sizeof option, "%" PRIu64 "M", mib);
    }
    return diag_fault(&p->fault, EX_DATAERR,
                      "%s frame %s was made with a long window: expected at most %" PRIu64
                      " bytes, found %s; if the file is sound, and there is enough memory, use "
                      "--max-chunk=%s",
                      d->codec->name, place_text(&p->input.place, 0), d->window_max, found, option);
}

// Decodes once. Returns 1, 0 if there was no progress, or -1 with p->fault.
static int decode_once(struct part *p, uint8_t *out, size_t *made) {
    const struct frames_codec *codec = p->shared->codec;
    const struct frames_held *h = &p->input;
    pass_pieces(p);
    bool between = false, some = p->piece < h->count;
    size_t in = some ? h->pieces[p->piece].size - p->at : 0;
    const uint8_t *from = some ? h->pieces[p->piece].data + p->at : out;
    const char *wrong = codec->decode(p->shared->decoder, from, &in, out, made, &between);
    if (wrong == frames_no_memory)
        return diag_fault_memory(&p->fault);
    if (wrong == frames_too_large)
        return fail_window(p);
    if (wrong != NULL) {
        // The decoder's position depends on the pieces of the frame.
        return diag_fault(&p->fault, EX_DATAERR, "damaged data in %s frame %s: %s", codec->name,
                          place_text(&p->shared->place, 0), wrong);
    }
    p->used += in;
    p->at += in;
    if (in == 0 && *made == 0)
        return 0;
    p->shared->between = between; // called without input, a decoder tells its state
    return 1;
}

// Decodes into one more output. Returns 1 if there is more to do, 0 at the end, -1 with p->fault.
static int decode_some(struct part *p) {
    struct slab *out = slab_new(FRAMES_OUTPUT_SIZE);
    if (out == NULL)
        return diag_fault_memory(&p->fault);
    size_t filled = 0;
    int more = 1;
    while (filled < FRAMES_OUTPUT_SIZE && more > 0) {
        size_t made = FRAMES_OUTPUT_SIZE - filled;
        more = decode_once(p, out->data + filled, &made);
        filled += more >= 0 ? made : 0;
    }
    if (more >= 0 && slab_fit(&out, filled, OUTPUT_LEAST) < 0)
        more = diag_fault_memory(&p->fault);
    if (more < 0) {
        slab_unref(out);
        return -1;
    }
    p->outputs[p->output_count] = out;
    p->output_sizes[p->output_count++] = filled;
    return more;
}

// The memory of a decoder is allocated when it runs and freed when its frame has ended.
static int open_decoder(struct part *p) {
    struct shared *s = p->shared;
    if (s->decoder == NULL)
        s->decoder = s->codec->open(p->frames->window_max);
    return s->decoder != NULL ? 1 : diag_fault_memory(&p->fault);
}

static void close_decoder(struct shared *s) {
    s->codec->close(s->decoder);
    s->decoder = NULL;
}

static enum job_result run_part(struct job *job, unsigned thread) {
    (void)thread;
    struct part *p = (struct part *)job;
    if (p->shared->spoiled || p->unwanted) {
        p->failed = p->shared->spoiled = true;
        diag_fault(&p->fault, EX_DATAERR, "%s", "");
        return JOB_DONE;
    }
    int more = open_decoder(p);
    while (more > 0 && p->output_count < FRAMES_OUTPUTS_MAX)
        more = decode_some(p);
    if (more == 0 && p->ends && !p->shared->between) {
        more = diag_fault(&p->fault, EX_DATAERR,
                          "damaged data in %s frame %s: it does not end where it should",
                          p->shared->codec->name, place_text(&p->input.place, p->used));
    }
    p->failed = p->shared->spoiled = more < 0;
    if (more > 0)
        return JOB_MORE;
    if (p->ends || p->failed)
        close_decoder(p->shared);
    if (!p->failed) // a failed part may still be asked for its size
        frames_held_clear(&p->input);
    return JOB_DONE;
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
            ordered_relieve_behind(d->stage.ordered); // one frame may have gigabytes
            p->shared->delivered += p->output_sizes[i];
            d->delivered += p->output_sizes[i];
            stage_push(d->next, (struct view){.data = p->outputs[i]->data,
                                              .size = p->output_sizes[i],
                                              .slab = p->outputs[i],
                                              .origin = p->shared->place.origin});
        }
    drop_outputs(p);
    // Do not decode what is no longer wanted: a few bytes of a frame may expand to gigabytes.
    d->stage.broken = d->stage.broken || stage_is_closed(d->next);
    p->unwanted = d->stage.broken;
}

static void release_part(struct unit *unit) {
    struct part *p = (struct part *)unit;
    if (p->frames->last == p)
        p->frames->last = NULL;
    drop_outputs(p);
    frames_held_clear(&p->input);
    frames_shared_unref(p->shared);
    free(p);
}

// How much content the unit of the held bytes may have. The size in the frame's header is not used:
// the decoder finds out only at the frame's end that it is wrong.
static size_t take_content(struct frames *d) {
    uint64_t content = d->walk.lost ? FRAMES_HOLD_MAX : d->walk.content;
    d->walk.content = 0;
    return content < FRAMES_HOLD_MAX ? (size_t)content : FRAMES_HOLD_MAX;
}

// Submits the held bytes, to be decoded by `shared` (the unit then owns the reference).
static void submit(struct frames *d, struct shared *shared, bool ends) {
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL || shared == NULL) {
        free(p);
        frames_shared_unref(shared);
        stage_fail_memory(&d->stage);
        return;
    }
    p->unit.job.run = run_part;
    p->unit.deliver = deliver_part;
    p->unit.release = release_part;
    p->unit.cost = sizeof *p + d->frame.have + take_content(d);
    p->frames = d;
    p->shared = shared;
    p->input = d->frame;
    p->ends = ends;
    d->frame = (struct frames_held){0};
    if (d->serial != NULL) {
        p->unit.job.after = d->last != NULL ? &d->last->unit.job : NULL;
        d->last = p;
    }
    ordered_submit(d->stage.ordered, &p->unit);
}

static void submit_serial(struct frames *d, bool ends) {
    if (d->serial == NULL && (d->serial = shared_new(d)) == NULL) {
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
        w->step = frames_is_skippable(word) ? STEP_SKIPPABLE : FRAMES_FIRST;
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

// libzstd would go on: it has decoders for the formats before Zstandard 1.0, which have other magic
// numbers, and which no backup tool has written.
static void fail_foreign(struct frames *d) {
    uint8_t magic[4];
    struct fault f;
    le32_put(magic, d->codec->magic);
    const uint8_t *found = d->frame.pieces[0].data; // in one piece: small pieces are copied
                                                    // together
    diag_fault(&f, EX_DATAERR,
               "expected the magic of %s frame %s, %02x %02x %02x %02x, found %02x %02x %02x %02x; "
               "it is of another format, or damaged: fetch the backup again",
               d->codec->name, place_text(&d->frame.place, 0), magic[0], magic[1], magic[2],
               magic[3], found[0], found[1], found[2], found[3]);
    stage_fail(&d->stage, &f);
}

void frames_take(struct frames *d, struct view v) {
    while (!stage_is_closed(&d->stage) && v.size > 0) {
        bool ended;
        ordered_relieve(d->stage.ordered);
        struct view part =
            view_split(&v, frames_follow(d->codec, &d->walk, v.data, v.size, &ended));
        if (d->frame.have == 0)
            d->frame.place =
                (struct place){.origin = part.origin, .exact = part.exact, .position = d->position};
        d->position += part.size;
        if (hold(&d->frame, part, ended) < 0) {
            stage_fail_memory(&d->stage);
            return;
        }
        if (d->walk.foreign) {
            fail_foreign(d);
            return;
        }
        bool piecewise = d->serial != NULL || d->walk.lost || d->frame.have > FRAMES_UNIT_MAX;
        if (piecewise)
            submit_serial(d, ended);
        else if (ended)
            submit(d, shared_new(d), true);
        if (ended)
            d->walk = (struct frames_walk){0};
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
        // If the decoder reports something about these bytes, that says more.
        if (d->frame.have > 0)
            submit_serial(d, false);
        struct place end = {.origin = d->frame.place.origin, .position = d->position};
        diag_fault(&f, EX_DATAERR,
                   "input ends inside %s frame %s; it was cut short: fetch the backup again",
                   d->codec->name, place_text(&end, 0));
        if (!d->stage.failed)
            stage_fail(&d->stage, &f);
        return;
    }
    stage_finish_in_order(stage, d->next);
}

static void free_frames(struct stage *stage) {
    struct frames *d = (struct frames *)stage;
    frames_held_clear(&d->frame);
    frames_shared_unref(d->serial);
    resync_free(d->resync);
    free(d);
}

struct stage *frames_new(struct ordered *o, const struct frames_codec *codec, uint64_t window_max,
                         struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_frames};
    struct frames *d = stage_new(sizeof *d, &operations, o);
    if (d == NULL)
        return NULL;
    d->codec = codec;
    d->window_max = window_max;
    d->next = next;
    return &d->stage;
}
