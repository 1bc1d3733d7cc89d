// SPDX-License-Identifier: Apache-2.0
// InnoDB's pages: real tablespaces of every kind are sound, each byte changed in one is found where
// a checksum covers it; and the layout is found with page 0 or without.
#include "archives.h"
#include "base/crc32c.h"
#include "format/innodb_delta.h"
#include "format/innodb_layout.h"
#include "format/innodb_page.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define INNODB FIXTURES "/innodb/"

// RFC 3720, B.4, and the check value of the catalogue of CRCs.
static void test_crc32c(void **state) {
    (void)state;
    uint8_t data[32] = {0};
    uint32_t (*const ways[])(uint32_t, const void *, size_t) = {crc32c, crc32c_by_tables};
    for (int w = 0; w < 2; w++) {
        assert_int_equal(ways[w](0, "123456789", 9), 0xe3069283);
        assert_int_equal(ways[w](0, data, 0), 0);
        memset(data, 0, sizeof data);
        assert_int_equal(ways[w](0, data, 32), 0x8a9136aa);
        memset(data, 0xff, sizeof data);
        assert_int_equal(ways[w](0, data, 32), 0x62a8ab43);
        for (uint8_t i = 0; i < 32; i++)
            data[i] = i;
        assert_int_equal(ways[w](0, data, 32), 0x46dd794e);
        assert_int_equal(ways[w](ways[w](0, data, 13), data + 13, 19), 0x46dd794e);
    }
    struct bytes b = {0};
    bytes_noise(&b, 10000, 1);
    for (size_t size = 0; size < 9900; size += size < 50 ? 1 : 61)
        for (size_t at = 0; at < 9; at++)
            assert_int_equal(crc32c(7, b.data + at, size), crc32c_by_tables(7, b.data + at, size));
    bytes_free(&b);
}

struct counts {
    unsigned sound, empty, unproved, bad;
};

static struct counts judge_all(const struct bytes *b, const struct innodb_page_layout *layout) {
    struct counts n = {0};
    char why[INNODB_PAGE_WHY];
    for (size_t at = 0; at + layout->size <= b->size; at += layout->size)
        switch (innodb_page_judge(b->data + at, layout, why)) {
        case INNODB_PAGE_SOUND:
            n.sound++;
            assert_string_equal(why, "");
            break;
        case INNODB_PAGE_EMPTY:
            n.empty++;
            break;
        case INNODB_PAGE_UNPROVED:
            n.unproved++;
            break;
        default:
            n.bad++;
            assert_string_not_equal(why, "");
        }
    return n;
}

// Real files: crc32*, full* of MariaDB 10.11; innodb*, none of MySQL 5.6.
static const struct kind {
    const char *file;
    size_t size;
    enum innodb_page_kind kind;
    struct counts counts;
} kinds[] = {
    {"crc32.ibd", 4096, INNODB_PAGE_PLAIN, {.sound = 4}},
    {"crc32_rows.ibd", 1024, INNODB_PAGE_ROWS, {.sound = 5, .empty = 11}},
    {"crc32_encrypted.ibd", 4096, INNODB_PAGE_PLAIN, {.sound = 4}},
    {"crc32_encrypted_rows.ibd", 1024, INNODB_PAGE_ROWS, {.sound = 5, .empty = 11}},
    {"crc32_compressed.ibd", 4096, INNODB_PAGE_PLAIN, {.sound = 1, .unproved = 3}},
    {"full_crc32.ibd", 4096, INNODB_PAGE_FULL_CRC32, {.sound = 4}},
    {"full_crc32_encrypted.ibd", 4096, INNODB_PAGE_FULL_CRC32, {.sound = 4}},
    {"full_crc32_compressed.ibd", 4096, INNODB_PAGE_FULL_CRC32, {.sound = 4}},
    {"innodb.ibd", 4096, INNODB_PAGE_PLAIN, {.sound = 4, .empty = 2}},
    {"innodb_rows.ibd", 1024, INNODB_PAGE_ROWS, {.sound = 5, .empty = 11}},
    {"none.ibd", 4096, INNODB_PAGE_PLAIN, {.empty = 2, .unproved = 4}},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void load(struct bytes *b, const char *file) {
    char path[400];
    snprintf(path, sizeof path, INNODB "%s", file);
    bytes_load(b, path);
}

static void test_real_files(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        struct bytes b = {0};
        load(&b, k->file);
        struct innodb_page_layout layout;
        assert_true(innodb_page_layout(b.data, &layout));
        assert_int_equal(layout.size, k->size);
        assert_int_equal(layout.kind, k->kind);
        layout = innodb_layout_find(b.data, b.size, 0);
        assert_int_equal(layout.size, k->size);
        assert_int_equal(layout.kind, k->kind);
        struct counts n = judge_all(&b, &layout);
        if (memcmp(&n, &k->counts, sizeof n) != 0)
            fail_msg("%s: %u sound, %u empty, %u unproved, %u bad", k->file, n.sound, n.empty,
                     n.unproved, n.bad);
        for (uint32_t p = 0; p < k->counts.sound; p++)
            assert_int_equal(innodb_page_number(b.data + p * k->size), p);
        bytes_free(&b);
    }
}

