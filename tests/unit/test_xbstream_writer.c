// SPDX-License-Identifier: Apache-2.0
// The writer of xbstream archives, by known answers.
#include "archives.h"
#include "feed.h"
#include "format/xbstream_writer.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void count(void *context) {
    ++*(unsigned *)context;
}

// What is pushed: bytes, or a hole where `data` is NULL.
struct push {
    const void *data;
    uint64_t size;
};

// Writes files of those pushes, each ended by one of size 0, one after the other, and collects what
// comes out.
static void write_files(unsigned threads, const char *const *names, const struct push *pushes,
                        struct bytes *out) {
    struct ordered *o;
    struct fault f;
    assert_int_equal(ordered_new(&o, threads, &f), 0);
    struct collector *sink = collector_new();
    struct stage *writers[8];
    unsigned files = 0, done = 0;
    for (; names[files] != NULL; files++) {
        assert_true(files < sizeof writers / sizeof writers[0]);
        struct stage *w =
            xbstream_writer_new(o, names[files], strlen(names[files]), &sink->stage, count, &done);
        assert_non_null(w);
        for (; pushes->size > 0; pushes++) {
            stage_push(w, (struct view){.data = pushes->data, .size = (size_t)pushes->size});
            ordered_pump(o);
        }
        pushes++;
        stage_finish(w);
        writers[files] = w;
    }
    assert_int_equal(ordered_finish(o, &f), 0);
    assert_int_equal(done, files);
    assert_int_equal(sink->finishes, 0);
    *out = (struct bytes){.data = sink->data, .size = sink->size};
    sink->data = NULL;
    stage_free(&sink->stage);
    for (unsigned i = 0; i < files; i++)
        stage_free(writers[i]);
    ordered_free(o);
    slab_trim();
}

static void check(const char *const *names, const struct push *pushes,
                  const struct bytes *expected) {
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        struct bytes out;
        write_files(threads, names, pushes, &out);
        assert_int_equal(out.size, expected->size);
        assert_memory_equal(out.data, expected->data, out.size);
        bytes_free(&out);
    }
}

static void test_payload(void **state) {
    (void)state;
    struct bytes expected = {0};
    xbs_payload(&expected, "db/t.ibd", 0, "Hello, world");
    xbs_end(&expected, "db/t.ibd");
    xbs_end(&expected, "empty");
    xbs_payload(&expected, "x", 0, "y");
    xbs_end(&expected, "x");
    check((const char *[]){"db/t.ibd", "empty", "x", NULL},
          (struct push[]){{"Hello, ", 7}, {"wor", 3}, {"ld", 2}, {0}, {0}, {"y", 1}, {0}},
          &expected);
    bytes_free(&expected);
}

static void test_longest_name(void **state) {
    (void)state;
    char name[512];
    memset(name, 'n', 511);
    name[511] = '\0';
    struct bytes expected = {0};
    xbs_payload(&expected, name, 0, "data");
    xbs_end(&expected, name);
    check((const char *[]){name, NULL}, (struct push[]){{"data", 4}, {0}}, &expected);
    bytes_free(&expected);
}

// A chunk ends at 10 MiB, wherever the views that bring the bytes end.
static void test_chunks(void **state) {
    (void)state;
    enum { CHUNK = 10 << 20 };
    for (int extra = -1; extra <= 1; extra++) {
        struct bytes plain = {0}, expected = {0};
        bytes_noise(&plain, (size_t)(2 * CHUNK + extra), 1);
        xbs_any(&expected, 'P', 0, "f", 1, 0, plain.data, CHUNK);
        xbs_any(&expected, 'P', 0, "f", 1, CHUNK, plain.data + CHUNK,
                (size_t)(CHUNK + (extra < 0 ? extra : 0)));
        if (extra > 0)
            xbs_any(&expected, 'P', 0, "f", 1, UINT64_C(2) * CHUNK, plain.data + 2 * CHUNK, 1);
        xbs_end(&expected, "f");
        check((const char *[]){"f", NULL}, (struct push[]){{plain.data, plain.size}, {0}},
              &expected);
        check((const char *[]){"f", NULL},
              (struct push[]){
                  {plain.data, 7000001}, {plain.data + 7000001, plain.size - 7000001}, {0}},
              &expected);
        bytes_free(&plain);
        bytes_free(&expected);
    }
}

static void test_sparse(void **state) {
    (void)state;
    // A hole before, between and after; adjacent data is one entry; the last byte is stored.
    struct bytes expected = {0};
    static const uint32_t map[][2] = {{4096, 6}, {100, 2}, {9, 1}};
    xbs_sparse(&expected, "s", 0, map, 3, "abcdefgh", 9); // with its terminator, the zero
    xbs_end(&expected, "s");
    check((const char *[]){"s", NULL},
          (struct push[]){{NULL, 4000},
                          {NULL, 96},
                          {"abc", 3},
                          {"def", 3},
                          {NULL, 100},
                          {"gh", 2},
                          {NULL, 10},
                          {0}},
          &expected);
    bytes_free(&expected);
    // Data before a hole begins an entry without a skip; a hole alone.
    expected = (struct bytes){0};
    static const uint32_t first[][2] = {{0, 1}, {5, 1}};
    xbs_sparse(&expected, "s", 0, first, 2, "ab", 2);
    xbs_end(&expected, "s");
    xbs_sparse(&expected, "h", 0, (const uint32_t[][2]){{7, 1}}, 1, "", 1);
    xbs_end(&expected, "h");
    xbs_payload(&expected, "p", 0, "no hole");
    xbs_end(&expected, "p");
    check((const char *[]){"s", "h", "p", NULL},
          (struct push[]){{"a", 1}, {NULL, 5}, {"b", 1}, {0}, {NULL, 8}, {0}, {"no hole", 7}, {0}},
          &expected);
    bytes_free(&expected);
}

