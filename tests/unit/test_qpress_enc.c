// SPDX-License-Identifier: Apache-2.0
// The writer of qpress archives: its items beside what qpress 1.1 wrote, its blocks through the
// plain decoder.
#include "archives.h"
#include "base/byteorder.h"
#include "feed.h"
#include "format/qpress_enc.h"
#include "qp_walk.h"
#include "quicklz_plain.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BLOCK = 65536 };

struct test {
    struct qpress_enc *encoder;
    struct stage *file;
    struct bytes plain, first;
};

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    struct test *t = context;
    struct qpress_enc_items items = {0};
    assert_int_equal(qpress_enc_items_archive(&items), 0);
    assert_int_equal(qpress_enc_items_file(&items, "t.ibd", 5), 0);
    t->file = qpress_enc_file_new(o, &items, next, NULL, NULL);
    assert_non_null(t->file);
    assert_int_equal(items.size, 0);
    qpress_enc_items_free(&items);
    return qpress_enc_blocks_new(o, t->encoder, t->file);
}

static const uint8_t *take(const uint8_t **at, const uint8_t *end, size_t size) {
    const uint8_t *taken = *at;
    assert_true((size_t)(end - taken) >= size);
    *at += size;
    return taken;
}

// Reads an archive of one file `t.ibd` by the format's description.
static void read_single(const uint8_t *data, size_t size, struct bytes *out) {
    static uint8_t block[BLOCK];
    const uint8_t *at = data, *end = data + size;
    assert_memory_equal(take(&at, end, 16), "qpress10\0\0\1\0\0\0\0\0", 16);
    assert_memory_equal(take(&at, end, 11), "F\5\0\0\0t.ibd\0", 11);
    while (memcmp(take(&at, end, 8), "NEWBNEWB", 8) == 0) {
        assert_int_equal(le64_get(take(&at, end, 8)), out->size);
        uint32_t adler = le32_get(take(&at, end, 4));
        assert_true(end - at >= 9);
        size_t stored = at[0] & 2 ? le32_get(at + 1) : at[1];
        size_t plain = at[0] & 2 ? le32_get(at + 5) : at[2];
        assert_true(plain <= BLOCK);
        const uint8_t *packet = take(&at, end, stored);
        assert_int_equal(adler32(1, packet, (uInt)stored), adler);
        assert_true(quicklz_plain_decode(packet, stored, block, plain));
        bytes_add(out, block, plain);
    }
    assert_memory_equal(at - 8, "ENDSENDS", 8);
    assert_memory_equal(take(&at, end, 8), "\0\0\0\0\0\0\0\0", 8);
    assert_ptr_equal(at, end);
}

static void run(const struct feeding *how, void *context) {
    struct test *t = context;
    struct fed out;
    struct bytes back = {0};
    feed_run(make_stage, t, t->plain.data, t->plain.size, how, &out);
    stage_free(t->file);
    assert_int_equal(out.status, 0);
    assert_int_equal(out.finishes, 1);
    read_single(out.data, out.size, &back);
    assert_int_equal(back.size, t->plain.size);
    if (back.size > 0)
        assert_memory_equal(back.data, t->plain.data, back.size);
    // The same, whatever the threads and however it came.
    if (t->first.size == 0)
        bytes_add(&t->first, out.data, out.size);
    if (out.size != t->first.size || memcmp(out.data, t->first.data, out.size) != 0)
        fail_msg("%s", feeding_text(how));
    bytes_free(&back);
    fed_free(&out);
}

static void test_blocks(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 700, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17};
    for (int level = 1; level <= QPRESS_ENC_LEVEL_MAX; level++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct test t = {0};
            struct fault f;
            assert_int_equal(qpress_enc_new(&t.encoder, level, 3, &f), 0);
            bytes_noise(&t.plain, sizes[i] / 2, 7);
            bytes_zeros(&t.plain, sizes[i] - sizes[i] / 2);
            if (sizes[i] <= FEED_SPLIT_MAX || (level == 1 && i == 6))
                feed_each(t.plain.size, run, &t);
            for (unsigned threads = 1; threads <= 3; threads++)
                run(&(struct feeding){.threads = threads, .first = 70000, .rest = 4100}, &t);
            bytes_free(&t.plain);
            bytes_free(&t.first);
            qpress_enc_free(t.encoder);
        }
    }
}

