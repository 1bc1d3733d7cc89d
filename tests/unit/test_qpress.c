// SPDX-License-Identifier: Apache-2.0
// qpress archives over memory.
#include "archives.h"
#include "feed.h"
#include "format/qpress.h"
#include "format/qpress_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct feeding simple = {.threads = 1};

// ---- What a decoder makes of an archive, as one text: "D path\n", "F path\n", content, "E\n".

struct record {
    struct bytes met;  // folders and files as they are met
    struct bytes done; // files' ends
    struct ordered *ordered;
    struct stage *next;
    unsigned ends;
    bool list; // no file is decoded
};

static int folder(void *context, const char *path, size_t size, struct fault *f) {
    (void)f;
    struct record *r = context;
    assert_int_equal(path[size], '\0');
    bytes_text(&r->met, "D ");
    bytes_add(&r->met, path, size);
    bytes_text(&r->met, "\n");
    return 0;
}

static int file(void *context, const char *path, size_t size, struct stage **next,
                struct fault *f) {
    (void)f;
    struct record *r = context;
    assert_int_equal(path[size], '\0');
    bytes_text(&r->met, "F ");
    bytes_add(&r->met, path, size);
    bytes_text(&r->met, "\n");
    *next = r->list ? NULL : r->next;
    return 0;
}

static void file_end(void *context, struct stage *next) {
    struct record *r = context;
    assert_ptr_equal(next, r->list ? NULL : r->next);
    bytes_text(&r->done, "E");
}

static void end(void *context) {
    struct record *r = context;
    r->ends++;
    stage_finish(r->next);
}

enum { MAX_BLOCK = 1 << 20 };

static struct stage *make_decoder(struct ordered *o, struct stage *next, void *context) {
    struct record *r = context;
    r->next = next;
    return qpress_dec_new(
        o, MAX_BLOCK,
        (struct qpress_target){
            .folder = folder, .file = file, .file_end = file_end, .end = end, .context = r});
}

static struct stage *make_single(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return qpress_dec_new_single(o, MAX_BLOCK, next);
}

static void record_free(struct record *r) {
    bytes_free(&r->met);
    bytes_free(&r->done);
}

static void expect_failure(struct bytes *in, feed_maker *make, const char *message) {
    struct record r = {.ends = 0};
    struct fed out;
    feed_run(make, &r, in->data, in->size, &simple, &out);
    if (out.status != EX_DATAERR || strcmp(out.fault.text, message) != 0)
        fail_msg("status %d, \"%s\" instead of \"%s\"", out.status, out.fault.text, message);
    assert_int_equal(out.size, 0);
    assert_int_equal(out.finishes, 0);
    fed_free(&out);
    record_free(&r);
    bytes_free(in);
}

// ---- Known answers: archives that qpress 1.1 wrote.

static void check_sum(const struct fed *out, const char *expected) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char text[2 * sizeof hash + 1];
    SHA256(out->data, out->size, hash);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(text, expected);
}

static void test_fixtures(void **state) {
    (void)state;
    static const char *const files[] = {"stdin", "stdin.K1024"};
    for (unsigned i = 0; i < 2; i++)
        for (unsigned how = 0; how < 8; how++) {
            struct feeding feeding = {.threads = how & 1 ? 3 : 1,
                                      .held = (how & 2) != 0,
                                      .first = how & 4 ? 65536 : 0,
                                      .rest = 4099};
            char path[300];
            struct bytes in;
            struct fed out;
            snprintf(path, sizeof path, FIXTURES "/qpress/%s.qp", files[i]);
            bytes_load(&in, path);
            feed_run(make_single, NULL, in.data, in.size, &feeding, &out);
            if (out.status != 0)
                fail_msg("%s, %s: %s", files[i], feeding_text(&feeding), out.fault.text);
            check_sum(&out, "e280784bf8760afd015b0a303a0cdfb6935c7c9536f521abe6a599b1221ff844");
            fed_free(&out);
            bytes_free(&in);
        }
}

