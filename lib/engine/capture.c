// SPDX-License-Identifier: Apache-2.0
#include "engine/capture.h"

#include <stdlib.h>
#include <string.h>

struct capture {
    struct stage stage;
    struct stage *next;
    void (*done)(void *, const char *, size_t);
    void *context;
    size_t max, size;
    char data[];
};

static void push(struct stage *stage, struct view v) {
    struct capture *c = (struct capture *)stage;
    size_t n = v.size < c->max - c->size ? v.size : c->max - c->size;
    if (v.data != NULL)
        memcpy(c->data + c->size, v.data, n);
    else
        memset(c->data + c->size, 0, n);
    c->size += n;
    stage_push(c->next, v);
    stage->broken = stage_is_closed(c->next);
}

static void finish(struct stage *stage) {
    struct capture *c = (struct capture *)stage;
    c->done(c->context, c->data, c->size);
    stage_finish(c->next);
}

struct stage *capture_new(struct ordered *o, size_t max, struct stage *next,
                          void (*done)(void *context, const char *data, size_t size),
                          void *context) {
    static const struct stage_operations operations = {.push = push, .finish = finish};
    struct capture *c = stage_new(sizeof *c + max, &operations, o);
    if (c == NULL)
        return NULL;
    c->next = next;
    c->done = done;
    c->context = context;
    c->max = max;
    return &c->stage;
}
