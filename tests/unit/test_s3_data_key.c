// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_data_key.h"
#include "s3vectors.h"
#include "secret/json_secret.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A file of the test's own, which file_with fills anew.
static char path[] = "/tmp/test_s3_data_key.XXXXXX";

static const char *file_with(const void *data, size_t size) {
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    assert_int_equal(fclose(out), 0);
    return path;
}

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

// The wrapping key of a vector as a path, or NULL.
static const char *wrapping_key(const json_t *vector, char *out, size_t size) {
    const char *name = s3vectors_string(vector, "wrapping_key");
    if (name == NULL)
        return NULL;
    snprintf(out, size, "%s/s3/%s", FIXTURES, name);
    return out;
}

static void test_vectors(void **state) {
    (void)state;
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    size_t i, seen = 0;
    bool wraps[S3_WRAP_RSA_PKCS1 + 1] = {false};
    json_array_foreach(vectors, i, vector) {
        char name[512];
        if (wrapping_key(vector, name, sizeof name) == NULL)
            continue;
        struct s3_envelope e;
        struct secret key;
        struct fault f = {0};
        uint8_t expected[S3_DATA_KEY_SIZE];
        s3vectors_hex(vector, "data_key_hex", expected, sizeof expected);
        assert_int_equal(s3vectors_envelope(&e, vector, &f), 1);
        if (s3_data_key_unwrap(&key, &e, name, &f) < 0)
            fail_msg("%s: %s", s3vectors_string(vector, "name"), f.text);
        assert_int_equal(key.size, sizeof expected);
        assert_memory_equal(key.data, expected, sizeof expected);
        secret_free(&key);
        wraps[e.wrap] = true;
        seen++;

        // Damage to any byte of the wrapped key shows. (Format 1 has no check but its padding.)
        for (size_t at = 0; at < e.wrapped_size; at++) {
            e.wrapped[at] ^= 1;
            int result = s3_data_key_unwrap(&key, &e, name, &f);
            if (result == 0)
                assert_true(e.format == 1 && memcmp(key.data, expected, sizeof expected) != 0);
            else
                assert_int_equal(f.status, EX_DATAERR);
            secret_free(&key);
            e.wrapped[at] ^= 1;
        }
        // The name of the content algorithm is bound to the key.
        if (e.wrap == S3_WRAP_AES_GCM || e.wrap == S3_WRAP_RSA_OAEP_SHA1) {
            e.content = e.content == S3_CONTENT_GCM ? S3_CONTENT_COMMIT : S3_CONTENT_GCM;
            assert_int_equal(s3_data_key_unwrap(&key, &e, name, &f), -1);
        }
        s3_envelope_free(&e);
    }
    assert_int_equal(seen, 11);
    for (size_t w = S3_WRAP_AES_GCM; w <= S3_WRAP_RSA_PKCS1; w++)
        assert_true(wraps[w]);
    json_decref(vectors);
}

// The envelope of the vector of a name.
static void envelope_of(const char *name, struct s3_envelope *e) {
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    size_t i;
    struct fault f;
    bool found = false;
    json_array_foreach(vectors, i, vector) {
        if (strcmp(s3vectors_string(vector, "name"), name) != 0)
            continue;
        assert_int_equal(s3vectors_envelope(e, vector, &f), 1);
        found = true;
    }
    assert_true(found);
    json_decref(vectors);
}

static void expect_unwrap(const struct s3_envelope *e, const char *file, const char *message) {
    struct secret key;
    struct fault f = {0};
    int result = s3_data_key_unwrap(&key, e, file, &f);
    if (message == NULL) {
        if (result < 0)
            fail_msg("%s", f.text);
    } else {
        assert_int_equal(result, -1);
        assert_null(key.data);
        assert_int_equal(f.status, EX_DATAERR);
        assert_string_equal(f.text, message);
    }
    secret_free(&key);
}

