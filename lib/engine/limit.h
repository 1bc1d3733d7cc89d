// SPDX-License-Identifier: Apache-2.0
// Stage: bounds what an archive restores to, so that a few bytes of it cannot fill a disk. Holes
// count as what they stand for.
#ifndef XBPIPE_LIMIT_H
#define XBPIPE_LIMIT_H

#include "engine/stage.h"

#include <stdint.h>

// For all files of an archive.
struct limits {
    uint64_t max_size;  // bytes of a file
    uint64_t max_total; // bytes of all
    uint64_t total;     // the stages': of all so far; initially 0
};

// The default of max_size: 64 TiB, the largest tablespace that InnoDB makes with its usual pages.
#define LIMIT_SIZE_DEFAULT (UINT64_C(64) << 40)

// A stage before `next` that takes what `next` takes, also out of order. It fails, before the bytes
// go on, where a file gets larger than the limits allow (EX_DATAERR, which names the option).
// `name` stands for the file in messages; it and the limits outlive the stage. NULL if memory could
// not be had.
struct stage *limit_new(struct ordered *o, struct stage *next, struct limits *limits,
                        const char *name);

// In order: what is pushed from now on is another file's. For a `next` that takes several.
void limit_next_file(struct stage *limit);

#endif
