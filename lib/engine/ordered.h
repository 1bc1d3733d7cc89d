// SPDX-License-Identifier: Apache-2.0
// The one queue of the process, on top of its pool: units of work go in, results come out in the
// same order. Each unit runs on any thread and is then delivered on the main thread, in the order
// of submission. Delivery may submit further units (the next stage's), which queue at the end.
// ordered_pump, which the program's outermost loop calls between pieces of input, limits how much
// is in flight.
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
    // Main thread, exactly once, last: frees the unit and what it holds. NULL: it holds nothing.
    void (*release)(struct unit *);
    size_t cost;       // bytes of memory that the unit uses
    uint64_t sequence; // the queue's: the unit of the foremost queue that it comes from
    struct unit *next; // the queue's
};

// Returns 0 and *o with a pool of `threads`; or -1 and *f (EX_OSERR).
int ordered_new(struct ordered **o, unsigned threads, struct fault *f);

// Makes a queue on the same pool behind `front`, for stages into which units of `front` push their
// results. While `front` delivers, it cannot deliver further units of its own, but it can wait for
// units of the new queue (ordered_settle) and deliver them (ordered_relieve): so the amount in
// flight stays bounded, however much one delivery produces. Each operation on `front` (fail, pump,
// flush, finish, drop, free) is then done on the queues behind it, too. A queue has at most one
// directly behind it. Returns 0 and *o, which `front` owns; or -1 and *f (EX_OSERR).
int ordered_behind(struct ordered **o, struct ordered *front, struct fault *f);

// The queue directly behind `o`; `o` itself if there is none.
struct ordered *ordered_next(struct ordered *o);

unsigned ordered_threads(const struct ordered *o);

// Takes over the unit.
void ordered_submit(struct ordered *o, struct unit *unit);

// Raises the cost of a unit that was submitted and not yet delivered.
void ordered_add_cost(struct ordered *o, struct unit *unit, size_t cost);

// Records a failure at this place in the order: a failure in a unit that was submitted before comes
// first. The first failure is reported: the one that comes from the earliest unit of the foremost
// queue, and among those the one in the rearmost queue, which is nearest to the output. It stops
// nothing that is in flight: the failing stage ensures that nothing that depends on the failed part
// is delivered (stage.h); everything else is.
void ordered_fail(struct ordered *o, const struct fault *f);

// Records a failure now, from a deliver function.
void ordered_fail_now(struct ordered *o, const struct fault *f);

// True once either was called: reading more input is pointless.
bool ordered_failing(const struct ordered *o);

// Delivers what is ready, and waits for more while too much is in flight.
void ordered_pump(struct ordered *o);

// A stage may call this at any time while it takes input: does the same if too much is in flight,
// unless this queue is itself delivering that input.
void ordered_relieve(struct ordered *o);

// For a unit of this queue that is being delivered in many pieces: does the same for each queue
// behind.
void ordered_relieve_behind(struct ordered *o);

// For a unit of this queue that is being delivered, and has a message that does not matter after a
// failure behind: delivers everything in the queues behind, and returns true if nothing there has
// failed.
bool ordered_sound(struct ordered *o);

// Delivers everything.
void ordered_flush(struct ordered *o);

// Delivers everything, at the end. Returns 0; or -1 and the failure in *f.
int ordered_finish(struct ordered *o, struct fault *f);

// The same, for a stage that holds a scarce resource for each unit in flight (open files); it calls
// this while it takes input. Also delivers the queues in front that are not delivering this input.
// If this queue is delivering it, does nothing and returns 0.
int ordered_settle(struct ordered *o, struct fault *f);

// Cancels and releases everything in flight, so that stages may be freed.
void ordered_drop(struct ordered *o);

// The same, and frees the queue and the pool. NULL is allowed.
void ordered_free(struct ordered *o);

#endif
