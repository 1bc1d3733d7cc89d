// SPDX-License-Identifier: Apache-2.0
// Damaged LZ4 and Zstandard frames: the others come out, and what is lost is reported.
#include "archives.h"
#include "compress.h"
#include "damage.h"
#include "feed.h"
#include "format/frames.h"
#include "format/lz4_dec.h"
#include "format/zstd_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

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

enum { WINDOW_MAX = 128 << 20 };

static struct stage *make_lz4(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return lz4_dec_new(o, next);
}

static struct stage *make_zstd(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return zstd_dec_new(o, WINDOW_MAX, next);
}

// With a checksum, without which damage may not show.
static void add_frame(struct bytes *b, bool lz4, const void *data, size_t size, bool sized) {
    (lz4 ? compress_lz4 : compress_zstd)(b, data, size,
                                         COMPRESS_CHECKSUM | (sized ? COMPRESS_SIZE : 0));
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
        add_frame(&p.input, lz4, p.original.data + before, sizes[i], i % 2 == 0);
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
    struct stage *stage =
        *(bool *)context ? lz4_dec_new(o, next) : zstd_dec_new(o, WINDOW_MAX, next);
    stage->salvage = salvage_whole(record);
    return stage;
}

// If only the checksum says that something is wrong, the size of the content is right.
static void test_exact(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        bool lz4 = i != 0;
        struct patient p = frames(lz4);
        struct fault f;
        struct fed out;
        p.input.data[starts[1] - 1] ^= 1;
        assert_int_equal(salvage_new(&record, &f), 0);
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
        add_frame(&input, lz4, "before", 6, true);
        bytes_text(&original, "before");
        bytes_noise(&original, large, 9);
        size_t start = input.size;
        add_frame(&input, lz4, original.data + 6, large, true);
        size_t end = input.size;
        add_frame(&input, lz4, "after", 5, true);
        bytes_text(&original, "after");
        if (hit)
            memset(input.data + start + large / 2, 0xaa, lz4 ? 100 << 10 : 3);
        assert_int_equal(salvage_new(&record, &f), 0);
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

enum { LZ4_BLOCK = 4 << 20 };

// A block that is stored, or one that is compressed and reaches back before the frame's content.
static void add_block(struct bytes *b, bool sound) {
    static const uint8_t wrong[] = {0x10, 'x', 0xff, 0xff, 0x50, 'a', 'b', 'c', 'd', 'e'};
    bytes_little(b, sound ? LZ4_BLOCK | UINT32_C(1) << 31 : sizeof wrong, 4);
    if (sound)
        bytes_noise(b, LZ4_BLOCK, 5);
    else
        bytes_add(b, wrong, sizeof wrong);
}

// A large LZ4 frame, made by hand but for its head, between two small ones: `sound` blocks, one
// that is wrong, `more` blocks. Returns where it starts; *end is where it ends.
static size_t add_wrong_frame(struct bytes *b, unsigned sound, unsigned more, size_t *end) {
    LZ4F_preferences_t p = {
        .frameInfo = {.blockSizeID = LZ4F_max4MB, .blockMode = LZ4F_blockIndependent}};
    LZ4F_cctx *c;
    uint8_t head[LZ4F_HEADER_SIZE_MAX];
    assert_false(LZ4F_isError(LZ4F_createCompressionContext(&c, LZ4F_VERSION)));
    size_t size = LZ4F_compressBegin(c, head, sizeof head, &p);
    assert_false(LZ4F_isError(size));
    LZ4F_freeCompressionContext(c);
    add_frame(b, true, "before", 6, true);
    size_t start = b->size;
    bytes_add(b, head, size);
    for (unsigned i = 0; i < sound; i++)
        add_block(b, true);
    add_block(b, false);
    for (unsigned i = 0; i < more; i++)
        add_block(b, true);
    bytes_little(b, 0, 4);
    *end = b->size;
    add_frame(b, true, "after", 5, true);
    return start;
}

// Nothing of a large frame that turns out to be damaged counts, and one loss says so, also where
// more of it is damaged after that.
static void test_wrong_block(void **state) {
    (void)state;
    enum { BLOCK = LZ4_BLOCK + 4 };
    for (unsigned way = 0; way < 4; way++) {
        bool late = way & 1, twice = way & 2, lz4 = true;
        struct bytes input = {0};
        struct fault f;
        struct fed out;
        // The first 16 MiB are one part of the work.
        size_t end, start = add_wrong_frame(&input, late ? 5 : 2, 5, &end);
        if (twice) // the head of the last block but one
            memset(input.data + end - 4 - 2 * BLOCK, 0x55, 4);
        assert_int_equal(salvage_new(&record, &f), 0);
        feed_run(make_salvaging, &lz4, input.data, input.size,
                 &(struct feeding){.threads = 3, .held = true, .first = 1 << 20, .rest = 1 << 20},
                 &out);
        assert_int_equal(out.status, 0);
        json_t *report = damage_report(record), *losses = json_object_get(report, "lost");
        assert_int_equal(json_array_size(losses), 1);
        const json_t *loss = json_array_get(losses, 0);
        uint64_t offset = damage_number(loss, "offset");
        assert_int_equal(offset + damage_number(loss, "length"), end);
        assert_int_equal(damage_number(loss, "output_offset"), 6);
        assert_int_equal(damage_number(loss, "zeros"), 0);
        assert_true(json_is_false(json_object_get(loss, "exact")));
        assert_memory_equal(json_string_value(json_object_get(loss, "reason")),
                            "damaged data in an LZ4 frame at ", 32);
        if (late) { // what was passed on before
            assert_true(offset > start && offset <= start + 7 + 5 * BLOCK);
            assert_true(out.size > 11 && out.size <= 11 + 5 * LZ4_BLOCK);
        } else {
            assert_int_equal(offset, start);
            assert_int_equal(out.size, 11);
        }
        assert_memory_equal(out.data, "before", 6);
        assert_memory_equal(out.data + out.size - 5, "after", 5);
        json_decref(report);
        salvage_free(record);
        fed_free(&out);
        bytes_free(&input);
    }
}

static void test_large_cut(void **state) {
    (void)state;
    bool lz4 = true;
    struct bytes input = {0}, original = {0};
    struct fault f;
    struct fed out;
    bytes_noise(&original, FRAMES_UNIT_MAX + (4 << 20), 9);
    add_frame(&input, true, original.data, original.size, true);
    size_t cut = FRAMES_UNIT_MAX + (2 << 20);
    assert_int_equal(salvage_new(&record, &f), 0);
    feed_run(make_salvaging, &lz4, input.data, cut,
             &(struct feeding){.threads = 3, .held = true, .first = 1 << 20, .rest = 1 << 20},
             &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(out.finishes, 1);
    assert_true(out.size > FRAMES_UNIT_MAX && out.size <= cut);
    assert_memory_equal(out.data, original.data, out.size);
    json_t *report = damage_report(record), *losses = json_object_get(report, "lost");
    assert_int_equal(json_array_size(losses), 1);
    const json_t *loss = json_array_get(losses, 0);
    assert_int_equal(damage_number(loss, "offset"), cut);
    assert_int_equal(damage_number(loss, "output_offset"), 0); // no checksum has vouched for it
    assert_true(json_is_false(json_object_get(loss, "exact")));
    assert_string_equal(json_string_value(json_object_get(loss, "reason")),
                        "the input ends inside a frame");
    json_decref(report);
    salvage_free(record);
    fed_free(&out);
    bytes_free(&input);
    bytes_free(&original);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),     cmocka_unit_test(test_exact),
        cmocka_unit_test(test_large),     cmocka_unit_test(test_wrong_block),
        cmocka_unit_test(test_large_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
