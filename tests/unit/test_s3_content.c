// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_content.h"
#include "s3vectors.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void key_of(const json_t *vector, struct secret *key) {
    struct fault f;
    assert_int_equal(secret_new(key, S3_DATA_KEY_SIZE, &f), 0);
    s3vectors_hex(vector, "data_key_hex", key->data, S3_DATA_KEY_SIZE);
    key->size = S3_DATA_KEY_SIZE;
}

// Runs all of `data` through *s in pieces of a size, each given and taken in memory of just the
// size that the contract says, so that a sanitizer sees what goes beyond. Returns finish's result.
static int run(struct s3_content_stream *s, const uint8_t *data, size_t size, size_t piece,
               uint8_t *out, size_t *out_size, struct fault *f) {
    *out_size = 0;
    for (size_t at = 0; at < size; at += piece) {
        size_t n, now = size - at < piece ? size - at : piece;
        uint8_t *in = malloc(now), *room = malloc(now + S3_CONTENT_SLACK);
        assert_true(in != NULL && room != NULL);
        memcpy(in, data + at, now);
        int result = s3_content_push(s, in, now, room, &n, f);
        assert_true(n <= now + S3_CONTENT_SLACK);
        memcpy(out + *out_size, room, n);
        *out_size += n;
        free(in);
        free(room);
        if (result < 0)
            return -1;
    }
    uint8_t last[S3_CONTENT_SLACK];
    size_t n;
    int result = s3_content_finish(s, last, &n, f);
    memcpy(out + *out_size, last, n);
    *out_size += n;
    return result;
}

static int decrypt(const struct s3_envelope *e, const struct secret *key, const uint8_t *data,
                   size_t size, size_t piece, uint8_t *out, size_t *out_size, struct fault *f) {
    struct s3_content_stream *s;
    *out_size = 0;
    if (s3_content_decrypt(&s, e, key, f) < 0) {
        assert_null(s);
        return -1;
    }
    int result = run(s, data, size, piece, out, out_size, f);
    if (result == 0)
        assert_int_equal(s3_content_plain_size(s), *out_size);
    s3_content_free(s);
    return result;
}

static void test_vectors(void **state) {
    (void)state;
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    size_t i;
    json_array_foreach(vectors, i, vector) {
        struct s3_envelope e;
        struct secret key;
        struct fault f = {0};
        assert_int_equal(s3vectors_envelope(&e, vector, &f), 1);
        key_of(vector, &key);
        if (e.format == 3) {
            uint8_t expected[S3_COMMITMENT_SIZE];
            s3vectors_hex(json_object_get(vector, "hkdf"), "commit_key_hex", expected,
                          sizeof expected);
            assert_memory_equal(e.commitment, expected, sizeof expected);
        }
        size_t size, plain_size, out_size;
        uint8_t *data = s3vectors_read(s3vectors_string(vector, "object"), &size);
        uint8_t *plain = s3vectors_read(s3vectors_string(vector, "plaintext"), &plain_size);
        uint8_t *out = malloc(size + S3_CONTENT_SLACK);
        assert_non_null(out);
        assert_int_equal(s3_content_check_size(&e, size, &f), 0);
        static const size_t pieces[] = {1, 3, 15, 16, 17, 33, 999, 1 << 20};
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            if (decrypt(&e, &key, data, size, pieces[k], out, &out_size, &f) < 0)
                fail_msg("%s: %s", s3vectors_string(vector, "name"), f.text);
            assert_int_equal(out_size, plain_size);
            assert_memory_equal(out, plain, plain_size);
        }
        free(out);
        free(plain);
        free(data);
        secret_free(&key);
        s3_envelope_free(&e);
    }
    json_decref(vectors);
}

