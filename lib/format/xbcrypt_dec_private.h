// SPDX-License-Identifier: Apache-2.0
// Shared by the xbcrypt decoder (xbcrypt_dec.c) and its salvaging half (xbcrypt_salvage.c).
#ifndef XBPIPE_XBCRYPT_DEC_PRIVATE_H
#define XBPIPE_XBCRYPT_DEC_PRIVATE_H

#include "base/place.h"
#include "engine/gather.h"
#include "engine/head.h"
#include "engine/resync.h"
#include "engine/salvage.h"
#include "format/xbcrypt_dec.h"

struct decoder {
    struct stage stage;
    struct xbcrypt_dec_settings *settings;
    struct stage *next;
    uint64_t position; // in the input
    uint64_t produced; // plaintext bytes of all chunks submitted
    bool judged;       // the first plaintext has been judged
    bool in_payload;
    struct head head;
    struct xbcrypt_header header;
    struct gather payload;
    struct pair *pair;     // chunks that have not been submitted; NULL: none
    unsigned last_version; // of the last submitted chunk; 0: none
    struct resync *resync; // the start of the state of xbcrypt_salvage.c; NULL: none
};

static inline size_t xbcrypt_dec_head_size(const struct xbcrypt_header *h) {
    return h->version == 1 ? XBCRYPT_HEAD_V1 : XBCRYPT_HEAD;
}

static inline struct salvage_loss xbcrypt_dec_loss(uint64_t offset, uint64_t length,
                                                   uint64_t output_offset) {
    return (struct salvage_loss){.format = "xbcrypt",
                                 .offset = offset,
                                 .length = length,
                                 .placed = true,
                                 .output_offset = output_offset};
}

// Submits the chunk of d->header at d->head.place, whose payload has been gathered; it then owns
// the payload. It may wait for the next one, as two are decrypted in hardly more time than one:
// xbcrypt_dec_flush submits it in any case, and comes before whatever else is submitted.
void xbcrypt_dec_submit(struct decoder *d);
void xbcrypt_dec_flush(struct decoder *d);

// The decoder's push and finish when it salvages.
void xbcrypt_salvage_push(struct decoder *d, struct view v);
void xbcrypt_salvage_finish(struct decoder *d);

#endif
