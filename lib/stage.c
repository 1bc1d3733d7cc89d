// SPDX-License-Identifier: Apache-2.0
#include "stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Memory that a gather takes at first for what is larger.
enum { GATHER_FIRST = 1 << 20 };

struct ending {
    struct unit unit;
    struct stage *next;
};

static void deliver_ending(struct unit *unit) {
    stage_finish(((struct ending *)unit)->next);
}

static void release_ending(struct unit *unit) {
    free(unit);
}

void stage_finish_in_order(struct ordered *o, struct stage *next) {
    struct ending *ending = calloc(1, sizeof *ending);
    if (ending == NULL) {
        struct fault f;
        diag_fault_memory(&f);
        ordered_fail(o, &f);
        return;
    }
    ending->unit.deliver = deliver_ending;
    ending->unit.release = release_ending;
    ending->next = next;
    ordered_submit(o, &ending->unit);
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

int gather_fill(struct gather *g, struct view *v, uint64_t *position) {
    if (g->have == 0)
        g->place = place_of(v, *position);
    size_t missing = g->need - g->have;
    struct view part = view_split(v, missing < v->size ? missing : v->size);
    *position += part.size;
    if (g->have == 0 && part.size == g->need && part.slab != NULL && part.data != NULL) {
        g->data = part.data;
        g->slab = slab_ref(part.slab);
        g->have = part.size;
        return 1;
    }
    if (g->slab == NULL) {
        g->slab = slab_new(g->need < GATHER_FIRST ? (g->need > 0 ? g->need : 1) : GATHER_FIRST);
        if (g->slab == NULL)
            return -1;
    }
    size_t wanted = g->have + part.size;
    if (wanted > g->slab->capacity) {
        size_t doubled = 2 * g->slab->capacity;
        size_t capacity = doubled > g->need ? g->need : doubled;
        if (slab_grow(&g->slab, g->have, capacity > wanted ? capacity : wanted) < 0)
            return -1;
    }
    if (part.data != NULL)
        memcpy(g->slab->data + g->have, part.data, part.size);
    else
        memset(g->slab->data + g->have, 0, part.size);
    g->have = wanted;
    g->data = g->slab->data;
    return g->have == g->need;
}

void gather_clear(struct gather *g) {
    slab_unref(g->slab);
    *g = (struct gather){0};
}
