// SPDX-License-Identifier: Apache-2.0
#include "engine/stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A view that is part of what is gathered stays where it is if it is at least this share of its
// slab, which it keeps from being freed.
enum { GATHER_SHARE = 4 };

static struct fault with_name(const struct stage *s, const struct fault *f) {
    struct fault named = *f;
    if (s->name != NULL)
        diag_prefix(&named, s->name);
    return named;
}

void stage_fail(struct stage *s, const struct fault *f) {
    struct fault named = with_name(s, f);
    s->failed = true;
    ordered_fail(s->ordered, &named);
}

void stage_fail_memory(struct stage *s) {
    struct fault f;
    diag_fault_memory(&f);
    stage_fail(s, &f);
}

void stage_break(struct stage *s, const struct fault *f) {
    struct fault named = with_name(s, f);
    s->broken = true;
    ordered_fail_now(s->ordered, &named);
}

struct ending {
    struct unit unit;
    struct stage *stage;
    void (*deliver)(struct stage *stage, void *context);
    void *context;
};

static void deliver_ending(struct unit *unit) {
    struct ending *e = (struct ending *)unit;
    if (!e->stage->broken)
        e->deliver(e->stage, e->context);
}

void stage_end_in_order(struct stage *s, void (*deliver)(struct stage *s, void *context),
                        void *context) {
    struct ending *e = calloc(1, sizeof *e);
    if (e == NULL) {
        stage_fail_memory(s);
        return;
    }
    e->unit.deliver = deliver_ending;
    e->unit.release = ordered_free_unit;
    e->stage = s;
    e->deliver = deliver;
    e->context = context;
    ordered_submit(s->ordered, &e->unit);
}

static void finish_next(struct stage *s, void *next) {
    (void)s;
    stage_finish(next);
}

void stage_finish_in_order(struct stage *s, struct stage *next) {
    stage_end_in_order(s, finish_next, next);
}

char *place_text(const struct place *p, size_t further, char out[static PLACE_TEXT_SIZE]) {
    if (p->exact)
        snprintf(out, PLACE_TEXT_SIZE, "at input offset %" PRIu64, p->origin + further);
    else
        snprintf(out, PLACE_TEXT_SIZE,
                 "at byte %" PRIu64 " of the data made from input offset %" PRIu64,
                 p->position + further, p->origin);
    return out;
}

static struct place place_of(const struct view *v, uint64_t position) {
    return (struct place){.origin = v->origin, .exact = v->exact, .position = position};
}

bool head_fill(struct head *h, size_t need, struct view *v, uint64_t *position) {
    if (h->have == 0)
        h->place = place_of(v, *position);
    if (h->have < need) {
        size_t missing = need - h->have;
        struct view part = view_split(v, missing < v->size ? missing : v->size);
        if (part.data != NULL)
            memcpy(h->bytes + h->have, part.data, part.size);
        else
            memset(h->bytes + h->have, 0, part.size);
        h->have += part.size;
        *position += part.size;
    }
    return h->have >= need;
}

void gather_begin(struct gather *g, size_t need) {
    *g = (struct gather){.need = need};
}

// Makes room for `wanted` bytes in memory of the gather's own, keeping what it has. Memory grows by
// doubling, so that a claim alone takes none. Returns 0 or -1.
static int make_room(struct gather *g, size_t wanted) {
    if (!g->borrowed && g->slab != NULL && wanted <= g->slab->capacity)
        return 0;
    size_t capacity = 4 * wanted < g->need || g->need < wanted ? 2 * wanted : g->need;
    struct slab *own = slab_new(capacity > 0 ? capacity : 1);
    if (own == NULL)
        return -1;
    if (g->have > 0)
        memcpy(own->data, g->data, g->have);
    slab_unref(g->slab);
    g->slab = own;
    g->data = own->data;
    g->borrowed = false;
    return 0;
}

int gather_append(struct gather *g, struct view part) {
    bool lasting = part.slab != NULL && part.data != NULL;
    if (g->slab == NULL && lasting &&
        (part.size >= g->need || part.size >= part.slab->capacity / GATHER_SHARE)) {
        g->slab = slab_ref(part.slab);
        g->data = part.data;
        g->borrowed = true;
    } else if (!(g->borrowed && lasting && part.slab == g->slab &&
                 part.data == g->data + g->have)) {
        if (make_room(g, g->have + part.size) < 0)
            return -1;
        uint8_t *to = g->slab->data + g->have;
        if (part.data != NULL)
            memcpy(to, part.data, part.size);
        else
            memset(to, 0, part.size);
    }
    g->have += part.size;
    return 0;
}

int gather_fill(struct gather *g, struct view *v, uint64_t *position) {
    if (g->have == 0)
        g->place = place_of(v, *position);
    size_t missing = g->need - g->have;
    struct view part = view_split(v, missing < v->size ? missing : v->size);
    *position += part.size;
    if (gather_append(g, part) < 0)
        return -1;
    return g->have == g->need;
}

void gather_clear(struct gather *g) {
    slab_unref(g->slab);
    *g = (struct gather){0};
}

void stage_seek(struct stage *s, uint64_t offset) {
    struct fault f;
    if (stage_is_closed(s))
        return;
    if (s->ops->seek == NULL)
        diag_fault(&f, EX_DATAERR,
                   "the stream writes over bytes that are gone already: they were decoded, or went "
                   "to standard output; unpack the member with -C, without decoding");
    else if (s->ops->seek(s, offset, &f) == 0)
        return;
    stage_break(s, &f);
}
