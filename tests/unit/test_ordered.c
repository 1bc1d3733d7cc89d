// SPDX-License-Identifier: Apache-2.0
// The queue of work: results in the order of submission whatever the order in which they were
// worked out, each unit released once, failures in their place.
#include "engine/ordered.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UNITS = 300, RUNS_MAX = 3 };

// What became of the units of one test.
struct log {
    struct ordered *ordered;
    unsigned delivered[UNITS * RUNS_MAX];
    unsigned count;
    unsigned released;
    atomic_uint ran;
    atomic_bool done[UNITS]; // all runs of a unit
    unsigned fail_at;        // this unit fails when it is delivered; UNITS: none
};

struct work {
    struct unit unit;
    struct log *log;
    unsigned number;
    unsigned runs;    // that it takes
    unsigned results; // made by runs and not yet delivered
    int prior;        // the unit that must have been done when this one runs; -1: none
};

static enum job_result run(struct job *job, unsigned thread) {
    struct work *w = (struct work *)job;
    assert_true(thread < ordered_threads(w->log->ordered));
    if (w->prior >= 0 && !atomic_load(&w->log->done[w->prior]))
        abort();
    // Work of very different length, so that results are ready out of order.
    struct timespec pause = {.tv_nsec = w->number % 7 == 0 ? 300000 : 0};
    nanosleep(&pause, NULL);
    atomic_fetch_add(&w->log->ran, 1);
    w->results++;
    w->runs--;
    if (w->runs == 0)
        atomic_store(&w->log->done[w->number], true);
    return w->runs > 0 ? JOB_MORE : JOB_DONE;
}

static void deliver(struct unit *unit) {
    struct work *w = (struct work *)unit;
    assert_int_equal(w->results, 1); // once for each run
    w->results = 0;
    w->log->delivered[w->log->count++] = w->number;
    if (w->number == w->log->fail_at) {
        struct fault f;
        diag_fault(&f, EX_DATAERR, "unit %u", w->number);
        ordered_fail_now(w->log->ordered, &f);
    }
}

static void release(struct unit *unit) {
    struct work *w = (struct work *)unit;
    w->log->released++;
    free(w);
}

static struct work *submit(struct log *log, unsigned number, unsigned runs, struct work *after) {
    struct work *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->unit = (struct unit){.job = {.run = run, .after = after != NULL ? &after->unit.job : NULL},
                            .deliver = deliver,
                            .release = release,
                            .cost = 100};
    w->log = log;
    w->number = number;
    w->runs = runs;
    w->prior = after != NULL ? (int)after->number : -1;
    ordered_submit(log->ordered, &w->unit);
    return w;
}

static void begin(struct log *log, unsigned threads) {
    struct fault f;
    memset(log, 0, sizeof *log);
    log->fail_at = UNITS;
    assert_int_equal(ordered_new(&log->ordered, threads, &f), 0);
    assert_int_equal(ordered_threads(log->ordered), threads);
}

static void test_order(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 7; threads++) {
        struct log log;
        struct fault f;
        begin(&log, threads);
        for (unsigned i = 0; i < UNITS; i++) {
            submit(&log, i, 1, NULL);
            if (i % 10 == 0)
                ordered_pump(log.ordered);
        }
        assert_int_equal(ordered_finish(log.ordered, &f), 0);
        assert_int_equal(log.count, UNITS);
        for (unsigned i = 0; i < UNITS; i++)
            assert_int_equal(log.delivered[i], i);
        assert_int_equal(log.released, UNITS);
        assert_int_equal(log.ran, UNITS);
        ordered_free(log.ordered);
    }
}

// Units that deliver more than once, and units that wait for another.
static void test_repeated_and_serial(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct log log;
        struct fault f;
        begin(&log, threads);
        struct work *previous = NULL;
        unsigned expected = 0;
        for (unsigned i = 0; i < UNITS / 3; i++) {
            struct work *w = submit(&log, i, 1 + i % RUNS_MAX, i % 5 < 3 ? previous : NULL);
            previous = w; // not delivered before ordered_finish, so still there
            expected += 1 + i % RUNS_MAX;
        }
        assert_int_equal(ordered_finish(log.ordered, &f), 0);
        assert_int_equal(log.count, expected);
        for (unsigned i = 1; i < log.count; i++)
            assert_true(log.delivered[i] >= log.delivered[i - 1]);
        assert_int_equal(log.released, UNITS / 3);
        ordered_free(log.ordered);
    }
}

// A delivery that submits more work: it queues at the end.
static void deliver_and_submit(struct unit *unit) {
    struct work *w = (struct work *)unit;
    struct log *log = w->log;
    unsigned number = w->number;
    deliver(unit);
    if (number < 10)
        submit(log, 100 + number, 1, NULL);
}

