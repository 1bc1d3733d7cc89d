// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

// RFC 4648 section 10, and every value of the alphabet.
static const struct {
    const char *data, *text;
} known[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"},
};

// Decodes `text` in pieces of `piece` characters. Returns the result of the last call.
static int decode(const char *text, size_t size, size_t piece, enum base64_padding padding,
                  uint8_t *out, size_t *out_size, struct fault *f) {
    struct base64_decoder d = {.padding = padding};
    size_t n;
    *out_size = 0;
    for (size_t i = 0; i < size; i += piece) {
        size_t now = size - i < piece ? size - i : piece;
        int result = base64_decode_push(&d, text + i, now, out + *out_size, &n, f);
        assert_true(n <= BASE64_DECODED_MAX(now));
        *out_size += n;
        if (result < 0)
            return result;
    }
    int result = base64_decode_finish(&d, out + *out_size, &n, f);
    *out_size += n;
    return result;
}

static void test_known_answers(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        size_t data_size = strlen(known[k].data), text_size = strlen(known[k].text);
        char text[16];
        assert_int_equal(base64_encode(known[k].data, data_size, text), text_size);
        assert_memory_equal(text, known[k].text, text_size);
        uint8_t data[16];
        size_t size;
        struct fault f;
        assert_int_equal(base64_decode(known[k].text, text_size, BASE64_PADDED, data, &size, &f),
                         0);
        assert_int_equal(size, data_size);
        assert_memory_equal(data, known[k].data, data_size);
    }
}

// Against OpenSSL's encoder, at every size to 200, encoded and decoded in pieces of every size.
static void test_pieces_against_openssl(void **state) {
    (void)state;
    uint8_t data[200], back[BASE64_DECODED_MAX(BASE64_ENCODED_MAX(200)) + 3];
    char text[BASE64_ENCODED_MAX(200) + 4], expected[BASE64_ENCODED_MAX(200) + 1];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 167 + 13);
    for (size_t size = 0; size <= sizeof data; size++) {
        int expected_size = EVP_EncodeBlock((unsigned char *)expected, data, (int)size);
        for (size_t piece = 1; piece < 10; piece++) {
            struct base64_encoder e = {.count = 0};
            size_t used = 0;
            for (size_t i = 0; i < size; i += piece) {
                size_t now = size - i < piece ? size - i : piece;
                size_t n = base64_encode_push(&e, data + i, now, text + used);
                assert_true(n <= BASE64_ENCODED_MAX(now));
                used += n;
            }
            used += base64_encode_finish(&e, text + used);
            assert_int_equal(used, expected_size);
            assert_memory_equal(text, expected, used);
            size_t got;
            struct fault f;
            assert_int_equal(decode(text, used, piece, BASE64_PADDED, back, &got, &f), 0);
            assert_int_equal(got, size);
            assert_memory_equal(back, data, size);
        }
    }
}

static void test_white_space_anywhere(void **state) {
    (void)state;
    static const char text[] = "\r\n Z m\t9v\nY\n\r\nm E =\n \t";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        uint8_t data[sizeof text];
        size_t size;
        struct fault f;
        assert_int_equal(decode(text, sizeof text - 1, piece, BASE64_PADDED, data, &size, &f), 0);
        assert_int_equal(size, 5);
        assert_memory_equal(data, "fooba", 5);
    }
}

