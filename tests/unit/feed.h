// SPDX-License-Identifier: Apache-2.0
// Runs a stage on an input in memory, which is fed in many different ways, for tests.
#ifndef XBPIPE_TESTS_FEED_H
#define XBPIPE_TESTS_FEED_H

#include "engine/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One way to feed the input.
struct feeding {
    unsigned threads;
    bool held;    // views of one slab, as the programs' input; otherwise each piece is only lent,
                  // and its memory is gone when the call returns
    size_t first; // bytes of the first piece; 0: all of the input
    size_t rest;  // bytes of each further piece; 0: all that is left
};

// A text that identifies the way in the message of a failed test.
const char *feeding_text(const struct feeding *how);

// The result.
struct fed {
    int status; // 0: success; else the fault's
    struct fault fault;
    uint8_t *data; // pushed into the next stage; holes are zeros
    size_t size;
    uint64_t holes;    // bytes that were pushed as holes
    unsigned finishes; // of the stage's next
};

// Makes a stage that pushes into `next`; feed_run frees it.
typedef struct stage *feed_maker(struct ordered *o, struct stage *next, void *context);

// Pushes the input into the stage, finishes it and delivers everything. Lent memory is not
// accessible afterwards; held memory is a copy, so that a stage that works in place does not change
// the input.
void feed_run(feed_maker *make, void *context, const uint8_t *data, size_t size,
              const struct feeding *how, struct fed *result);

void fed_free(struct fed *result);

// Calls `run` for the input as a whole, one byte at a time, in odd pieces, and, if it is at most
// FEED_SPLIT_MAX bytes, split in two at every boundary; lent and held; with 1 and 3 threads.
enum { FEED_SPLIT_MAX = 1200 };
void feed_each(size_t size, void (*run)(const struct feeding *how, void *context), void *context);

// A sink that keeps its input. Owned by the caller, stage_free frees it.
struct collector {
    struct stage stage;
    uint8_t *data;
    size_t size;
    size_t room;
    uint64_t holes;
    unsigned finishes;
};
struct collector *collector_new(void);

#endif
