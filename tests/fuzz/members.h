// SPDX-License-Identifier: Apache-2.0
// Collects the output of the readers of archives, for their fuzz targets: each member's number,
// data and end go into one stage in order, so that a difference in names, order or bytes shows. A
// reader that breaks a rule (data after an end, a good end with unfinished members) ends the
// process.
#ifndef XBPIPE_TESTS_MEMBERS_H
#define XBPIPE_TESTS_MEMBERS_H

#include "engine/stage.h"
#include "feed.h"
#include "format/archive_target.h"

#include <stdbool.h>

enum { FUZZ_MEMBERS_MAX = 512 };

struct fuzz_members {
    struct stage *next;
    unsigned members;
    struct fuzz_member {
        unsigned number;
        bool ended, removed;
    } member[FUZZ_MEMBERS_MAX];
    unsigned current;
};

// A target that shows what it is given in `next`. *m, which is cleared, outlives it.
struct archive_target fuzz_members_target(struct fuzz_members *m, struct stage *next);

// Runs the reader that `make` makes for a struct fuzz_members over what follows the first byte,
// which says in which pieces, and by its bit 7 whether past damage.
void fuzz_members_run(feed_maker *make, const uint8_t *bytes, size_t size);

#endif
