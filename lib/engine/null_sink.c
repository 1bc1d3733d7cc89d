// SPDX-License-Identifier: Apache-2.0
#include "engine/null_sink.h"

#include "program/progress.h"

#include <stdlib.h>

struct null_sink {
    struct stage stage;
    uint64_t position, size;
    void (*done)(void *);
    void *context;
};

struct ending {
    struct unit unit;
    struct null_sink *sink;
};

static void advance(struct null_sink *s, size_t size) {
    s->position += size;
    if (s->size < s->position)
        s->size = s->position;
}

static void push(struct stage *stage, struct view v) {
    advance((struct null_sink *)stage, v.size);
    progress_out(v.size);
}

static int place(struct stage *stage, uint64_t offset, const void *data, size_t size,
                 struct fault *f) {
    (void)stage, (void)offset, (void)data, (void)size, (void)f;
    return 0;
}

static void placed(struct stage *stage, size_t size) {
    advance((struct null_sink *)stage, size);
    progress_out(size);
}

static void deliver_ending(struct unit *unit) {
    const struct null_sink *s = ((struct ending *)unit)->sink;
    if (s->done != NULL)
        s->done(s->context);
}

static void release_ending(struct unit *unit) {
    free(unit);
}

static int seek(struct stage *stage, uint64_t offset, struct fault *f) {
    (void)f;
    ((struct null_sink *)stage)->position = offset;
    return 0;
}

static void finish(struct stage *stage) {
    struct ending *e = calloc(1, sizeof *e);
    if (e == NULL) {
        stage_fail_memory(stage);
        return;
    }
    e->unit.deliver = deliver_ending;
    e->unit.release = release_ending;
    e->sink = (struct null_sink *)stage;
    ordered_submit(stage->ordered, &e->unit);
}

uint64_t null_sink_size(const struct stage *stage) {
    return ((const struct null_sink *)stage)->size;
}

static void free_sink(struct stage *stage) {
    free(stage);
}

struct stage *null_sink_new(struct ordered *o, void (*done)(void *context), void *context) {
    static const struct stage_operations operations = {.push = push,
                                                       .finish = finish,
                                                       .place = place,
                                                       .placed = placed,
                                                       .seek = seek,
                                                       .free = free_sink};
    struct null_sink *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->stage.ops = &operations;
    s->stage.ordered = o;
    s->done = done;
    s->context = context;
    return &s->stage;
}
