// SPDX-License-Identifier: Apache-2.0
#include "secret/keywrap.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"

static size_t from_hex(const char *text, uint8_t *out) {
    struct hex_decoder d = {.offset = 0};
    size_t size;
    struct fault f;
    assert_int_equal(hex_decode_push(&d, text, strlen(text), out, &size, &f), 0);
    assert_int_equal(hex_decode_finish(&d, &f), 0);
    return size;
}

static void key_from(struct secret *key, const uint8_t *data, size_t size) {
    struct fault f;
    assert_int_equal(secret_new(key, size, &f), 0);
    memcpy(key->data, data, size);
    key->size = size;
}

static const struct {
    const char *key, *plain, *wrapped;
} known[] = {
    // RFC 5649 section 6
    {"5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "c37b7e6492584340bed12207808941155068f738",
     "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
    {"5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "466f7250617369",
     "afbeb0f07dfbf5419200f2ccb50bb24f"},
    // Python cryptography 38, whose key wrap is its own code over AES-ECB
    {"000102030405060708090a0b0c0d0e0f", "80", "a8e79e16fd9d1ceb5aeff193570f2dc3"},
    {"000102030405060708090a0b0c0d0e0f", "8081828384858687", "b4af55891371779c94790ac01933f3e3"},
    {"000102030405060708090a0b0c0d0e0f", "808182838485868788898a8b8c8d8e8f90",
     "5bf6d8ba54394b6c62fec1b01c674114f5309e335e5e840678f69fffa9ebdd5c"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "80",
     "3ad675bda0a25e80cca484a512d7a9b2"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "808182838485868788898a8b8c8d8e8f", "1ee4f55c5c7d3fb0a00f9a6f6cb44ac4aa56f26208ae32f1"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "0b0607b05fd577de7c1cefae2313277d0d36fcb4b3f04f1332c5023c0388e342164f8531741a21ae"},
};

static void test_known_answers(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        uint8_t key_bytes[32], plain[64], expected[80], wrapped[80];
        struct secret key, back;
        key_from(&key, key_bytes, from_hex(known[k].key, key_bytes));
        size_t size = from_hex(known[k].plain, plain);
        size_t wrapped_size = from_hex(known[k].wrapped, expected);
        struct fault f;
        assert_int_equal(KEYWRAP_SIZE(size), wrapped_size);
        assert_int_equal(keywrap_wrap(&key, plain, size, wrapped, &f), 0);
        assert_memory_equal(wrapped, expected, wrapped_size);
        assert_int_equal(keywrap_unwrap(&key, expected, wrapped_size, &back, &f), 0);
        assert_int_equal(back.size, size);
        assert_memory_equal(back.data, plain, size);
        secret_free(&back);
        secret_free(&key);
    }
}

// Every size, and for each wrapped form every flipped bit and every cut: refused, and nothing
// given.
static void test_damage_is_refused(void **state) {
    (void)state;
    uint8_t plain[40], wrapped[KEYWRAP_SIZE(40)];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 7 + 1);
    struct secret key, back;
    key_from(&key, plain, 32);
    struct fault f;
    for (size_t size = 1; size <= sizeof plain; size++) {
        size_t wrapped_size = KEYWRAP_SIZE(size);
        assert_int_equal(keywrap_wrap(&key, plain, size, wrapped, &f), 0);
        for (size_t bit = 0; bit < 8 * wrapped_size; bit++) {
            wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(keywrap_unwrap(&key, wrapped, wrapped_size, &back, &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            assert_null(back.data);
            wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < wrapped_size; cut++) {
            assert_int_equal(keywrap_unwrap(&key, wrapped, cut, &back, &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            assert_null(back.data);
        }
    }
    secret_free(&key);
}

static void test_messages(void **state) {
    (void)state;
    uint8_t bytes[32] = {0};
    struct secret key, back;
    key_from(&key, bytes, 16);
    struct fault f;
    assert_int_equal(keywrap_unwrap(&key, bytes, 24, &back, &f), -1);
    assert_string_equal(f.text, "the wrapped key fails its integrity check: expected one wrapped "
                                "under this master key; the master key is another one, or the text "
                                "is damaged");
    assert_int_equal(keywrap_unwrap(&key, bytes, 23, &back, &f), -1);
    assert_string_equal(f.text, "wrapped key: expected a multiple of 8 bytes, at least 16, found "
                                "23; it is cut, or was not wrapped by kmswrap --provider=file");
    secret_free(&key);
}

// One newline is taken off where, and only where, that gives a valid size.
static void test_master_key_sizes(void **state) {
    (void)state;
    char path[] = "/tmp/xbpipe-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t size = 0; size <= 40; size++)
        for (int newline = 0; newline < 2; newline++) {
            FILE *file = fopen(path, "wb");
            for (size_t i = 0; i < size; i++)
                fputc('k', file);
            if (newline)
                fputc('\n', file);
            fclose(file);
            struct secret key;
            struct fault f;
            int result = keywrap_read_master_key(&key, path, &f);
            if (size == 16 || size == 24 || size == 32) {
                assert_int_equal(result, 0);
                assert_int_equal(key.size, size);
            } else if (newline && (size == 15 || size == 23 || size == 31)) {
                assert_int_equal(result, 0); // the newline is a byte of the key
                assert_int_equal(key.size, size + 1);
            } else {
                assert_int_equal(result, -1);
                assert_int_equal(f.status, EX_DATAERR);
                assert_null(key.data);
            }
            secret_free(&key);
        }
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_damage_is_refused),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_master_key_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
