// SPDX-License-Identifier: Apache-2.0
#include "engine/ordered.h"

#include <stdlib.h>

// The limit for bytes in flight: this, or a unit of the largest size so far for each thread if that
// is more. Enough to even out the times of units, and little enough for the second-level caches:
// bytes are still there when they are decoded, and their memory is reused before it leaves the
// caches. One thread gains nothing from running ahead. Each unit counts for at least COST_MIN, for
// its structs and the memory that they hold.
enum { BYTES_BASE = 1 << 20, BYTES_PER_THREAD = 1 << 20, COST_MIN = 1 << 10 };

// Shared by the queues behind each other.
struct shared {
    struct pool *pool;
    uint64_t sequence;  // of the last unit that comes from no other
    uint64_t current;   // of the unit that is being delivered; 0: none
    struct fault fault; // the first failure of all queues, if its status is not 0; its place:
    uint64_t fault_sequence;
    unsigned fault_depth;
};

struct ordered {
    struct shared *shared;
    struct ordered *front;  // NULL: this is the foremost
    struct ordered *behind; // NULL: none
    unsigned depth;         // queues in front
    struct unit *first;     // in flight, oldest first
    struct unit *last;
    size_t cost;
    size_t largest;  // cost of a unit
    bool failing;    // a failure was submitted or delivered
    bool failed;     // one has been delivered
    bool delivering; // a deliver function is running now
};

struct failure {
    struct unit unit;
    struct ordered *ordered;
    struct fault fault;
};

int ordered_new(struct ordered **out, unsigned threads, struct fault *f) {
    *out = NULL;
    struct ordered *o = calloc(1, sizeof *o);
    struct shared *shared = calloc(1, sizeof *shared);
    if (o == NULL || shared == NULL)
        diag_fault_memory(f);
    else if (pool_new(&shared->pool, threads, f) == 0) {
        o->shared = shared;
        *out = o;
        return 0;
    }
    free(shared);
    free(o);
    return -1;
}

int ordered_behind(struct ordered **out, struct ordered *front, struct fault *f) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return diag_fault_memory(f);
    (*out)->shared = front->shared;
    (*out)->front = front;
    (*out)->depth = front->depth + 1;
    front->behind = *out;
    return 0;
}

struct ordered *ordered_next(struct ordered *o) {
    return o->behind != NULL ? o->behind : o;
}

unsigned ordered_threads(const struct ordered *o) {
    return pool_threads(o->shared->pool);
}

void ordered_submit(struct ordered *o, struct unit *unit) {
    unit->next = NULL;
    if (unit->cost < COST_MIN)
        unit->cost = COST_MIN;
    unit->sequence = o->shared->current != 0 ? o->shared->current : ++o->shared->sequence;
    if (o->last == NULL)
        o->first = unit;
    else
        o->last->next = unit;
    o->last = unit;
    o->cost += unit->cost;
    if (unit->cost > o->largest)
        o->largest = unit->cost;
    pool_submit(o->shared->pool, &unit->job);
}

static void release(struct unit *unit) {
    if (unit->release != NULL)
        unit->release(unit);
    else
        free(unit);
}

void ordered_add_cost(struct ordered *o, struct unit *unit, size_t cost) {
    unit->cost += cost;
    o->cost += cost;
}

static void deliver_failure(struct unit *unit) {
    struct failure *failure = (struct failure *)unit;
    ordered_fail_now(failure->ordered, &failure->fault);
}

void ordered_fail(struct ordered *o, const struct fault *f) {
    o->failing = true;
    struct failure *failure = calloc(1, sizeof *failure);
    if (failure == NULL) { // out of order, but not lost
        ordered_fail_now(o, f);
        return;
    }
    failure->unit.deliver = deliver_failure;
    failure->ordered = o;
    failure->fault = *f;
    ordered_submit(o, &failure->unit);
}

void ordered_fail_now(struct ordered *o, const struct fault *f) {
    struct shared *s = o->shared;
    uint64_t sequence = s->current != 0 ? s->current : ++s->sequence;
    o->failing = o->failed = true;
    if (s->fault.status != 0 && (sequence > s->fault_sequence ||
                                 (sequence == s->fault_sequence && o->depth <= s->fault_depth)))
        return;
    s->fault = *f;
    s->fault_sequence = sequence;
    s->fault_depth = o->depth;
}

bool ordered_failing(const struct ordered *o) {
    return o->failing || (o->behind != NULL && ordered_failing(o->behind));
}

// Waits for the oldest unit and delivers it.
static void retire_oldest(struct ordered *o) {
    struct unit *unit = o->first;
    struct shared *s = o->shared;
    bool finished = pool_wait(s->pool, &unit->job);
    uint64_t before = s->current;
    s->current = unit->sequence;
    o->delivering = true;
    if (unit->deliver != NULL)
        unit->deliver(unit);
    o->delivering = false;
    s->current = before;
    if (!finished) {
        pool_resume(s->pool, &unit->job);
        return;
    }
    o->first = unit->next;
    if (o->first == NULL)
        o->last = NULL;
    o->cost -= unit->cost;
    release(unit);
}

static bool is_full(const struct ordered *o) {
    size_t threads = pool_threads(o->shared->pool);
    if (threads == 1)
        return true;
    return o->cost > BYTES_BASE + threads * BYTES_PER_THREAD && o->cost > threads * o->largest;
}

void ordered_pump(struct ordered *o) {
    while (o->first != NULL && (is_full(o) || pool_ready(o->shared->pool, &o->first->job)))
        retire_oldest(o);
    if (o->behind != NULL)
        ordered_pump(o->behind);
}

void ordered_relieve(struct ordered *o) {
    if (!o->delivering && o->first != NULL && is_full(o))
        ordered_pump(o);
}

void ordered_relieve_behind(struct ordered *o) {
    for (struct ordered *behind = o->behind; behind != NULL; behind = behind->behind)
        ordered_relieve(behind);
}

void ordered_flush(struct ordered *o) {
    while (o->first != NULL)
        retire_oldest(o);
    if (o->behind != NULL)
        ordered_flush(o->behind);
}

bool ordered_sound(struct ordered *o) {
    if (o->behind == NULL)
        return true;
    ordered_flush(o->behind);
    return !ordered_failing(o->behind);
}

int ordered_finish(struct ordered *o, struct fault *f) {
    ordered_flush(o);
    const struct ordered *failed = o;
    while (failed != NULL && !failed->failed)
        failed = failed->behind;
    if (failed == NULL)
        return 0;
    *f = o->shared->fault;
    return -1;
}

int ordered_settle(struct ordered *o, struct fault *f) {
    if (o->delivering)
        return 0;
    while (o->front != NULL && !o->front->delivering)
        o = o->front;
    return ordered_finish(o, f);
}

void ordered_drop(struct ordered *o) {
    pool_clear(o->shared->pool);
    while (o->first != NULL) {
        struct unit *unit = o->first;
        o->first = unit->next;
        pool_quiet(o->shared->pool, &unit->job);
        release(unit);
    }
    o->last = NULL;
    o->cost = 0;
    if (o->behind != NULL)
        ordered_drop(o->behind);
}

void ordered_free(struct ordered *o) {
    if (o == NULL)
        return;
    ordered_drop(o);
    struct shared *shared = o->shared;
    for (struct ordered *behind; o != NULL; o = behind) {
        behind = o->behind;
        free(o);
    }
    pool_free(shared->pool);
    free(shared);
}
