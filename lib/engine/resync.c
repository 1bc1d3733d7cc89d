// SPDX-License-Identifier: Apache-2.0
#include "engine/resync.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOOK = 4096,            // bytes that a probe always gets if they exist
    SEARCH_STEP = 64 << 10, // bytes copied at a time while searching
    OWN_FIRST = 64 << 10,   // memory of the first copy
    BORROWED_SHARE = 4,     // the least share of a slab that the rest of a view may keep
    INNER_TRIES = 16,       // headers that are checked inside a damaged unit
    SPENT_BASE = 64 << 20,  // bytes that may always be checked because of false headers
    SPENT_PER_BYTE = 8      // and further ones for each byte of the input so far
};

bool resync_start(struct resync **r, struct stage *stage, const struct resync_format *format,
                  void *context) {
    if (stage_is_closed(stage))
        return false;
    if (*r != NULL)
        return true;
    *r = calloc(1, format->size);
    if (*r == NULL) {
        stage_fail_memory(stage);
        return false;
    }
    (*r)->stage = stage;
    (*r)->format = format;
    (*r)->context = context;
    (*r)->need = 1;
    return true;
}

static void drop_held(struct resync *r) {
    slab_unref(r->slab);
    r->slab = NULL;
    r->data = NULL;
    r->have = 0;
}

void resync_free(struct resync *r) {
    if (r != NULL)
        drop_held(r);
    free(r);
}

static void advance(struct resync *r, size_t n) {
    r->data += n;
    r->have -= n;
    r->position += n;
    r->need = 1;
    if (r->have == 0)
        drop_held(r);
}

static void close_gap(struct resync *r, bool at_end) {
    if (!r->searching)
        return;
    r->searching = false;
    r->gap.length = r->position - r->gap.offset;
    r->gap.at_end = at_end;
    r->gap.why = r->why.text;
    r->format->gap(r->context, &r->gap);
}

static void open_gap(struct resync *r, const struct fault *why) {
    r->searching = true;
    r->why = *why;
    r->gap = (struct resync_gap){.offset = r->position,
                                 .head_size = r->have < RESYNC_HEAD ? r->have : RESYNC_HEAD};
    memcpy(r->gap.head, r->data, r->gap.head_size);
}

static struct place place_here(const struct resync *r) {
    struct place place = {.origin = r->last.origin, .position = r->position};
    if (r->last.exact) {
        place.origin += r->position - r->last_position; // as in the last view
        place.exact = true;
    }
    return place;
}

static void hand_out(struct resync *r, size_t size, const char *hit) {
    close_gap(r, false);
    if (stage_is_closed(r->stage))
        return;
    struct place place = place_here(r);
    struct view v = {.data = r->data,
                     .size = size,
                     .slab = r->slab,
                     .origin = place.origin,
                     .exact = place.exact};
    r->format->unit(r->context, v, r->position, hit);
    advance(r, size);
}

// Whether a sound unit begins inside the first `size` bytes: then these are not one unit, whatever
// their header says and whatever follows them.
static bool holds_unit(const struct resync *r, size_t size, bool end) {
    size_t at = 1;
    for (int tries = 0; tries < INNER_TRIES; tries++, at++) {
        at += r->format->find(r->context, r->data + at, size - at);
        if (at >= size)
            return false;
        struct resync_window w = {.data = r->data + at,
                                  .have = r->have - at,
                                  .end = end,
                                  .searching = true,
                                  .place = place_here(r)};
        struct fault why;
        size_t inner = 0;
        if (r->format->probe(r->context, &w, &inner, &why) == RESYNC_UNIT && inner <= size - at)
            return true;
    }
    return false;
}

// Judges the first bytes. Returns false if more input is needed.
static bool step(struct resync *r, bool end) {
    if (r->have < r->need && !end)
        return false;
    size_t shown = r->need > LOOK ? r->need : LOOK;
    if (shown > r->have)
        shown = r->have;
    struct resync_window w = {.data = r->data,
                              .have = shown,
                              .end = end && shown == r->have,
                              .searching = r->searching,
                              .place = place_here(r)};
    struct fault why = {0};
    size_t size = 0;
    switch (r->format->probe(r->context, &w, &size, &why)) {
    case RESYNC_UNIT:
        hand_out(r, size, NULL);
        return true;
    case RESYNC_HIT:
        if (holds_unit(r, size, end))
            break;
        hand_out(r, size, why.text);
        return true;
    case RESYNC_MORE:
        if (w.end)
            break;
        if (size <= LOOK || r->spent <= SPENT_BASE + SPENT_PER_BYTE * r->position) {
            r->need = size;
            return true;
        }
        diag_fault(&why, EX_DATAERR, "too many false headers");
        break;
    case RESYNC_NOTHING:
        break;
    }
    if (r->need > LOOK)
        r->spent += shown;
    if (!r->searching) {
        if (r->have < RESYNC_HEAD && !end) { // a report shows the gap's first bytes
            r->need = RESYNC_HEAD;
            return false;
        }
        open_gap(r, &why);
    }
    advance(r, 1);
    if (r->have > 0)
        advance(r, r->format->find(r->context, r->data, r->have));
    return true;
}

