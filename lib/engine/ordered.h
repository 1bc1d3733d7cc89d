// SPDX-License-Identifier: Apache-2.0
// Units of work in, results out in the same order: the one queue of the process, on top of its
// pool. Each unit runs on any thread and is then delivered on the main thread, in the order of
// submission. Delivery may submit further units (the next stage's), which queue at the end. What is
// in flight is bounded by ordered_pump, which the program's outermost loop calls between pieces of
// input.
#ifndef XBPIPE_ORDERED_H
#define XBPIPE_ORDERED_H

#include "base/diag.h"
#include "engine/pool.h"

#include <stddef.h>

struct ordered;

// Embedded at the start of a stage's own struct. The first field's run and after are the
// submitter's.
struct unit {
    struct job job;
    // Main thread, in order; after each run that returned JOB_MORE, and once more at the end. NULL:
    // nothing to deliver.
    void (*deliver)(struct unit *);
    // Main thread, exactly once, last: frees the unit and what it holds.
    void (*release)(struct unit *);
    size_t cost; // bytes of memory it stands for
    struct unit *next;
};

// Returns 0 and *o with a pool of `threads`; or -1 and *f (EX_OSERR).
int ordered_new(struct ordered **o, unsigned threads, struct fault *f);

// A second queue on the same pool, for stages that what `front` delivers is pushed into. While that
// goes on their units can still be waited for (ordered_settle), and pumped, which those of `front`
// cannot. Whatever is done to `front` (failing, pump, flush, finish, drop, free) is done to it
// next; a failure in it comes before one in `front`. One such queue at most. Returns 0 and *o,
// which `front` owns; or -1 and *f (EX_OSERR).
int ordered_behind(struct ordered **o, struct ordered *front, struct fault *f);

unsigned ordered_threads(const struct ordered *o);

// Takes over the unit.
void ordered_submit(struct ordered *o, struct unit *unit);

// Raises the cost of a unit that was submitted and not yet delivered.
void ordered_add_cost(struct ordered *o, struct unit *unit, size_t cost);

// Records a failure, at this place of the order: one that is met in what was submitted before comes
// first. The first failure is the one that is reported. Nothing in flight is stopped by it: whoever
// fails sees to it that what depends on what failed is not delivered (stage.h), and all else is.
void ordered_fail(struct ordered *o, const struct fault *f);

// The same, now, for a failure met by a deliver function.
void ordered_fail_now(struct ordered *o, const struct fault *f);

// True once either was called: there is no use in reading more input.
bool ordered_failing(const struct ordered *o);

// Delivers what is ready, and waits for more while too much is in flight.
void ordered_pump(struct ordered *o);

// Delivers everything.
void ordered_flush(struct ordered *o);

// The same at the end. Returns 0; or -1 and the failure in *f.
int ordered_finish(struct ordered *o, struct fault *f);

// The same, for a stage that holds something scarce for each unit in flight (open files): to be
// called while it takes input. Does nothing, and returns 0, where that input is itself being
// delivered.
int ordered_settle(struct ordered *o, struct fault *f);

// Cancels and releases what is in flight, so that stages may be freed.
void ordered_drop(struct ordered *o);

// The same, and stops the pool and frees it. NULL is allowed.
void ordered_free(struct ordered *o);

#endif
