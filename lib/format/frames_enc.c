// SPDX-License-Identifier: Apache-2.0
#include "format/frames_enc.h"

#include "engine/block_enc.h"

#include <stdlib.h>

struct frames_encoder {
    const struct frames_enc_codec *codec;
    int level;
    unsigned threads;
    void *encoders[]; // one for each thread, opened when it is first needed
};

static int encode(void *context, unsigned thread, uint64_t offset, const uint8_t *data, size_t size,
                  struct slab **out, size_t *out_size, struct fault *f) {
    (void)offset;
    struct frames_encoder *e = context;
    if (e->encoders[thread] == NULL)
        e->encoders[thread] = e->codec->open(e->level);
    *out_size = e->codec->bound(size);
    *out = slab_new(*out_size);
    if (*out == NULL || e->encoders[thread] == NULL)
        return diag_fault_memory(f);
    const char *wrong = e->codec->encode(e->encoders[thread], data, size, (*out)->data, out_size);
    if (wrong != NULL)
        return diag_fault(f, EX_SOFTWARE, "cannot compress: %s", wrong);
    block_enc_trim(out, *out_size);
    return 0;
}

static size_t cost(void *context, size_t size) {
    const struct frames_encoder *e = context;
    return size + e->codec->bound(size);
}

struct stage *frames_enc_new(struct ordered *o, struct frames_encoder *frames, struct stage *next) {
    static const struct block_enc_codec codec = {.encode = encode, .cost = cost, .empty_too = true};
    return block_enc_new(o, &codec, frames, frames->codec->unit, next);
}

int frames_enc_encoder_new(struct frames_encoder **out, const struct frames_enc_codec *codec,
                           int level, unsigned threads, struct fault *f) {
    *out = calloc(1, sizeof **out + threads * sizeof(*out)->encoders[0]);
    if (*out == NULL)
        return diag_fault_memory(f);
    (*out)->codec = codec;
    (*out)->level = level;
    (*out)->threads = threads;
    return 0;
}

void frames_enc_encoder_free(struct frames_encoder *e) {
    if (e == NULL)
        return;
    for (unsigned i = 0; i < e->threads; i++)
        e->codec->close(e->encoders[i]);
    free(e);
}
