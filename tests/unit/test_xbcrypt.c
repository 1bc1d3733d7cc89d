// SPDX-License-Identifier: Apache-2.0
// xbcrypt over memory: known answers from other implementations, every way to feed it, every cut,
// every bit.
#include "archives.h"
#include "feed.h"
#include "format/xbcrypt_dec.h"
#include "format/xbcrypt_enc.h"
#include "program/xbcrypt_keyfile.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { THREADS_MAX = 3 };

static const char key_bytes[] = "0123456789abcdef0123456789ABCDEF";
static const char text[] = "It was the best of times, it was the worst of times";

static unsigned warnings;
static char last_warning[400];

static void warn(const char *line) {
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", line);
}

static struct xbcrypt_key *make_key(const void *bytes, size_t size) {
    struct secret secret = {.size = size, .data = malloc(size + 1), .capacity = size};
    struct xbcrypt_key *key;
    struct fault f;
    memcpy(secret.data, bytes, size);
    if (xbcrypt_key_new(&key, size > 0 ? &secret : NULL, 0, THREADS_MAX, NULL, &f) < 0)
        fail_msg("%s", f.text);
    free(secret.data);
    return key;
}

static struct xbcrypt_key *fixture_key(unsigned bits) {
    char path[300];
    struct bytes b;
    snprintf(path, sizeof path, FIXTURES "/xbcrypt/key%u", bits);
    bytes_load(&b, path);
    assert_int_equal(b.size, bits / 8);
    struct xbcrypt_key *key = make_key(b.data, b.size);
    bytes_free(&b);
    return key;
}

static struct xbcrypt_dec_settings settings_for(struct xbcrypt_key *key) {
    warnings = 0;
    last_warning[0] = '\0';
    return (struct xbcrypt_dec_settings){.key = key, .max_chunk = 1 << 20, .warn = warn};
}

static struct stage *make_decoder(struct ordered *o, struct stage *next, void *context) {
    return xbcrypt_dec_new(o, context, next);
}

static const struct feeding simple = {.threads = 1};

static void decode(struct xbcrypt_key *key, const struct bytes *in, struct fed *out) {
    struct xbcrypt_dec_settings s = settings_for(key);
    feed_run(make_decoder, &s, in->data, in->size, &simple, out);
}

// ---- Known answers.

static void test_fixtures(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned bits;
    } files[] = {{"plain.v1.aes256", 256}, {"plain.v2.aes128", 128},   {"plain.v2.aes192", 192},
                 {"plain.v2.aes256", 256}, {"plain.v3.aes128", 128},   {"plain.v3.aes192", 192},
                 {"plain.v3.aes256", 256}, {"plain.v3.chunk1000", 256}};
    struct bytes plain;
    bytes_load(&plain, FIXTURES "/xbcrypt/plain.txt");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[300];
        struct bytes in;
        snprintf(path, sizeof path, FIXTURES "/xbcrypt/%s.xbcrypt", files[i].name);
        bytes_load(&in, path);
        struct xbcrypt_key *key = fixture_key(files[i].bits);
        for (unsigned how = 0; how < 8; how++) {
            struct fed out;
            struct xbcrypt_dec_settings s = settings_for(key);
            struct feeding feeding = {.threads = how & 1 ? 3 : 1,
                                      .held = (how & 2) != 0,
                                      .first = how & 4 ? 65536 : 0,
                                      .rest = 4099};
            feed_run(make_decoder, &s, in.data, in.size, &feeding, &out);
            if (out.status != 0)
                fail_msg("%s, %s: %s", files[i].name, feeding_text(&feeding), out.fault.text);
            assert_int_equal(out.size, plain.size);
            assert_memory_equal(out.data, plain.data, plain.size);
            assert_int_equal(out.finishes, 1);
            assert_int_equal(warnings, 0);
            fed_free(&out);
        }
        xbcrypt_key_free(key);
        bytes_free(&in);
    }
    bytes_free(&plain);
}

