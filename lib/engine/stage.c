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
