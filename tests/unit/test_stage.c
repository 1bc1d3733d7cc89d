// SPDX-License-Identifier: Apache-2.0
// Views, heads and gathered runs: the same bytes whether lent or held, and copied only if they
// must be.
#include "archives.h"
#include "base/place.h"
#include "engine/gather.h"
#include "engine/head.h"
#include "engine/limit.h"
#include "engine/null_sink.h"
#include "engine/slab.h"
#include "engine/stage.h"
#include "engine/view.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_view_split(void **state) {
    (void)state;
    const uint8_t data[] = "0123456789";
    struct view v = {.data = data, .size = 10, .origin = 100, .exact = true};
    struct view first = view_split(&v, 4);
    assert_ptr_equal(first.data, data);
    assert_int_equal(first.size, 4);
    assert_int_equal(first.origin, 100);
    assert_ptr_equal(v.data, data + 4);
    assert_int_equal(v.size, 6);
    assert_int_equal(v.origin, 104);
    // The origin of what was transformed stays that of its unit.
    v.exact = false;
    first = view_split(&v, 6);
    assert_int_equal(first.origin, 104);
    assert_int_equal(v.origin, 104);
    assert_int_equal(v.size, 0);
    // A hole has a size and no bytes.
    v = (struct view){.size = 10};
    first = view_split(&v, 3);
    assert_null(first.data);
    assert_null(v.data);
    assert_int_equal(first.size, 3);
    assert_int_equal(v.size, 7);
}

static void test_view_hold(void **state) {
    (void)state;
    uint8_t data[] = "lent";
    struct view v = {.data = data, .size = 4};
    assert_int_equal(view_hold(&v), 0);
    memset(data, 'x', sizeof data);
    assert_memory_equal(v.data, "lent", 4);
    assert_int_equal(v.slab->references, 1);
    struct view again = v;
    assert_int_equal(view_hold(&again), 0);
    assert_ptr_equal(again.data, v.data);
    assert_int_equal(v.slab->references, 2);
    slab_unref(again.slab);
    slab_unref(v.slab);
    v = (struct view){.size = 5}; // a hole needs nothing
    assert_int_equal(view_hold(&v), 0);
    assert_null(v.slab);
}

static void test_slabs(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 4095, 4096, 4097, 1 << 20, (1 << 20) + 1, (33 << 20)};
    struct slab *slabs[sizeof sizes / sizeof sizes[0]];
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            slabs[i] = slab_new(sizes[i]);
            assert_non_null(slabs[i]);
            assert_true(slabs[i]->capacity >= sizes[i]);
            assert_int_equal(slabs[i]->references, 1);
            memset(slabs[i]->data, (int)i, slabs[i]->capacity);
            for (size_t k = 0; k < i; k++)
                assert_true(slabs[k]->data != slabs[i]->data);
        }
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_int_equal(slabs[i]->data[slabs[i]->capacity - 1], i);
            assert_ptr_equal(slab_ref(slabs[i]), slabs[i]);
            slab_unref(slabs[i]);
            assert_int_equal(slabs[i]->data[0], i); // one reference is left
            slab_unref(slabs[i]);
        }
    }
    slab_unref(NULL);
    slab_trim();
}

static void test_place_text(void **state) {
    (void)state;
    struct place p = {.origin = 1000, .exact = true, .position = 5};
    assert_string_equal(place_text(&p, 0), "at input offset 1000");
    assert_string_equal(place_text(&p, 24), "at input offset 1024");
    p.exact = false;
    assert_string_equal(place_text(&p, 24), "at byte 29 of the data made from input offset 1000");
    p = (struct place){.origin = UINT64_MAX, .position = UINT64_MAX};
    assert_string_equal(place_text(&p, 0), "at byte 18446744073709551615 of the data made "
                                           "from input offset 18446744073709551615");
}

static void test_head_fill(void **state) {
    (void)state;
    static const uint8_t data[] = "abcdefgh";
    struct head h = {.have = 0};
    uint64_t position = 70;
    struct view v = {.data = data, .size = 3, .origin = 200, .exact = true};
    assert_false(head_fill(&h, 5, &v, &position));
    assert_int_equal(h.have, 3);
    assert_int_equal(v.size, 0);
    assert_int_equal(position, 73);
    v = (struct view){.data = data + 3, .size = 5, .origin = 203, .exact = true};
    assert_true(head_fill(&h, 5, &v, &position));
    assert_memory_equal(h.bytes, "abcde", 5);
    assert_int_equal(v.size, 3);
    assert_int_equal(v.origin, 205);
    assert_int_equal(position, 75);
    assert_int_equal(h.place.origin, 200); // where it began
    assert_int_equal(h.place.position, 70);
    assert_true(head_fill(&h, 4, &v, &position)); // has it already
    assert_int_equal(v.size, 3);
    // A hole is zeros.
    v = (struct view){.size = 10};
    assert_true(head_fill(&h, 7, &v, &position));
    assert_memory_equal(h.bytes, "abcde\0\0", 7);
    assert_int_equal(v.size, 8);
}

