// SPDX-License-Identifier: Apache-2.0
#include "engine/gather.h"

#include <string.h>

// A view is kept by reference if it is at least this share of its slab, because the reference keeps
// the whole slab.
enum { GATHER_SHARE = 4 };

void gather_begin(struct gather *g, size_t need) {
    *g = (struct gather){.need = need};
}

// Makes room for `wanted` bytes in the gather's own slab, and keeps its bytes. Memory grows by
// doubling, so that a large size in a header alone allocates nothing. Returns 0 or -1.
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
        g->place = view_place(v, *position);
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