// The bytes of page 3 in which a change is not found: those that no checksum covers.
static void check_every_byte(const char *file, size_t size, enum innodb_page_kind kind,
                             const char *uncovered) {
    struct bytes b = {0};
    char why[INNODB_PAGE_WHY], found[200] = "";
    size_t used = 0, from = SIZE_MAX;
    load(&b, file);
    struct innodb_page_layout layout = {size, kind};
    uint8_t *page = b.data + 3 * size;
    assert_int_equal(innodb_page_judge(page, &layout, why), INNODB_PAGE_SOUND);
    for (size_t i = 0; i <= size; i++) {
        bool missed = false;
        if (i < size) {
            page[i] ^= 0x5a;
            missed = innodb_page_judge(page, &layout, why) != INNODB_PAGE_BAD;
            page[i] ^= 0x5a;
        }
        if (missed && from == SIZE_MAX)
            from = i;
        if (!missed && from != SIZE_MAX) {
            used += (size_t)snprintf(found + used, sizeof found - used, "%zu-%zu ", from, i - 1);
            from = SIZE_MAX;
            assert_true(used < sizeof found);
        }
    }
    if (strcmp(found, uncovered) != 0)
        fail_msg("%s: expected what no checksum covers to be %s, found %s", file, uncovered, found);
    bytes_free(&b);
}

// 26 to 33 are of no use in a page like these, 34 to 37 the tablespace's id; 16 to 23 the LSN.
static void test_every_byte(void **state) {
    (void)state;
    check_every_byte("crc32.ibd", 4096, INNODB_PAGE_PLAIN, "26-37 ");
    check_every_byte("innodb.ibd", 4096, INNODB_PAGE_PLAIN, "26-37 ");
    check_every_byte("crc32_rows.ibd", 1024, INNODB_PAGE_ROWS, "16-23 26-33 ");
    check_every_byte("innodb_rows.ibd", 1024, INNODB_PAGE_ROWS, "16-23 26-33 ");
    check_every_byte("full_crc32.ibd", 4096, INNODB_PAGE_FULL_CRC32, "");
    check_every_byte("full_crc32_encrypted.ibd", 4096, INNODB_PAGE_FULL_CRC32, "");
    // What is encrypted has no checksum of its own at both ends.
    check_every_byte("crc32_encrypted.ibd", 4096, INNODB_PAGE_PLAIN, "0-3 26-29 34-37 4088-4095 ");
    check_every_byte("crc32_encrypted_rows.ibd", 1024, INNODB_PAGE_ROWS, "0-3 16-23 26-29 ");
}