// Each negative vector with a good envelope and another vector's data key.
static void test_negative_vectors(void **state) {
    (void)state;
    static const struct {
        const char *name, *message;
    } expected[] = {
        {"gcm-tag", "authentication failed at input offset 1000: the tag does not match: wrong "
                    "key, or the object or its envelope is damaged or was changed"},
        {"gcm-body", "authentication failed at input offset 1000: the tag does not match: wrong "
                     "key, or the object or its envelope is damaged or was changed"},
        {"gcm-cut", "the object is cut short: expected 1016 bytes by "
                    "x-amz-unencrypted-content-length and the tag, found 976; fetch it again"},
        {"v3-body", "authentication failed at input offset 1000: the tag does not match: wrong "
                    "key, or the object or its envelope is damaged or was changed"},
        {"cbc-padding", "bad padding at input offset 992: wrong key, wrong IV or damaged object"},
        {"cbc-cut-block",
         "bad padding at input offset 68400: wrong key, wrong IV or damaged object"},
        {"cbc-length", "wrong length of the plaintext: expected 999 bytes by "
                       "x-amz-unencrypted-content-length, found 1000"},
        {"v3-commitment", "the key commitment does not match: the data key is not the one of this "
                          "envelope, or the envelope was changed; nothing was decrypted"},
        {"v3-message-id", "the key commitment does not match: the data key is not the one of this "
                          "envelope, or the envelope was changed; nothing was decrypted"},
    };
    json_t *good = s3vectors_load("vectors.json"), *base;
    json_t *vectors = s3vectors_load("negative.json"), *vector;
    size_t i, k, seen = 0;
    json_array_foreach(vectors, i, vector) {
        const char *message = NULL;
        for (k = 0; k < sizeof expected / sizeof expected[0]; k++)
            if (strcmp(s3vectors_string(vector, "name"), expected[k].name) == 0)
                message = expected[k].message;
        if (message == NULL)
            continue;
        struct secret key = SECRET_NONE;
        json_array_foreach(good, k, base) if (strcmp(s3vectors_string(base, "name"),
                                                     s3vectors_string(vector, "based_on")) == 0)
            key_of(base, &key);
        struct s3_envelope e;
        struct fault f = {0};
        assert_int_equal(s3vectors_envelope(&e, vector, &f), 1);
        size_t size, out_size;
        uint8_t *data = s3vectors_read(s3vectors_string(vector, "object"), &size);
        uint8_t *out = malloc(size + S3_CONTENT_SLACK);
        assert_non_null(out);
        assert_int_equal(decrypt(&e, &key, data, size, 100, out, &out_size, &f), -1);
        assert_int_equal(f.status, EX_DATAERR);
        assert_string_equal(f.text, message);
        if (strncmp(s3vectors_string(vector, "name"), "v3-m", 4) == 0)
            assert_int_equal(out_size, 0);
        free(out);
        free(data);
        secret_free(&key);
        s3_envelope_free(&e);
        seen++;
    }
    assert_int_equal(seen, sizeof expected / sizeof expected[0]);
    json_decref(vectors);
    json_decref(good);
}

