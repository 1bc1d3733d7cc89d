// SPDX-License-Identifier: Apache-2.0
#include "format/gzip_dec.h"

#include "base/place.h"
#include "engine/salvage.h"
#include "format/gunzip.h"

#include <stdio.h>
#include <stdlib.h>

// Input is decoded in pieces, one after the other, and each is passed on in order.
enum {
    PIECE_SIZE = 256 << 10,
    OUTPUT_SIZE = 1 << 20,
    OUTPUTS_MAX = 4,
    OUTPUT_LEAST = 64 << 10,
    COST_GUESS = 4
};

enum state { IN_MEMBER, BETWEEN, IN_PADDING };

// The decoder itself, used by one piece at a time.
struct strand {
    struct gunzip *gunzip;
    enum state state;
    bool begun;          // there has been input
    unsigned references; // main thread
};

struct gzip_dec {
    struct stage stage;
    struct stage *next;
    uint64_t position;
    uint64_t origin;  // of the first byte: all content is decoded from there on
    struct place end; // of the input so far
    struct strand *strand;
    struct piece *last; // submitted, until released
    // If the stage salvages:
    uint64_t delivered; // content
    bool spoiled;       // damage was found
    struct salvage_loss loss;
    char why[SALVAGE_WHY_MAX + 1];
};

struct piece {
    struct unit unit;
    struct gzip_dec *decoder;
    struct strand *strand;
    struct view view; // holds a reference
    size_t used;
    struct place place;
    bool ends; // the input ends with it
    struct slab *outputs[OUTPUTS_MAX];
    size_t output_sizes[OUTPUTS_MAX];
    unsigned output_count;
    bool failed, done;
    struct fault fault;
};

static void strand_unref(struct strand *s) {
    if (s == NULL || --s->references > 0)
        return;
    gunzip_free(s->gunzip);
    free(s);
}

static struct strand *strand_new(void) {
    struct strand *s = calloc(1, sizeof *s);
    if (s == NULL || (s->gunzip = gunzip_new()) == NULL) {
        free(s);
        return NULL;
    }
    s->references = 1;
    return s;
}

static int fail_data(struct piece *p, const char *what) {
    return diag_fault(&p->fault, EX_DATAERR, "damaged gzip data %s: %s; fetch the backup again",
                      place_text(&p->place, p->used), what);
}

// Between members and after the last one. Returns 1, 0 at the end of the piece, -1 with p->fault.
static int look_for_member(struct piece *p) {
    struct strand *s = p->strand;
    if (p->used == p->view.size)
        return 0;
    uint8_t byte = p->view.data[p->used];
    if (s->state == BETWEEN && byte == GZIP_DEC_MAGIC[0]) {
        s->state = IN_MEMBER;
        gunzip_reset(s->gunzip);
        return 1;
    }
    s->state = IN_PADDING;
    while (p->used < p->view.size && p->view.data[p->used] == 0)
        p->used++;
    return p->used == p->view.size
               ? 0
               : fail_data(p, "after its end: expected zero bytes or nothing, found other data");
}

// Decodes into `out`, which has *filled bytes. Returns as above, 1 also when it is full.
static int inflate_some(struct piece *p, struct slab *out, size_t *filled) {
    size_t left = p->view.size - p->used, room = OUTPUT_SIZE - *filled, before = left;
    const char *why;
    enum gunzip_result result = gunzip_run(p->strand->gunzip, p->view.data + p->used, &left,
                                           out->data + *filled, &room, &why);
    p->used += before - left;
    *filled = OUTPUT_SIZE - room;
    p->strand->begun = true;
    switch (result) {
    case GUNZIP_END:
        p->strand->state = BETWEEN;
        return 1;
    case GUNZIP_MORE:
        return 1;
    case GUNZIP_INPUT: // no input is left: the next piece has more
        return 0;
    case GUNZIP_MEMORY:
        return diag_fault_memory(&p->fault);
    default:
        return fail_data(p, why);
    }
}

// Fills one more output. Returns as above.
static int fill_output(struct piece *p) {
    struct slab *out = slab_new(OUTPUT_SIZE);
    if (out == NULL)
        return diag_fault_memory(&p->fault);
    size_t filled = 0;
    int more = 1;
    while (more > 0 && filled < OUTPUT_SIZE)
        more = p->strand->state == IN_MEMBER ? inflate_some(p, out, &filled) : look_for_member(p);
    if (slab_fit(&out, filled, OUTPUT_LEAST) < 0) {
        slab_unref(out);
        return diag_fault_memory(&p->fault);
    }
    p->outputs[p->output_count] = out;
    p->output_sizes[p->output_count++] = filled;
    return more;
}

