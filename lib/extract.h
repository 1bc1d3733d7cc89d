// SPDX-License-Identifier: Apache-2.0
// The extractor: each member of an xbstream goes through the decoders that its name calls for
// (.xbcrypt, .qp, .lz4, .zst, outermost suffix first) into a file of its own, under the name
// without the suffixes undone. One pass: nothing else is ever on disk.
#ifndef XBPIPE_EXTRACT_H
#define XBPIPE_EXTRACT_H

#include "outfiles.h"
#include "stage.h"
#include "xbcrypt_dec.h"

#include <stdbool.h>
#include <stdint.h>

struct extract_settings {
    struct outfiles *files;               // NULL: list the members, decode nothing
    struct xbcrypt_dec_settings *decrypt; // NULL: .xbcrypt stays
    bool decompress;                      // .qp, .lz4, .zst are undone
    uint64_t max_chunk;                   // of all formats
    // Called on the main thread for each member that has been met, with the name as it is in the
    // stream and the name of its file (the same when listing); and for one that did not end. The
    // names are printable. NULL: not called.
    void (*member)(const char *stored, const char *restored);
    void (*unfinished)(const char *stored);
};

struct extract;

// Returns 0 and *e; or -1 and EX_OSERR in *f. The settings outlive it.
int extract_new(struct extract **e, struct ordered *o, const struct extract_settings *settings,
                struct fault *f);

// The stage that takes the stream. It belongs to the extractor.
struct stage *extract_stage(struct extract *e);

// Members whose outermost suffix was one that could have been undone with --decrypt.
unsigned extract_left_encrypted(const struct extract *e);

// Nothing of it may be in flight. To be called before outfiles_free. NULL is allowed.
void extract_free(struct extract *e);

#endif
