// SPDX-License-Identifier: Apache-2.0
// Drives a stage over memory in every way that its input may come, for tests.
#ifndef XBPIPE_TESTS_FEED_H
#define XBPIPE_TESTS_FEED_H

#include "engine/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One way to bring the input.
struct feeding {
    unsigned threads;
    bool held;    // views of one slab, as the programs' input; otherwise each piece is only lent,
                  // and its memory is gone when the call returns
    size_t first; // bytes of the first piece; 0: all of the input
    size_t rest;  // bytes of each further piece; 0: all that is left
};

// Text that tells one way from another in a failed test.
const char *feeding_text(const struct feeding *how);

// What came out.
struct fed {
    int status; // 0: success; else the fault's
    struct fault fault;
    uint8_t *data; // pushed into the stage's next; holes are zeros
    size_t size;
    uint64_t holes;    // bytes that came as holes
    unsigned finishes; // of the stage's next
};

// Makes a stage that pushes into `next`; what that returned is freed by feed_run.
typedef struct stage *feed_maker(struct ordered *o, struct stage *next, void *context);

// Pushes the input into the stage, finishes it and delivers all. What was lent is not touched
// afterwards; what was held is a copy, so that a stage that works in place does no harm.
void feed_run(feed_maker *make, void *context, const uint8_t *data, size_t size,
              const struct feeding *how, struct fed *result);

void fed_free(struct fed *result);

// Calls `run` for the input as a whole, one byte at a time, in odd pieces, and, if it is at most
// FEED_SPLIT_MAX bytes, split in two at every boundary; lent and held; with 1 and 3 threads.
enum { FEED_SPLIT_MAX = 1200 };
void feed_each(size_t size, void (*run)(const struct feeding *how, void *context), void *context);

// A sink that keeps what it is given. Owned by the caller, stage_free frees it.
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
