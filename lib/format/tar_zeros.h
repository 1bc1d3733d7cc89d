// SPDX-License-Identifier: Apache-2.0
// Zeros between the entries of tar archives that follow each other: an end mark, two blocks, and
// what fills the last record of the archive up; or what damage has left of members.
//
// An archive has whole records, counted from its beginning. Their size is not known: 20 blocks if
// nothing else was asked for, and none at all from some programs, which write the end mark alone.
// Archives without an end mark may come before it (innobackupex): where the writer changes may be a
// beginning, too.
#ifndef XBPIPE_TAR_ZEROS_H
#define XBPIPE_TAR_ZEROS_H

#include "base/place.h"
#include "engine/stage.h"
#include "format/archive_target.h"

// Where an archive may begin, in blocks, and the sizes of records (bits) that fit what came before.
struct tar_zeros_begin {
    uint64_t archive, writer;
    unsigned sizes;
};

struct tar_zeros {
    struct tar_zeros_begin now;
    // Before the last zeros that were taken for an end, which may have been none; if there are any.
    struct tar_zeros_begin before;
    struct place place;
    uint64_t blocks; // 0: there are none
    bool any;        // a header has been met
    uint8_t writer[2];
};

// A header was met at `place`, after so many blocks of zeros in a row. What they cannot be is
// noted as a loss under the stage's scope, in order; without one, `target->doubt` is told in order.
// Returns 0; or -1 and *f: EX_DATAERR (a lone block, without a scope), EX_OSERR.
int tar_zeros_header(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                     const struct place *place, uint64_t blocks, const uint8_t *header,
                     struct fault *f);

// The same for the end of the input.
int tar_zeros_finish(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                     const struct place *place, uint64_t blocks, struct fault *f);

#endif
