// SPDX-License-Identifier: Apache-2.0
#include "xbcrypt_enc.h"

#include <stdlib.h>

struct encoder {
    struct stage stage;
    struct xbcrypt_key *key;
    size_t chunk_size;
    struct stage *next;
    uint64_t position;
    struct gather data;
};

struct chunk {
    struct unit unit;
    struct encoder *encoder;
    const uint8_t *data;
    size_t size;
    struct slab *slab; // holds the data
    struct slab *output;
    uint64_t origin;
    bool failed;
    struct fault fault;
};

static enum job_result run_chunk(struct job *job, unsigned thread) {
    struct chunk *c = (struct chunk *)job;
    c->output = slab_new(xbcrypt_chunk_size(c->size));
    if (c->output == NULL)
        c->failed = diag_fault_memory(&c->fault) < 0;
    else
        c->failed = xbcrypt_encrypt(c->encoder->key, thread, c->data, c->size, c->output->data,
                                    &c->fault) < 0;
    slab_unref(c->slab); // not to be held until its turn comes
    c->slab = NULL;
    return JOB_DONE;
}

static void deliver_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    if (c->encoder->stage.broken)
        return;
    if (c->failed) {
        stage_break(&c->encoder->stage, &c->fault);
        return;
    }
    stage_push(c->encoder->next, (struct view){.data = c->output->data,
                                               .size = xbcrypt_chunk_size(c->size),
                                               .slab = c->output,
                                               .origin = c->origin});
}

static void release_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    slab_unref(c->slab);
    slab_unref(c->output);
    free(c);
}

// Submits what has been gathered as a chunk.
static void submit_chunk(struct encoder *e) {
    struct chunk *c = calloc(1, sizeof *c);
    if (c == NULL) {
        stage_fail_memory(&e->stage);
        return;
    }
    c->unit.job.run = run_chunk;
    c->unit.deliver = deliver_chunk;
    c->unit.release = release_chunk;
    c->unit.cost = e->data.have + sizeof *c;
    c->encoder = e;
    c->data = e->data.data;
    c->size = e->data.have;
    c->slab = e->data.slab;
    c->origin = e->data.place.origin;
    gather_begin(&e->data, e->chunk_size);
    ordered_submit(e->stage.ordered, &c->unit);
}

static void push(struct stage *stage, struct view v) {
    struct encoder *e = (struct encoder *)stage;
    while (!stage_is_closed(&e->stage) && v.size > 0) {
        int gathered = gather_fill(&e->data, &v, &e->position);
        if (gathered < 0)
            stage_fail_memory(&e->stage);
        else if (gathered > 0)
            submit_chunk(e);
    }
}

static void finish(struct stage *stage) {
    struct encoder *e = (struct encoder *)stage;
    if (!e->stage.failed && e->data.have > 0)
        submit_chunk(e);
    if (!e->stage.failed)
        stage_finish_in_order(stage, e->next);
}

static void free_encoder(struct stage *stage) {
    struct encoder *e = (struct encoder *)stage;
    gather_clear(&e->data);
    free(e);
}

struct stage *xbcrypt_enc_new(struct ordered *o, struct xbcrypt_key *key, size_t chunk_size,
                              struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_encoder};
    struct encoder *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->stage.ops = &operations;
    e->stage.ordered = o;
    e->key = key;
    e->chunk_size = chunk_size;
    e->next = next;
    gather_begin(&e->data, chunk_size);
    return &e->stage;
}