static int check_end(struct piece *p) {
    if (p->strand->state != IN_MEMBER)
        return 0;
    if (!p->strand->begun)
        return diag_fault(&p->fault, EX_DATAERR, "input is empty: expected gzip data");
    return diag_fault(&p->fault, EX_DATAERR,
                      "gzip data ends too early, %s; it was cut short: fetch the backup again",
                      place_text(&p->place, p->used));
}

static enum job_result run_piece(struct job *job, unsigned thread) {
    (void)thread;
    struct piece *p = (struct piece *)job;
    int more = p->view.size > 0;
    while (more > 0 && p->output_count < OUTPUTS_MAX)
        more = fill_output(p);
    if (more > 0)
        return JOB_MORE;
    if (more == 0 && p->ends)
        more = check_end(p);
    p->failed = more < 0;
    p->done = true;
    return JOB_DONE;
}

static void drop_outputs(struct piece *p) {
    for (unsigned i = 0; i < p->output_count; i++)
        slab_unref(p->outputs[i]);
    p->output_count = 0;
}

// Records the loss of everything that cannot be decoded.
static void lose(const struct piece *p) {
    struct gzip_dec *d = p->decoder;
    if (!d->spoiled) {
        d->spoiled = true;
        d->loss = (struct salvage_loss){.format = "gzip",
                                        .offset = p->place.position + p->used,
                                        .placed = true,
                                        .output_offset = d->delivered};
        snprintf(d->why, sizeof d->why, "%.*s", diag_cut(p->fault.text, SALVAGE_WHY_MAX),
                 p->fault.text);
    }
    d->loss.length = p->place.position + p->view.size - d->loss.offset;
    if (!p->ends)
        return;
    salvage_lost(d->stage.salvage, &d->loss, d->why);
    stage_finish(d->next);
}

static void deliver_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    struct gzip_dec *d = p->decoder;
    for (unsigned i = 0; i < p->output_count && !d->stage.broken && !d->spoiled; i++)
        if (p->output_sizes[i] > 0) {
            d->delivered += p->output_sizes[i];
            stage_push(d->next, (struct view){.data = p->outputs[i]->data,
                                              .size = p->output_sizes[i],
                                              .slab = p->outputs[i],
                                              .origin = d->origin});
        }
    drop_outputs(p);
    if (d->stage.broken || !p->done)
        return;
    if (d->stage.salvage != NULL && (d->spoiled || (p->failed && p->fault.status == EX_DATAERR)))
        lose(p);
    else if (p->failed)
        stage_break(&d->stage, &p->fault);
    else if (p->ends)
        stage_finish(d->next);
}

static void release_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    if (p->decoder->last == p)
        p->decoder->last = NULL;
    drop_outputs(p);
    slab_unref(p->view.slab);
    strand_unref(p->strand);
    free(p);
}

// Submits a piece of input, or, with an empty view, its end.
static void submit(struct gzip_dec *d, struct view v, bool ends) {
    struct piece *p = stage_unit(&d->stage, sizeof *p, deliver_piece, &v);
    if (p == NULL)
        return;
    p->unit.job.run = run_piece;
    p->unit.job.after = d->last != NULL ? &d->last->unit.job : NULL;
    p->unit.release = release_piece;
    p->unit.cost = sizeof *p + v.size * COST_GUESS;
    p->decoder = d;
    p->strand = d->strand;
    p->strand->references++;
    p->view = v;
    p->place = (struct place){.origin = v.origin, .exact = v.exact, .position = d->position};
    p->ends = ends;
    if (d->position == 0)
        d->origin = v.origin;
    d->position += v.size;
    d->end = p->place;
    d->end.origin += v.exact ? v.size : 0;
    d->end.position = d->position;
    d->last = p;
    ordered_submit(d->stage.ordered, &p->unit);
}

static void push(struct stage *stage, struct view v) {
    struct gzip_dec *d = (struct gzip_dec *)stage;
    static const uint8_t zeros[PIECE_SIZE]; // the content of a hole
    while (v.size > 0 && !stage_is_closed(stage)) {
        struct view part = view_split(&v, v.size < PIECE_SIZE ? v.size : PIECE_SIZE);
        if (part.data == NULL)
            part.data = zeros;
        submit(d, part, false);
        ordered_relieve(stage->ordered);
    }
}

static void finish(struct stage *stage) {
    struct gzip_dec *d = (struct gzip_dec *)stage;
    static const uint8_t none;
    if (!stage_is_closed(stage))
        submit(d, (struct view){.data = &none, .origin = d->end.origin, .exact = d->end.exact},
               true);
}

static void free_decoder(struct stage *stage) {
    struct gzip_dec *d = (struct gzip_dec *)stage;
    strand_unref(d->strand);
    free(d);
}

struct stage *gzip_dec_new(struct ordered *o, struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_decoder};
    struct gzip_dec *d = stage_new(sizeof *d, &operations, o);
    if (d == NULL || (d->strand = strand_new()) == NULL) {
        free(d);
        return NULL;
    }
    d->next = next;
    return &d->stage;
}
