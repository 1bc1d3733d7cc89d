// SPDX-License-Identifier: Apache-2.0
#include "engine/limit.h"

#include "base/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct limit {
    struct stage stage;
    struct stage *next;
    struct limits *limits;
    const char *name;
    uint64_t position; // of the file
};

static bool fits(uint64_t used, size_t size, uint64_t most) {
    return used <= most && size <= most - used;
}

static int refuse_file(const struct limit *l, uint64_t size, const char *where, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "%s gets too large %s: expected at most %" PRIu64 " bytes, found %" PRIu64
                      "; if the backup is sound, give a larger --max-size",
                      l->name, where, l->limits->max_size, size);
}

static int refuse_total(const struct limit *l, uint64_t size, const char *where, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "%s makes the files too large %s: expected at most %" PRIu64
                      " bytes in all, found %" PRIu64
                      "; if the backup is sound, give a larger --max-total",
                      l->name, where, l->limits->max_total, size);
}

// The most bytes that holes may have now.
static uint64_t most_holes(const struct limits *limits) {
    uint64_t data = limits->total - limits->holes;
    if (!limits->costly_holes || limits->max_total != UINT64_MAX ||
        data > (UINT64_MAX - LIMIT_HOLES_EASY) / LIMIT_HOLES_RATIO)
        return UINT64_MAX;
    return LIMIT_HOLES_EASY + data * LIMIT_HOLES_RATIO;
}

static int refuse_holes(const struct limit *l, uint64_t size, const char *where, struct fault *f) {
    const struct limits *limits = l->limits;
    return diag_fault(f, EX_DATAERR,
                      "%s has too large a hole %s: expected at most %" PRIu64
                      " bytes of holes in all beside %" PRIu64 " of data, found %" PRIu64
                      ", whose zeros would be hashed or written; if the backup is sound, give a "
                      "--max-total",
                      l->name, where, most_holes(limits), limits->total - limits->holes, size);
}

static void push(struct stage *stage, struct view v) {
    struct limit *l = (struct limit *)stage;
    struct limits *limits = l->limits;
    if (stage_is_closed(stage))
        return;
    bool fits_file = fits(l->position, v.size, limits->max_size);
    bool fits_total = fits(limits->total, v.size, limits->max_total);
    uint64_t hole = v.data == NULL ? v.size : 0;
    if (fits_file && fits_total && fits(limits->holes, hole, most_holes(limits))) {
        l->position += v.size;
        limits->total += v.size;
        limits->holes += hole;
        stage_push(l->next, v);
        return;
    }
    struct place place = {.origin = v.origin, .exact = v.exact, .position = l->position};
    struct fault f;
    const char *where = place_text(&place, 0);
    if (!fits_file)
        refuse_file(l, l->position + v.size, where, &f);
    else if (!fits_total)
        refuse_total(l, limits->total + v.size, where, &f);
    else
        refuse_holes(l, limits->holes + hole, where, &f);
    stage_break(stage, &f);
}

// The position in the file: out of order, the input offset is not known.
static char *place_in_file(uint64_t position, char where[static PLACE_TEXT_SIZE]) {
    snprintf(where, PLACE_TEXT_SIZE, "at byte %" PRIu64 " of the file", position);
    return where;
}

static int place(struct stage *stage, uint64_t offset, const void *data, size_t size,
                 struct fault *f) {
    const struct limit *l = (struct limit *)stage;
    char where[PLACE_TEXT_SIZE];
    if (!fits(offset, size, l->limits->max_size))
        return refuse_file(l, offset + size, place_in_file(offset, where), f);
    return l->next->ops->place(l->next, offset, data, size, f);
}

static void placed(struct stage *stage, size_t size) {
    struct limit *l = (struct limit *)stage;
    struct limits *limits = l->limits;
    if (stage_is_closed(stage))
        return;
    if (fits(limits->total, size, limits->max_total)) {
        l->position += size;
        limits->total += size;
        l->next->ops->placed(l->next, size);
        return;
    }
    char where[PLACE_TEXT_SIZE];
    struct fault f;
    refuse_total(l, limits->total + size, place_in_file(l->position, where), &f);
    stage_break(stage, &f);
}

static int seek(struct stage *stage, uint64_t offset, struct fault *f) {
    struct limit *l = (struct limit *)stage;
    (void)f;
    stage_seek(l->next, offset);
    l->position = offset;
    return 0;
}

static void finish(struct stage *stage) {
    struct limit *l = (struct limit *)stage;
    if (!stage_is_closed(stage))
        stage_finish(l->next);
}

struct stage *limit_new(struct ordered *o, struct stage *next, struct limits *limits,
                        const char *name) {
    static const struct stage_operations any_order = {
        .push = push, .finish = finish, .place = place, .placed = placed, .seek = seek};
    static const struct stage_operations in_order = {.push = push, .finish = finish, .seek = seek};
    struct limit *l = stage_new(sizeof *l, next->ops->place != NULL ? &any_order : &in_order, o);
    if (l == NULL)
        return NULL;
    l->next = next;
    l->limits = limits;
    l->name = name;
    return &l->stage;
}

void limit_next_file(struct stage *limit) {
    ((struct limit *)limit)->position = 0;
}