// A page that says that it is compressed or encrypted is no excuse for another in a format that
// covers all.
static void test_reasons(void **state) {
    (void)state;
    struct bytes b = {0};
    char why[INNODB_PAGE_WHY];
    load(&b, "full_crc32.ibd");
    struct innodb_page_layout layout = {4096, INNODB_PAGE_FULL_CRC32};
    uint8_t *page = b.data + (size_t)3 * 4096;
    page[24] = 0x80, page[25] = 0x00;
    assert_int_equal(innodb_page_judge(page, &layout, why), INNODB_PAGE_BAD);
    assert_string_equal(why, "expected compressed data of at most 4096 bytes, found a size of 0");
    page[25] = 0x11;
    assert_int_equal(innodb_page_judge(page, &layout, why), INNODB_PAGE_BAD);
    assert_string_equal(why,
                        "expected compressed data of at most 4096 bytes, found a size of 4352");
    bytes_free(&b);

    load(&b, "crc32.ibd");
    layout.kind = INNODB_PAGE_PLAIN;
    page = b.data + (size_t)3 * 4096;
    page[4095] ^= 1;
    assert_int_equal(innodb_page_judge(page, &layout, why), INNODB_PAGE_BAD);
    assert_non_null(strstr(why, "the lower half of its LSN, in its last bytes"));
    page[4095] ^= 1;
    page[100] ^= 1;
    assert_int_equal(innodb_page_judge(page, &layout, why), INNODB_PAGE_BAD);
    assert_non_null(strstr(why, "twice (crc32) or 0x"));
    static const unsigned transformed[] = {14, 15, 16, 17, 34354, 37401};
    for (size_t i = 0; i < sizeof transformed / sizeof transformed[0]; i++) {
        page[24] = (uint8_t)(transformed[i] >> 8), page[25] = (uint8_t)transformed[i];
        assert_int_equal(innodb_page_judge(page, &layout, why), INNODB_PAGE_UNPROVED);
    }
    bytes_free(&b);
}

// The layout is found although the flags of page 0 are wrong, or there is no page 0.
static void test_layout_without_page0(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct bytes b = {0};
        load(&b, kinds[i].file);
        if (kinds[i].counts.sound < 2) {
            bytes_free(&b);
            continue;
        }
        memset(b.data + 54, 0xa5, 4);
        struct innodb_page_layout layout = innodb_layout_find(b.data, b.size, 0);
        assert_int_equal(layout.size, kinds[i].size);
        assert_int_equal(layout.kind == INNODB_PAGE_ROWS, kinds[i].kind == INNODB_PAGE_ROWS);
        layout = innodb_layout_find(b.data + kinds[i].size, b.size - kinds[i].size, 0);
        assert_int_equal(layout.size, kinds[i].size);
        assert_int_equal(layout.kind == INNODB_PAGE_ROWS, kinds[i].kind == INNODB_PAGE_ROWS);
        bytes_free(&b);
    }
    uint8_t garbage[5000];
    memset(garbage, 0xa5, sizeof garbage);
    assert_int_equal(innodb_layout_find(garbage, sizeof garbage, 0).size, 16384);
    assert_int_equal(innodb_layout_find(garbage, sizeof garbage, 8192).size, 8192);
    assert_int_equal(innodb_layout_find(garbage, 1, 0).size, 16384);
}

