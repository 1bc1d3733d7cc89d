// SPDX-License-Identifier: Apache-2.0
// Damaged LZ4 and Zstandard frames: the others come out, and what is lost is reported.
#include "archives.h"
#include "damage.h"
#include "feed.h"
#include "frames.h"
#include "lz4_dec.h"
#include "zstd_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { FRAMES = 5 };

static size_t starts[FRAMES + 1];

static void unit(const struct patient *p, size_t at, size_t *start, size_t *stop) {
    (void)p;
    size_t i = 0;
    while (i + 1 < FRAMES && at >= starts[i + 1])
        i++;
    *start = starts[i];
    *stop = starts[i + 1];
}

static struct stage *make_lz4(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return lz4_dec_new(o, next);
}

static struct stage *make_zstd(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return zstd_dec_new(o, next);
}

// With a checksum, without which damage may not show, and now and then the size of the content.
static void add_lz4(struct bytes *b, const void *data, size_t size, bool sized) {
    LZ4F_preferences_t p = {.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled,
                                          .contentSize = sized ? size : 0}};
    size_t room = LZ4F_compressFrameBound(size, &p);
    uint8_t *out = malloc(room);
    assert_non_null(out);
    size_t n = LZ4F_compressFrame(out, room, data, size, &p);
    assert_false(LZ4F_isError(n));
    bytes_add(b, out, n);
    free(out);
}

static void add_zstd(struct bytes *b, const void *data, size_t size, bool sized) {
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(size);
    uint8_t *out = malloc(room);
    assert_non_null(out);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, sized);
    size_t n = ZSTD_compress2(c, out, room, data, size);
    assert_false(ZSTD_isError(n));
    bytes_add(b, out, n);
    free(out);
    ZSTD_freeCCtx(c);
}

static struct patient frames(bool lz4) {
    static const size_t sizes[FRAMES] = {50, 300, 70, 200, 90};
    struct patient p = {.make = lz4 ? make_lz4 : make_zstd,
                        .format = lz4 ? "LZ4" : "Zstandard",
                        .countless = true,
                        .unit = unit};
    for (size_t i = 0; i < FRAMES; i++) {
        size_t before = p.original.size;
        bytes_noise(&p.original, sizes[i] / 2, (unsigned)i + 1);
        for (size_t k = p.original.size - before; k < sizes[i]; k++)
            bytes_little(&p.original, k / 20, 1);
        starts[i] = p.input.size;
        (lz4 ? add_lz4 : add_zstd)(&p.input, p.original.data + before, sizes[i], i % 2 == 0);
    }
    starts[FRAMES] = p.input.size;
    return p;
}

static void discharge(struct patient *p) {
    bytes_free(&p->input);
    bytes_free(&p->original);
}

static void test_small(void **state) {
    (void)state;
    for (int lz4 = 0; lz4 < 2; lz4++) {
        struct patient p = frames(lz4 != 0);
        damage_none(&p);
        damage_flips(&p, 1);
        damage_ranges(&p, 2);
        discharge(&p);
    }
}

static struct salvage *record;

static struct stage *make_salvaging(struct ordered *o, struct stage *next, void *context) {
    struct stage *stage = *(bool *)context ? lz4_dec_new(o, next) : zstd_dec_new(o, next);
    stage->salvage = salvage_whole(record);
    return stage;
}

// Where only the checksum says that something is wrong, the size of the content is right.
static void test_exact(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        bool lz4 = i != 0;
        struct patient p = frames(lz4);
        struct fault f;
        struct fed out;
        p.input.data[starts[1] - 1] ^= 1;
        assert_int_equal(salvage_new(&record, NULL, &f), 0);
        feed_run(make_salvaging, &lz4, p.input.data, p.input.size, &(struct feeding){.threads = 1},
                 &out);
        assert_int_equal(out.status, 0);
        assert_int_equal(out.size, p.original.size);
        assert_int_equal(out.holes, 50);
        assert_memory_equal(out.data + 50, p.original.data + 50, out.size - 50);
        json_t *report = damage_report(record);
        assert_true(json_is_true(
            json_object_get(json_array_get(json_object_get(report, "lost"), 0), "exact")));
        json_decref(report);
        salvage_free(record);
        fed_free(&out);
        discharge(&p);
    }
}

// A frame larger than a unit, sound or hit near its middle, between two small ones.
static void test_large(void **state) {
    (void)state;
    for (unsigned way = 0; way < 4; way++) {
        bool lz4 = way & 1, hit = way & 2;
        struct bytes input = {0}, original = {0};
        struct fault f;
        struct fed out;
        size_t large = FRAMES_UNIT_MAX + (2 << 20);
        (lz4 ? add_lz4 : add_zstd)(&input, "before", 6, true);
        bytes_text(&original, "before");
        bytes_noise(&original, large, 9);
        size_t start = input.size;
        (lz4 ? add_lz4 : add_zstd)(&input, original.data + 6, large, true);
        size_t end = input.size;
        (lz4 ? add_lz4 : add_zstd)(&input, "after", 5, true);
        bytes_text(&original, "after");
        if (hit)
            memset(input.data + start + large / 2, 0xaa, lz4 ? 100 << 10 : 3);
        assert_int_equal(salvage_new(&record, NULL, &f), 0);
        feed_run(make_salvaging, &lz4, input.data, input.size,
                 &(struct feeding){
                     .threads = lz4 ? 3 : 1, .held = true, .first = 4 << 20, .rest = 1 << 20},
                 &out);
        assert_int_equal(out.status, 0);
        if (!hit) {
            assert_int_equal(salvage_losses(record), 0);
            assert_int_equal(out.size, original.size);
            assert_memory_equal(out.data, original.data, out.size);
        } else {
            json_t *report = damage_report(record);
            const json_t *loss = json_array_get(json_object_get(report, "lost"), 0);
            assert_true(out.size < original.size);
            assert_memory_equal(out.data, "before", 6);
            assert_memory_equal(out.data + out.size - 5, "after", 5);
            // What came out of the frame before the damage is not verified by it.
            assert_int_equal(damage_number(loss, "output_offset"), 6);
            assert_true(json_is_false(json_object_get(loss, "exact")));
            assert_true(damage_number(loss, "offset") + damage_number(loss, "length") <= end);
            json_decref(report);
        }
        salvage_free(record);
        fed_free(&out);
        bytes_free(&input);
        bytes_free(&original);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
