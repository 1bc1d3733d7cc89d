// SPDX-License-Identifier: Apache-2.0
#include "engine/pool.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;  // workers wait here for a job that may run
    pthread_cond_t ready; // the main thread waits here for `awaited`
    struct job *first;    // jobs that have not begun, oldest first, linked by `next`
    struct job *last;
    const struct job *awaited;
    unsigned idle; // workers waiting
    bool stopping;
    unsigned threads;
    unsigned started; // workers that exist
    struct worker {
        struct pool *pool;
        pthread_t thread;
        unsigned number;
    } workers[];
};

static bool is_ready(const struct job *job) {
    return job->state == JOB_PAUSED || job->state == JOB_FINISHED;
}

// Removes the oldest job that may run from the queue; NULL if there is none. Under the lock.
static struct job *take(struct pool *pool) {
    struct job *previous = NULL;
    for (struct job *job = pool->first; job != NULL; previous = job, job = job->next) {
        if (job->after != NULL)
            continue;
        if (previous == NULL)
            pool->first = job->next;
        else
            previous->next = job->next;
        if (pool->last == job)
            pool->last = previous;
        job->state = JOB_RUNNING;
        return job;
    }
    return NULL;
}

static void wake_worker(struct pool *pool) {
    if (pool->idle > 0)
        pthread_cond_signal(&pool->work);
}

// Marks the end of a run. Under the lock.
static void settle(struct pool *pool, struct job *job, enum job_result result) {
    job->state = result == JOB_MORE ? JOB_PAUSED : JOB_FINISHED;
    if (job->state == JOB_FINISHED && job->follower != NULL) {
        job->follower->after = NULL;
        job->follower = NULL;
        if (pool->awaited != NULL)
            pthread_cond_signal(&pool->ready); // the waiting main thread can run it
        else
            wake_worker(pool);
    }
}

static void run_unlocked(struct pool *pool, struct job *job, unsigned thread) {
    pthread_mutex_unlock(&pool->lock);
    enum job_result result = job->run == NULL ? JOB_DONE : job->run(job, thread);
    pthread_mutex_lock(&pool->lock);
    settle(pool, job, result);
}

static void *work(void *argument) {
    const struct worker *self = argument;
    struct pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct job *job = take(pool);
        if (job == NULL) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
            continue;
        }
        run_unlocked(pool, job, self->number);
        if (job == pool->awaited)
            pthread_cond_signal(&pool->ready);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int pool_new(struct pool **out, unsigned threads, struct fault *f) {
    *out = NULL;
    struct pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->workers[0]);
    if (pool == NULL)
        return diag_fault_memory(f);
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->ready, NULL);

    // Signals from other processes go to the main thread.
    sigset_t outside, before;
    sigfillset(&outside);
    static const int own[] = {SIGPIPE, SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&outside, own[i]);
    pthread_sigmask(SIG_BLOCK, &outside, &before);
    int error = 0;
    while (pool->started + 1 < threads && error == 0) {
        struct worker *w = &pool->workers[pool->started];
        *w = (struct worker){.pool = pool, .number = pool->started + 1};
        error = pthread_create(&w->thread, NULL, work, w);
        if (error == 0)
            pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        pool_free(pool);
        return diag_fault_errno(f, EX_OSERR, error,
                                "cannot start thread %u of %u; use a smaller -j", pool->started + 1,
                                threads);
    }
    *out = pool;
    return 0;
}

unsigned pool_threads(const struct pool *pool) {
    return pool->threads;
}

void pool_submit(struct pool *pool, struct job *job) {
    pthread_mutex_lock(&pool->lock);
    job->state = JOB_QUEUED;
    job->next = NULL;
    job->follower = NULL;
    if (job->after != NULL) {
        if (job->after->state == JOB_FINISHED)
            job->after = NULL;
        else {
            assert(job->after->follower == NULL); // the earlier follower would never run
            job->after->follower = job;
        }
    }
    if (pool->last == NULL)
        pool->first = job;
    else
        pool->last->next = job;
    pool->last = job;
    if (job->after == NULL)
        wake_worker(pool);
    pthread_mutex_unlock(&pool->lock);
}

bool pool_ready(struct pool *pool, struct job *job) {
    pthread_mutex_lock(&pool->lock);
    bool ready = is_ready(job);
    pthread_mutex_unlock(&pool->lock);
    return ready;
}

bool pool_wait(struct pool *pool, struct job *job) {
    pthread_mutex_lock(&pool->lock);
    while (!is_ready(job)) {
        struct job *mine = take(pool);
        if (mine != NULL) {
            run_unlocked(pool, mine, 0);
            continue;
        }
        pool->awaited = job;
        pthread_cond_wait(&pool->ready, &pool->lock);
        pool->awaited = NULL;
    }
    bool finished = job->state == JOB_FINISHED;
    pthread_mutex_unlock(&pool->lock);
    return finished;
}

void pool_resume(struct pool *pool, struct job *job) {
    // To the front: it is the oldest.
    pthread_mutex_lock(&pool->lock);
    job->state = JOB_QUEUED;
    job->next = pool->first;
    pool->first = job;
    if (pool->last == NULL)
        pool->last = job;
    wake_worker(pool);
    pthread_mutex_unlock(&pool->lock);
}

void pool_clear(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    for (struct job *job = pool->first; job != NULL; job = job->next)
        job->state = JOB_FINISHED;
    pool->first = pool->last = NULL;
    pthread_mutex_unlock(&pool->lock);
}

void pool_quiet(struct pool *pool, struct job *job) {
    pthread_mutex_lock(&pool->lock);
    while (job->state == JOB_RUNNING) {
        pool->awaited = job;
        pthread_cond_wait(&pool->ready, &pool->lock);
        pool->awaited = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
}

void pool_free(struct pool *pool) {
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->ready);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
