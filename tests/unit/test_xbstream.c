// SPDX-License-Identifier: Apache-2.0
// The reader of xbstream archives over memory.
#include "format/xbstream.h"
#include "format/xbstream_reader.h"
#include "read_members.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHUNK = 1 << 20 };

static struct stage *make_reader(struct ordered *o, struct stage *next, void *context) {
    (void)next;
    return xbstream_reader_new(o, MAX_CHUNK, read_members_target(context));
}

static void read_stream(const struct bytes *in, const struct feeding *how, struct record *r) {
    memset(r, 0, sizeof *r);
    read_members_on(make_reader, in, how, r);
}

static const struct feeding simple = {.threads = 1};

static void expect_failure(struct bytes *in, const char *message) {
    read_members_failure(make_reader, in, message);
}

// ---- A stream with everything in it.

static const uint32_t holes_map[][2] = {{5, 3}, {0, 4}, {1000, 2}, {7000, 0}};

static void everything(struct bytes *b) {
    xbs_payload(b, "a", 0, "first ");
    xbs_payload(b, "dir/b", 0, "B1");
    xbs_any(b, 'X', 1, "ignored", 7, 99, "whatever", 8);
    xbs_end(b, "empty");
    xbs_payload(b, "a", 6, "second");
    xbs_sparse(b, "holes", 0, holes_map, 4, "abcdefghi", 9);
    xbs_payload(b, "dir/b", 2, "");
    xbs_end(b, "a");
    xbs_payload(b, "dir/b", 2, "B2");
    xbs_payload(b, "holes", 8014, "tail");
    xbs_sparse(b, "dir/b", 4, NULL, 0, "", 0);
    xbs_end(b, "holes");
    xbs_end(b, "dir/b");
}

static const char *const contents[][2] = {
    {"a", "first second"}, {"dir/b", "B1B2"}, {"empty", ""}, {"holes", NULL}};

// The content of a member of `everything`.
static void content_of(const char *name, struct bytes *b) {
    if (strcmp(name, "holes") != 0) {
        for (size_t i = 0; i < 3; i++)
            if (strcmp(name, contents[i][0]) == 0)
                bytes_text(b, contents[i][1]);
        return;
    }
    static const char *const parts[] = {"abc", "defg", "hi", ""};
    for (size_t i = 0; i < 4; i++) {
        bytes_zeros(b, holes_map[i][0]);
        bytes_text(b, parts[i]);
    }
    bytes_text(b, "tail");
}

static void check_everything(const struct record *r, bool whole) {
    for (unsigned i = 0; i < r->count; i++) {
        const struct seen *s = &r->members[i];
        struct bytes expected = {0};
        assert_string_equal(s->name, contents[i][0]);
        content_of(s->name, &expected);
        assert_true(s->data.size <= expected.size);
        if (s->data.size > 0)
            assert_memory_equal(s->data.data, expected.data, s->data.size);
        if (s->ended)
            assert_int_equal(s->data.size, expected.size);
        if (whole) {
            assert_true(s->ended);
            assert_int_equal(s->holes, strcmp(s->name, "holes") == 0 ? 8005 : 0);
        }
        bytes_free(&expected);
    }
    if (whole)
        assert_int_equal(r->count, 4);
}

static void run_everything(const struct feeding *how, void *context) {
    struct record r;
    read_stream(context, how, &r);
    if (r.status != 0)
        fail_msg("%s: %s", feeding_text(how), r.fault.text);
    check_everything(&r, true);
    read_members_free(&r);
}

static void test_every_feeding(void **state) {
    (void)state;
    struct bytes b = {0};
    everything(&b);
    assert_true(b.size <= FEED_SPLIT_MAX);
    feed_each(b.size, run_everything, &b);
    bytes_free(&b);
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    struct bytes b = {0};
    everything(&b);
    size_t whole = b.size;
    for (b.size = 0; b.size < whole; b.size++)
        for (unsigned how = 0; how < 2; how++) {
            struct record r;
            read_stream(&b, &(struct feeding){.threads = how ? 3 : 1, .held = how != 0}, &r);
            assert_int_equal(r.status, EX_DATAERR);
            check_everything(&r, false);
            // All that has begun and not ended is named.
            for (unsigned i = 0; i < r.count; i++)
                assert_int_equal(r.members[i].unfinished, !r.members[i].ended);
            if (b.size == 0)
                assert_string_equal(r.fault.text, "input is empty: expected an xbstream");
            else
                assert_memory_equal(r.fault.text, "xbstream ends too early, ", 25);
            read_members_free(&r);
        }
    bytes_free(&b);
}

