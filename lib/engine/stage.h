// SPDX-License-Identifier: Apache-2.0
// The interface of everything that data flows through: bytes are pushed in, and the stage pushes
// its result into the next stage; the last stage is a sink. All calls are made on the main thread.
// A stage submits its work to the queue (ordered.h) and pushes each result on when the queue
// delivers it. So a failure is never a return value: it is recorded in the queue at its place in
// the order, and a stage that has failed ignores further input.
#ifndef XBPIPE_STAGE_H
#define XBPIPE_STAGE_H

#include "engine/ordered.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stage;
struct salvage_scope;

struct stage_operations {
    // Takes v.size bytes. The stage takes its own reference to v.slab if it keeps the bytes. Bytes
    // in a slab belong to this stage alone: it may overwrite them.
    void (*push)(struct stage *, struct view v);
    // The end of the stage's input. Called once; there are no pushes after it.
    void (*finish)(struct stage *);
    // Optional, for sinks that accept bytes out of order; any thread. Stores `size` bytes at
    // `offset` of the stage's input. Returns 0, or -1 and *f. The bytes count as pushed when, in
    // order, `placed` is called for them.
    int (*place)(struct stage *, uint64_t offset, const void *data, size_t size, struct fault *f);
    void (*placed)(struct stage *, size_t size);
    // Optional. The next bytes overwrite the stage's input from `offset` on; that is at most the
    // number of bytes pushed so far. Returns 0; or -1 and *f.
    int (*seek)(struct stage *, uint64_t offset, struct fault *f);
    // NULL: the stage owns nothing but its own struct.
    void (*free)(struct stage *);
};

// Embedded at the start of each stage's struct. The function that makes the stage sets the first
// two fields.
struct stage {
    const struct stage_operations *ops;
    struct ordered *ordered;
    // The member that the bytes belong to, printable, for messages; NULL: the program's whole
    // input. The caller that creates the stage sets it; it outlives the stage.
    const char *name;
    // The stage records losses here and goes on (salvage.h); NULL: it fails at the first damage.
    // Set like the name. For a sink: the scope under which its file is noted.
    struct salvage_scope *salvage;
    // The stage has found its input wrong and takes no more. The units that it has submitted are
    // still delivered.
    bool failed;
    // A unit of the stage failed when it was delivered: nothing after it, not even the end, is
    // pushed on, and no more input is taken.
    bool broken;
};

// True if the stage takes no more input, for either reason.
static inline bool stage_is_closed(const struct stage *s) {
    return s->failed || s->broken;
}

static inline void stage_push(struct stage *s, struct view v) {
    s->ops->push(s, v);
}

static inline void stage_finish(struct stage *s) {
    s->ops->finish(s);
}

// Breaks the stage if it cannot seek.
void stage_seek(struct stage *s, uint64_t offset);

// A stage of `size` bytes, all zero but for its first two fields; NULL if the allocation failed.
void *stage_new(size_t size, const struct stage_operations *ops, struct ordered *o);

// NULL is allowed. No unit of the stage may be in flight. The next stage is not freed.
void stage_free(struct stage *s);

// Records a failure that the stage has found in its input, at this place in the order
// (ordered_fail), with the stage's name, if it has one, before the text. The stage has then failed.
void stage_fail(struct stage *s, const struct fault *f);

// The same for a failed allocation.
void stage_fail_memory(struct stage *s);

// Records a failure of a unit that is being delivered, in the same way, and breaks the stage.
void stage_break(struct stage *s, const struct fault *f);

// A unit of `size` bytes for the stage to submit, all zero but for `deliver` and its cost, which is
// `size`. Takes a reference for *v (view_hold), unless `v` is NULL. If an allocation fails, so does
// the stage, and the result is NULL.
void *stage_unit(struct stage *s, size_t size, void (*deliver)(struct unit *), struct view *v);

// Submits a unit that, when it is delivered and `s` is not broken, calls `deliver`: for the last
// work of a stage, when everything that it has submitted before has been delivered.
void stage_end_in_order(struct stage *s, void (*deliver)(struct stage *s, void *context),
                        void *context);

// Submits a unit that, when it is delivered and `s` is not broken, finishes `next`. A stage passes
// on its own end this way.
void stage_finish_in_order(struct stage *s, struct stage *next);

#endif