// ---- Small streams, fed in every way.

struct small {
    struct bytes in, plain;
    size_t ends[4]; // of the chunks
    size_t plain_ends[4];
    unsigned chunks;
    struct xbcrypt_key *key;
};

static void small_add(struct small *s, unsigned version, size_t key_size, const char *data,
                      size_t size) {
    uint8_t iv[16];
    memset(iv, (int)s->chunks + 0xfd, sizeof iv); // the counter overflows more than one byte
    xbc_chunk(&s->in, version, key_bytes, key_size, data, size, iv);
    bytes_add(&s->plain, data, size);
    s->ends[s->chunks] = s->in.size;
    s->plain_ends[s->chunks++] = s->plain.size;
}

// Two chunks with data, and, in the middle, one without.
static struct small make_small(unsigned version, size_t key_size) {
    struct small s = {.key = make_key(key_bytes, key_size)};
    small_add(&s, version, key_size, text, 51);
    small_add(&s, version, key_size, text, 0);
    small_add(&s, version, key_size, text, 17);
    return s;
}

static void small_free(struct small *s) {
    bytes_free(&s->in);
    bytes_free(&s->plain);
    xbcrypt_key_free(s->key);
}

static void run_small(const struct feeding *how, void *context) {
    const struct small *s = context;
    struct fed out;
    struct xbcrypt_dec_settings settings = settings_for(s->key);
    feed_run(make_decoder, &settings, s->in.data, s->in.size, how, &out);
    if (out.status != 0 || out.finishes != 1 || out.size != s->plain.size ||
        (out.size > 0 && memcmp(out.data, s->plain.data, out.size) != 0))
        fail_msg("%s: status %d, %zu bytes, %u finishes: %s", feeding_text(how), out.status,
                 out.size, out.finishes, out.fault.text);
    fed_free(&out);
}

static void test_every_feeding(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 3; version++)
        for (size_t key_size = 16; key_size <= 32; key_size += 8) {
            struct small s = make_small(version, key_size);
            feed_each(s.in.size, run_small, &s);
            small_free(&s);
        }
}

// Versions may change from chunk to chunk.
static void test_mixed_versions(void **state) {
    (void)state;
    struct small s = {.key = make_key(key_bytes, 32)};
    small_add(&s, 3, 32, text, 51);
    small_add(&s, 1, 32, text, 40);
    small_add(&s, 2, 32, text, 16);
    feed_each(s.in.size, run_small, &s);
    small_free(&s);
}

static void test_not_encrypted(void **state) {
    (void)state;
    struct small s = make_small(3, 0);
    assert_string_equal(xbcrypt_key_algorithm(s.key), "NONE");
    // The text stands in the input as it is.
    assert_memory_equal(s.in.data + XBCRYPT_HEAD, text, 51);
    feed_each(s.in.size, run_small, &s);
    small_free(&s);
}

static void test_empty_input(void **state) {
    (void)state;
    struct small s = {.key = make_key(key_bytes, 32)};
    feed_each(0, run_small, &s);
    small_free(&s);
}

// ---- Every cut.

static void check_cut(const struct small *s, size_t size, const struct feeding *how) {
    struct fed out;
    struct xbcrypt_dec_settings settings = settings_for(s->key);
    feed_run(make_decoder, &settings, s->in.data, size, how, &out);
    size_t whole = 0, start = 0;
    bool clean = size == 0;
    for (unsigned i = 0; i < s->chunks && s->ends[i] <= size; i++) {
        start = s->ends[i];
        whole = s->plain_ends[i];
        clean = s->ends[i] == size;
    }
    // What came out is all of the whole chunks, and nothing else.
    assert_int_equal(out.size, whole);
    assert_memory_equal(s->plain.data, out.data != NULL ? out.data : s->plain.data, whole);
    if (clean) {
        assert_int_equal(out.status, 0);
        assert_int_equal(out.finishes, 1);
    } else {
        char expected[100];
        assert_int_equal(out.status, EX_DATAERR);
        assert_int_equal(out.finishes, 0);
        snprintf(expected, sizeof expected, "xbcrypt chunk at input offset %zu", start);
        if (strstr(out.fault.text, expected) == NULL ||
            strstr(out.fault.text, "input ends inside the ") != out.fault.text)
            fail_msg("cut at %zu: %s", size, out.fault.text);
    }
    fed_free(&out);
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 3; version++) {
        struct small s = make_small(version, 32);
        for (size_t size = 0; size < s.in.size; size++) {
            check_cut(&s, size, &simple);
            check_cut(&s, size, &(struct feeding){.threads = 3, .held = true});
            check_cut(&s, size, &(struct feeding){.threads = 1, .first = 1, .rest = 1});
        }
        small_free(&s);
    }
}