static void test_flags(void **state) {
    (void)state;
    static const struct {
        uint32_t flags;
        size_t size; // 0: no layout
        enum innodb_page_kind kind;
    } cases[] = {
        {0, 16384, INNODB_PAGE_PLAIN},         {1, 16384, INNODB_PAGE_PLAIN},
        {0x21, 16384, INNODB_PAGE_PLAIN},      {0xe1, 4096, INNODB_PAGE_PLAIN},
        {0x1e1, 65536, INNODB_PAGE_PLAIN},     {0x10021, 16384, INNODB_PAGE_PLAIN},
        {0x2021, 16384, INNODB_PAGE_PLAIN},    {0x23, 1024, INNODB_PAGE_ROWS},
        {0x2b, 16384, INNODB_PAGE_ROWS},       {0xe3, 1024, INNODB_PAGE_ROWS},
        {0x13, 4096, INNODB_PAGE_FULL_CRC32},  {0x15, 16384, INNODB_PAGE_FULL_CRC32},
        {0x17, 65536, INNODB_PAGE_FULL_CRC32}, {0x35, 16384, INNODB_PAGE_FULL_CRC32},
        {0x18, 0, INNODB_PAGE_FULL_CRC32},     {0x12, 0, INNODB_PAGE_FULL_CRC32},
        {0x2d, 0, INNODB_PAGE_ROWS},           {0x3c0, 0, INNODB_PAGE_PLAIN},
        {0x80, 0, INNODB_PAGE_PLAIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t page[INNODB_PAGE_MIN_ROWS] = {0};
        for (unsigned k = 0; k < 4; k++)
            page[54 + k] = (uint8_t)(cases[i].flags >> (24 - 8 * k));
        struct innodb_page_layout layout;
        bool known = innodb_page_layout(page, &layout);
        if (known != (cases[i].size != 0) ||
            (known && (layout.size != cases[i].size || layout.kind != cases[i].kind)))
            fail_msg("flags 0x%x: size %zu, kind %d", cases[i].flags, layout.size,
                     (int)layout.kind);
    }
}

static bool meta(const char *text, struct innodb_delta_meta *m) {
    return innodb_delta_meta(text, strlen(text), m);
}

static void test_delta(void **state) {
    (void)state;
    struct bytes b = {0};
    struct innodb_delta_meta m;
    load(&b, "changes.ibd.meta");
    assert_true(innodb_delta_meta((const char *)b.data, b.size, &m));
    assert_int_equal(m.layout.size, 4096);
    assert_int_equal(m.layout.kind, INNODB_PAGE_EITHER);
    assert_int_equal(m.space, 4);
    bytes_free(&b);
    assert_true(meta("page_size = 16384\nzip_size = 1024\nspace_id = 7", &m));
    assert_int_equal(m.layout.size, 1024);
    assert_int_equal(m.layout.kind, INNODB_PAGE_ROWS);
    static const char *const wrong[] = {
        "",
        "page_size = 4096\nzip_size = 0\n",
        "page_size = 4096\nspace_id = 1\n",
        "page_size = 5000\nzip_size = 0\nspace_id = 1\n",
        "page_size = 2048\nzip_size = 0\nspace_id = 1\n",
        "page_size = 131072\nzip_size = 0\nspace_id = 1\n",
        "page_size = 4096\nzip_size = 512\nspace_id = 1\n",
        "page_size = 4096\nzip_size = 0\nspace_id = 4294967296\n",
        "page_size = -4096\nzip_size = 0\nspace_id = 1\n",
        "page_size = 4096x\nzip_size = 0\nspace_id = 1\n",
        "xpage_size = 4096\nzip_size = 0\nspace_id = 1\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (meta(wrong[i], &m))
            fail_msg("taken: %s", wrong[i]);

    bool last;
    load(&b, "changes.ibd.delta");
    assert_int_equal(innodb_delta_group(b.data, 4096, &last), 7);
    assert_true(last);
    static const uint32_t numbers[] = {0, 2, 3, 5, 6, 7, 8};
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(innodb_delta_number(b.data, i), numbers[i]);
    struct innodb_page_layout layout = innodb_layout_find_delta(b.data, b.size, 0, NULL);
    assert_int_equal(layout.size, 4096);
    b.data[0] = 'x', b.data[1] = 't', b.data[2] = 'r', b.data[3] = 'a';
    assert_int_equal(innodb_delta_group(b.data, 4096, &last), 7);
    assert_false(last);
    b.data[3] = 'A';
    assert_int_equal(innodb_delta_group(b.data, 4096, &last), -1);
    bytes_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),     cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_flags),      cmocka_unit_test(test_layout_without_page0),
        cmocka_unit_test(test_delta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
