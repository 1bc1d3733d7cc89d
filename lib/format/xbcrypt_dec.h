// SPDX-License-Identifier: Apache-2.0
// Stage: xbcrypt chunks → plaintext, chunks decrypted in parallel. Nothing is passed on before the
// chunk's CRC and, in version 3, hash have been verified. Empty input gives empty output.
//
// A decoder that salvages (struct stage) replaces a damaged chunk by zeros if its size is certain:
// the next chunk, or the end of the input, is where the chunk's header says, or one of the header's
// two sizes fits the gap. If the first chunks have right CRCs and wrong hashes, the key is wrong,
// and it fails as it would without salvage.
#ifndef XBPIPE_XBCRYPT_DEC_H
#define XBPIPE_XBCRYPT_DEC_H

#include "engine/stage.h"
#include "format/xbcrypt.h"

// Shared by all decoders of a program. It and the key outlive them.
struct xbcrypt_dec_settings {
    struct xbcrypt_key *key;
    uint64_t max_chunk;
    // Versions 1 and 2: go on, with a warning, if the plaintext looks like that of a wrong key.
    // Once a stream has begun with the magic of a known format, the key is right, and no stream is
    // judged.
    bool accept_random;
    // Called on the main thread with one line of text for the first stream that looks wrong.
    void (*warn)(const char *text);
    // The decoders' own; initially false.
    bool legacy; // a chunk of version 1 or 2 has been decrypted
    bool warned_wrong;
    bool plaintext_known; // a stream of version 1 or 2 had a known format: the key is right
    bool not_random;      // one was not random, as it is with a wrong key
    // The same for decoders that salvage: a hash was right, so the key is; otherwise how many were
    // wrong, and the fault of the first.
    bool key_proved;
    unsigned wrong_hashes;
    struct fault wrong_hash;
};

// A decoder that pushes into `next`. Warnings begin with the name of the stage (stage.h) if it has
// one. NULL if the allocation failed.
struct stage *xbcrypt_dec_new(struct ordered *o, struct xbcrypt_dec_settings *settings,
                              struct stage *next);

// A warning for the end of a successful run: nothing has shown that the key of version 1 or 2 data
// was right, and no warning has said so yet. NULL: no warning.
const char *xbcrypt_dec_doubt(const struct xbcrypt_dec_settings *settings);

#endif
