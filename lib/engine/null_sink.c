// SPDX-License-Identifier: Apache-2.0
#include "engine/null_sink.h"

#include "os/counters.h"

#include <stdlib.h>

struct null_sink {
    struct stage stage;
    uint64_t position, size;
    void (*done)(void *);
    void *context;
};

static void advance(struct null_sink *s, size_t size) {
    s->position += size;
    if (s->size < s->position)
        s->size = s->position;
}

static void push(struct stage *stage, struct view v) {
    advance((struct null_sink *)stage, v.size);
    counters_add_out(v.size);
}

static int place(struct stage *stage, uint64_t offset, const void *data, size_t size,
                 struct fault *f) {
    (void)stage, (void)offset, (void)data, (void)size, (void)f;
    return 0;
}

static void placed(struct stage *stage, size_t size) {
    advance((struct null_sink *)stage, size);
    counters_add_out(size);
}

static void deliver_end(struct stage *stage, void *context) {
    (void)context;
    const struct null_sink *s = (struct null_sink *)stage;
    if (s->done != NULL)
        s->done(s->context);
}

static int seek(struct stage *stage, uint64_t offset, struct fault *f) {
    (void)f;
    ((struct null_sink *)stage)->position = offset;
    return 0;
}

static void finish(struct stage *stage) {
    stage_end_in_order(stage, deliver_end, NULL);
}

uint64_t null_sink_size(const struct stage *stage) {
    return ((const struct null_sink *)stage)->size;
}

struct stage *null_sink_new(struct ordered *o, void (*done)(void *context), void *context) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .place = place, .placed = placed, .seek = seek};
    struct null_sink *s = stage_new(sizeof *s, &operations, o);
    if (s == NULL)
        return NULL;
    s->done = done;
    s->context = context;
    return &s->stage;
}
