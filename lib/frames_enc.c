// SPDX-License-Identifier: Apache-2.0
#include "frames_enc.h"

#include <stdlib.h>
#include <string.h>

struct frames_encoder {
    const struct frames_enc_codec *codec;
    int level;
    unsigned threads;
    void *encoders[]; // a thread's is opened when it is first needed
};

struct encoder {
    struct stage stage;
    struct frames_encoder *frames;
    struct stage *next;
    uint64_t position;
    struct gather data;
    bool begun; // a frame has been submitted
};

struct frame {
    struct unit unit;
    struct encoder *encoder;
    const uint8_t *data;
    size_t size;
    struct slab *slab; // holds the data
    struct slab *output;
    size_t output_size;
    uint64_t origin;
    bool failed;
    struct fault fault;
};

// So that what waits for its turn does not hold the room that incompressible data would have taken.
static void trim_output(struct frame *frame) {
    if (frame->output_size > frame->output->capacity / 2)
        return;
    struct slab *small = slab_new(frame->output_size);
    if (small == NULL)
        return;
    memcpy(small->data, frame->output->data, frame->output_size);
    slab_unref(frame->output);
    frame->output = small;
}

static int encode(struct frame *frame, unsigned thread) {
    struct frames_encoder *e = frame->encoder->frames;
    struct fault *f = &frame->fault;
    if (e->encoders[thread] == NULL)
        e->encoders[thread] = e->codec->open(e->level);
    frame->output_size = e->codec->bound(frame->size);
    frame->output = slab_new(frame->output_size);
    if (frame->output == NULL || e->encoders[thread] == NULL)
        return diag_fault_memory(f);
    const char *wrong = e->codec->encode(e->encoders[thread], frame->data, frame->size,
                                         frame->output->data, &frame->output_size);
    if (wrong != NULL)
        return diag_fault(f, EX_SOFTWARE, "cannot compress: %s", wrong);
    trim_output(frame);
    return 0;
}

static enum job_result run_frame(struct job *job, unsigned thread) {
    struct frame *frame = (struct frame *)job;
    frame->failed = encode(frame, thread) < 0;
    slab_unref(frame->slab); // not to be held until its turn comes
    frame->slab = NULL;
    return JOB_DONE;
}

static void deliver_frame(struct unit *unit) {
    struct frame *frame = (struct frame *)unit;
    if (frame->encoder->stage.broken)
        return;
    if (frame->failed) {
        stage_break(&frame->encoder->stage, &frame->fault);
        return;
    }
    stage_push(frame->encoder->next, (struct view){.data = frame->output->data,
                                                   .size = frame->output_size,
                                                   .slab = frame->output,
                                                   .origin = frame->origin});
}

static void release_frame(struct unit *unit) {
    struct frame *frame = (struct frame *)unit;
    slab_unref(frame->slab);
    slab_unref(frame->output);
    free(frame);
}

// Submits what has been gathered as a frame.
static void submit_frame(struct encoder *e) {
    struct frame *frame = calloc(1, sizeof *frame);
    if (frame == NULL) {
        stage_fail_memory(&e->stage);
        return;
    }
    frame->unit.job.run = run_frame;
    frame->unit.deliver = deliver_frame;
    frame->unit.release = release_frame;
    frame->unit.cost = e->data.have + e->frames->codec->bound(e->data.have) + sizeof *frame;
    frame->encoder = e;
    frame->data = e->data.data;
    frame->size = e->data.have;
    frame->slab = e->data.slab;
    frame->origin = e->data.place.origin;
    gather_begin(&e->data, e->frames->codec->unit);
    e->begun = true;
    ordered_submit(e->stage.ordered, &frame->unit);
}

static void push(struct stage *stage, struct view v) {
    struct encoder *e = (struct encoder *)stage;
    while (!stage_is_closed(stage) && v.size > 0) {
        int gathered = gather_fill(&e->data, &v, &e->position);
        if (gathered < 0)
            stage_fail_memory(stage);
        else if (gathered > 0)
            submit_frame(e);
    }
}

static void finish(struct stage *stage) {
    struct encoder *e = (struct encoder *)stage;
    if (!stage->failed && (e->data.have > 0 || !e->begun))
        submit_frame(e);
    if (!stage->failed)
        stage_finish_in_order(stage, e->next);
}

static void free_encoder(struct stage *stage) {
    struct encoder *e = (struct encoder *)stage;
    gather_clear(&e->data);
    free(e);
}

struct stage *frames_enc_new(struct ordered *o, struct frames_encoder *frames, struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_encoder};
    struct encoder *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->stage.ops = &operations;
    e->stage.ordered = o;
    e->frames = frames;
    e->next = next;
    gather_begin(&e->data, frames->codec->unit);
    return &e->stage;
}

int frames_encoder_new(struct frames_encoder **out, const struct frames_enc_codec *codec, int level,
                       unsigned threads, struct fault *f) {
    *out = calloc(1, sizeof **out + threads * sizeof(*out)->encoders[0]);
    if (*out == NULL)
        return diag_fault_memory(f);
    (*out)->codec = codec;
    (*out)->level = level;
    (*out)->threads = threads;
    return 0;
}

void frames_encoder_free(struct frames_encoder *e) {
    if (e == NULL)
        return;
    for (unsigned i = 0; i < e->threads; i++)
        e->codec->close(e->encoders[i]);
    free(e);
}

const char *frames_encoder_suffix(const struct frames_encoder *e) {
    return e->codec->suffix;
}