static void test_cut_messages(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_payload(&b, "a", 0, "first ");
    expect_failure(&b, "xbstream ends too early, at input offset 41: expected the end of 1 more "
                       "member; it was cut short: fetch the backup again");
    xbs_payload(&b, "a", 0, "first ");
    xbs_payload(&b, "b", 0, "first ");
    expect_failure(&b, "xbstream ends too early, at input offset 82: expected the end of 2 more "
                       "members; it was cut short: fetch the backup again");
    xbs_payload(&b, "a", 0, "first ");
    b.size -= 3;
    expect_failure(&b, "xbstream ends too early, inside a chunk, at input offset 38; it was cut "
                       "short: fetch the backup again");
}

// No bit may turn into wrong content: of the heads only the flags and the bytes that say how far a
// member that nobody knows is skipped can change without an error.
static void test_every_bit(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_payload(&b, "ab", 0, "some data");
    xbs_end(&b, "ab");
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        struct record r;
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        read_stream(&b, &simple, &r);
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool flags = bit / 8 == 8 || bit / 8 == 45 + 8;
        if (r.status == 0 && !flags)
            fail_msg("bit %zu of byte %zu: accepted", bit % 8, bit / 8);
        if (r.status != 0 && (r.status != EX_DATAERR || r.fault.text[0] == '\0' || flags))
            fail_msg("bit %zu of byte %zu: %d, %s", bit % 8, bit / 8, r.status, r.fault.text);
        if (r.count > 0 && r.members[0].data.size > 0)
            assert_memory_equal(r.members[0].data.data, "some data", r.members[0].data.size);
        read_members_free(&r);
    }
    bytes_free(&b);
}

// ---- Chunks that are wrong.

static void test_magic_and_hints(void **state) {
    (void)state;
    static const struct {
        const char *start, *shown, *hint;
    } others[] = {
        {"XBCRYP03", "XBCRYP03",
         "; this is an encrypted stream: decrypt it first with xbcrypt-dec, or use --auto"},
        {"qpress10", "qpress10",
         "; this is a qpress archive: unpack it first with qpunpack, or use --auto"},
        {"\x1f\x8b\x08_____", "\\x1f\\x8b\\x08_____",
         "; this is gzip data: unpack it first with gzip -d, or use --auto"},
        {"\x04\x22\x4d\x18____", "\\x04\"M\\x18____",
         "; this is LZ4 data: unpack it first with lz4 -d, or use --auto"},
        {"\x28\xb5\x2f\xfd____", "(\\xb5/\\xfd____",
         "; this is Zstandard data: unpack it first with zstd -d, or use --auto"},
        {"garbage!", "garbage!", ""}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct bytes b = {0};
        char expected[300];
        bytes_text(&b, others[i].start);
        bytes_text(&b, "0123456789");
        snprintf(expected, sizeof expected,
                 "not an xbstream chunk at input offset 0: expected magic \"XBSTCK01\", found "
                 "\"%s\"%s",
                 others[i].shown, others[i].hint);
        expect_failure(&b, expected);
    }
    // A tar archive shows further on, however it comes.
    struct bytes tar = {0};
    ustar_entry(&tar, USTAR_GNU, '0', "backup-my.cnf", "[mysqld]", 8);
    for (size_t first = 1; first < 600; first++) {
        struct record r;
        read_stream(&tar, &(struct feeding){.threads = 1, .first = first}, &r);
        assert_int_equal(r.status, EX_DATAERR);
        assert_string_equal(r.fault.text,
                            "not an xbstream chunk at input offset 0: expected magic \"XBSTCK01\", "
                            "found \"backup-m\"; this is a tar archive: use --auto");
        read_members_free(&r);
    }
    bytes_free(&tar);
    // After the end, there is no use in advice.
    struct bytes b = {0};
    xbs_end(&b, "a");
    bytes_text(&b, "XBCRYP0300000000");
    expect_failure(&b, "not an xbstream chunk at input offset 15: expected magic \"XBSTCK01\", "
                       "found \"XBCRYP03\"");
    xbs_end(&b, "a");
    bytes_text(&b, "\n");
    expect_failure(&b, "xbstream ends too early, inside a chunk, at input offset 16; it was cut "
                       "short: fetch the backup again");
}

static void test_types(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_any(&b, 'X', 0, "a", 1, 0, "data", 4);
    expect_failure(
        &b, "unknown xbstream chunk type at input offset 9: expected 'P', 'S', 'E', 'R' or 'D', "
            "found 'X'");
    xbs_any(&b, '\n', 0xfe, "a", 1, 0, "data", 4);
    expect_failure(
        &b, "unknown xbstream chunk type at input offset 9: expected 'P', 'S', 'E', 'R' or 'D', "
            "found '\\x0a'");
    // A stream of nothing but ignored chunks has no members; that is a stream.
    struct record r;
    xbs_any(&b, 'X', 1, "a", 1, 0, "data", 4);
    read_stream(&b, &simple, &r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.count, 0);
    read_members_free(&r);
    bytes_free(&b);
}

