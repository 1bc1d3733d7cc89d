// SPDX-License-Identifier: Apache-2.0
// Judges zeros between the entries of tar archives that follow each other: they are an end mark
// (two blocks) and the padding of the archive's last record; or damage has destroyed members.
//
// An archive consists of whole records, counted from its beginning. Their size is not known: 20
// blocks by default, and some programs do not pad records, and write only the end mark. Archives
// without an end mark may precede it (innobackupex), so it may also have begun where the writer
// changes.
#ifndef XBPIPE_TAR_ZEROS_H
#define XBPIPE_TAR_ZEROS_H

#include "base/place.h"
#include "engine/stage.h"
#include "format/archive_target.h"

// Where an archive may have begun, in blocks, and the record sizes (as bits) that fit everything so
// far.
struct tar_zeros_begin {
    uint64_t archive, writer;
    unsigned sizes;
};

struct tar_zeros {
    struct tar_zeros_begin now;
    // Before the last zeros that were taken for an end, but may not have been one; if there are
    // any.
    struct tar_zeros_begin before;
    struct place place;
    uint64_t blocks; // 0: there are none
    bool any;        // a header has been met
    uint8_t writer[2];
};

// A header is at `place`, after that many blocks of zeros in a row. If they are not all an end, the
// rest is recorded as a loss under the stage's scope, in order; without a scope, `target->doubt` is
// called in order. Returns 0; or -1 and *f: EX_DATAERR (a lone block, without a scope), EX_OSERR.
int tar_zeros_header(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                     const struct place *place, uint64_t blocks, const uint8_t *header,
                     struct fault *f);

// The same for the end of the input.
int tar_zeros_finish(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                     const struct place *place, uint64_t blocks, struct fault *f);

#endif