static void run(struct resync *r, bool end) {
    while (r->have > 0 && !stage_is_closed(r->stage) && step(r, end))
        ordered_relieve(r->stage->ordered);
}

// Makes room after the bytes that are held, in its own slab. Returns 0 or -1.
static int make_room(struct resync *r, size_t size) {
    if (r->slab != NULL && !r->borrowed) {
        size_t used = (size_t)(r->data - r->slab->data) + r->have;
        if (r->slab->capacity - used >= size)
            return 0;
    }
    // Memory grows by doubling, as data arrives: a large size in a header alone allocates nothing.
    size_t wanted = r->have + size, capacity = 2 * wanted;
    if (capacity > r->need)
        capacity = r->need > wanted ? r->need : wanted;
    if (capacity < OWN_FIRST && r->searching)
        capacity = OWN_FIRST;
    struct slab *own = slab_new(capacity);
    if (own == NULL)
        return -1;
    if (r->have > 0)
        memcpy(own->data, r->data, r->have);
    slab_unref(r->slab);
    r->slab = own;
    r->data = own->data;
    r->borrowed = false;
    return 0;
}

// Takes bytes from *v: all of them if they can stay in their slab; otherwise only as many as
// needed, so that the rest can stay in its slab. Returns 0 or -1.
static int take(struct resync *r, struct view *v) {
    bool lasting = v->slab != NULL && v->data != NULL;
    r->last_position = r->position + r->have;
    r->last = *v;
    if (r->have == 0 && lasting) {
        r->slab = slab_ref(v->slab);
        r->data = v->data;
        r->borrowed = true;
        r->have = v->size;
        v->size = 0;
        return 0;
    }
    if (r->borrowed && lasting && r->slab == v->slab && v->data == r->data + r->have) {
        r->have += v->size;
        v->size = 0;
        return 0;
    }
    size_t n = r->need > r->have ? r->need - r->have : 1;
    if (r->searching && n < SEARCH_STEP)
        n = SEARCH_STEP;
    struct view part = view_split(v, n < v->size ? n : v->size);
    if (make_room(r, part.size) < 0)
        return -1;
    uint8_t *to = r->slab->data + (r->data - r->slab->data) + r->have;
    if (part.data != NULL)
        memcpy(to, part.data, part.size);
    else
        memset(to, 0, part.size);
    r->have += part.size;
    return 0;
}

void resync_push(struct resync *r, struct view v) {
    while (v.size > 0 && !stage_is_closed(r->stage)) {
        if (r->have == 0 && r->searching && v.data == NULL) { // no unit begins with a zero byte
            r->position += v.size;
            return;
        }
        // A large size in a header must not expand all zeros of a hole at once.
        struct view part =
            view_split(&v, v.data == NULL && v.size > SEARCH_STEP ? SEARCH_STEP : v.size);
        while (part.size > 0 && !stage_is_closed(r->stage)) {
            if (take(r, &part) < 0) {
                stage_fail_memory(r->stage);
                return;
            }
            run(r, false);
        }
    }
    // A few bytes that wait for more must not keep a large slab.
    bool few = r->have > 0 && r->borrowed && r->have < r->slab->capacity / BORROWED_SHARE;
    if (few && !stage_is_closed(r->stage) && make_room(r, 0) < 0)
        stage_fail_memory(r->stage);
}

void resync_finish(struct resync *r) {
    run(r, true);
    if (!stage_is_closed(r->stage))
        close_gap(r, true);
}

size_t resync_find(const uint8_t *data, size_t size, const char *magic, size_t magic_size) {
    for (size_t at = 0; at < size;) {
        const uint8_t *first = memchr(data + at, magic[0], size - at);
        if (first == NULL)
            return size;
        at = (size_t)(first - data);
        size_t n = size - at < magic_size ? size - at : magic_size;
        if (memcmp(first, magic, n) == 0)
            return at;
        at++;
    }
    return size;
}

bool resync_follows(const struct resync_window *w, size_t at, const char *magic,
                    size_t magic_size) {
    size_t there = at < w->have ? w->have - at : 0;
    return memcmp(w->data + at, magic, there < magic_size ? there : magic_size) == 0;
}
