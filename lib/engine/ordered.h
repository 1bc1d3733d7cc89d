// SPDX-License-Identifier: Apache-2.0
// The one queue of the process, on top of its pool: units of work go in, results come out in the
// same order. Each unit runs on any thread and is then delivered on the main thread, in the order
// of submission. Delivery may submit further units (the next stage's), which queue at the end.
// ordered_pump, which the program's outermost loop calls between pieces of input, bounds what is in
// flight.
#ifndef XBPIPE_ORDERED_H
#define XBPIPE_ORDERED_H

#include "base/diag.h"
#include "engine/pool.h"

#include <stddef.h>
#include <stdint.h>

struct ordered;

// Embedded at the start of a stage's own struct. The submitter sets job.run and job.after.
struct unit {
    struct job job;
    // Main thread, in order; after each run that returned JOB_MORE, and once more at the end. NULL:
    // nothing to deliver.
    void (*deliver)(struct unit *);
    // Main thread, exactly once, last: frees the unit and what it holds.
    void (*release)(struct unit *);
    size_t cost;       // bytes of memory it stands for
    uint64_t sequence; // the queue's: which unit of the foremost queue it stems from
    struct unit *next; // the queue's
};

// Returns 0 and *o with a pool of `threads`; or -1 and *f (EX_OSERR).
int ordered_new(struct ordered **o, unsigned threads, struct fault *f);

// A queue on the same pool behind `front`, for stages into which the units of `front` push what
// they deliver. While `front` delivers, units of the new queue can still be waited for
// (ordered_settle) and delivered (ordered_relieve), which those of `front` cannot: however much one
// delivery makes, what is in flight stays bounded. Whatever is done to `front` (failing, pump,
// flush, finish, drop, free) is done to the queues behind it next. Each has at most one directly
// behind it. Returns 0 and *o, which `front` owns; or -1 and *f (EX_OSERR).
int ordered_behind(struct ordered **o, struct ordered *front, struct fault *f);

// The queue directly behind `o`; `o` itself if there is none.
struct ordered *ordered_next(struct ordered *o);

unsigned ordered_threads(const struct ordered *o);

// The release function of a unit that was allocated alone and owns nothing.
void ordered_free_unit(struct unit *unit);

// Takes over the unit.
void ordered_submit(struct ordered *o, struct unit *unit);

// Raises the cost of a unit that was submitted and not yet delivered.
void ordered_add_cost(struct ordered *o, struct unit *unit, size_t cost);

// Records a failure at this place of the order: one that is met in what was submitted before comes
// first. The first failure is the one that is reported: that which stems from the earliest unit of
// the foremost queue, and of those the one that the rearmost queue met, which is nearest to the
// output. Nothing in flight is stopped by it: the stage that fails sees to it that what depends on
// what failed is not delivered (stage.h), and all else is.
void ordered_fail(struct ordered *o, const struct fault *f);

// Records a failure now, from a deliver function.
void ordered_fail_now(struct ordered *o, const struct fault *f);

// True once either was called: reading more input is pointless.
bool ordered_failing(const struct ordered *o);

// Delivers what is ready, and waits for more while too much is in flight.
void ordered_pump(struct ordered *o);

// For a stage to call while it takes input, as often as it likes: the same if too much is in
// flight, unless that input is itself being delivered by this queue.
void ordered_relieve(struct ordered *o);

// For a unit of this queue that is being delivered in many pieces: the same for each queue behind.
void ordered_relieve_behind(struct ordered *o);

// For a unit of this queue that is being delivered, and says something that is of no interest after
// a failure behind: delivers all that is in the queues behind, and returns true if nothing there
// has failed.
bool ordered_sound(struct ordered *o);

// Delivers everything.
void ordered_flush(struct ordered *o);

// Delivers everything, at the end. Returns 0; or -1 and the failure in *f.
int ordered_finish(struct ordered *o, struct fault *f);

// The same, for a stage that holds something scarce for each unit in flight (open files): to be
// called while it takes input. Delivers what is in the queues in front, too, as far as they are not
// delivering this very input. Does nothing, and returns 0, if this queue is.
int ordered_settle(struct ordered *o, struct fault *f);

// Cancels and releases what is in flight, so that stages may be freed.
void ordered_drop(struct ordered *o);

// The same, and frees the queue and the pool. NULL is allowed.
void ordered_free(struct ordered *o);

#endif