static void test_submission_from_a_delivery(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct log log;
        struct fault f;
        begin(&log, threads);
        for (unsigned i = 0; i < 20; i++)
            submit(&log, i, 1, NULL)->unit.deliver = deliver_and_submit;
        assert_int_equal(ordered_finish(log.ordered, &f), 0);
        assert_int_equal(log.count, 30);
        for (unsigned i = 0; i < 30; i++)
            assert_int_equal(log.delivered[i], i < 20 ? i : 80 + i);
        ordered_free(log.ordered);
    }
}

// The first failure in the order is the one that is reported, whenever it was recorded.
static void test_failures(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++)
        for (unsigned how = 0; how < 3; how++) {
            struct log log;
            struct fault f = {0}, late;
            begin(&log, threads);
            diag_fault(&late, EX_IOERR, "at the end");
            if (how > 0)
                log.fail_at = 5;
            for (unsigned i = 0; i < 20; i++)
                submit(&log, i, 1, NULL);
            assert_false(ordered_failing(log.ordered) && how == 0);
            if (how != 1) {
                ordered_fail(log.ordered, &late);
                assert_true(ordered_failing(log.ordered));
            }
            assert_int_equal(ordered_finish(log.ordered, &f), -1);
            assert_true(ordered_failing(log.ordered));
            assert_string_equal(f.text, how == 0 ? "at the end" : "unit 5");
            assert_int_equal(f.status, how == 0 ? EX_IOERR : EX_DATAERR);
            assert_true(log.count >= 6); // all that comes before it
            for (unsigned i = 0; i < log.count; i++)
                assert_int_equal(log.delivered[i], i);
            ordered_drop(log.ordered);
            assert_int_equal(log.released, 20);
            ordered_free(log.ordered);
        }
}

static void test_drop(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct log log;
        begin(&log, threads);
        struct work *previous = NULL;
        for (unsigned i = 0; i < UNITS; i++)
            previous = submit(&log, i, 1 + i % RUNS_MAX, i % 4 == 1 ? previous : NULL);
        ordered_drop(log.ordered);
        assert_int_equal(log.count, 0);
        assert_int_equal(log.released, UNITS);
        ordered_free(log.ordered);

        // Freeing the queue drops, too.
        begin(&log, threads);
        for (unsigned i = 0; i < UNITS; i++)
            submit(&log, i, 1, NULL);
        ordered_free(log.ordered);
        assert_int_equal(log.released, UNITS);
    }
    ordered_free(NULL);
}

// What is in flight stays within bounds however much is submitted.
static void test_bound(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct log log;
        struct fault f;
        begin(&log, threads);
        for (unsigned i = 0; i < UNITS; i++) {
            struct work *w = submit(&log, i, 1, NULL);
            ordered_add_cost(log.ordered, &w->unit, 64 << 20);
            ordered_pump(log.ordered);
            assert_true(i + 1 - log.count <= 8 * threads);
        }
        assert_int_equal(ordered_settle(log.ordered, &f), 0);
        assert_int_equal(log.count, UNITS);
        ordered_free(log.ordered);
    }
}

// Two queues: what a delivery of the first brings to the second can be waited for then and there.
static struct log behind_log;

static void deliver_into_second(struct unit *unit) {
    struct work *w = (struct work *)unit;
    struct log *second = &behind_log;
    struct fault f;
    unsigned number = w->number;
    deliver(unit);
    for (unsigned i = 0; i < 10; i++)
        submit(second, 10 * number + i, 1, NULL);
    if (number % 3 != 0)
        return;
    assert_int_equal(ordered_settle(w->log->ordered, &f), 0); // does nothing
    int settled = ordered_settle(second->ordered, &f);
    assert_int_equal(second->count, 10 * number + 10);
    assert_int_equal(settled < 0, second->fail_at < second->count);
}

static void test_second_queue(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++)
        for (unsigned how = 0; how < 4; how++) { // bits: which of the two fails
            struct log log;
            struct fault f;
            begin(&log, threads);
            memset(&behind_log, 0, sizeof behind_log);
            assert_int_equal(ordered_behind(&behind_log.ordered, log.ordered, &f), 0);
            assert_int_equal(ordered_threads(behind_log.ordered), threads);
            log.fail_at = how & 1 ? 11 : UNITS;
            behind_log.fail_at = how & 2 ? 57 : UNITS;
            for (unsigned i = 0; i < 20; i++) {
                submit(&log, i, 1, NULL)->unit.deliver = deliver_into_second;
                ordered_pump(log.ordered);
            }
            int result = ordered_finish(log.ordered, &f);
            assert_int_equal(result, how == 0 ? 0 : -1);
            assert_int_equal(ordered_failing(log.ordered), how != 0);
            if (how != 0) // what the second fails at came before
                assert_string_equal(f.text, how == 1 ? "unit 11" : "unit 57");
            assert_int_equal(log.count, 20);
            assert_int_equal(behind_log.count, 200);
            for (unsigned i = 0; i < 200; i++)
                assert_int_equal(behind_log.delivered[i], i);
            // What is in flight goes with the first.
            submit(&log, 20, 1, NULL);
            submit(&behind_log, 200, 1, NULL);
            ordered_free(log.ordered);
            assert_int_equal(log.released, 21);
            assert_int_equal(behind_log.released, 201);
        }
}