// An entry's skip has 32 bits.
static void test_wide_holes(void **state) {
    (void)state;
    const uint32_t most = UINT32_MAX;
    struct bytes expected = {0};
    xbs_sparse(&expected, "a", 0, (const uint32_t[][2]){{most, 1}}, 1, "x", 1);
    xbs_end(&expected, "a");
    xbs_sparse(&expected, "b", 0, (const uint32_t[][2]){{most, 2}}, 1, "\0x", 2);
    xbs_end(&expected, "b");
    xbs_sparse(&expected, "c", 0, (const uint32_t[][2]){{most, 1}, {most, 1}, {3, 1}}, 3, "\0\0x",
               3);
    xbs_end(&expected, "c");
    const uint64_t wide = UINT64_C(1) << 32;
    check((const char *[]){"a", "b", "c", NULL},
          (struct push[]){{NULL, wide - 1},
                          {"x", 1},
                          {0},
                          {NULL, wide},
                          {"x", 1},
                          {0},
                          {NULL, 2 * wide + 3},
                          {"x", 1},
                          {0}},
          &expected);
    bytes_free(&expected);
}

// Small pieces do not pile up: a chunk ends with its 1024th.
static void test_many_pieces(void **state) {
    (void)state;
    static struct push pushes[2 * 1500 + 1];
    static uint32_t map[1500][2];
    struct bytes plain = {0}, expected = {0};
    bytes_noise(&plain, 1500, 3);
    for (unsigned i = 0; i < 1500; i++) {
        pushes[2 * i] = (struct push){NULL, 10};
        pushes[2 * i + 1] = (struct push){plain.data + i, 1};
        map[i][0] = 10;
        map[i][1] = 1;
    }
    xbs_sparse(&expected, "m", 0, map, 1024, plain.data, 1024);
    xbs_sparse(&expected, "m", UINT64_C(1024) * 11, map, 1500 - 1024, plain.data + 1024,
               1500 - 1024);
    xbs_end(&expected, "m");
    check((const char *[]){"m", NULL}, pushes, &expected);
    bytes_free(&plain);
    bytes_free(&expected);
}

static struct stage *make_writer(struct ordered *o, struct stage *next, void *context) {
    return xbstream_writer_new(o, "fed", 3, next, count, context);
}

static void run_feeding(const struct feeding *how, void *context) {
    const struct bytes *plain = context;
    struct bytes expected = {0};
    struct fed out;
    unsigned done = 0;
    if (plain->size > 0)
        xbs_any(&expected, 'P', 0, "fed", 3, 0, plain->data, plain->size);
    xbs_end(&expected, "fed");
    feed_run(make_writer, &done, plain->data, plain->size, how, &out);
    if (out.size != expected.size || memcmp(out.data, expected.data, out.size) != 0)
        fail_msg("%s", feeding_text(how));
    assert_int_equal(done, 1);
    assert_int_equal(out.finishes, 0); // another file may follow
    fed_free(&out);
    bytes_free(&expected);
}

static void test_every_feeding(void **state) {
    (void)state;
    struct bytes plain = {0};
    bytes_noise(&plain, 700, 4);
    feed_each(plain.size, run_feeding, &plain);
    plain.size = 0;
    run_feeding(&(struct feeding){.threads = 3}, &plain);
    bytes_free(&plain);
}

// What shows that a stream is not whole, after nothing and after some of a file.
static void test_leave_open(void **state) {
    (void)state;
    static uint8_t chunk[XBSTREAM_CHUNK_SIZE];
    for (int begun = 0; begun < 2; begun++) {
        struct ordered *o;
        struct fault f;
        struct bytes expected = {0};
        assert_int_equal(ordered_new(&o, 2, &f), 0);
        struct collector *sink = collector_new();
        unsigned done = 0;
        struct stage *w = xbstream_writer_new(o, "cut", 3, &sink->stage, count, &done);
        if (begun) {
            stage_push(w, (struct view){.data = chunk, .size = sizeof chunk});
            xbs_any(&expected, 'P', 0, "cut", 3, 0, chunk, sizeof chunk);
        }
        stage_push(w, (struct view){.data = chunk, .size = 100}); // gathered, not written
        ordered_flush(o);
        xbstream_writer_leave_open(w);
        xbs_any(&expected, 'P', 0, "cut", 3, begun ? sizeof chunk : 0, "", 0);
        assert_int_equal(sink->size, expected.size);
        assert_memory_equal(sink->data, expected.data, expected.size);
        assert_int_equal(done, 0);
        stage_free(w);
        stage_free(&sink->stage);
        ordered_free(o);
        bytes_free(&expected);
    }
    slab_trim();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload),       cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_chunks),        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_wide_holes),    cmocka_unit_test(test_many_pieces),
        cmocka_unit_test(test_every_feeding), cmocka_unit_test(test_leave_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
