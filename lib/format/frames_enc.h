// SPDX-License-Identifier: Apache-2.0
// Stage: content → a sequence of independent compressed frames, one for each piece of the content,
// compressed in parallel. The pieces depend only on the content's length, so the result is the same
// for any number of threads. Empty content gives one empty frame: without it the formats' own tools
// report a truncated file.
#ifndef XBPIPE_FRAMES_ENC_H
#define XBPIPE_FRAMES_ENC_H

#include "engine/stage.h"

struct frames_enc_codec {
    const char *suffix; // of a compressed file's name
    size_t unit;        // bytes of content in a frame
    int level_min, level_max, level_default;
    size_t (*bound)(size_t size); // the most bytes of a frame with `size` bytes of content
    void *(*open)(int level);     // an encoder; NULL if the allocation failed
    // Compresses a whole frame of `size` bytes, to at most *out_size, and sets that to its size.
    // Returns NULL, or a text that says what is wrong.
    const char *(*encode)(void *encoder, const uint8_t *data, size_t size, uint8_t *out,
                          size_t *out_size);
    void (*close)(void *encoder); // NULL is allowed
};

// A codec with a context for each thread of the process.
struct frames_encoder;

// `level` is one of the codec's. The caller frees it. Returns 0 and *e; or -1 and EX_OSERR.
int frames_enc_encoder_new(struct frames_encoder **e, const struct frames_enc_codec *codec,
                           int level, unsigned threads, struct fault *f);

// NULL is allowed.
void frames_enc_encoder_free(struct frames_encoder *e);

// A stage that pushes into `next`; the encoder was made for at least as many threads as `o` has,
// and outlives it. NULL if the allocation failed. Failures: EX_OSERR; EX_SOFTWARE (a bug: no input
// causes it).
struct stage *frames_enc_new(struct ordered *o, struct frames_encoder *e, struct stage *next);

#endif