static void test_fixture_trees(void **state) {
    (void)state;
    uint8_t first[SHA256_DIGEST_LENGTH] = {0};
    for (unsigned level = 1; level <= 3; level++) {
        char path[300];
        struct bytes in;
        struct fed out;
        struct record r = {.ends = 0};
        snprintf(path, sizeof path, FIXTURES "/qpress/tree.L%u.qp", level);
        bytes_load(&in, path);
        feed_run(make_decoder, &r, in.data, in.size, &simple, &out);
        assert_int_equal(out.status, 0);
        assert_int_equal(r.ends, 1);
        bytes_add(&r.met, "", 1);
        // The order in which qpress 1.1 met them on its disk.
        assert_string_equal((char *)r.met.data, "F d.txt\nD FOO\nF FOO/c.txt\nD FOO/BAR\nD baz\n"
                                                "F baz/noise.bin\nF baz/zeros.bin\nF baz/text.txt\n"
                                                "F baz/empty\n");
        assert_int_equal(r.done.size, 6);
        uint8_t hash[SHA256_DIGEST_LENGTH];
        SHA256(out.data, out.size, hash);
        if (level == 1)
            memcpy(first, hash, sizeof hash);
        assert_memory_equal(hash, first, sizeof hash);
        fed_free(&out);
        record_free(&r);
        bytes_free(&in);
    }
}

// ---- A small archive with everything in it.

static const char one[] = "one one one one one one one one one one one one one";
static const char two[] = "and the second file";

static void everything(struct bytes *b) {
    qp_archive(b, 64);
    qp_enter(b, "a");
    qp_enter(b, "b");
    qp_file(b, "one");
    qp_block(b, 1, 0, one, 40);
    qp_block(b, 2, 40, one + 40, 3);
    qp_block(b, 3, 43, one + 43, 8);
    qp_file_end(b);
    qp_leave(b);
    qp_file(b, "empty");
    qp_file_end(b);
    qp_leave(b);
    qp_file(b, "two");
    qp_block(b, 0, 0, two, 19);
    qp_file_end(b);
    qp_enter(b, "c");
}

static const char everything_met[] = "D a\nD a/b\nF a/b/one\nF a/empty\nF two\nD c\n";

static void run_everything(const struct feeding *how, void *context) {
    const struct bytes *in = context;
    struct record r = {.ends = 0};
    struct fed out;
    feed_run(make_decoder, &r, in->data, in->size, how, &out);
    if (out.status != 0)
        fail_msg("%s: %s", feeding_text(how), out.fault.text);
    assert_int_equal(out.size, 51 + 19);
    assert_memory_equal(out.data, one, 51);
    assert_memory_equal(out.data + 51, two, 19);
    assert_int_equal(r.met.size, strlen(everything_met));
    assert_memory_equal(r.met.data, everything_met, r.met.size);
    assert_int_equal(r.done.size, 3);
    assert_int_equal(r.ends, 1);
    assert_int_equal(out.finishes, 1);
    fed_free(&out);
    record_free(&r);
}

static void test_every_feeding(void **state) {
    (void)state;
    struct bytes b = {0};
    everything(&b);
    feed_each(b.size, run_everything, &b);
    bytes_free(&b);
}

// The offsets at which everything() may end without that being seen.
static bool is_between_entries(size_t size) {
    struct bytes b = {0};
    size_t ends[12], n = 0;
    qp_archive(&b, 64), ends[n++] = b.size;
    qp_enter(&b, "a"), ends[n++] = b.size;
    qp_enter(&b, "b"), ends[n++] = b.size;
    qp_file(&b, "one");
    qp_block(&b, 1, 0, one, 40);
    qp_block(&b, 2, 40, one + 40, 3);
    qp_block(&b, 3, 43, one + 43, 8);
    qp_file_end(&b), ends[n++] = b.size;
    qp_leave(&b), ends[n++] = b.size;
    qp_file(&b, "empty");
    qp_file_end(&b), ends[n++] = b.size;
    qp_leave(&b), ends[n++] = b.size;
    qp_file(&b, "two");
    qp_block(&b, 0, 0, two, 19);
    qp_file_end(&b), ends[n++] = b.size;
    bytes_free(&b);
    for (size_t i = 0; i < n; i++)
        if (ends[i] == size)
            return true;
    return false;
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    struct bytes b = {0};
    char all[80];
    memcpy(all, one, 51);
    memcpy(all + 51, two, 19);
    everything(&b);
    size_t whole = b.size, most = 0;
    for (b.size = 0; b.size < whole; b.size++)
        for (unsigned how = 0; how < 2; how++) {
            struct record r = {.ends = 0};
            struct fed out;
            feed_run(make_decoder, &r, b.data, b.size,
                     &(struct feeding){.threads = how ? 3 : 1, .held = how != 0}, &out);
            bool between = is_between_entries(b.size);
            assert_int_equal(out.status, between ? 0 : EX_DATAERR);
            assert_int_equal(r.ends, between);
            if (b.size == 0)
                assert_string_equal(out.fault.text, "input is empty: expected a qpress archive");
            else if (!between) {
                char expected[200];
                snprintf(expected, sizeof expected,
                         "qpress archive ends too early, at input offset %zu: expected the rest of "
                         "%s; it was cut short: fetch the backup again",
                         b.size, strstr(out.fault.text, "a file") ? "a file" : "its next entry");
                assert_string_equal(out.fault.text, expected);
            }
            assert_true(out.size <= 70 && out.size >= most);
            most = out.size;
            assert_memory_equal(all, out.data != NULL ? (char *)out.data : all, out.size);
            fed_free(&out);
            record_free(&r);
        }
    assert_int_equal(most, 70);
    bytes_free(&b);
}

