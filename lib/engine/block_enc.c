// SPDX-License-Identifier: Apache-2.0
#include "engine/block_enc.h"

#include "engine/gather.h"

#include <stdlib.h>
#include <string.h>

struct encoder {
    struct stage stage;
    const struct block_enc_codec *codec;
    void *context;
    size_t block_size;
    struct stage *next;
    uint64_t position;
    struct gather data;
    bool begun; // a block has been submitted
};

struct block {
    struct unit unit;
    struct encoder *encoder;
    uint64_t offset; // in the stage's input
    const uint8_t *data;
    size_t size;
    struct slab *slab; // holds the data
    struct slab *output;
    size_t output_size;
    uint64_t origin;
    bool failed;
    struct fault fault;
};

static enum job_result run_block(struct job *job, unsigned thread) {
    struct block *b = (struct block *)job;
    const struct encoder *e = b->encoder;
    b->failed = e->codec->encode(e->context, thread, b->offset, b->data, b->size, &b->output,
                                 &b->output_size, &b->fault) < 0;
    slab_unref(b->slab); // free it now rather than at delivery
    b->slab = NULL;
    return JOB_DONE;
}

static void deliver_block(struct unit *unit) {
    struct block *b = (struct block *)unit;
    struct encoder *e = b->encoder;
    if (e->stage.broken)
        return;
    if (b->failed) {
        stage_break(&e->stage, &b->fault);
        return;
    }
    stage_push(e->next, (struct view){.data = b->output->data,
                                      .size = b->output_size,
                                      .slab = b->output,
                                      .origin = b->origin});
}

static void release_block(struct unit *unit) {
    struct block *b = (struct block *)unit;
    slab_unref(b->slab);
    slab_unref(b->output);
    free(b);
}

// Submits the gathered bytes as a block.
static void submit_block(struct encoder *e) {
    struct block *b = stage_unit(&e->stage, sizeof *b, deliver_block, NULL);
    if (b == NULL)
        return;
    b->unit.job.run = run_block;
    b->unit.release = release_block;
    b->unit.cost = e->codec->cost(e->context, e->data.have) + sizeof *b;
    b->encoder = e;
    b->offset = e->position - e->data.have;
    b->data = e->data.data;
    b->size = e->data.have;
    b->slab = e->data.slab;
    b->origin = e->data.place.origin;
    gather_begin(&e->data, e->block_size);
    e->begun = true;
    ordered_submit(e->stage.ordered, &b->unit);
}

static void push(struct stage *stage, struct view v) {
    struct encoder *e = (struct encoder *)stage;
    while (!stage_is_closed(stage) && v.size > 0) {
        int gathered = gather_fill(&e->data, &v, &e->position);
        if (gathered < 0)
            stage_fail_memory(stage);
        else if (gathered > 0)
            submit_block(e);
    }
}

static void finish(struct stage *stage) {
    struct encoder *e = (struct encoder *)stage;
    bool empty = e->codec->empty_too && !e->begun;
    if (!stage->failed && (e->data.have > 0 || empty))
        submit_block(e);
    if (!stage->failed)
        stage_finish_in_order(stage, e->next);
}

static void free_encoder(struct stage *stage) {
    struct encoder *e = (struct encoder *)stage;
    gather_clear(&e->data);
    free(e);
}

void block_enc_trim(struct slab **out, size_t size) {
    if (size > (*out)->capacity / 2)
        return;
    struct slab *small = slab_new(size);
    if (small == NULL)
        return;
    memcpy(small->data, (*out)->data, size);
    slab_unref(*out);
    *out = small;
}

struct stage *block_enc_new(struct ordered *o, const struct block_enc_codec *codec, void *context,
                            size_t block_size, struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_encoder};
    struct encoder *e = stage_new(sizeof *e, &operations, o);
    if (e == NULL)
        return NULL;
    e->codec = codec;
    e->context = context;
    e->block_size = block_size;
    e->next = next;
    gather_begin(&e->data, block_size);
    return &e->stage;
}
