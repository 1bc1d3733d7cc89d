// SPDX-License-Identifier: Apache-2.0
// Stage: cuts its input into blocks of one size and encodes them independently, in parallel. The
// encoders share it; each supplies the codec that encodes a block.
#ifndef XBPIPE_BLOCK_ENC_H
#define XBPIPE_BLOCK_ENC_H

#include "engine/stage.h"

struct block_enc_codec {
    // On any thread. Encodes `size` bytes (at most the block size), which stand at `offset` of the
    // stage's input, and sets *out to a slab with the *out_size bytes of the result, with a
    // reference for the caller. Returns 0; or -1 and *f, with *out NULL or a slab with a reference,
    // too.
    int (*encode)(void *context, unsigned thread, uint64_t offset, const uint8_t *data, size_t size,
                  struct slab **out, size_t *out_size, struct fault *f);
    // The most memory, in bytes, that a block of `size` bytes takes until it is delivered.
    size_t (*cost)(void *context, size_t size);
    bool empty_too; // true: an empty input is one empty block; false: it has no block
};

// For encoders: copies the first `size` bytes of *out into a slab of their own, which takes its
// place, if they are at most half of it: so that what waits for its turn does not hold the room
// that incompressible data would have taken. Without memory, *out stays as it is.
void block_enc_trim(struct slab **out, size_t size);

// A stage that pushes the encoded blocks into `next`, in order. Blocks have `block_size` bytes; the
// last one may be shorter. The codec and the context outlive the stage. NULL if the allocation
// failed. Failures: EX_OSERR, and encode's.
struct stage *block_enc_new(struct ordered *o, const struct block_enc_codec *codec, void *context,
                            size_t block_size, struct stage *next);

#endif