static void test_errors_name_the_offset(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        const char *message;
    } bad[] = {
        {"Zm9v*m9v", 8,
         "bad base64 at input offset 4: expected a base64 character, found a character outside the "
         "base64 alphabet"},
        {"Zm9vZ\n-", 7,
         "bad base64 at input offset 6: expected a base64 character, found a character of the "
         "base64url alphabet"},
        {"Zm9_", 4,
         "bad base64 at input offset 3: expected a base64 character, found a character of the "
         "base64url alphabet"},
        {"{\"Plaintext\"", 12,
         "bad base64 at input offset 0: expected a base64 character, found a quotation mark or "
         "brace, as in JSON"},
        {"Zm\0v", 4, "bad base64 at input offset 2: expected a base64 character, found a NUL byte"},
        {"Zm9v\x0b", 5,
         "bad base64 at input offset 4: expected a base64 character, found a control character"},
        {"Zm9v\x7f", 5,
         "bad base64 at input offset 4: expected a base64 character, found a control character"},
        {"\xef\xbb\xbfZm9v", 7,
         "bad base64 at input offset 0: expected a base64 character, found a byte that is not "
         "ASCII"},
        {"=", 1, "bad base64 at input offset 0: expected a base64 character, found padding"},
        {"Zm9vZ===", 8, "bad base64 at input offset 5: expected a base64 character, found padding"},
        {"Zm8=Zm8=", 8,
         "bad base64 at input offset 4: expected the end after the padding, found more"},
        {"Zm8==", 5,
         "bad base64 at input offset 4: expected the end after the padding, found more"},
        {"Zg== \n*", 7,
         "bad base64 at input offset 6: expected the end after the padding, found more"},
        {"Zg=A", 4,
         "bad base64 at input offset 3: expected '=' to complete the padding, found a base64 "
         "character"},
        {"Zh==", 4,
         "bad base64 at input offset 1: expected a last character whose unused bits are zero, "
         "found others set; the text is damaged or cut"},
        {"Zm9=", 4,
         "bad base64 at input offset 2: expected a last character whose unused bits are zero, "
         "found others set; the text is damaged or cut"},
        {"Zm9vZ", 5,
         "base64 cut short at input offset 5: expected more characters, found the end after one "
         "of a group of four"},
        {"Zm9vZm", 6,
         "base64 cut short at input offset 6: expected 2 more '=' of padding, found the end"},
        {"Zm9vZm8", 7,
         "base64 cut short at input offset 7: expected 1 more '=' of padding, found the end"},
        {"Zg=\n", 4,
         "base64 cut short at input offset 4: expected 1 more '=' of padding, found the end"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        for (size_t piece = 1; piece <= bad[k].size; piece++) {
            uint8_t data[64];
            size_t size;
            struct fault f;
            assert_int_equal(
                decode(bad[k].text, bad[k].size, piece, BASE64_PADDED, data, &size, &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            assert_string_equal(f.text, bad[k].message);
        }
}

// Each of the 256 bytes in the place of one character of a group: exactly the alphabet, the white
// space (which leaves the group short) and nothing else gets as far as the group's end.
static void test_every_byte(void **state) {
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++) {
        char text[] = {'Z', (char)c, '9', 'v'};
        uint8_t data[6];
        size_t size;
        struct fault f;
        int result = base64_decode(text, 4, BASE64_PADDED, data, &size, &f);
        const char *place = c != 0 ? strchr(alphabet, c) : NULL;
        if (place != NULL) {
            assert_int_equal(result, 0);
            assert_int_equal(size, 3);
            unsigned value = (unsigned)(place - alphabet);
            assert_int_equal(data[0], 25 << 2 | value >> 4);
            assert_int_equal(data[1], (value << 4 & 0xff) | 61 >> 2);
        } else {
            assert_int_equal(result, -1);
            bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
            assert_int_equal(strstr(f.text, "cut short") != NULL, space);
        }
    }
}

static void test_optional_padding(void **state) {
    (void)state;
    static const struct {
        const char *text, *data;
    } good[] = {{"Zg", "f"},    {"Zm8", "fo"},  {"Zm9v", "foo"}, {"Zm9vYg", "foob"}, {"Zg==", "f"},
                {"Zm8=", "fo"}, {"Z g\n", "f"}, {"", ""},        {"Zm8 = ", "fo"}};
    for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
        uint8_t data[16];
        size_t size;
        struct fault f;
        assert_int_equal(base64_decode(good[k].text, strlen(good[k].text), BASE64_PADDING_OPTIONAL,
                                       data, &size, &f),
                         0);
        assert_int_equal(size, strlen(good[k].data));
        assert_memory_equal(data, good[k].data, size);
    }
    static const char *const bad[] = {"Z", "Zm9vZ", "Zg=", "Zh", "Zm9", "Zg===", "Zm9v="};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        uint8_t data[16] = {0};
        size_t size = 99;
        struct fault f;
        assert_int_equal(
            base64_decode(bad[k], strlen(bad[k]), BASE64_PADDING_OPTIONAL, data, &size, &f), -1);
        assert_int_equal(f.status, EX_DATAERR);
        assert_int_equal(size, 0);
        for (size_t i = 0; i < sizeof data; i++)
            assert_int_equal(data[i], 0); // what had been decoded is wiped
    }
}

// A text cut anywhere is an error, except at the boundaries of whole groups.
static void test_truncation_at_every_byte(void **state) {
    (void)state;
    static const char text[] = "S14dTbl6ABEiM0RVZneImQ==";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        uint8_t data[32];
        size_t size;
        struct fault f;
        assert_int_equal(base64_decode(text, cut, BASE64_PADDED, data, &size, &f),
                         cut % 4 == 0 ? 0 : -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_pieces_against_openssl),
        cmocka_unit_test(test_white_space_anywhere),
        cmocka_unit_test(test_errors_name_the_offset),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_optional_padding),
        cmocka_unit_test(test_truncation_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