static void test_aes_key_forms(void **state) {
    (void)state;
    struct s3_envelope e;
    envelope_of("jdk-v2-aeswrap-gcm-1000", &e);
    size_t size;
    uint8_t *hex = s3vectors_read("aes-test-key.hex", &size);
    assert_int_equal(size, 65);
    uint8_t raw[32];
    for (size_t i = 0; i < sizeof raw; i++) {
        unsigned byte;
        assert_int_equal(sscanf((char *)hex + 2 * i, "%2x", &byte), 1);
        raw[i] = (uint8_t)byte;
    }
    char base64[46];
    assert_int_equal(EVP_EncodeBlock((uint8_t *)base64, raw, sizeof raw), 44);
    expect_unwrap(&e, file_with(raw, 32), NULL);
    expect_unwrap(&e, file_with(hex, 64), NULL);
    expect_unwrap(&e, file_with(hex, 65), NULL);
    expect_unwrap(&e, file_with(base64, 44), NULL);
    memcpy(base64 + 44, "\r\n", 2);
    expect_unwrap(&e, file_with(base64, 46), NULL);
    static const char form[] =
        "the wrapping key file does not fit the key wrap AESWrap: expected an AES key of 16, 24 or "
        "32 bytes, or one of 32 bytes in hexadecimal or base64";
    expect_unwrap(&e, file_with(base64, 43), form);
    expect_unwrap(&e, file_with(raw, 31), form);
    expect_unwrap(&e, file_with("", 0), form);
    hex[3] = 'g';
    expect_unwrap(&e, file_with(hex, 64), form);
    expect_unwrap(&e, FIXTURES "/s3/rsa-test-key.pem", form);
    raw[0] ^= 1;
    static const char wrong[] = "cannot unwrap the data key by AESWrap: wrong wrapping key, or the "
                                "envelope is damaged";
    expect_unwrap(&e, file_with(raw, 32), wrong);
    expect_unwrap(&e, file_with(raw, 24), wrong);
    expect_unwrap(&e, file_with(raw, 16), wrong);
    free(hex);
    s3_envelope_free(&e);
}

static void test_rsa_key_forms(void **state) {
    (void)state;
    struct s3_envelope e;
    envelope_of("ruby-v2-rsaoaepsha1-gcm-1000", &e);
    FILE *in = fopen(FIXTURES "/s3/rsa-test-key.pem", "r");
    assert_non_null(in);
    EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
    fclose(in);
    assert_non_null(key);
    uint8_t *der = NULL;
    int size = i2d_PrivateKey(key, &der);
    assert_true(size > 0);
    expect_unwrap(&e, file_with(der, (size_t)size), NULL);

    static const char form[] = "the wrapping key file does not fit the key wrap RSA-OAEP-SHA1: "
                               "expected an RSA private key, PEM or DER, without a password";
    expect_unwrap(&e, file_with(der, (size_t)size - 1), form);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(
        PEM_write_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL), 1);
    fclose(out);
    expect_unwrap(&e, path, form);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_PUBKEY(out, key), 1);
    fclose(out);
    expect_unwrap(&e, path, form);
    expect_unwrap(&e, FIXTURES "/s3/aes-test-key.hex", form);
    EVP_PKEY *other = EVP_RSA_gen(2048);
    assert_non_null(other);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, other, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
    expect_unwrap(&e, path,
                  "cannot unwrap the data key by RSA-OAEP-SHA1: wrong wrapping key, or the "
                  "envelope is damaged");
    EVP_PKEY_free(other);
    // A private key of another kind.
    other = EVP_EC_gen("P-256");
    assert_non_null(other);
    out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, other, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
    expect_unwrap(&e, path, form);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    s3_envelope_free(&e);
}

// A key of 16 bytes, wrapped well, is no data key.
static void test_short_data_key(void **state) {
    (void)state;
    struct s3_envelope e;
    envelope_of("jdk-v2-aeswrap-gcm-1000", &e);
    static const uint8_t wrapping[32] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                         0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
                                         0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                         0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
    // RFC 3394, 4.3: 128 bits of key data with a key of 256 bits.
    static const uint8_t wrapped[24] = {0x64, 0xe8, 0xc3, 0xf9, 0xce, 0x0f, 0x5b, 0xa2,
                                        0x63, 0xe9, 0x77, 0x79, 0x05, 0x81, 0x8a, 0x2a,
                                        0x93, 0xc8, 0x19, 0x1e, 0x7d, 0x6e, 0x8a, 0xe7};
    memcpy(e.wrapped, wrapped, sizeof wrapped);
    e.wrapped_size = sizeof wrapped;
    expect_unwrap(&e, file_with(wrapping, sizeof wrapping),
                  "cannot unwrap the data key by AESWrap: wrong wrapping key, or the envelope is "
                  "damaged");
    // The same, of 256 bits (4.6), is one.
    static const uint8_t whole[40] = {0x28, 0xc9, 0xf4, 0x04, 0xc4, 0xb8, 0x10, 0xf4, 0xcb, 0xcc,
                                      0xb3, 0x5c, 0xfb, 0x87, 0xf8, 0x26, 0x3f, 0x57, 0x86, 0xe2,
                                      0xd8, 0x0e, 0xd3, 0x26, 0xcb, 0xc7, 0xf0, 0xe7, 0x1a, 0x99,
                                      0xf4, 0x3b, 0xfb, 0x98, 0x8b, 0x9b, 0x7a, 0x02, 0xdd, 0x21};
    memcpy(e.wrapped, whole, sizeof whole);
    e.wrapped_size = sizeof whole;
    expect_unwrap(&e, path, NULL);
    s3_envelope_free(&e);
}