static void test_cut_messages(void **state) {
    (void)state;
    struct small s = make_small(3, 32);
    struct fed out;
    s.in.size = s.ends[0] + 20;
    decode(s.key, &s.in, &out);
    assert_string_equal(out.fault.text,
                        "input ends inside the head of the xbcrypt chunk at input offset 143, "
                        "after 20 bytes; it was cut short: fetch the backup again");
    fed_free(&out);
    s.in.size = s.ends[1] + 70;
    decode(s.key, &s.in, &out);
    assert_string_equal(out.fault.text,
                        "input ends inside the xbcrypt chunk at input offset 235: expected 109 "
                        "bytes, found 70; it was cut short: fetch the backup again");
    fed_free(&out);
    small_free(&s);
}

// ---- Every bit.

// Bytes 8 to 15 of each chunk are reserved and ignored on reading.
static bool is_reserved(const struct small *s, size_t at) {
    size_t start = 0;
    for (unsigned i = 0; i < s->chunks && s->ends[i] <= at; i++)
        start = s->ends[i];
    return at - start >= 8 && at - start < 16;
}

static void test_every_bit_of_v3(void **state) {
    (void)state;
    struct small s = make_small(3, 32);
    unsigned wrong = 0;
    for (size_t bit = 0; bit < 8 * s.in.size; bit++) {
        struct fed out;
        s.in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        decode(s.key, &s.in, &out);
        s.in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bool prefix = out.size <= s.plain.size &&
                      (out.size == 0 || memcmp(out.data, s.plain.data, out.size) == 0);
        bool good = is_reserved(&s, bit / 8) ? out.status == 0 && prefix && out.size == s.plain.size
                                             : out.status == EX_DATAERR && prefix &&
                                                   out.finishes == 0 && out.fault.text[0] != '\0';
        if (!good) {
            print_message("bit %zu of byte %zu: status %d, %zu bytes%s: %s\n", bit % 8, bit / 8,
                          out.status, out.size, prefix ? "" : " that are wrong", out.fault.text);
            wrong++;
        }
        fed_free(&out);
    }
    assert_int_equal(wrong, 0);
    small_free(&s);
}

// ---- Keys that are wrong.

