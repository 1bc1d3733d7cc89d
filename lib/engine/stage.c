// SPDX-License-Identifier: Apache-2.0
#include "engine/stage.h"

#include <stdlib.h>

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

void *stage_new(size_t size, const struct stage_operations *ops, struct ordered *o) {
    struct stage *s = calloc(1, size);
    if (s == NULL)
        return NULL;
    s->ops = ops;
    s->ordered = o;
    return s;
}

void stage_free(struct stage *s) {
    if (s != NULL && s->ops->free != NULL)
        s->ops->free(s);
    else
        free(s);
}

void *stage_unit(struct stage *s, size_t size, void (*deliver)(struct unit *), struct view *v) {
    struct unit *unit = calloc(1, size);
    if (unit == NULL || (v != NULL && view_hold(v) < 0)) {
        free(unit);
        stage_fail_memory(s);
        return NULL;
    }
    unit->deliver = deliver;
    unit->cost = size;
    return unit;
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
    struct ending *e = stage_unit(s, sizeof *e, deliver_ending, NULL);
    if (e == NULL)
        return;
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

void stage_seek(struct stage *s, uint64_t offset) {
    struct fault f;
    if (stage_is_closed(s))
        return;
    if (s->ops->seek == NULL)
        diag_fault(&f, EX_DATAERR,
                   "the stream overwrites bytes that were already decoded or written to standard "
                   "output; unpack the member with -C, without decoding");
    else if (s->ops->seek(s, offset, &f) == 0)
        return;
    stage_break(s, &f);
}