static void test_kms_envelope(void **state) {
    (void)state;
    struct s3_envelope e;
    envelope_of("ruby-v1-kms-cbc-1000", &e);
    expect_unwrap(&e, FIXTURES "/s3/aes-test-key.hex",
                  "the data key is wrapped by a KMS (kms), not by a key of yours: have kmsunwrap "
                  "--envelope unwrap it, and give its output by -f");
    s3_envelope_free(&e);
}

static void test_data_key(void **state) {
    (void)state;
    static const char base64[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n";
    uint8_t raw[33];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)i;
    struct secret key;
    struct fault f;
    const struct {
        const void *data;
        size_t size;
    } good[] = {{raw, 32}, {base64, 44}, {base64, 46}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(s3_data_key_read(&key, file_with(good[i].data, good[i].size), &f), 0);
        assert_int_equal(key.size, 32);
        assert_memory_equal(key.data, raw, 32);
        secret_free(&key);
    }
    for (size_t size = 0; size <= 46; size++) {
        if (size == 32 || size == 44 || size == 46)
            continue; // 45 ends in CR alone
        assert_int_equal(s3_data_key_read(&key, file_with(base64, size), &f), -1);
        assert_int_equal(f.status, EX_DATAERR);
        assert_null(key.data);
        char expected[200];
        snprintf(expected, sizeof expected,
                 "wrong size or form of the data key: expected 32 bytes, or 44 characters of "
                 "base64, found %zu bytes%s",
                 size, size == 45 ? "; it is a key as base64: -f <(base64 -d FILE)" : "");
        assert_string_equal(f.text, size == 0 ? "the data key file is empty: the command that "
                                                "should have written the key has failed"
                                              : expected);
    }
    assert_int_equal(s3_data_key_read(&key, FIXTURES "/s3/absent", &f), -1);
    assert_int_equal(f.status, EX_NOINPUT);
}

static void refuse_reply(const char *text, const char *message) {
    struct s3_generated_key k;
    struct fault f = {0};
    assert_int_equal(s3_data_key_read_generated(&k, file_with(text, strlen(text)), &f), -1);
    assert_null(k.plaintext.data);
    assert_null(k.wrapped);
    assert_int_equal(f.status, EX_DATAERR);
    if (strncmp(f.text, message, strlen(message)) != 0)
        assert_string_equal(f.text, message);
    assert_null(strstr(f.text, "AAEC")); // no key in a message
}

#define KEY64 "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\""

static void test_generated_key(void **state) {
    (void)state;
    static const char reply[] =
        "{\"CiphertextBlob\":\"QUJD\",\"Plaintext\":" KEY64 ",\"KeyId\":\"arn:x\",\"More\":[1]}";
    struct s3_generated_key k;
    struct fault f;
    assert_int_equal(s3_data_key_read_generated(&k, file_with(reply, sizeof reply - 1), &f), 0);
    assert_int_equal(k.plaintext.size, 32);
    assert_int_equal(k.plaintext.data[31], 31);
    assert_int_equal(k.wrapped_size, 3);
    assert_memory_equal(k.wrapped, "ABC", 3);
    assert_string_equal(k.key_id, "arn:x");
    s3_data_key_free_generated(&k);
    for (size_t cut = 0; cut < sizeof reply - 1; cut++) {
        assert_int_equal(s3_data_key_read_generated(&k, file_with(reply, cut), &f), -1);
        assert_int_equal(f.status, EX_DATAERR);
    }
    static const char form[] =
        "the data key file is no reply of GenerateDataKey: expected JSON with the strings "
        "Plaintext and CiphertextBlob, as kmswrap --generate prints it";
    refuse_reply("{\"Plaintext\":" KEY64 "}", form);
    refuse_reply("{\"CiphertextBlob\":\"QUJD\",\"Plaintext\":1}", form);
    refuse_reply("[]", form);
    refuse_reply("{\"CiphertextBlob\":\"QUJD\",\"Plaintext\":\"AAECAwQFBgcICQoLDA0ODw==\"}",
                 "Plaintext in the data key file: expected the base64 of 32 bytes; generate an "
                 "AES_256 key");
    refuse_reply("{\"CiphertextBlob\":\"QUI\",\"Plaintext\":" KEY64 "}",
                 "CiphertextBlob in the data key file: base64");
    refuse_reply("{\"CiphertextBlob\":\"\",\"Plaintext\":" KEY64 "}",
                 "CiphertextBlob in the data key file: expected 1 to 6144 bytes, found 0");
    refuse_reply("{\"Plaintext\":" KEY64 ",\"Plaintext\":" KEY64 "}", "data key file: bad JSON");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),       cmocka_unit_test(test_aes_key_forms),
        cmocka_unit_test(test_rsa_key_forms), cmocka_unit_test(test_short_data_key),
        cmocka_unit_test(test_kms_envelope),  cmocka_unit_test(test_data_key),
        cmocka_unit_test(test_generated_key),
    };
    json_secret_start();
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
