// SPDX-License-Identifier: Apache-2.0
// What data is by how it begins, and the layers around an xbstream, as they come in backups and
// deeper.
#include "archive/autodetect.h"
#include "archives.h"
#include "feed.h"
#include "format/sniff.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <zlib.h>
#include <zstd.h>

static void beginnings(void **state) {
    (void)state;
    static const struct {
        enum sniff kind;
        const char *bytes;
        size_t size; // from which on it is known
    } cases[] = {{SNIFF_XBSTREAM, "XBSTCK01", 8},
                 {SNIFF_XBCRYPT, "XBCRYP01", 7},
                 {SNIFF_XBCRYPT, "XBCRYP03", 7},
                 {SNIFF_QPRESS, "qpress10", 8},
                 {SNIFF_GZIP, "\x1f\x8b\x08\0", 3},
                 {SNIFF_LZ4, "\x04\x22\x4d\x18", 4},
                 {SNIFF_ZSTD, "\x28\xb5\x2f\xfd", 4},
                 {SNIFF_XZ,
                  "\xfd"
                  "7zXZ\0",
                  6},
                 {SNIFF_BZIP2, "BZh91AY&SY", 10},
                 {SNIFF_ZIP, "PK\3\4", 4},
                 // Behind a skippable frame of 3 bytes.
                 {SNIFF_ZSTD, "\x50\x2a\x4d\x18\3\0\0\0abc\x28\xb5\x2f\xfd", 15},
                 {SNIFF_LZ4, "\x5f\x2a\x4d\x18\3\0\0\0abc\x04\x22\x4d\x18", 15}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t size = 0; size < cases[i].size; size++) {
            uint8_t *copy = malloc(size + 1);
            memcpy(copy, cases[i].bytes, size);
            assert_int_equal(sniff(copy, size), SNIFF_UNKNOWN);
            free(copy);
        }
        assert_int_equal(sniff((const uint8_t *)cases[i].bytes, cases[i].size), cases[i].kind);
    }
    uint8_t data[SNIFF_SIZE] = "shop/t1.ibd";
    assert_int_equal(sniff(data, sizeof data), SNIFF_UNKNOWN);
    memcpy(data + 257, "ustar", 5);
    assert_int_equal(sniff(data, 261), SNIFF_UNKNOWN);
    assert_int_equal(sniff(data, 262), SNIFF_TAR);
    // Of before ustar: the checksum of the whole block.
    struct bytes old = {0};
    ustar_header(&old, NULL, '0', "shop/t1.ibd", 1000);
    assert_int_equal(sniff(old.data, 511), SNIFF_UNKNOWN);
    assert_int_equal(sniff(old.data, 512), SNIFF_TAR);
    old.data[0] ^= 1;
    assert_int_equal(sniff(old.data, 512), SNIFF_UNKNOWN);
    bytes_free(&old);
    // A skippable frame that ends further on than can be seen, and one of the largest size.
    memcpy(data, "\x50\x2a\x4d\x18\xf8\1\0\0", 8);
    assert_int_equal(sniff(data, SNIFF_SIZE - 1), SNIFF_UNKNOWN);
    assert_int_equal(sniff(data, SNIFF_SIZE), SNIFF_ZSTD);
    memcpy(data + 4, "\xff\xff\xff\xff", 4);
    assert_int_equal(sniff(data, SNIFF_SIZE), SNIFF_ZSTD);
    // Only such frames may follow it.
    memcpy(data, "\x50\x2a\x4d\x18\0\0\0\0XBSTCK01", 16);
    assert_int_equal(sniff(data, SNIFF_SIZE), SNIFF_UNKNOWN);
}

// ---- Layers.

static const char key_bytes[] = "0123456789abcdef0123456789ABCDEF";
static struct xbcrypt_dec_settings decrypt; // with the test's key
static struct autodetect_settings settings;
static char found[500];

static void note(const char *text) {
    assert_string_equal(found, ""); // once
    snprintf(found, sizeof found, "%s", text);
}

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    struct ordered *behind;
    struct fault f;
    found[0] = '\0';
    assert_int_equal(autodetect_queues(&behind, o, &f), 0);
    return autodetect_new(o, &settings, behind, next, next);
}