// Every prefix of an object is refused, and every object with one byte changed that an algorithm
// can tell: each one with AES-GCM, those of the last two blocks that end up in the padding with
// CBC.
static void test_cut_and_changed(void **state) {
    (void)state;
    static const char *const names[] = {"ruby-v1-kms-cbc-1000", "ruby-v2-kmscontext-gcm-1000",
                                        "python-v3-kmscontext-commit-1000"};
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    size_t i, seen = 0;
    json_array_foreach(vectors, i, vector) {
        bool wanted = false;
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            wanted = wanted || strcmp(s3vectors_string(vector, "name"), names[k]) == 0;
        if (!wanted)
            continue;
        seen++;
        struct s3_envelope e;
        struct secret key;
        struct fault f = {0};
        assert_int_equal(s3vectors_envelope(&e, vector, &f), 1);
        key_of(vector, &key);
        size_t size, out_size;
        uint8_t *data = s3vectors_read(s3vectors_string(vector, "object"), &size);
        uint8_t *out = malloc(size + S3_CONTENT_SLACK);
        assert_non_null(out);
        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(decrypt(&e, &key, data, cut, 4096, out, &out_size, &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            bool suspicious = s3_content_check_size(&e, cut, &f) < 0;
            assert_int_equal(suspicious, e.content == S3_CONTENT_CBC || cut < S3_TAG_SIZE);
        }
        // The plaintext has 1000 bytes: the last 8 of 1008 are padding.
        size_t first = e.content == S3_CONTENT_CBC ? size - 24 : 0;
        size_t last = e.content == S3_CONTENT_CBC ? size - 16 : size;
        for (size_t at = first; at < last; at++) {
            data[at] ^= 0x40;
            assert_int_equal(decrypt(&e, &key, data, size, 4096, out, &out_size, &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            data[at] ^= 0x40;
        }
        free(out);
        free(data);
        secret_free(&key);
        s3_envelope_free(&e);
    }
    assert_int_equal(seen, 3);
    json_decref(vectors);
}

// What is encrypted is decrypted again, at all sizes around a block, and never twice by the same
// IV; the tests at the command line have another implementation decrypt it.
static void test_encrypt(void **state) {
    (void)state;
    static const enum s3_content contents[] = {S3_CONTENT_CBC, S3_CONTENT_GCM, S3_CONTENT_COMMIT};
    struct fault f = {0};
    struct secret key;
    assert_int_equal(secret_new(&key, S3_DATA_KEY_SIZE, &f), 0);
    key.size = S3_DATA_KEY_SIZE;
    memset(key.data, 7, key.size);
    uint8_t plain[100], body[100 + S3_CONTENT_SLACK], again[100 + 2 * S3_CONTENT_SLACK];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)i;
    for (size_t c = 0; c < sizeof contents / sizeof contents[0]; c++) {
        struct s3_envelope previous = {0};
        for (size_t size = 0; size <= sizeof plain; size++) {
            struct s3_envelope e = {.content = contents[c]};
            struct s3_content_stream *s;
            size_t body_size, again_size;
            assert_int_equal(s3_content_encrypt(&s, &e, &key, &f), 0);
            assert_int_equal(run(s, plain, size, 1 + size / 3, body, &body_size, &f), 0);
            assert_int_equal(s3_content_plain_size(s), size);
            s3_content_free(s);
            assert_int_equal(e.format, contents[c] == S3_CONTENT_COMMIT ? 3 : 2);
            assert_int_equal(body_size,
                             contents[c] == S3_CONTENT_CBC ? size / 16 * 16 + 16 : size + 16);
            assert_int_equal(s3_content_check_size(&e, body_size, &f), 0);
            assert_int_equal(
                decrypt(&e, &key, body, body_size, 1 + size / 7, again, &again_size, &f), 0);
            assert_int_equal(again_size, size);
            assert_memory_equal(again, plain, size);
            assert_true(memcmp(e.iv, previous.iv, sizeof e.iv) != 0 ||
                        memcmp(e.message_id, previous.message_id, sizeof e.message_id) != 0);
            previous = e;
        }
    }
    secret_free(&key);
}

static void test_limits(void **state) {
    (void)state;
    struct fault f = {0};
    struct secret key;
    assert_int_equal(secret_new(&key, 40, &f), 0);
    struct s3_envelope e = {.content = S3_CONTENT_GCM};
    struct s3_content_stream *s;
    key.size = 31;
    assert_int_equal(s3_content_encrypt(&s, &e, &key, &f), -1);
    assert_int_equal(f.status, EX_SOFTWARE);
    assert_null(s);
    key.size = 32;
    uint8_t byte = 0, out[1 + S3_CONTENT_SLACK];
    size_t n;
    // Refused by its size, before any of it is looked at.
    assert_int_equal(s3_content_encrypt(&s, &e, &key, &f), 0);
    assert_int_equal(s3_content_push(s, &byte, 1, out, &n, &f), 0);
    assert_int_equal(n, 1);
    assert_int_equal(s3_content_push(s, NULL, 0, out, &n, &f), 0); // nothing of nothing
    assert_int_equal(n, 0);
    assert_int_equal(s3_content_push(s, &byte, S3_GCM_PLAINTEXT_MAX, out, &n, &f), -1);
    assert_string_equal(f.text,
                        "too long for AES-GCM: expected at most 68719476704 bytes of plaintext");
    s3_content_free(s);
    assert_int_equal(s3_content_decrypt(&s, &e, &key, &f), 0);
    assert_int_equal(s3_content_push(s, &byte, S3_GCM_PLAINTEXT_MAX + 17, out, &n, &f), -1);
    assert_int_equal(f.status, EX_DATAERR);
    s3_content_free(s);
    s3_content_free(NULL);
    secret_free(&key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),         cmocka_unit_test(test_negative_vectors),
        cmocka_unit_test(test_cut_and_changed), cmocka_unit_test(test_encrypt),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