// The items of tree.L1.qp, in its order, which is not ours: folders, an empty one, and the way
// back.
static void test_items_of_qpress(void **state) {
    (void)state;
    static const char expected[] = "qpress10\0\0\1\0\0\0\0\0"
                                   "F\5\0\0\0d.txt\0"
                                   "D\3\0\0\0FOO\0"
                                   "F\5\0\0\0c.txt\0"
                                   "D\3\0\0\0BAR\0"
                                   "UU"
                                   "D\3\0\0\0baz\0"
                                   "F\5\0\0\0empty\0"
                                   "U";
    struct qpress_enc_items items = {0};
    assert_int_equal(qpress_enc_items_archive(&items), 0);
    assert_int_equal(qpress_enc_items_file(&items, "d.txt", 5), 0);
    assert_int_equal(qpress_enc_items_file(&items, "FOO/c.txt", 9), 0);
    assert_int_equal(qpress_enc_items_folder(&items, "FOO/BAR", 7), 0);
    assert_int_equal(qpress_enc_items_file(&items, "baz/empty", 9), 0);
    assert_int_equal(qpress_enc_items_folder(&items, "", 0), 0);
    assert_int_equal(items.size, sizeof expected - 1);
    assert_memory_equal(items.bytes, expected, items.size);
    qpress_enc_items_free(&items);
    assert_null(items.bytes);
}

// Text of the items: D and F with their names, U.
static void items_text(const struct qpress_enc_items *items, char *text) {
    *text = '\0';
    for (size_t i = 0; i < items->size;) {
        char kind[] = {(char)items->bytes[i], '\0'};
        strcat(text, kind);
        i++;
        if (*kind == 'U')
            continue;
        size_t n = le32_get(items->bytes + i);
        strncat(text, (const char *)items->bytes + i + 4, n);
        strcat(text, " ");
        i += 4 + n + 1;
    }
}

// Names of folders that begin alike are not the same folder.
static void test_ways_between_folders(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *items;
    } cases[] = {
        {"a/b/x", "a/b/y", "Fy "},      {"a/b/x", "a/bc/y", "UDbc Fy "},
        {"a/bc/x", "a/b/y", "UDb Fy "}, {"a/b/x", "a/y", "UFy "},
        {"a/y", "a/b/x", "Db Fx "},     {"a/b/c/x", "d/e/y", "UUUDd De Fy "},
        {"a/b/x", "ab/x", "UUDab Fx "}, {"x", "y", "Fy "},
        {"a/b/x", "b", "UUFb "},        {"ab/c/x", "a/c/x", "UUDa Dc Fx "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qpress_enc_items items = {0};
        char text[200];
        assert_int_equal(qpress_enc_items_file(&items, cases[i].from, strlen(cases[i].from)), 0);
        items.size = 0;
        assert_int_equal(qpress_enc_items_file(&items, cases[i].to, strlen(cases[i].to)), 0);
        items_text(&items, text);
        assert_string_equal(text, cases[i].items);
        qpress_enc_items_free(&items);
    }
}

// After a failure: the archive has the file's beginning, and no end.
static void test_left_open(void **state) {
    (void)state;
    struct qpress_enc_items items = {0};
    struct collector *sink = collector_new();
    assert_int_equal(qpress_enc_items_file(&items, "x", 1), 0);
    struct stage *file = qpress_enc_file_new(NULL, &items, &sink->stage, NULL, NULL);
    assert_non_null(file);
    qpress_enc_file_leave_open(file);
    assert_int_equal(sink->size, 7);
    assert_memory_equal(sink->data, "F\1\0\0\0x\0", 7);
    qpress_enc_file_leave_open(file); // it has begun
    assert_int_equal(sink->size, 7);
    assert_int_equal(sink->finishes, 0);
    stage_free(file);
    stage_free(&sink->stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_items_of_qpress),
        cmocka_unit_test(test_ways_between_folders),
        cmocka_unit_test(test_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
