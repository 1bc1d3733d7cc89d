// SPDX-License-Identifier: Apache-2.0
// Stage: xbcrypt chunks → plaintext, chunks decrypted several at a time. Nothing is passed on
// before the chunk's CRC and, in version 3, hash have been verified. Empty input gives empty
// output.
//
// A decoder that salvages (struct stage) replaces a damaged chunk by zeros if its size is sure: the
// next chunk, or the end of the input, is where the chunk's head says, or one of the head's two
// sizes fits the gap. If the first chunks have right CRCs and wrong hashes, the key is wrong, and
// it fails as it would without salvage.
#ifndef XBPIPE_XBCRYPT_DEC_H
#define XBPIPE_XBCRYPT_DEC_H

#include "engine/stage.h"
#include "format/xbcrypt.h"

// What the decoders of one program share. It and the key outlive them.
struct xbcrypt_dec_settings {
    struct xbcrypt_key *key;
    uint64_t max_chunk;
    // Versions 1 and 2: go on, with a warning, if the plaintext looks like that of a wrong key.
    // Once a stream has begun with the magic of a known format under the key, no stream looks so.
    bool accept_random;
    // Called on the main thread with one line of text for the first stream that looks wrong.
    void (*warn)(const char *text);
    // The decoders' own; initially false.
    bool legacy; // a chunk of version 1 or 2 has been decrypted
    bool warned_wrong;
    bool plaintext_known; // a stream of version 1 or 2 was of a known format: the key is right
    bool not_random;      // one was not random bytes, as a wrong key makes them
    // The same, of those that salvage: a hash was right, and so is the key; else, how many were
    // wrong, and what is to be said of the first.
    bool key_proved;
    unsigned wrong_hashes;
    struct fault wrong_hash;
};

// A decoder that pushes into `next`. Warnings begin with the name of the stage (stage.h) if it has
// one. NULL if allocation failed.
struct stage *xbcrypt_dec_new(struct ordered *o, struct xbcrypt_dec_settings *settings,
                              struct stage *next);

// What is left to say at the end of a run that succeeded: nothing has shown that the key of
// version 1 or 2 data was right, and nothing was said of it so far. NULL: nothing.
const char *xbcrypt_dec_doubt(const struct xbcrypt_dec_settings *settings);

#endif
