// SPDX-License-Identifier: Apache-2.0
// Stage: limits the size of the restored files, so that a few bytes of an archive cannot fill a
// disk. A hole counts with its full size.
//
// A few bytes may also mean terabytes of holes. They take no room on the disk, but they take time
// if their zeros are hashed or written; then they are limited in proportion to the other bytes.
#ifndef XBPIPE_LIMIT_H
#define XBPIPE_LIMIT_H

#include "engine/stage.h"

#include <stdbool.h>
#include <stdint.h>

// For all files of an archive.
struct limits {
    uint64_t max_size;  // bytes of a file
    uint64_t max_total; // bytes of all
    // Holes are hashed, or written as zeros: while there is no max_total (UINT64_MAX) all of them
    // together are at most LIMIT_HOLES_EASY bytes and LIMIT_HOLES_RATIO for each other byte.
    bool costly_holes;
    uint64_t total; // of all so far; the stages count it; initially 0
    uint64_t holes; // the part of it that is holes
};

#define LIMIT_HOLES_EASY (UINT64_C(4) << 30)
enum { LIMIT_HOLES_RATIO = 256 };

// The default for max_size: 64 TiB, the largest tablespace that InnoDB makes with its usual pages.
#define LIMIT_SIZE_DEFAULT (UINT64_C(64) << 40)

// A stage before `next` that supports the same calls as `next`, also out of order. It fails before
// it passes on bytes that would make a file larger than the limits allow (EX_DATAERR, which names
// the option). `name` is the file's name in messages; it and the limits outlive the stage. NULL if
// the allocation failed.
struct stage *limit_new(struct ordered *o, struct stage *next, struct limits *limits,
                        const char *name);

// From now on pushed bytes belong to another file. For a `next` that takes several files; in order.
void limit_next_file(struct stage *limit);

#endif
