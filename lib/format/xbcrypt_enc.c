// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt_enc.h"

#include "engine/block_enc.h"

static int encode(void *context, unsigned thread, const uint8_t *data, size_t size,
                  struct slab **out, size_t *out_size, struct fault *f) {
    *out_size = xbcrypt_chunk_size(size);
    *out = slab_new(*out_size);
    if (*out == NULL)
        return diag_fault_memory(f);
    return xbcrypt_encrypt(context, thread, data, size, (*out)->data, f);
}

static size_t cost(void *context, size_t size) {
    (void)context;
    return size;
}

struct stage *xbcrypt_enc_new(struct ordered *o, struct xbcrypt_key *key, size_t chunk_size,
                              struct stage *next) {
    static const struct block_enc_codec codec = {.encode = encode, .cost = cost};
    return block_enc_new(o, &codec, key, chunk_size, next);
}
