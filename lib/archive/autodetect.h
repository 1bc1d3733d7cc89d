// SPDX-License-Identifier: Apache-2.0
// Stage: an xbstream or a tar archive inside layers of compression and encryption → the archive.
// Each layer is recognised by its first bytes (sniff.h: gzip, qpress, xbcrypt, LZ4, Zstandard) and
// undone, at most AUTODETECT_LAYERS.
#ifndef XBPIPE_AUTODETECT_H
#define XBPIPE_AUTODETECT_H

#include "engine/stage.h"
#include "format/xbcrypt_dec.h"

enum { AUTODETECT_LAYERS = 8 };

struct autodetect_settings {
    struct xbcrypt_dec_settings *decrypt; // NULL: no key
    uint64_t max_chunk;                   // of all formats
    bool *is_tar;                         // set once the archive is there, if not NULL
    // Called once with what was found: "gzip data, in it an xbstream". NULL: not called.
    void (*found)(const char *text);
};

// Sets up a queue for each layer after the outermost, which uses `o`, and behind these *behind, for
// the archive inside. `o` owns them. Each layer has its own queue, so that the results of one
// delivery do not pile up. Returns 0; or -1 and *f (EX_OSERR).
int autodetect_queues(struct ordered **behind, struct ordered *o, struct fault *f);

// A stage for the program's input that pushes an xbstream into `xbstream` or a tar archive into
// `tar`, both on the queue `behind`, which autodetect_queues has set up behind `o`. The settings
// outlive it. NULL if the allocation failed. Failures: those of the layers; EX_USAGE (an encrypted
// layer, and no key); EX_DATAERR (an unknown format; too many layers).
struct stage *autodetect_new(struct ordered *o, const struct autodetect_settings *settings,
                             struct ordered *behind, struct stage *xbstream, struct stage *tar);

#endif
