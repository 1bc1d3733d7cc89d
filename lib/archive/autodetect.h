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
    struct xbcrypt_dec_settings *decrypt; // NULL: there is no key
    uint64_t max_chunk;                   // of all formats
    bool *is_tar;                         // set once the archive is there, if not NULL
    // Called once with what was found: "gzip data, in it an xbstream". NULL: not called.
    void (*found)(const char *text);
};

// Sets up the queues of the layers behind `o`, which is the outermost one's and owns them, and one
// behind these, *behind, for what is in the innermost. Each layer has its own: what one delivery
// brings does not pile up. Returns 0; or -1 and *f (EX_OSERR).
int autodetect_queues(struct ordered **behind, struct ordered *o, struct fault *f);

// A stage for the program's input that pushes an xbstream into `xbstream` or a tar archive into
// `tar`, stages on the queue `behind`, which autodetect_queues has set up behind `o`. The settings
// outlive it. NULL if allocation failed. Failures: those of the layers; EX_USAGE (an encrypted
// layer, and no key); EX_DATAERR (anything that is not known; too many layers).
struct stage *autodetect_new(struct ordered *o, const struct autodetect_settings *settings,
                             struct ordered *behind, struct stage *xbstream, struct stage *tar);

#endif
