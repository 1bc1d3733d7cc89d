// SPDX-License-Identifier: Apache-2.0
// Stage: limits the size of what an archive restores to, so that a few bytes of it cannot fill a
// disk. A hole counts with its full size.
#ifndef XBPIPE_LIMIT_H
#define XBPIPE_LIMIT_H

#include "engine/stage.h"

#include <stdint.h>

// For all files of an archive.
struct limits {
    uint64_t max_size;  // bytes of a file
    uint64_t max_total; // bytes of all
    uint64_t total;     // of all so far; the stages count it; initially 0
};

// The default of max_size: 64 TiB, the largest tablespace that InnoDB makes with its usual pages.
#define LIMIT_SIZE_DEFAULT (UINT64_C(64) << 40)

// A stage before `next` that takes what `next` takes, also out of order. It fails before it passes
// on bytes that would make a file larger than the limits allow (EX_DATAERR, which names the
// option). `name` is the file's name in messages; it and the limits outlive the stage. NULL if the
// allocation failed.
struct stage *limit_new(struct ordered *o, struct stage *next, struct limits *limits,
                        const char *name);

// What is pushed from now on belongs to another file. For a `next` that takes several; in order.
void limit_next_file(struct stage *limit);

#endif