static uint8_t byte_at(size_t i) {
    return (uint8_t)(i + (i >> 8));
}

static void test_gather_by_reference(void **state) {
    (void)state;
    enum { SIZE = 4096, FIRST = 1200, NEED = 2000 };
    struct slab *slab = slab_new(SIZE), *other = slab_new(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        slab->data[i] = other->data[i] = byte_at(i);
    struct gather g;
    uint64_t position = 0;
    struct view v = {.data = slab->data + 10, .size = FIRST, .slab = slab, .origin = 10};
    gather_begin(&g, NEED);
    assert_int_equal(gather_fill(&g, &v, &position), 0);
    v = (struct view){.data = slab->data + 10 + FIRST, .size = 2000, .slab = slab};
    assert_int_equal(gather_fill(&g, &v, &position), 1);
    assert_int_equal(v.size, 2000 - (NEED - FIRST));
    assert_int_equal(position, NEED);
    // What follows on in one slab is not copied.
    assert_ptr_equal(g.data, slab->data + 10);
    assert_ptr_equal(g.slab, slab);
    assert_true(g.borrowed);
    assert_int_equal(slab->references, 2);
    gather_clear(&g);
    assert_int_equal(slab->references, 1);

    // Not following on, or from another slab, it is.
    for (unsigned how = 0; how < 3; how++) {
        gather_begin(&g, NEED);
        v = (struct view){.data = slab->data + 10, .size = FIRST, .slab = slab};
        assert_int_equal(gather_fill(&g, &v, &position), 0);
        v = how == 0   ? (struct view){.data = slab->data + 11 + FIRST, .size = 900, .slab = slab}
            : how == 1 ? (struct view){.data = other->data + 11 + FIRST, .size = 900, .slab = other}
                       : (struct view){.data = other->data + 11 + FIRST, .size = 900};
        assert_int_equal(gather_fill(&g, &v, &position), 1);
        assert_false(g.borrowed);
        for (size_t i = 0; i < NEED; i++)
            assert_int_equal(g.data[i], byte_at(i < FIRST ? 10 + i : 11 + i));
        assert_int_equal(slab->references, 1);
        gather_clear(&g);
    }
    slab_unref(slab);
    slab_unref(other);
    slab_trim();
}

// A few bytes of a slab that wait for more are copied, and do not keep it; all that is needed
// stays.
static void test_gather_keeps_little(void **state) {
    (void)state;
    enum { SIZE = 512 << 10, NEED = 64 << 10 };
    struct slab *slab = slab_new(SIZE);
    memset(slab->data, 'x', SIZE);
    struct gather g;
    uint64_t position = 0;
    gather_begin(&g, NEED);
    struct view v = {.data = slab->data, .size = 100, .slab = slab};
    assert_int_equal(gather_fill(&g, &v, &position), 0);
    assert_int_equal(slab->references, 1);
    assert_true(g.slab->capacity <= 4096);
    gather_clear(&g);

    gather_begin(&g, NEED);
    v = (struct view){.data = slab->data, .size = SIZE, .slab = slab};
    assert_int_equal(gather_fill(&g, &v, &position), 1);
    assert_ptr_equal(g.data, slab->data);
    gather_clear(&g);
    slab_unref(slab);
    slab_trim();
}

// What few bytes hold does not stay large.
static void test_slab_fit(void **state) {
    (void)state;
    struct slab *slab = slab_new(1 << 20), *before = slab;
    memcpy(slab->data, "content", 7);
    assert_int_equal(slab_fit(&slab, 1 << 18, 1 << 20), 0); // a quarter is not little
    assert_ptr_equal(slab, before);
    assert_int_equal(slab_fit(&slab, 7, 7), 0); // nor is `least`
    assert_ptr_equal(slab, before);
    assert_int_equal(slab_fit(&slab, 7, 64), 0);
    assert_true(slab->capacity <= 4096);
    assert_memory_equal(slab->data, "content", 7);
    assert_int_equal(slab_fit(&slab, 0, 64), 0);
    slab_unref(slab);
    slab_trim();
}

static void test_gather_grows(void **state) {
    (void)state;
    enum { CLAIM = 1 << 30, PIECES = 300, PIECE = 10007 };
    struct bytes data = {0};
    struct gather g;
    uint64_t position = 0;
    bytes_noise(&data, PIECES * PIECE, 1);
    gather_begin(&g, CLAIM);
    for (size_t i = 0; i < PIECES; i++) {
        struct view v = {.data = data.data + i * PIECE, .size = PIECE};
        assert_int_equal(gather_fill(&g, &v, &position), 0);
        assert_true(g.slab->capacity <= 4 * (g.have + (1 << 20)));
    }
    assert_int_equal(g.have, data.size);
    assert_memory_equal(g.data, data.data, data.size);
    gather_clear(&g);
    assert_null(g.slab);
    bytes_free(&data);
    slab_trim();
}

static void test_gather_nothing(void **state) {
    (void)state;
    struct gather g;
    uint64_t position = 3;
    struct view v = {.data = (const uint8_t *)"x", .size = 1, .origin = 9, .exact = true};
    gather_begin(&g, 0);
    assert_int_equal(gather_fill(&g, &v, &position), 1); // complete without taking anything
    assert_int_equal(v.size, 1);
    assert_int_equal(position, 3);
    gather_clear(&g);
    slab_trim();
}

// Pushes that much data, and then holes of at most 1 TiB; returns what has arrived.
static uint64_t push_holes(struct limits *limits, size_t data, uint64_t holes, struct fault *f) {
    static const uint8_t bytes[1000];
    struct ordered *o;
    assert_int_equal(ordered_new(&o, 1, f), 0);
    struct stage *sink = null_sink_new(o, NULL, NULL);
    struct stage *limit = limit_new(o, sink, limits, "file");
    f->text[0] = '\0';
    stage_push(limit, (struct view){.data = bytes, .size = data, .exact = true});
    for (uint64_t part; holes > 0; holes -= part) {
        part = holes < UINT64_C(1) << 40 ? holes : UINT64_C(1) << 40;
        stage_push(limit, (struct view){.size = (size_t)part, .origin = 7, .exact = true});
    }
    (void)ordered_finish(o, f);
    uint64_t arrived = null_sink_size(sink);
    stage_free(limit);
    stage_free(sink);
    ordered_free(o);
    return arrived;
}

// Holes that cost time are at most 4 GiB and 256 bytes for each byte of data.
static void test_limit_holes(void **state) {
    (void)state;
    const uint64_t most = (UINT64_C(4) << 30) + UINT64_C(256) * 1000, more = UINT64_C(60) << 40;
    struct limits limits = {.max_size = UINT64_MAX, .max_total = UINT64_MAX, .costly_holes = true};
    struct fault f;
    struct limits now = limits;
    assert_int_equal(push_holes(&now, 1000, most, &f), most + 1000);
    assert_string_equal(f.text, "");
    assert_int_equal(now.holes, most);
    now = limits;
    assert_int_equal(push_holes(&now, 1000, most + 1, &f), 1000);
    assert_int_equal(f.status, EX_DATAERR);
    assert_string_equal(f.text,
                        "file has too large a hole at input offset 7: expected at most 4295223296 "
                        "bytes of holes in all beside 1000 of data, found 4295223297, whose zeros "
                        "would be hashed or written; if the backup is sound, give a --max-total");
    // All files count together.
    now = limits;
    assert_int_equal(push_holes(&now, 500, most / 2, &f), most / 2 + 500);
    assert_int_equal(push_holes(&now, 500, most / 2 + 1, &f), 500);
    // Holes that cost nothing are not counted so, nor if there is another limit of all.
    now = limits;
    now.costly_holes = false;
    assert_int_equal(push_holes(&now, 1, more, &f), more + 1);
    now = limits;
    now.max_total = more + 1;
    assert_int_equal(push_holes(&now, 1, more, &f), more + 1);
    assert_string_equal(f.text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_split),
        cmocka_unit_test(test_view_hold),
        cmocka_unit_test(test_slabs),
        cmocka_unit_test(test_place_text),
        cmocka_unit_test(test_head_fill),
        cmocka_unit_test(test_gather_by_reference),
        cmocka_unit_test(test_gather_keeps_little),
        cmocka_unit_test(test_slab_fit),
        cmocka_unit_test(test_gather_grows),
        cmocka_unit_test(test_gather_nothing),
        cmocka_unit_test(test_limit_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