// Bits that change names change names; the rest must be noticed, or not matter.
static void test_every_bit_of_a_member(void **state) {
    (void)state;
    struct bytes b = {0};
    qp_single(&b, "n", 32, one, 51);
    unsigned accepted = 0;
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        struct fed out;
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        feed_run(make_single, NULL, b.data, b.size, &simple, &out);
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(out.size <= 51);
        if (out.size > 0)
            assert_memory_equal(out.data, one, out.size);
        if (out.status == 0) {
            assert_int_equal(out.size, 51);
            accepted++;
            // The block size, the name, the recovery field of the file's end.
            bool ignored = (bit / 8 >= 8 && bit / 8 < 16) || bit / 8 == 21 || bit / 8 >= b.size - 8;
            if (!ignored)
                fail_msg("bit %zu of byte %zu: accepted", bit % 8, bit / 8);
        } else {
            assert_int_equal(out.status, EX_DATAERR);
            assert_true(out.fault.text[0] != '\0');
        }
        fed_free(&out);
    }
    assert_true(accepted > 0);
    bytes_free(&b);
}

// ---- Archives that are wrong.

static void test_archive_heads(void **state) {
    (void)state;
    struct bytes b = {0};
    struct record r = {.ends = 0};
    struct fed out;
    bytes_text(&b, "qpress11\1\1\1\1\1\1\1\1");
    expect_failure(&b, make_decoder,
                   "not a qpress archive at input offset 0: expected magic "
                   "\"qpress10\", found \"qpress11\"");
    qp_archive(&b, MAX_BLOCK + 1);
    expect_failure(&b, make_decoder,
                   "qpress block size at input offset 8 too large: expected at most 1048576, found "
                   "1048577; if the file is sound, use a larger --max-chunk");
    qp_archive(&b, UINT64_MAX);
    expect_failure(&b, make_decoder,
                   "qpress block size at input offset 8 too large: expected at most 1048576, found "
                   "18446744073709551615; if the file is sound, use a larger --max-chunk");
    // Just a head: no files, which is an archive, but no member.
    qp_archive(&b, MAX_BLOCK);
    feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(out.finishes, 1);
    assert_int_equal(out.size, 0);
    fed_free(&out);
    record_free(&r);
    expect_failure(&b, make_single, "qpress archive holds no file: expected one");
}