static int set_up(void **state) {
    (void)state;
    uint8_t copy[32];
    memcpy(copy, key_bytes, sizeof copy);
    struct secret secret = {.size = sizeof copy, .data = copy, .capacity = sizeof copy};
    struct fault f;
    decrypt = (struct xbcrypt_dec_settings){.max_chunk = 1 << 20};
    settings =
        (struct autodetect_settings){.decrypt = &decrypt, .max_chunk = 1 << 20, .found = note};
    return xbcrypt_key_new(&decrypt.key, &secret, 0, 3, NULL, &f);
}

static int tear_down(void **state) {
    (void)state;
    xbcrypt_key_free(decrypt.key);
    return 0;
}

static void pack(struct bytes *b, char how) {
    struct bytes in = *b;
    *b = (struct bytes){0};
    static const uint8_t iv[16] = {1, 2, 3};
    size_t bound = in.size + in.size / 2 + 1000, size = 0;
    uint8_t *out = malloc(bound);
    assert_non_null(out);
    z_stream z = {
        .next_in = in.data, .avail_in = (uInt)in.size, .next_out = out, .avail_out = (uInt)bound};
    switch (how) {
    case 'g':
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), 0);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        size = z.total_out;
        deflateEnd(&z);
        break;
    case 'l':
        size = LZ4F_compressFrame(out, bound, in.data, in.size, NULL);
        break;
    case 'z':
        size = ZSTD_compress(out, bound, in.data, in.size, 1);
        break;
    case 'q':
        qp_single(b, "x", 1000, in.data, in.size);
        break;
    default:
        for (size_t at = 0; at < in.size; at += 500)
            xbc_chunk(b, 3, key_bytes, 32, in.data + at, in.size - at < 500 ? in.size - at : 500,
                      iv);
    }
    bytes_add(b, out, size);
    free(out);
    bytes_free(&in);
}

struct expectation {
    const struct bytes *in, *out;
    const char *found;
};

static void expect_one(const struct feeding *how, void *context) {
    const struct expectation *e = context;
    struct fed r;
    feed_run(make, NULL, e->in->data, e->in->size, how, &r);
    if (r.status != 0)
        fail_msg("%s: %s: %s", e->found, feeding_text(how), r.fault.text);
    assert_int_equal(r.finishes, 1);
    assert_int_equal(r.size, e->out->size);
    assert_memory_equal(r.data, e->out->data, r.size);
    assert_string_equal(found, e->found);
    fed_free(&r);
}

static void make_archive(struct bytes *b) {
    *b = (struct bytes){0};
    bytes_noise(b, 700, 3);
    struct bytes data = *b;
    *b = (struct bytes){0};
    xbs_member(b, "a", data.data, data.size);
    xbs_member(b, "d/b", "text", 4);
    bytes_free(&data);
}

