// SPDX-License-Identifier: Apache-2.0
// Stage: its input cut into blocks of one size, each encoded by itself, side by side. What the
// encoders have in common: what a block becomes they know.
#ifndef XBPIPE_BLOCK_ENC_H
#define XBPIPE_BLOCK_ENC_H

#include "engine/stage.h"

struct block_enc_codec {
    // On any thread. Encodes `size` bytes (at most the block size), and sets *out to memory that
    // holds the *out_size bytes of the result, with a reference for the caller. Returns 0; or -1
    // and *f, and *out is NULL or as said.
    int (*encode)(void *context, unsigned thread, const uint8_t *data, size_t size,
                  struct slab **out, size_t *out_size, struct fault *f);
    // Bytes of memory, at most, that a block of `size` bytes takes until it is delivered.
    size_t (*cost)(void *context, size_t size);
    bool empty_too; // an input of no bytes is a block of none; else it is no block
};

// A stage that pushes into `next`, in order, what the blocks of `block_size` bytes become, the last
// one of which is shorter. The codec and the context outlive it. NULL if memory could not be had.
// Failures: EX_OSERR; those of encode.
struct stage *block_enc_new(struct ordered *o, const struct block_enc_codec *codec, void *context,
                            size_t block_size, struct stage *next);

#endif