static void test_entries(void **state) {
    (void)state;
    struct bytes b = {0};
    qp_archive(&b, 64);
    bytes_text(&b, "X");
    expect_failure(&b, make_decoder,
                   "damaged qpress archive at input offset 16: expected 'D', "
                   "'F', 'U' or the end, found 'X'");
    qp_archive(&b, 64);
    qp_leave(&b);
    expect_failure(&b, make_decoder,
                   "damaged qpress archive at input offset 16: leaves a folder "
                   "that it did not enter");
    qp_archive(&b, 64);
    qp_enter(&b, "d");
    qp_leave(&b);
    qp_leave(&b);
    expect_failure(&b, make_decoder,
                   "damaged qpress archive at input offset 24: leaves a folder "
                   "that it did not enter");
    qp_archive(&b, 64);
    qp_file(&b, "f");
    bytes_text(&b, "NEWBNEWC");
    expect_failure(&b, make_decoder,
                   "damaged qpress archive at input offset 23: expected "
                   "\"NEWBNEWB\" or \"ENDSENDS\", found \"NEWBNEWC\"");
    // A file inside a file.
    qp_archive(&b, 64);
    qp_file(&b, "f");
    qp_file(&b, "ggg");
    expect_failure(&b, make_decoder,
                   "damaged qpress archive at input offset 23: expected \"NEWBNEWB\" or "
                   "\"ENDSENDS\", found \"F\\x03\\x00\\x00\\x00ggg\"");
    qp_archive(&b, 64);
    qp_file(&b, "f");
    b.data[b.size - 1] = 'x';
    expect_failure(&b, make_decoder,
                   "damaged qpress archive at input offset 22: expected a zero "
                   "byte after the name, found 0x78");
    // A member is one file.
    qp_single(&b, "f", 64, one, 0);
    qp_file(&b, "g");
    expect_failure(&b, make_single,
                   "qpress archive holds a second file: expected one; unpack it with qpunpack");
}

static void test_names(void **state) {
    (void)state;
    struct bytes b = {0};
    char name[600];
    memset(name, 'n', sizeof name);
    name[512] = '\0';
    qp_archive(&b, 64);
    qp_file(&b, name);
    expect_failure(&b, make_decoder,
                   "name in qpress archive at input offset 17 too long: expected "
                   "at most 511 bytes, found 512");
    qp_archive(&b, 64);
    bytes_text(&b, "D");
    bytes_little(&b, UINT32_MAX, 4);
    expect_failure(&b, make_decoder,
                   "name in qpress archive at input offset 17 too long: expected "
                   "at most 511 bytes, found 4294967295");
    // 511 bytes, none, and a NUL inside are handed on: the target decides.
    struct record r = {.ends = 0};
    struct fed out;
    name[511] = '\0';
    qp_archive(&b, 64);
    qp_file(&b, name);
    qp_file_end(&b);
    qp_file(&b, "");
    qp_file_end(&b);
    qp_file(&b, "a_b");
    b.data[b.size - 3] = '\0';
    qp_file_end(&b);
    feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(r.met.size, 514 + 3 + 6);
    assert_memory_equal(r.met.data + 514, "F \nF a\0b\n", 9);
    fed_free(&out);
    record_free(&r);
    bytes_free(&b);
}

static void test_depth(void **state) {
    (void)state;
    struct bytes b = {0};
    struct record r = {.ends = 0};
    struct fed out;
    // As deep as a path of 4 KiB allows, and back.
    qp_archive(&b, 64);
    for (unsigned i = 0; i < 1000; i++)
        qp_enter(&b, "d");
    for (unsigned i = 0; i < 1000; i++)
        qp_leave(&b);
    qp_file(&b, "f");
    qp_file_end(&b);
    feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
    assert_int_equal(out.status, 0);
    assert_memory_equal(r.met.data + r.met.size - 5, "\nF f\n", 5);
    fed_free(&out);
    record_free(&r);
    bytes_free(&b);

    static const char *const names[] = {"d", ""};
    for (unsigned i = 0; i < 2; i++) {
        qp_archive(&b, 64);
        for (unsigned k = 0; k < 5000; k++)
            qp_enter(&b, names[i]);
        r = (struct record){.ends = 0};
        feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
        assert_int_equal(out.status, EX_DATAERR);
        assert_memory_equal(out.fault.text, "folders in qpress archive nested too deep", 41);
        fed_free(&out);
        record_free(&r);
        bytes_free(&b);
    }

    // A file's name that the path, with room for a '/' behind it, has not: 8 * 512 bytes and a
    // zero.
    char longest[MEMBER_NAME_MAX + 1] = "";
    memset(longest, 'n', MEMBER_NAME_MAX);
    qp_archive(&b, 64);
    for (unsigned i = 0; i < 7; i++)
        qp_enter(&b, longest);
    qp_file(&b, longest);
    expect_failure(&b, make_decoder,
                   "folders in qpress archive nested too deep at input offset 3635");
}

