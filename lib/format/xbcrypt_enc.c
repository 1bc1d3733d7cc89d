// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt_enc.h"

#include "engine/block_enc.h"

// Encodes a pair of chunks, or the rest at the end.
static int encode(void *context, unsigned thread, uint64_t offset, const uint8_t *data, size_t size,
                  struct slab **out, size_t *out_size, struct fault *f) {
    (void)offset;
    const struct xbcrypt_enc_settings *s = context;
    size_t first = size < s->chunk_size ? size : s->chunk_size;
    size_t sizes[XBCRYPT_PAIR] = {first, size - first};
    *out_size = xbcrypt_chunk_size(first) + (size > first ? xbcrypt_chunk_size(size - first) : 0);
    *out = slab_new(*out_size);
    if (*out == NULL)
        return diag_fault_memory(f);
    return xbcrypt_encrypt(s->key, thread, data, sizes, (*out)->data, f);
}

static size_t cost(void *context, size_t size) {
    (void)context;
    return size;
}

struct stage *xbcrypt_enc_new(struct ordered *o, struct xbcrypt_enc_settings *settings,
                              struct stage *next) {
    static const struct block_enc_codec codec = {.encode = encode, .cost = cost};
    size_t chunks = settings->chunk_size <= XBCRYPT_PAIR_MAX ? XBCRYPT_PAIR : 1;
    return block_enc_new(o, &codec, settings, chunks * settings->chunk_size, next);
}
