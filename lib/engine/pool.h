// SPDX-License-Identifier: Apache-2.0
// The worker threads of the process. Jobs start in the order of submission as threads become free;
// the submitting thread also runs jobs while it waits, so a pool of N threads has N - 1 workers,
// and a pool of one has none.
#ifndef XBPIPE_POOL_H
#define XBPIPE_POOL_H

#include "base/diag.h"

#include <stdbool.h>

enum job_result {
    JOB_DONE,
    JOB_MORE // it has something to deliver; run it again after that
};

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_PAUSED, JOB_FINISHED };

// One piece of work, embedded in the submitter's own struct. The submitter sets the first two
// fields.
struct job {
    // Runs on any thread; `thread` is from 0 to the pool's size - 1, and two jobs that run at the
    // same time have different numbers. NULL: nothing to run.
    enum job_result (*run)(struct job *, unsigned thread);
    // A job that must be finished before this one may run (jobs of one serial decoder); NULL: none.
    // It must have been submitted before and not yet released, and must not be the `after` of
    // another job: a job has at most one follower.
    struct job *after;
    enum job_state state; // the pool's, under its lock
    struct job *next;     // the pool's
    struct job *follower; // the pool's: the job whose `after` is this one
};

struct pool;

// Returns 0 and *pool, which pool_free stops; or -1 and EX_OSERR in *f. threads ≥ 1.
int pool_new(struct pool **pool, unsigned threads, struct fault *f);

unsigned pool_threads(const struct pool *pool);

// Main thread only. The job must stay where it is until pool_wait has seen it finished.
void pool_submit(struct pool *pool, struct job *job);

// Main thread only. True if the job is paused or finished: pool_wait would return at once.
bool pool_ready(struct pool *pool, struct job *job);

// Main thread only. Returns when the job is paused or finished, running this or later jobs
// meanwhile. True: finished, and the pool has forgotten it. False: paused; pool_resume continues
// it.
bool pool_wait(struct pool *pool, struct job *job);
void pool_resume(struct pool *pool, struct job *job);

// Main thread only. Removes all jobs that have not begun from the queue; they will not be run.
void pool_clear(struct pool *pool);

// Main thread only, after pool_clear. If the job is running, waits until it stops; it will not be
// run again.
void pool_quiet(struct pool *pool, struct job *job);

// No job may be queued or running. NULL is allowed.
void pool_free(struct pool *pool);

#endif