// However much one delivery submits to the queue behind, what is in flight there stays bounded.
static void deliver_much(struct unit *unit) {
    struct work *w = (struct work *)unit;
    struct log *second = &behind_log;
    deliver(unit);
    for (unsigned i = 0; i < UNITS; i++) {
        struct work *made = submit(second, i, 1, NULL);
        ordered_add_cost(second->ordered, &made->unit, 64 << 20);
        ordered_relieve(second->ordered);
        ordered_relieve(w->log->ordered); // does nothing: it delivers
        assert_true(i + 1 - second->count <= 8 * ordered_threads(second->ordered));
    }
}

static void test_relief(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct log log;
        struct fault f;
        begin(&log, threads);
        memset(&behind_log, 0, sizeof behind_log);
        behind_log.fail_at = UNITS;
        assert_ptr_equal(ordered_next(log.ordered), log.ordered);
        assert_int_equal(ordered_behind(&behind_log.ordered, log.ordered, &f), 0);
        assert_ptr_equal(ordered_next(log.ordered), behind_log.ordered);
        submit(&log, 0, 1, NULL)->unit.deliver = deliver_much;
        assert_int_equal(ordered_finish(log.ordered, &f), 0);
        assert_int_equal(behind_log.count, UNITS);
        ordered_free(log.ordered);
    }
}

// Which failure is the first does not depend on when the queues come to it: it is that of what came
// in first, and of the same input that of the rearmost queue.
struct faulty {
    struct unit unit;
    struct ordered *own, *next;
    unsigned fail_here, fail_next; // 0: not; else for the message
};

static void deliver_faulty(struct unit *unit) {
    const struct faulty *w = (struct faulty *)unit;
    struct fault f;
    if (w->fail_here != 0) {
        diag_fault(&f, EX_DATAERR, "here %u", w->fail_here);
        ordered_fail_now(w->own, &f);
    }
    if (w->fail_next == 0)
        return;
    struct faulty *made = calloc(1, sizeof *made);
    assert_non_null(made);
    *made = (struct faulty){.unit = {.deliver = deliver_faulty, .release = unit->release},
                            .own = w->next,
                            .next = w->next,
                            .fail_here = w->fail_next};
    ordered_submit(w->next, &made->unit);
}

static void release_faulty(struct unit *unit) {
    free(unit);
}

static void test_first_failure(void **state) {
    (void)state;
    static const struct {
        unsigned here[3], next[3]; // of three units
        const char *expected;
    } cases[] = {{{0, 2, 0}, {0, 0, 3}, "here 2"},
                 {{0, 0, 1}, {0, 2, 0}, "here 2"},
                 {{0, 1, 1}, {0, 2, 2}, "here 2"},
                 {{1, 0, 0}, {0, 2, 2}, "here 1"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (unsigned pumped = 0; pumped < 2; pumped++) {
            struct ordered *front, *middle, *rear;
            struct fault f;
            assert_int_equal(ordered_new(&front, 1 + i % 2, &f), 0);
            assert_int_equal(ordered_behind(&middle, front, &f), 0);
            assert_int_equal(ordered_behind(&rear, middle, &f), 0);
            for (unsigned n = 0; n < 3; n++) {
                struct faulty *w = calloc(1, sizeof *w);
                assert_non_null(w);
                *w = (struct faulty){.unit = {.deliver = deliver_faulty, .release = release_faulty},
                                     .own = middle,
                                     .next = rear,
                                     .fail_here = cases[i].here[n],
                                     .fail_next = cases[i].next[n]};
                ordered_submit(middle, &w->unit);
                if (pumped)
                    ordered_pump(front);
            }
            assert_int_equal(ordered_finish(front, &f), -1);
            assert_string_equal(f.text, cases[i].expected);
            ordered_free(front);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_repeated_and_serial),
        cmocka_unit_test(test_submission_from_a_delivery),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_second_queue),
        cmocka_unit_test(test_relief),
        cmocka_unit_test(test_first_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