static void layers(void **state) {
    (void)state;
    static const struct {
        const char *layers; // innermost first
        const char *found;
    } cases[] = {
        {"", "an xbstream"},
        {"g", "gzip data, in it an xbstream"},
        {"q", "a qpress archive, in it an xbstream"},
        {"x", "an encrypted stream, in it an xbstream"},
        {"l", "LZ4 data, in it an xbstream"},
        {"z", "Zstandard data, in it an xbstream"},
        {"qxg", "gzip data, in it an encrypted stream, in it a qpress archive, in it an xbstream"},
        {"xqlzgxqg", "gzip data, in it a qpress archive, in it an encrypted stream, in it gzip "
                     "data, in it Zstandard data, in it LZ4 data, in it a qpress archive, in it an "
                     "encrypted stream, in it an xbstream"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes plain, b;
        make_archive(&plain);
        make_archive(&b);
        for (const char *how = cases[i].layers; *how != '\0'; how++)
            pack(&b, *how);
        struct expectation e = {&b, &plain, cases[i].found};
        feed_each(b.size, expect_one, &e);
        bytes_free(&plain);
        bytes_free(&b);
    }
}

// Each kind of tar header, in nothing and in a layer; before ustar only the checksum tells.
static void tar_archives(void **state) {
    (void)state;
    static const char *const magics[] = {NULL, USTAR_POSIX, USTAR_GNU};
    static const char *const texts[] = {"a tar archive", "gzip data, in it a tar archive"};
    for (size_t i = 0; i < 6; i++) {
        struct bytes plain = {0}, b = {0};
        ustar_entry(&plain, magics[i / 2], '0', "shop/t.ibd", "content", 7);
        ustar_end(&plain);
        bytes_add(&b, plain.data, plain.size);
        if (i % 2 == 1)
            pack(&b, 'g');
        struct expectation e = {&b, &plain, texts[i % 2]};
        feed_each(b.size, expect_one, &e);
        bytes_free(&plain);
        bytes_free(&b);
    }
}

static void expect_failure(const struct bytes *b, int status, const char *message) {
    static const struct feeding ways[] = {
        {.threads = 1}, {.threads = 3, .held = true}, {.threads = 3, .first = 1, .rest = 1}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct fed r;
        feed_run(make, NULL, b->data, b->size, &ways[i], &r);
        if (r.status != status || strncmp(r.fault.text, message, strlen(message)) != 0)
            fail_msg("%s: %d, \"%s\", expected \"%s\"", feeding_text(&ways[i]), r.status,
                     r.fault.text, message);
        assert_int_equal(r.finishes, 0);
        fed_free(&r);
    }
}

static void refused(void **state) {
    (void)state;
    struct bytes b = {0};
    expect_failure(&b, EX_DATAERR, "input is empty: expected an xbstream or a tar archive");
    bytes_text(&b, "garbage\n");
    expect_failure(&b, EX_DATAERR,
                   "cannot tell what this is at input offset 0: expected an xbstream or a tar "
                   "archive, or one in gzip, qpress, xbcrypt, LZ4 or Zstandard; found "
                   "\"garbage\\x0a\"");
    pack(&b, 'x');
    expect_failure(&b, EX_DATAERR,
                   "cannot tell what this is at byte 0 of the data made from input "
                   "offset 0: expected an xbstream or a tar archive, or one in gzip, qpress, "
                   "xbcrypt, LZ4 or Zstandard; found \"garbage\\x0a\"; it was "
                   "decrypted: the key may be wrong");
    settings.decrypt = NULL;
    expect_failure(&b, EX_USAGE,
                   "the backup is encrypted as a whole: expected a key; use -f FILE, "
                   "or set XBCRYPT_ENCRYPTION_KEY");
    settings.decrypt = &decrypt;
    b.size = 0;
    pack(&b, 'g');
    expect_failure(&b, EX_DATAERR,
                   "gzip data holds nothing: expected an xbstream or a tar archive");
    b.size = 0;
    bytes_text(&b, "PK\3\4 and so on");
    expect_failure(&b, EX_DATAERR,
                   "found a zip archive at input offset 0: expected an xbstream or a tar archive; "
                   "unpack it with unzip");
    bytes_free(&b);
    make_archive(&b);
    for (const char *how = "ggggggggg"; *how != '\0'; how++)
        pack(&b, *how);
    expect_failure(
        &b, EX_DATAERR,
        "packed too deep: expected at most 8 layers around an xbstream or a tar archive");
    bytes_free(&b);
    qp_archive(&b, 1000);
    qp_file(&b, "a");
    qp_block(&b, 0, 0, "XBSTCK01", 8);
    qp_file_end(&b);
    qp_file(&b, "b");
    expect_failure(&b, EX_DATAERR, "qpress archive holds a second file: expected one");
    bytes_free(&b);
}

// Whatever is missing of a backup that was compressed as a whole, it fails; what has come out is
// its beginning.
static void every_truncation(void **state) {
    (void)state;
    struct bytes plain, b;
    make_archive(&plain);
    make_archive(&b);
    pack(&b, 'g');
    for (size_t size = 0; size < b.size; size++)
        for (unsigned threads = 1; threads <= 3; threads += 2) {
            struct fed r;
            feed_run(make, NULL, b.data, size,
                     &(struct feeding){.threads = threads, .first = size / 2}, &r);
            assert_int_equal(r.status, EX_DATAERR);
            assert_int_equal(r.finishes, 0);
            assert_true(r.size <= plain.size);
            if (r.size > 0)
                assert_memory_equal(r.data, plain.data, r.size);
            fed_free(&r);
        }
    bytes_free(&plain);
    bytes_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(beginnings), cmocka_unit_test(layers),
                                       cmocka_unit_test(tar_archives), cmocka_unit_test(refused),
                                       cmocka_unit_test(every_truncation)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