static void test_offsets(void **state) {
    (void)state;
    static const struct {
        uint64_t offset;
        const char *shown;
    } wrong[] = {{0, "0"}, {3, "3"}, {5, "5"}, {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct bytes b = {0};
        char expected[300];
        xbs_payload(&b, "a", 0, "0123");
        xbs_payload(&b, "a", wrong[i].offset, "4567");
        snprintf(expected, sizeof expected,
                 "a: xbstream chunk at input offset 39 does not continue its member: expected "
                 "offset 4, found %s; the stream is damaged or a part of it is missing",
                 wrong[i].shown);
        expect_failure(&b, expected);
    }
}

static void test_after_the_end(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_member(&b, "a", "0123", 4);
    xbs_payload(&b, "a", 0, "0123");
    expect_failure(&b, "a: xbstream chunk at input offset 54 comes after the end of its member");
    xbs_end(&b, "a\nb");
    xbs_end(&b, "a\nb");
    expect_failure(&b, "a\\x0ab: xbstream chunk at input offset 17 comes after the end of its "
                       "member");
}

static void test_checksums(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_payload(&b, "a", 0, "0123");
    b.data[b.size - 1] ^= 4;
    xbs_end(&b, "a");
    struct record r;
    read_stream(&b, &simple, &r);
    assert_int_equal(r.status, EX_DATAERR);
    assert_int_equal(r.members[0].data.size, 0);
    assert_false(r.members[0].ended);
    assert_memory_equal(r.fault.text,
                        "a: damaged xbstream chunk at input offset 0: CRC-32: expected ", 62);
    read_members_free(&r);
    bytes_free(&b);

    // Of a chunk without payload, and of a map.
    xbs_payload(&b, "a", 0, "");
    b.data[b.size - 1] ^= 4;
    expect_failure(&b, "a: damaged xbstream chunk at input offset 0: CRC-32: expected 0x04000000, "
                       "found 0x00000000; fetch the backup again");
    static const uint32_t map[][2] = {{10, 0}};
    xbs_sparse(&b, "a", 0, map, 1, "", 0);
    b.data[b.size - 8] ^= 1; // 11 bytes of hole
    read_stream(&b, &simple, &r);
    assert_int_equal(r.status, EX_DATAERR);
    assert_int_equal(r.members[0].holes, 0);
    assert_memory_equal(r.fault.text,
                        "a: damaged xbstream chunk at input offset 0: CRC-32: expected ", 62);
    read_members_free(&r);
    bytes_free(&b);
}

static void test_sparse_maps(void **state) {
    (void)state;
    struct bytes b = {0};
    static const uint32_t map[][2] = {{10, 4}, {0, 1}};
    xbs_sparse(&b, "a", 0, map, 2, "0123", 4);
    expect_failure(&b, "a: damaged sparse xbstream chunk at input offset 0: lengths in its map: "
                       "expected 4 bytes in all, found 5");
    xbs_sparse(&b, "a", 0, map, 2, "012345", 6);
    expect_failure(&b, "a: damaged sparse xbstream chunk at input offset 0: lengths in its map: "
                       "expected 6 bytes in all, found 5");
    xbs_sparse(&b, "a", 0, NULL, 0, "0", 1);
    expect_failure(&b, "a: damaged sparse xbstream chunk at input offset 0: lengths in its map: "
                       "expected 1 bytes in all, found 0");
}

static void test_paths(void **state) {
    (void)state;
    struct bytes b = {0};
    char path[513];
    memset(path, 'p', sizeof path);
    struct record r;
    xbs_any(&b, 'P', 0, path, 511, 0, "x", 1);
    xbs_any(&b, 'E', 0, path, 511, 0, "", 0);
    b.size -= 20; // an end has no sizes
    read_stream(&b, &simple, &r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.members[0].name_size, 511);
    read_members_free(&r);
    bytes_free(&b);
    xbs_any(&b, 'P', 0, path, 512, 0, "x", 1);
    expect_failure(&b, "path length of xbstream chunk at input offset 10: expected 1 to 511 bytes, "
                       "found 512");
    xbs_any(&b, 'P', 0, path, 0, 0, "x", 1);
    expect_failure(&b, "path length of xbstream chunk at input offset 10: expected 1 to 511 bytes, "
                       "found 0");
    // Names that differ behind a NUL are two names.
    xbs_any(&b, 'P', 0, "n\0a", 3, 0, "1", 1);
    xbs_any(&b, 'P', 0, "n\0b", 3, 0, "2", 1);
    read_stream(&b, &simple, &r);
    assert_int_equal(r.status, EX_DATAERR);
    assert_int_equal(r.count, 2);
    assert_true(r.members[0].unfinished && r.members[1].unfinished);
    read_members_free(&r);
    bytes_free(&b);
}

static void claimed(struct bytes *b, char type, uint32_t map, uint64_t payload) {
    bytes_text(b, "XBSTCK01");
    bytes_little(b, 0, 1);
    bytes_add(b, &type, 1);
    bytes_little(b, 1, 4);
    bytes_text(b, "a");
    if (type == 'S')
        bytes_little(b, map, 4);
    bytes_little(b, payload, 8);
    bytes_little(b, 0, 8);
    bytes_little(b, 0, 4);
}

static void test_claimed_sizes(void **state) {
    (void)state;
    struct bytes b = {0};
    claimed(&b, 'P', 0, MAX_CHUNK + 1);
    expect_failure(&b, "payload of xbstream chunk at input offset 15 too large: expected at most "
                       "1048576, found 1048577; if the file is sound, use a larger --max-chunk");
    claimed(&b, 'P', 0, UINT64_C(1) << 63);
    expect_failure(&b, "payload of xbstream chunk at input offset 15 too large: expected at most "
                       "1048576, found 9223372036854775808; if the file is sound, use a larger "
                       "--max-chunk");
    claimed(&b, 'S', UINT32_MAX, 0);
    expect_failure(&b, "sparse map of xbstream chunk at input offset 15 too large: expected at "
                       "most 1048576, found 34359738360; if the file is sound, use a larger "
                       "--max-chunk");
    claimed(&b, 'S', MAX_CHUNK / 8, UINT64_MAX);
    expect_failure(&b, "payload of xbstream chunk at input offset 19 too large: expected at most "
                       "1048576, found 18446744073709551615; if the file is sound, use a larger "
                       "--max-chunk");
    claimed(&b, 'X', 0, UINT64_MAX); // even if it would be ignored
    b.data[8] = 1;
    expect_failure(&b, "payload of xbstream chunk at input offset 15 too large: expected at most "
                       "1048576, found 18446744073709551615; if the file is sound, use a larger "
                       "--max-chunk");
    // As large as allowed, and nothing there.
    claimed(&b, 'S', MAX_CHUNK / 8, MAX_CHUNK);
    expect_failure(&b, "xbstream ends too early, inside a chunk, at input offset 39; it was cut "
                       "short: fetch the backup again");
}

// A chunk larger than the pieces in which it is checked.
static void run_large(const struct feeding *how, void *context) {
    const struct bytes *noise = context;
    struct bytes b = {0};
    struct record r;
    if (how->rest == 1) // a million pieces would take long
        return;
    xbs_any(&b, 'P', 0, "a", 1, 0, noise->data, noise->size);
    xbs_end(&b, "a");
    read_stream(&b, how, &r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.members[0].data.size, noise->size);
    assert_memory_equal(r.members[0].data.data, noise->data, noise->size);
    read_members_free(&r);
    bytes_free(&b);
}

static void test_large_chunk(void **state) {
    (void)state;
    struct bytes noise = {0};
    bytes_noise(&noise, MAX_CHUNK, 1);
    feed_each(noise.size, run_large, &noise);
    bytes_free(&noise);
}

static struct stage *make_limitless(struct ordered *o, struct stage *next, void *context) {
    (void)next;
    return xbstream_reader_new(o, UINT64_MAX, read_members_target(context));
}

// Offsets are those of lseek: below 2^63.
static void test_endless_member(void **state) {
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct bytes b = {0};
        struct record r = {.count = 0};
        struct fed out;
        bytes_text(&b, "XBSTCK01");
        bytes_little(&b, 'P' << 8, 2);
        bytes_little(&b, 1, 4);
        bytes_text(&b, "m");
        bytes_little(&b, (uint64_t)INT64_MAX + over, 8);
        bytes_zeros(&b, 8 + 4);
        bytes_text(&b, "what there is of it");
        feed_run(make_limitless, &r, b.data, b.size, &simple, &out);
        assert_int_equal(out.status, EX_DATAERR);
        assert_string_equal(
            out.fault.text,
            over ? "m: xbstream chunk at input offset 0 makes its member too large"
                 : "xbstream ends too early, inside a chunk, at input offset 54; it was cut short: "
                   "fetch the backup again");
        fed_free(&out);
        read_members_free(&r);
        bytes_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endless_member),
        cmocka_unit_test(test_every_feeding),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_cut_messages),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_magic_and_hints),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_after_the_end),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_sparse_maps),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_claimed_sizes),
        cmocka_unit_test(test_large_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
