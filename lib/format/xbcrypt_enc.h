// SPDX-License-Identifier: Apache-2.0
// Stage: plaintext → xbcrypt version 3 chunks, encrypted in parallel.
#ifndef XBPIPE_XBCRYPT_ENC_H
#define XBPIPE_XBCRYPT_ENC_H

#include "engine/stage.h"
#include "format/xbcrypt.h"

enum {
    XBCRYPT_CHUNK_MIN = 1 << 10,
    XBCRYPT_CHUNK_MAX = 64 << 20,
    XBCRYPT_CHUNK_DEFAULT = 64 << 10
};

// It and the key outlive the encoders.
struct xbcrypt_enc_settings {
    struct xbcrypt_key *key;
    size_t chunk_size; // plaintext bytes of each chunk but the last, which may be shorter
};

// An encoder that pushes into `next`. NULL if the allocation failed.
struct stage *xbcrypt_enc_new(struct ordered *o, struct xbcrypt_enc_settings *settings,
                              struct stage *next);

#endif
