// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_body.h"

#include <stdlib.h>
#include <string.h>

// Bytes of input for one call of the cipher, so that the output stays in the cache.
enum { PIECE_SIZE = 128 << 10 };

struct s3_body_stage {
    struct stage stage;
    struct stage *next;
    struct s3_body *body;
    struct piece *last; // submitted, until released
    uint64_t end;       // offset of the end of the input so far
    bool begun;
};

struct piece {
    struct unit unit;
    struct s3_body_stage *owner;
    struct view view; // holds a reference
    bool ends;        // the input ends with it
    struct slab *out;
    size_t size; // of the output
    int result;
    struct fault fault;
};

static enum job_result run_piece(struct job *job, unsigned thread) {
    (void)thread;
    struct piece *p = (struct piece *)job;
    struct s3_content_stream *stream = p->owner->body->stream; // of one piece at a time
    p->out = slab_new(p->view.size + S3_CONTENT_SLACK);
    if (p->out == NULL)
        p->result = diag_fault_memory(&p->fault);
    else if (p->ends)
        p->result = s3_content_finish(stream, p->out->data, &p->size, &p->fault);
    else
        p->result =
            s3_content_push(stream, p->view.data, p->view.size, p->out->data, &p->size, &p->fault);
    return JOB_DONE;
}

static void keep_head(struct s3_body *body, const uint8_t *data, size_t size) {
    size_t wanted = S3_BODY_HEAD_SIZE - body->head_size;
    size_t taken = size < wanted ? size : wanted;
    memcpy(body->head + body->head_size, data, taken);
    body->head_size += taken;
    body->size += size;
}

static void deliver_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    struct s3_body_stage *s = p->owner;
    if (s->stage.broken)
        return;
    if (p->result < 0) {
        stage_break(&s->stage, &p->fault);
        return;
    }
    if (p->size > 0) {
        keep_head(s->body, p->out->data, p->size);
        stage_push(s->next, (struct view){.data = p->out->data,
                                          .size = p->size,
                                          .slab = p->out,
                                          .origin = p->view.origin});
    }
    if (p->ends)
        stage_finish(s->next);
}

static void release_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    if (p->owner->last == p)
        p->owner->last = NULL;
    slab_unref(p->out);
    slab_unref(p->view.slab);
    free(p);
}

// Submits a piece of input, or, with an empty view, its end.
static void submit(struct s3_body_stage *s, struct view v, bool ends) {
    struct piece *p = stage_unit(&s->stage, sizeof *p, deliver_piece, &v);
    if (p == NULL)
        return;
    p->unit.job.run = run_piece;
    p->unit.job.after = s->last != NULL ? &s->last->unit.job : NULL;
    p->unit.release = release_piece;
    p->unit.cost = sizeof *p + 2 * v.size;
    p->owner = s;
    p->view = v;
    p->ends = ends;
    s->last = p;
    s->end += v.size;
    ordered_submit(s->stage.ordered, &p->unit);
}

static void push(struct stage *stage, struct view v) {
    struct s3_body_stage *s = (struct s3_body_stage *)stage;
    static const uint8_t zeros[PIECE_SIZE]; // the content of a hole
    if (!s->begun && v.size > 0 && s->body->first != NULL)
        s->body->first(v.data != NULL ? v.data : zeros, v.size < PIECE_SIZE ? v.size : PIECE_SIZE);
    s->begun = s->begun || v.size > 0;
    while (v.size > 0 && !stage_is_closed(stage)) {
        struct view part = view_split(&v, v.size < PIECE_SIZE ? v.size : PIECE_SIZE);
        if (part.data == NULL)
            part.data = zeros;
        submit(s, part, false);
    }
}

static void finish(struct stage *stage) {
    struct s3_body_stage *s = (struct s3_body_stage *)stage;
    static const uint8_t none;
    if (!stage_is_closed(stage))
        submit(s, (struct view){.data = &none, .origin = s->end}, true);
}

struct stage *s3_body_new(struct ordered *o, struct stage *next, void *body) {
    static const struct stage_operations operations = {.push = push, .finish = finish};
    struct s3_body_stage *s = stage_new(sizeof *s, &operations, o);
    if (s == NULL)
        return NULL;
    s->next = next;
    s->body = body;
    return &s->stage;
}
