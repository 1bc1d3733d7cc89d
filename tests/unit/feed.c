// SPDX-License-Identifier: Apache-2.0
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void collect(struct stage *stage, struct view v) {
    struct collector *c = (struct collector *)stage;
    if (c->finishes > 0)
        abort(); // no stage may push after its end
    if (c->size + v.size > c->room) {
        c->room = 2 * (c->size + v.size);
        c->data = realloc(c->data, c->room);
        if (c->data == NULL)
            abort();
    }
    if (v.data == NULL) {
        memset(c->data + c->size, 0, v.size);
        c->holes += v.size;
    } else if (v.size > 0) {
        memcpy(c->data + c->size, v.data, v.size);
    }
    c->size += v.size;
}

static void finish_collecting(struct stage *stage) {
    ((struct collector *)stage)->finishes++;
}

static void free_collector(struct stage *stage) {
    free(((struct collector *)stage)->data);
    free(stage);
}

struct collector *collector_new(void) {
    static const struct stage_operations operations = {
        .push = collect, .finish = finish_collecting, .free = free_collector};
    struct collector *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    c->stage.ops = &operations;
    return c;
}

const char *feeding_text(const struct feeding *how) {
    static char text[120];
    snprintf(text, sizeof text, "%u threads, %s, first piece %zu, then %zu", how->threads,
             how->held ? "held" : "lent", how->first, how->rest);
    return text;
}

// Pushes one piece whose memory ends, for a checker, where the piece ends, and is freed afterwards.
static void push_lent(struct stage *stage, const uint8_t *data, size_t size, uint64_t origin) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    stage_push(stage, (struct view){.data = copy, .size = size, .origin = origin, .exact = true});
    memset(copy, 0xdb, size);
    free(copy);
}

static void push_all(struct ordered *o, struct stage *stage, const uint8_t *data, size_t size,
                     const struct feeding *how) {
    struct slab *slab = NULL;
    if (how->held) {
        slab = slab_new(size > 0 ? size : 1);
        if (slab == NULL)
            abort();
        if (size > 0)
            memcpy(slab->data, data, size);
    }
    size_t piece = how->first != 0 ? how->first : size;
    for (size_t at = 0; at < size;) {
        size_t n = size - at < piece ? size - at : piece;
        if (slab != NULL)
            stage_push(
                stage,
                (struct view){
                    .data = slab->data + at, .size = n, .slab = slab, .origin = at, .exact = true});
        else
            push_lent(stage, data + at, n, at);
        // A stage that has failed must ignore what it is still given, so this goes on to the end.
        ordered_pump(o);
        at += n;
        piece = how->rest != 0 ? how->rest : size;
    }
    slab_unref(slab);
}

void feed_run(feed_maker *make, void *context, const uint8_t *data, size_t size,
              const struct feeding *how, struct fed *result) {
    struct ordered *o;
    memset(result, 0, sizeof *result);
    if (ordered_new(&o, how->threads, &result->fault) < 0)
        abort();
    struct collector *next = collector_new();
    struct stage *stage = make(o, &next->stage, context);
    if (stage == NULL)
        abort();
    push_all(o, stage, data, size, how);
    if (!how->held || !ordered_failing(o)) // a stage that has failed ignores its end, too
        stage_finish(stage);
    int failed = ordered_finish(o, &result->fault);
    ordered_drop(o);
    stage_free(stage);
    ordered_free(o);
    result->status = failed == 0 ? 0 : result->fault.status;
    result->data = next->data;
    result->size = next->size;
    result->holes = next->holes;
    result->finishes = next->finishes;
    next->data = NULL;
    stage_free(&next->stage);
    slab_trim();
}

void fed_free(struct fed *result) {
    free(result->data);
    result->data = NULL;
}

void feed_each(size_t size, void (*run)(const struct feeding *how, void *context), void *context) {
    static const size_t pieces[][2] = {{0, 0}, {1, 1}, {7, 13}, {64, 64}, {1000, 333}};
    for (unsigned threads = 1; threads <= 3; threads += 2)
        for (int held = 0; held < 2; held++)
            for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
                run(&(struct feeding){.threads = threads,
                                      .held = held != 0,
                                      .first = pieces[i][0],
                                      .rest = pieces[i][1]},
                    context);
    for (size_t first = 1; size <= FEED_SPLIT_MAX && first < size; first++) {
        run(&(struct feeding){.threads = 1, .held = true, .first = first}, context);
        run(&(struct feeding){.threads = 3, .first = first}, context);
    }
}