static void test_wrong_key_v3(void **state) {
    (void)state;
    struct small s = make_small(3, 32);
    struct fed out;
    struct xbcrypt_key *other = make_key("0123456789abcdef0123456789ABCDEf", 32);
    decode(other, &s.in, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_int_equal(out.size, 0);
    assert_string_equal(out.fault.text,
                        "SHA-256 of xbcrypt chunk at input offset 0 does not match; most likely "
                        "this is not the key the backup was encrypted with");
    fed_free(&out);
    xbcrypt_key_free(other);

    // The base64 text of 16 bytes, which has the size of an AES-192 key.
    other = make_key("S14dTbl6ABEiM0RVZneImQ==", 24);
    decode(other, &s.in, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_int_equal(out.size, 0);
    assert_string_equal(out.fault.text,
                        "SHA-256 of xbcrypt chunk at input offset 0 does not match; the key looks "
                        "like base64: give its bytes in hexadecimal (b64hex)");
    fed_free(&out);
    xbcrypt_key_free(other);

    other = make_key("", 0);
    decode(other, &s.in, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_int_equal(out.size, 0);
    assert_string_equal(out.fault.text, "SHA-256 of xbcrypt chunk at input offset 0 does not "
                                        "match; the chunk is encrypted or damaged");
    fed_free(&out);
    xbcrypt_key_free(other);
    small_free(&s);
}

// A stream of a known format shows that the key is right: then others may be random by nature.
static void test_proved_key_v2(void **state) {
    (void)state;
    static const uint8_t iv[16] = {1};
    struct bytes known = {0}, noise = {0}, first = {0}, second = {0};
    bytes_add(&known, "qpress10", 8);
    bytes_noise(&known, 5000, 1);
    bytes_noise(&noise, 5000, 2);
    struct xbcrypt_key *key = make_key(key_bytes, 32);
    for (unsigned version = 1; version <= 2; version++) {
        struct fed out;
        first.size = second.size = 0;
        xbc_chunk(&first, version, key_bytes, 32, known.data, known.size, iv);
        xbc_chunk(&second, version, key_bytes, 32, noise.data, noise.size, iv);
        struct xbcrypt_dec_settings s = settings_for(key);
        feed_run(make_decoder, &s, second.data, second.size, &simple, &out);
        assert_int_equal(out.status, EX_DATAERR);
        fed_free(&out);
        feed_run(make_decoder, &s, first.data, first.size, &simple, &out);
        assert_int_equal(out.status, 0);
        fed_free(&out);
        feed_run(make_decoder, &s, second.data, second.size, &simple, &out);
        assert_int_equal(out.status, 0);
        assert_memory_equal(out.data, noise.data, noise.size);
        assert_false(s.warned_wrong);
        fed_free(&out);
    }
    xbcrypt_key_free(key);
    bytes_free(&known);
    bytes_free(&noise);
    bytes_free(&first);
    bytes_free(&second);
}

static void test_wrong_key_v2(void **state) {
    (void)state;
    struct bytes plain = {0}, in = {0};
    while (plain.size < 5000)
        bytes_text(&plain, text);
    struct xbcrypt_key *other = make_key("0123456789abcdef0123456789ABCDEf", 32);
    for (unsigned version = 1; version <= 2; version++) {
        struct fed out;
        in.size = 0;
        // An empty chunk first: it is the first data that is judged.
        static const uint8_t iv[16] = {1};
        xbc_chunk(&in, version, key_bytes, 32, plain.data, 0, iv);
        xbc_chunk(&in, version, key_bytes, 32, plain.data, plain.size, iv);
        xbc_chunk(&in, version, key_bytes, 32, plain.data, plain.size, iv);
        struct xbcrypt_dec_settings s = settings_for(other);
        s.accept_random = true;
        feed_run(make_decoder, &s, in.data, in.size, &simple, &out);
        assert_int_equal(out.status, 0);
        assert_int_equal(out.size, 2 * plain.size);
        assert_memory_not_equal(out.data, plain.data, plain.size);
        assert_int_equal(warnings, 1);
        assert_string_equal(last_warning,
                            "this looks like the wrong key: the plaintext is random bytes; open it "
                            "with the program that made it before you rely on it");
        assert_null(xbcrypt_dec_doubt(&s));
        fed_free(&out);

        s = settings_for(other);
        feed_run(make_decoder, &s, in.data, in.size, &simple, &out);
        assert_int_equal(out.status, EX_DATAERR);
        assert_int_equal(out.size, 0);
        char expected[300];
        snprintf(expected, sizeof expected,
                 "this looks like the wrong key: the data of xbcrypt chunk at input offset %d "
                 "decrypts to random bytes; if it is data that is random by nature, use "
                 "--no-strict",
                 version == 1 ? XBCRYPT_HEAD_V1 : XBCRYPT_HEAD);
        assert_string_equal(out.fault.text, expected);
        fed_free(&out);

        // The right key.
        struct xbcrypt_key *right = make_key(key_bytes, 32);
        s = settings_for(right);
        feed_run(make_decoder, &s, in.data, in.size, &simple, &out);
        assert_int_equal(out.status, 0);
        assert_memory_equal(out.data, plain.data, plain.size);
        assert_int_equal(warnings, 0);
        assert_null(xbcrypt_dec_doubt(&s));
        fed_free(&out);

        // Data that are too short to prove it.
        s = settings_for(right);
        in.size = 0;
        xbc_chunk(&in, version, key_bytes, 32, plain.data, 39, iv);
        assert_null(xbcrypt_dec_doubt(&s));
        feed_run(make_decoder, &s, in.data, in.size, &simple, &out);
        assert_int_equal(out.status, 0);
        assert_int_equal(warnings, 0);
        assert_non_null(xbcrypt_dec_doubt(&s));
        fed_free(&out);
        xbcrypt_key_free(right);
    }
    xbcrypt_key_free(other);
    bytes_free(&plain);
    bytes_free(&in);
}

// ---- Heads.

struct bad_head {
    unsigned version;
    size_t at;
    unsigned size;
    uint64_t value;
    const char *message;
};

static void test_bad_heads(void **state) {
    (void)state;
    static const struct bad_head heads[] = {
        {3, 7, 1, '4',
         "not an xbcrypt chunk at input offset 0: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, "
         "found \"XBCRYP04\""},
        {3, 0, 8, 0x0a1b5c,
         "not an xbcrypt chunk at input offset 0: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, "
         "found \"\\x5c\\x1b\\x0a\\x00\\x00\\x00\\x00\\x00\""},
        {1, 16, 8, 52,
         "damaged xbcrypt chunk: sizes at input offset 16 differ: original size 52, encrypted size "
         "51"},
        {2, 24, 8, UINT64_MAX,
         "damaged xbcrypt chunk: sizes at input offset 16 differ: original size 51, encrypted size "
         "18446744073709551615"},
        {3, 36, 8, 15, "damaged xbcrypt chunk: IV size at input offset 36: expected 16, found 15"},
        {2, 36, 8, UINT64_MAX,
         "damaged xbcrypt chunk: IV size at input offset 36: expected 16, found "
         "18446744073709551615"},
        {3, 32, 4, 0, NULL}}; // CRC
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct small s = make_small(heads[i].version, 32);
        struct fed out;
        for (unsigned k = 0; k < heads[i].size; k++)
            s.in.data[heads[i].at + k] = (uint8_t)(heads[i].value >> (8 * k));
        decode(s.key, &s.in, &out);
        assert_int_equal(out.status, EX_DATAERR);
        assert_int_equal(out.size, 0);
        assert_int_equal(out.finishes, 0);
        char crc[200];
        snprintf(crc, sizeof crc,
                 "damaged xbcrypt chunk at input offset 0: CRC-32: expected 0x00000000, found "
                 "0x%08lx; fetch the backup again",
                 crc32_z(0, s.in.data + XBCRYPT_HEAD, 51 + XBCRYPT_HASH));
        assert_string_equal(out.fault.text, heads[i].message != NULL ? heads[i].message : crc);
        fed_free(&out);
        small_free(&s);
    }
}

// A head that claims `size` bytes, with none of them there.
static void claim(struct bytes *b, uint64_t size) {
    b->size = 0;
    bytes_text(b, "XBCRYP03");
    bytes_little(b, 0, 8);
    bytes_little(b, size, 8);
    bytes_little(b, size, 8);
    bytes_little(b, 0, 4);
    bytes_little(b, 16, 8);
    bytes_zeros(b, 16);
}

static void test_claimed_sizes(void **state) {
    (void)state;
    struct xbcrypt_key *key = make_key(key_bytes, 32);
    struct bytes b = {0};
    struct fed out;
    claim(&b, (1 << 20) + 1);
    decode(key, &b, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_string_equal(out.fault.text,
                        "xbcrypt chunk size at input offset 24 too large: expected at most "
                        "1048576, found 1048577; if the file is sound, use a larger --max-chunk");
    fed_free(&out);
    claim(&b, UINT64_C(1) << 63);
    decode(key, &b, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_string_equal(
        out.fault.text,
        "xbcrypt chunk size at input offset 24 too large: expected at most 1048576, found "
        "9223372036854775808; if the file is sound, use a larger --max-chunk");
    fed_free(&out);
    claim(&b, 31);
    decode(key, &b, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_string_equal(out.fault.text, "damaged xbcrypt chunk: size at input offset 24: expected "
                                        "at least 32, found 31");
    fed_free(&out);
    bytes_free(&b);
    xbcrypt_key_free(key);
}

// ---- Keys.

static void test_key_sizes(void **state) {
    (void)state;
    for (size_t size = 0; size <= 66; size++)
        for (int newline = 0; newline < 2; newline++) {
            uint8_t bytes[70];
            memset(bytes, 'k', sizeof bytes);
            if (newline && size > 0)
                bytes[size - 1] = '\n';
            struct secret secret = {.size = size, .data = bytes, .capacity = sizeof bytes};
            struct xbcrypt_key *key;
            struct fault f;
            bool trimmed;
            int result = xbcrypt_key_new(&key, &secret, 0, 1, &trimmed, &f);
            bool exact = size == 16 || size == 24 || size == 32;
            bool with_newline = newline && (size == 17 || size == 25 || size == 33);
            assert_int_equal(result, exact || with_newline ? 0 : -1);
            if (result == 0) {
                char expected[30];
                assert_int_equal(trimmed, with_newline);
                snprintf(expected, sizeof expected, "AES%zu", 8 * (size - with_newline));
                assert_string_equal(xbcrypt_key_algorithm(key), expected);
            } else {
                char expected[200];
                assert_int_equal(f.status, EX_DATAERR);
                snprintf(expected, sizeof expected,
                         "key has %zu bytes: expected 16, 24 or 32 (AES128, AES192, AES256)", size);
                assert_memory_equal(f.text, expected, strlen(expected));
                assert_null(key);
            }
            xbcrypt_key_free(key);
        }
}

static void test_key_algorithms(void **state) {
    (void)state;
    for (unsigned size = 16; size <= 32; size += 8)
        for (unsigned bits = 128; bits <= 256; bits += 64) {
            uint8_t bytes[32] = {1};
            struct secret secret = {.size = size, .data = bytes, .capacity = sizeof bytes};
            struct xbcrypt_key *key;
            struct fault f;
            int result = xbcrypt_key_new(&key, &secret, bits, 1, NULL, &f);
            assert_int_equal(result, bits == 8 * size ? 0 : -1);
            if (result < 0) {
                char expected[200];
                snprintf(expected, sizeof expected,
                         "key has %u bytes, which is AES%u: -a says AES%u needs %u", size, 8 * size,
                         bits, bits / 8);
                assert_int_equal(f.status, EX_USAGE);
                assert_string_equal(f.text, expected);
            }
            xbcrypt_key_free(key);
        }
    enum xbcrypt_algorithm a;
    assert_true(xbcrypt_keyfile_algorithm("aes256", &a));
    assert_int_equal(a, XBCRYPT_AES256);
    assert_true(xbcrypt_keyfile_algorithm("none", &a));
    assert_int_equal(a, XBCRYPT_NONE);
    assert_false(xbcrypt_keyfile_algorithm("AES", &a));
    assert_false(xbcrypt_keyfile_algorithm("AES2560", &a));
    assert_false(xbcrypt_keyfile_algorithm("", &a));
}

// ---- Encryption.

struct encoding {
    struct xbcrypt_enc_settings settings;
    const struct bytes *plain;
    size_t key_size;
};

static struct stage *make_encoder(struct ordered *o, struct stage *next, void *context) {
    struct encoding *e = context;
    return xbcrypt_enc_new(o, &e->settings, next);
}

// With its own IV, each chunk is, byte for byte, what the independent writer makes.
static void check_encoded(const struct encoding *e, const struct fed *out) {
    size_t at = 0;
    unsigned chunks = 0;
    uint8_t ivs[64][16];
    for (size_t done = 0; done < e->plain->size; chunks++) {
        struct bytes expected = {0};
        size_t n = e->plain->size - done < e->settings.chunk_size ? e->plain->size - done
                                                                  : e->settings.chunk_size;
        assert_true(at + 60 + n + 32 <= out->size);
        assert_true(chunks < 64);
        memcpy(ivs[chunks], out->data + at + 44, 16);
        for (unsigned i = 0; i < chunks; i++)
            assert_memory_not_equal(ivs[i], ivs[chunks], 16);
        xbc_chunk(&expected, 3, key_bytes, e->key_size, e->plain->data + done, n, ivs[chunks]);
        assert_int_equal(expected.size, 60 + n + 32);
        assert_memory_equal(out->data + at, expected.data, expected.size);
        at += expected.size;
        done += n;
        bytes_free(&expected);
    }
    assert_int_equal(at, out->size);
}

static void run_encoder(const struct feeding *how, void *context) {
    struct encoding *e = context;
    struct fed out, back;
    feed_run(make_encoder, e, e->plain->data, e->plain->size, how, &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(out.finishes, 1);
    check_encoded(e, &out);
    struct bytes coded = {.data = out.data, .size = out.size};
    decode(e->settings.key, &coded, &back);
    assert_int_equal(back.status, 0);
    assert_int_equal(back.size, e->plain->size);
    assert_memory_equal(back.data != NULL ? back.data : e->plain->data, e->plain->data, back.size);
    assert_int_equal(warnings, 0);
    fed_free(&out);
    fed_free(&back);
}

static void test_encode(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 1023, 1024, 1025, 2048, 5000};
    for (size_t key_size = 0; key_size <= 32; key_size += 8) {
        if (key_size == 8)
            continue;
        struct xbcrypt_key *key = make_key(key_bytes, key_size);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct bytes plain = {0};
            bytes_noise(&plain, sizes[i], 5);
            struct encoding e = {.settings = {key, 1024}, .plain = &plain, .key_size = key_size};
            for (unsigned threads = 1; threads <= 3; threads += 2) {
                run_encoder(&(struct feeding){.threads = threads}, &e);
                run_encoder(&(struct feeding){.threads = threads, .held = true, .first = 700}, &e);
            }
            bytes_free(&plain);
        }
        xbcrypt_key_free(key);
    }
}

static void test_encode_every_feeding(void **state) {
    (void)state;
    struct bytes plain = {0};
    bytes_noise(&plain, 300, 6);
    struct encoding e = {
        .settings = {make_key(key_bytes, 32), 128}, .plain = &plain, .key_size = 32};
    feed_each(plain.size, run_encoder, &e);
    // An empty input is an empty file, as the original makes it.
    plain.size = 0;
    feed_each(0, run_encoder, &e);
    xbcrypt_key_free(e.settings.key);
    bytes_free(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_every_feeding),
        cmocka_unit_test(test_mixed_versions),
        cmocka_unit_test(test_not_encrypted),
        cmocka_unit_test(test_empty_input),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_cut_messages),
        cmocka_unit_test(test_every_bit_of_v3),
        cmocka_unit_test(test_wrong_key_v3),
        cmocka_unit_test(test_proved_key_v2),
        cmocka_unit_test(test_wrong_key_v2),
        cmocka_unit_test(test_bad_heads),
        cmocka_unit_test(test_claimed_sizes),
        cmocka_unit_test(test_key_sizes),
        cmocka_unit_test(test_key_algorithms),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_encode_every_feeding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