static void test_blocks(void **state) {
    (void)state;
    struct bytes b = {0};
    static const uint64_t wrong[] = {0, 39, 41, UINT64_MAX};
    static const char *const shown[] = {"0", "39", "41", "18446744073709551615"};
    for (unsigned i = 0; i < 4; i++) {
        char expected[200];
        struct record r = {.ends = 0};
        struct fed out;
        qp_archive(&b, 64);
        qp_file(&b, "f");
        qp_block(&b, 0, 0, one, 40);
        size_t at = b.size;
        qp_block(&b, 0, wrong[i], one + 40, 11);
        qp_file_end(&b);
        feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
        snprintf(expected, sizeof expected,
                 "damaged qpress archive: block at input offset %zu does not continue the file: "
                 "expected offset 40, found %s",
                 at, shown[i]);
        assert_int_equal(out.status, EX_DATAERR);
        assert_string_equal(out.fault.text, expected);
        assert_int_equal(out.size, 40);
        fed_free(&out);
        record_free(&r);
        bytes_free(&b);
    }
    qp_archive(&b, 64);
    qp_file(&b, "f");
    qp_block(&b, 0, 0, one, 40);
    b.data[b.size - 1] ^= 1;
    qp_file_end(&b);
    struct record r = {.ends = 0};
    struct fed out;
    feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_int_equal(out.size, 0);
    assert_memory_equal(out.fault.text,
                        "damaged qpress block at input offset 43: Adler-32: expected 0x", 62);
    fed_free(&out);
    record_free(&r);

    // The sums are checked even if nothing is decoded.
    r = (struct record){.list = true};
    feed_run(make_decoder, &r, b.data, b.size, &simple, &out);
    assert_int_equal(out.status, EX_DATAERR);
    fed_free(&out);
    record_free(&r);
    bytes_free(&b);

    // A packet larger than the archive says.
    qp_archive(&b, 39);
    qp_file(&b, "f");
    qp_block(&b, 0, 0, one, 40);
    expect_failure(&b, make_decoder,
                   "damaged qpress archive: packet at input offset 43 larger than the archive's "
                   "blocks: expected at most 39 bytes, found 40");
    // A packet that is none.
    qp_archive(&b, 64);
    qp_file(&b, "f");
    qp_block(&b, 0, 0, one, 40);
    b.data[43] |= 0x80;
    static const struct feeding in_bytes = {.threads = 1, .first = 1, .rest = 1};
    for (unsigned i = 0; i < 2; i++) {
        struct fed bad;
        r = (struct record){.ends = 0};
        feed_run(make_decoder, &r, b.data, b.size, i == 0 ? &simple : &in_bytes, &bad);
        assert_int_equal(bad.status, EX_DATAERR);
        assert_string_equal(bad.fault.text,
                            "damaged QuickLZ packet: not a QuickLZ packet at input offset 43");
        fed_free(&bad);
        record_free(&r);
    }
    bytes_free(&b);
}

static void test_large_blocks(void **state) {
    (void)state;
    struct bytes b = {0}, data = {0}, noise = {0};
    bytes_noise(&noise, 1000, 1);
    for (unsigned i = 0; i < 1000; i++)
        bytes_add(&data, noise.data + i % 100, 900);
    bytes_free(&noise);
    for (int level = 0; level <= 3; level++) {
        struct fed out;
        b.size = 0;
        qp_archive(&b, MAX_BLOCK);
        qp_file(&b, "f");
        qp_block(&b, level, 0, data.data, data.size);
        qp_file_end(&b);
        for (unsigned how = 0; how < 4; how++) {
            feed_run(make_single, NULL, b.data, b.size,
                     &(struct feeding){.threads = how & 1 ? 3 : 1,
                                       .held = (how & 2) != 0,
                                       .first = 50,
                                       .rest = 300000},
                     &out);
            if (out.status != 0)
                fail_msg("level %d: %s", level, out.fault.text);
            assert_int_equal(out.size, data.size);
            assert_memory_equal(out.data, data.data, data.size);
            fed_free(&out);
        }
    }
    bytes_free(&b);
    bytes_free(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_fixture_trees),
        cmocka_unit_test(test_every_feeding),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_bit_of_a_member),
        cmocka_unit_test(test_archive_heads),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
