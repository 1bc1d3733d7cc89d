// SPDX-License-Identifier: Apache-2.0
#include "format/quicklz.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "qp_walk.h"
#include "quicklz_encode.h"
#include "quicklz_plain.h"

// A small generator (splitmix64), so that every run makes the same data.
static uint64_t next_random(uint64_t *seed) {
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint32_t below(uint64_t *seed, uint32_t limit) {
    return (uint32_t)(next_random(seed) % limit);
}

static void *allocate(size_t size) {
    void *p = malloc(size);
    assert_non_null(p);
    return p;
}

// Decodes `size` bytes as one packet with both decoders, each in memory of exactly the size that it
// may touch, and asserts that they agree on everything. Returns NULL if both refuse it; otherwise
// the decoded data, which the caller frees.
static uint8_t *decode_both(const uint8_t *bytes, size_t size, size_t *out_size) {
    struct quicklz_header h;
    uint8_t *packet = allocate(size);
    memcpy(packet, bytes, size);
    const char *wrong = quicklz_parse_header(packet, size, &h);
    if (wrong != NULL || h.stored_size > size) {
        free(packet);
        return NULL;
    }
    if (h.stored_size < size) {
        packet = realloc(packet, h.stored_size);
        assert_non_null(packet);
    }
    uint8_t *fast = allocate(h.size + QUICKLZ_SLACK), *plain = allocate(h.size);
    size_t at = SIZE_MAX;
    wrong = quicklz_decode(&h, packet, fast, &at);
    bool good = quicklz_plain_decode(packet, h.stored_size, plain, h.size);
    if (good != (wrong == NULL))
        fail_msg("the decoders disagree: %s", wrong == NULL ? "plain refuses" : wrong);
    if (good) {
        assert_memory_equal(fast, plain, h.size);
        *out_size = h.size;
    } else {
        assert_true(at >= h.header_size && at <= h.stored_size);
    }
    free(packet);
    free(fast);
    if (good)
        return plain;
    free(plain);
    return NULL;
}

static bool both_accept(const uint8_t *packet, size_t size) {
    size_t out_size;
    uint8_t *out = decode_both(packet, size, &out_size);
    free(out);
    return out != NULL;
}

// ---- headers ----

static void test_headers(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[9];
        struct quicklz_header h;
    } good[] = {
        {{0x45, 40, 100}, {3, 40, 100, 1, true}},
        {{0x49, 40, 100}, {3, 40, 100, 2, true}},
        {{0x4d, 40, 100}, {3, 40, 100, 3, true}},
        {{0x44, 103, 100}, {3, 103, 100, 1, false}},
        {{0x46, 109, 0, 0, 0, 100, 0, 0, 0}, {9, 109, 100, 1, false}},
        {{0x47, 0, 1, 0, 0, 0, 2, 0, 0}, {9, 256, 512, 1, true}},
        {{0x4b, 255, 255, 255, 255, 255, 255, 255, 255}, {9, UINT32_MAX, UINT32_MAX, 2, true}},
        // the limits of both sizes
        {{0x45, 4, 85}, {3, 4, 85, 1, true}},
        {{0x47, 0x90, 1, 0, 0, 0, 0, 0, 0}, {9, 400, 0, 1, true}},
        {{0x47, 0x91, 1, 0, 0, 1, 0, 0, 0}, {9, 401, 1, 1, true}},
        {{0x44, 3, 0}, {3, 3, 0, 1, false}},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct quicklz_header *expected = &good[i].h;
        struct quicklz_header h;
        assert_int_equal(quicklz_header_size(good[i].bytes[0]), expected->header_size);
        for (size_t n = 0; n < expected->header_size; n++) {
            uint8_t *exact = allocate(n + 1); // what lies after the n bytes is not to be read
            memcpy(exact + 1, good[i].bytes, n);
            assert_string_equal(quicklz_parse_header(exact + 1, n, &h),
                                "QuickLZ packet that ends inside its header");
            free(exact);
        }
        assert_null(quicklz_parse_header(good[i].bytes, expected->header_size, &h));
        assert_int_equal(h.header_size, expected->header_size);
        assert_int_equal(h.stored_size, expected->stored_size);
        assert_int_equal(h.size, expected->size);
        assert_int_equal(h.level, expected->level);
        assert_int_equal(h.compressed, expected->compressed);
    }
    static const struct {
        uint8_t bytes[9];
        const char *wrong;
    } bad[] = {
        {{0x05, 40, 100}, "not a QuickLZ packet"},
        {{0xc5, 40, 100}, "not a QuickLZ packet"},
        {{0x85, 40, 100}, "not a QuickLZ packet"},
        {{0x55, 40, 100}, "QuickLZ packet of a streaming encoder, which is not supported"},
        {{0x65, 40, 100}, "QuickLZ packet of a streaming encoder, which is not supported"},
        {{0x41, 40, 100}, "QuickLZ packet of level 0"},
        {{0x40, 103, 100}, "QuickLZ packet of level 0"},
        {{0x45, 2, 0}, "QuickLZ packet whose size is smaller than its header"},
        {{0x47, 8, 0, 0, 0, 8, 0, 0, 0}, "QuickLZ packet whose size is smaller than its header"},
        {{0x44, 102, 100}, "QuickLZ packet of uncompressed data whose sizes disagree"},
        {{0x44, 104, 100}, "QuickLZ packet of uncompressed data whose sizes disagree"},
        {{0x46, 103, 0, 0, 0, 100}, "QuickLZ packet of uncompressed data whose sizes disagree"},
        {{0x45, 3, 1}, "QuickLZ packet too small for the size that it claims"},
        {{0x45, 4, 86}, "QuickLZ packet too small for the size that it claims"},
        {{0x47, 100, 0, 0, 0, 0, 0, 0, 0x80},
         "QuickLZ packet too small for the size that it claims"},
        {{0x47, 0x91, 1, 0, 0, 0, 0, 0, 0},
         "QuickLZ packet much larger than the data that it claims"},
        {{0x47, 255, 255, 255, 255, 0, 0, 0, 1},
         "QuickLZ packet much larger than the data that it claims"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct quicklz_header h;
        assert_string_equal(quicklz_parse_header(bad[i].bytes, 9, &h), bad[i].wrong);
    }
}

// ---- packets from the original encoder ----

// What a walk over an archive gathers: each file's decoded data is hashed and looked up in sums.
struct restored {
    char path[512];
    bool open;
    EVP_MD_CTX *digest;
    char *sums; // lines "HEX  PATH"
    size_t files, packets;
    size_t levels[4], stored, largest;
};

static void finish_file(struct restored *r) {
    if (!r->open)
        return;
    uint8_t sum[32];
    char line[600];
    assert_int_equal(EVP_DigestFinal_ex(r->digest, sum, NULL), 1);
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(line + 2 * i, 3, "%02x", sum[i]);
    snprintf(line + 64, sizeof line - 64, "  %s\n", r->path);
    if (strstr(r->sums, line) == NULL)
        fail_msg("not among the sums: %s", line);
    r->files++;
    r->open = false;
}

static void restored_file(void *context, const char *path) {
    struct restored *r = context;
    finish_file(r);
    snprintf(r->path, sizeof r->path, "%s", path);
    assert_int_equal(EVP_DigestInit_ex(r->digest, EVP_sha256(), NULL), 1);
    r->open = true;
}

static void restored_packet(void *context, const uint8_t *packet, size_t size) {
    struct restored *r = context;
    size_t out_size;
    uint8_t *out = decode_both(packet, size, &out_size);
    assert_non_null(out);
    assert_int_equal(EVP_DigestUpdate(r->digest, out, out_size), 1);
    free(out);
    r->packets++;
    r->levels[packet[0] >> 2 & 3]++;
    r->stored += !(packet[0] & 1);
    if (out_size > r->largest)
        r->largest = out_size;
}

static struct restored restore(const char *archive, const char *sums_path, const char *only) {
    char path[512];
    size_t size, sums_size;
    struct restored r = {.digest = EVP_MD_CTX_new()};
    assert_non_null(r.digest);
    snprintf(path, sizeof path, "%s/%s", FIXTURES, sums_path);
    r.sums = (char *)qp_read_file(path, &sums_size);
    r.sums[sums_size] = '\0';
    snprintf(path, sizeof path, "%s/%s", FIXTURES, archive);
    uint8_t *data = qp_read_file(path, &size);
    struct qp_visitor v = {restored_file, restored_packet, &r};
    if (memcmp(data, "XBSTCK01", 8) == 0)
        qp_walk_xbstream(data, size, &v);
    else
        qp_walk_archive(data, size, &v);
    if (only != NULL)
        snprintf(r.path, sizeof r.path, "%s", only);
    finish_file(&r);
    free(data);
    free(r.sums);
    EVP_MD_CTX_free(r.digest);
    return r;
}

static void test_trees(void **state) {
    (void)state;
    for (size_t level = 1; level <= 3; level++) {
        char name[32];
        snprintf(name, sizeof name, "qpress/tree.L%zu.qp", level);
        struct restored r = restore(name, "qpress/SHA256SUMS", NULL);
        assert_int_equal(r.files, 6);
        assert_int_equal(r.packets, 9);
        assert_int_equal(r.levels[level], 9);
        assert_int_equal(r.stored, 2);
    }
}

static void test_block_sizes(void **state) {
    (void)state;
    struct restored r = restore("qpress/stdin.qp", "qpress/SHA256SUMS", "baz/text.txt");
    assert_int_equal(r.packets, 3);
    assert_int_equal(r.largest, 65536);
    r = restore("qpress/stdin.K1024.qp", "qpress/SHA256SUMS", "baz/text.txt");
    assert_int_equal(r.packets, 1);
    assert_true(r.largest > 65536);
}

static void test_backup(void **state) {
    (void)state;
    struct restored r = restore("mariadb/shop_qp.xb", "mariadb/shop.sha256", NULL);
    assert_int_equal(r.packets, 825);
    assert_int_equal(r.levels[1], 825);
    assert_true(r.files > 100);
}

// ---- packets from the tests' encoder ----

enum data_kind { ZEROS, TEXT, RECORDS, NOISE, SHORT_PERIODS, MIXED, DATA_KINDS };

// Fills data with something that gives matches of every length and distance, by kind.
static void make_data(enum data_kind kind, uint64_t seed, uint8_t *data, size_t size) {
    if (kind == ZEROS)
        memset(data, 0, size);
    for (size_t i = 0; kind != ZEROS && i < size; i++) {
        uint32_t r = below(&seed, 1 << 20);
        switch (kind) {
        case TEXT:
            data[i] = (uint8_t) "etaoin shrdlu"[r % 13];
            break;
        case RECORDS:
            data[i] = i >= 48 && r % 7 != 0 ? data[i - 48] : (uint8_t)(r >> 8);
            break;
        case SHORT_PERIODS: {
            size_t period = 1 + (i / 97) % 37;
            data[i] = i >= period && r % 64 != 0 ? data[i - period] : (uint8_t)(r >> 8);
            break;
        }
        case MIXED:
            data[i] =
                i >= 300 && (i >> 7) % 3 != 0 ? data[i - 1 - (i >> 7) % 300] : (uint8_t)(r % 5);
            break;
        default:
            data[i] = (uint8_t)r;
        }
    }
}

static size_t encode_kind(int level, enum data_kind kind, size_t size, uint8_t *data,
                          uint8_t *packet) {
    make_data(kind, (uint64_t)level * 1000 + size, data, size);
    return quicklz_encode(level, data, size, packet);
}

static void test_round_trips(void **state) {
    (void)state;
    static const size_t sizes[] = {0,     1,     2,     3,     4,      7,     10,   11,   12,
                                   13,    16,    30,    31,    32,     33,    64,   100,  215,
                                   216,   217,   255,   256,   300,    500,   1000, 4096, 16384,
                                   65535, 65536, 65537, 65600, 131072, 300000};
    for (int level = 1; level <= 3; level++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int kind = 0; kind < DATA_KINDS; kind++) {
                size_t size = sizes[s], out_size;
                uint8_t *data = allocate(size + 1), *packet = allocate(size + 400);
                size_t stored = encode_kind(level, (enum data_kind)kind, size, data, packet);
                assert_true(stored <= size + 9);
                uint8_t *out = decode_both(packet, stored, &out_size);
                assert_non_null(out);
                assert_int_equal(out_size, size);
                assert_memory_equal(out, data, size);
                if (size >= 1000)
                    assert_int_equal(packet[0] & 1, kind != NOISE);
                free(out);
                free(packet);
                free(data);
            }
}

// Unused bytes after the data are part of the packet, and are not looked at.
static void test_padding(void **state) {
    (void)state;
    for (int level = 1; level <= 3; level++) {
        uint8_t data[1000], packet[1400], expected[1400];
        size_t out_size, stored = encode_kind(level, TEXT, sizeof data, data, packet);
        memcpy(expected, data, sizeof data);
        for (size_t padding = 1; padding <= 40; padding++) {
            memset(packet + stored, 0xff, padding);
            le32_put(packet + 1, (uint32_t)(stored + padding));
            uint8_t *out = decode_both(packet, stored + padding, &out_size);
            assert_non_null(out);
            assert_memory_equal(out, expected, out_size);
            free(out);
        }
    }
}

// ---- damaged packets ----

// Writes the bytes of a text like "10000080 'abcd 7145 'wxyz" and returns how many.
static size_t read_notation(const char *text, uint8_t *out) {
    size_t n = 0;
    while (*text != '\0') {
        if (*text == ' ') {
            text++;
        } else if (*text == '\'') {
            for (text++; *text != ' ' && *text != '\0'; text++)
                out[n++] = (uint8_t)*text;
        } else {
            unsigned byte;
            assert_int_equal(sscanf(text, "%2x", &byte), 1);
            out[n++] = (uint8_t)byte;
            text += 2;
        }
    }
    return n;
}

// Most packets begin with four literals, "abcd", and a match. "abc" hashes to slot 0x457 of level 1
// and bucket 0x0cb of level 2. The output has 15 bytes: the shortest that lets the fourth be a
// literal before a match, which then may take 7 bytes.
static void test_single_items(void **state) {
    (void)state;
    static const char EMPTY_SLOT[] = "QuickLZ match that names a table slot never filled";
    static const char BAD_OFFSET[] = "QuickLZ match with an impossible offset";
    static const char BAD_LENGTH[] = "QuickLZ match shorter than 3 bytes";
    static const char TOO_LONG[] = "QuickLZ match that reaches into the last 4 bytes of the output";
    static const char CUT_OFF[] = "QuickLZ packet that ends inside its data";
    static const struct {
        unsigned level;
        uint8_t size;      // decompressed
        const char *text;  // after the header: bytes in hexadecimal, and literals after a quote
        const char *wrong; // NULL: valid
        uint8_t at;        // where it is wrong
        const char *data;
    } cases[] = {
        {1, 15, "10000080 'abcd 7145 'stuvwxyz", NULL, 0, "abcdabcstuvwxyz"},
        {1, 15, "10000080 'abcd 7545 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {1, 15, "10000080 'abcd 704507 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {1, 15, "10000080 'abcd 8145 'stuvwxyz", EMPTY_SLOT, 11, NULL},
        // "bcd", slot 0x524: three bytes back is near enough; at two bytes, it is not known yet
        {1, 15, "10000080 'abcd 4152 'stuvwxyz", NULL, 0, "abcdbcdstuvwxyz"},
        {1, 15, "08000080 'abc 4152 'stuvwxyz", EMPTY_SLOT, 10, NULL},
        {1, 15, "01000080 7145 'stuvwxyz", EMPTY_SLOT, 7, NULL},
        {1, 15, "10000080 'abcd 7645 'wxyz", TOO_LONG, 11, NULL},
        {1, 15, "10000080 'abcd 704508 'wxyz", TOO_LONG, 11, NULL},
        {1, 15, "10000080 'abcd 7045ff 'wxyz", TOO_LONG, 11, NULL},
        {1, 15, "10000080 'abcd 704502 'stuvwxyz", BAD_LENGTH, 11, NULL},
        {1, 15, "10000080 'abcd 704500 'stuvwxyz", BAD_LENGTH, 11, NULL},
        {1, 15, "10000080 'abcd 7045", CUT_OFF, 11, NULL},
        {1, 15, "10000080 'abcd 75", CUT_OFF, 11, NULL},
        {1, 15, "10000080 'abcd 7545 'wx", CUT_OFF, 15, NULL},
        {1, 15, "100080", CUT_OFF, 3, NULL},
        // an end mark below bit 31 ends its word there; a word of zero never ends
        {1, 15, "02000000 'a 08000080 'bcd 7645 'wx", TOO_LONG, 15, NULL},
        {1, 15, "02000000 'a 08000080 'bcd 7545 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {1, 15, "00000000 'abcdefghijklmno", NULL, 0, "abcdefghijklmno"},
        {1, 40, "00000000 'abcdefghijklmno", CUT_OFF, 22, NULL},
        // level 2
        {2, 15, "10000080 'abcd 6419 'stuvwxyz", NULL, 0, "abcdabcstuvwxyz"},
        {2, 15, "10000080 'abcd 7419 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {2, 15, "10000080 'abcd 601907 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {2, 15, "10000080 'abcd 6519 'stuvwxyz", EMPTY_SLOT, 11, NULL},
        {2, 15, "10000080 'abcd 7819 'wxyz", TOO_LONG, 11, NULL},
        {2, 15, "10000080 'abcd 601908 'wxyz", TOO_LONG, 11, NULL},
        {2, 15, "10000080 'abcd 601902 'stuvwxyz", BAD_LENGTH, 11, NULL},
        {2, 15, "10000080 'abcd 6019", CUT_OFF, 11, NULL},
        // level 3, in the order of the format's table
        {3, 15, "10000080 'abcd 10 'stuvwxyz", NULL, 0, "abcdabcstuvwxyz"},
        {3, 15, "10000080 'abcd 0c 'stuvwxyz", NULL, 0, "abcdbcdstuvwxyz"},
        {3, 15, "10000080 'abcd 00 'stuvwxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 04 'stuvwxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 08 'stuvwxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 14 'stuvwxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd fc 'stuvwxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 1100 'stuvwxyz", NULL, 0, "abcdabcstuvwxyz"},
        {3, 15, "10000080 'abcd 1101 'stuvwxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 11", CUT_OFF, 11, NULL},
        {3, 15, "10000080 'abcd 1201 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {3, 15, "10000080 'abcd 1601 'wxyz", TOO_LONG, 11, NULL},
        {3, 15, "10000080 'abcd 9200 'wxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 170200 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {3, 15, "10000080 'abcd 1b0200 'wxyz", TOO_LONG, 11, NULL},
        {3, 15, "10000080 'abcd 1702", CUT_OFF, 11, NULL},
        {3, 15, "10000080 'abcd 970200 'wxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 03020200 'wxyz", NULL, 0, "abcdabcdabcwxyz"},
        {3, 15, "10000080 'abcd 83020200 'wxyz", TOO_LONG, 11, NULL},
        {3, 15, "10000080 'abcd 030202", CUT_OFF, 11, NULL},
        {3, 15, "10000080 'abcd 03020080 'wxyz", BAD_OFFSET, 11, NULL},
        {3, 15, "10000080 'abcd 070200 'stuvwxyz", NULL, 0, "abcdabcstuvwxyz"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t packet[40] = {(uint8_t)(0x41 | cases[i].level << 2), 0, cases[i].size};
        packet[1] = (uint8_t)(3 + read_notation(cases[i].text, packet + 3));
        struct quicklz_header h;
        uint8_t out[UINT8_MAX + QUICKLZ_SLACK];
        size_t at = 0;
        assert_null(quicklz_parse_header(packet, sizeof packet, &h));
        const char *wrong = quicklz_decode(&h, packet, out, &at);
        if (wrong != cases[i].wrong && (wrong == NULL || cases[i].wrong == NULL))
            fail_msg("case %zu: %s at offset %zu", i, wrong == NULL ? "accepted" : wrong, at);
        if (cases[i].wrong == NULL) {
            assert_memory_equal(out, cases[i].data, cases[i].size);
        } else {
            if (strcmp(wrong, cases[i].wrong) != 0)
                fail_msg("case %zu: %s at offset %zu", i, wrong, at);
            assert_int_equal(at, cases[i].at);
        }
        assert_int_equal(both_accept(packet, h.stored_size), wrong == NULL);
    }
}

static const size_t small_sizes[] = {24, 60, 150, 400, 1200};

// A packet cut after n bytes whose header says so is refused, unless only padding is gone.
static void test_truncation(void **state) {
    (void)state;
    for (int level = 1; level <= 3; level++)
        for (size_t s = 0; s < sizeof small_sizes / sizeof small_sizes[0]; s++)
            for (int kind = 0; kind < DATA_KINDS; kind++) {
                uint8_t data[1200], packet[1600];
                size_t size = small_sizes[s];
                size_t stored = encode_kind(level, (enum data_kind)kind, size, data, packet);
                size_t header = quicklz_header_size(packet[0]);
                for (size_t n = 0; n < stored; n++) {
                    if (header == 3 && n > 1)
                        packet[1] = (uint8_t)n;
                    else if (n > 4)
                        le32_put(packet + 1, (uint32_t)n);
                    assert_false(both_accept(packet, n));
                }
            }
}

static void test_flipped_bits(void **state) {
    (void)state;
    size_t accepted = 0, refused = 0;
    for (int level = 1; level <= 3; level++)
        for (size_t s = 0; s < sizeof small_sizes / sizeof small_sizes[0]; s++)
            for (int kind = 0; kind < DATA_KINDS; kind++) {
                uint8_t data[1200], packet[1600];
                size_t size = small_sizes[s];
                size_t stored = encode_kind(level, (enum data_kind)kind, size, data, packet);
                // Bytes that a larger claim may turn into input.
                memset(packet + stored, 0x5a, sizeof packet - stored);
                for (size_t bit = 0; bit < 8 * stored; bit++) {
                    packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
                    if (both_accept(packet, sizeof packet))
                        accepted++;
                    else
                        refused++;
                    packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
                }
            }
    assert_true(accepted > 1000 && refused > 1000);
}

// Several bytes overwritten anywhere in larger packets, among them such of 32-bit positions.
static void test_overwritten_bytes(void **state) {
    (void)state;
    static const size_t sizes[] = {3000, 65536, 70000};
    uint64_t seed = 2;
    size_t accepted = 0, refused = 0;
    for (int level = 1; level <= 3; level++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int kind = 0; kind < DATA_KINDS; kind++) {
                uint8_t *data = allocate(sizes[s]), *packet = allocate(sizes[s] + 400);
                size_t stored = encode_kind(level, (enum data_kind)kind, sizes[s], data, packet);
                uint8_t *damaged = allocate(stored);
                for (int round = 0; round < 40; round++) {
                    memcpy(damaged, packet, stored);
                    for (int i = 0; i <= round % 4; i++)
                        damaged[9 + below(&seed, (uint32_t)stored - 9)] =
                            (uint8_t)below(&seed, 256);
                    if (both_accept(damaged, stored))
                        accepted++;
                    else
                        refused++;
                }
                free(damaged);
                free(packet);
                free(data);
            }
    assert_true(accepted > 100 && refused > 100);
}

// Garbage after a valid header. Pure noise fails soon, so most of it is weighted towards what gets
// far: literals first, then a share of matches, small slots and lengths.
static void test_garbage(void **state) {
    (void)state;
    uint64_t seed = 3;
    size_t accepted = 0;
    for (int round = 0; round < 6000; round++) {
        unsigned level = 1 + (unsigned)round % 3;
        uint32_t stored = 10 + below(&seed, round % 5 == 0 ? 3000 : 300);
        uint32_t size = below(&seed, (stored - 9) * (round % 7 == 0 ? 85 : 3)) + 1;
        uint8_t *packet = allocate(stored);
        uint32_t alphabet = round % 4 == 0 ? 256 : 2 + below(&seed, 20);
        for (size_t i = 9; i < stored; i++)
            packet[i] = (uint8_t)(below(&seed, alphabet) * (round % 8 < 4 ? 1 : 16));
        if (round % 4 != 0 && stored >= 48) {
            le32_put(packet + 9, UINT32_C(1) << 31); // 31 literals, then
            le32_put(packet + 44, (uint32_t)next_random(&seed) | UINT32_C(1) << 31);
        }
        packet[0] = (uint8_t)(0x43 | level << 2);
        le32_put(packet + 1, stored);
        le32_put(packet + 5, size);
        if (stored <= size + 400)
            accepted += both_accept(packet, stored);
        free(packet);
    }
    assert_true(accepted > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),      cmocka_unit_test(test_trees),
        cmocka_unit_test(test_block_sizes),  cmocka_unit_test(test_backup),
        cmocka_unit_test(test_round_trips),  cmocka_unit_test(test_padding),
        cmocka_unit_test(test_single_items), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_overwritten_bytes),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
