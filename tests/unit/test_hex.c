// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int decode(const char *text, size_t size, size_t piece, uint8_t *out, size_t *out_size,
                  struct fault *f) {
    struct hex_decoder d = {.offset = 0};
    *out_size = 0;
    for (size_t i = 0; i < size; i += piece) {
        size_t n, now = size - i < piece ? size - i : piece;
        int result = hex_decode_push(&d, text + i, now, out + *out_size, &n, f);
        assert_true(n <= (now + 1) / 2);
        *out_size += n;
        if (result < 0)
            return result;
    }
    return hex_decode_finish(&d, f);
}

// Every byte value, both cases, against printf.
static void test_every_byte(void **state) {
    (void)state;
    for (int c = 0; c < 256; c++) {
        uint8_t byte = (uint8_t)c, back;
        char text[2], expected[3];
        size_t size;
        struct fault f;
        hex_encode(&byte, 1, false, text);
        snprintf(expected, sizeof expected, "%02x", byte);
        assert_memory_equal(text, expected, 2);
        assert_int_equal(decode(text, 2, 1, &back, &size, &f), 0);
        assert_int_equal(size, 1);
        assert_int_equal(back, byte);
        hex_encode(&byte, 1, true, text);
        snprintf(expected, sizeof expected, "%02X", byte);
        assert_memory_equal(text, expected, 2);
        assert_int_equal(decode(text, 2, 2, &back, &size, &f), 0);
        assert_int_equal(back, byte);
    }
}

static void test_white_space_and_pieces(void **state) {
    (void)state;
    static const char text[] = " 4B\t5e 1\n d4\r\nDb0 ";
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        uint8_t data[sizeof text];
        size_t size;
        struct fault f;
        assert_int_equal(decode(text, sizeof text - 1, piece, data, &size, &f), 0);
        assert_int_equal(size, 5);
        assert_memory_equal(data, "\x4b\x5e\x1d\x4d\xb0", 5);
    }
}

static void test_errors_name_the_offset(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"4b5g", "bad hexadecimal at input offset 3: expected a digit 0-9, a-f or A-F, found "
                 "another character"},
        {"0x4b", "bad hexadecimal at input offset 1: expected a digit 0-9, a-f or A-F, found "
                 "another character"},
        {"4b\x01", "bad hexadecimal at input offset 2: expected a digit 0-9, a-f or A-F, found a "
                   "byte that is not printable"},
        {"4b 5\n", "hexadecimal cut short at input offset 5: expected an even number of digits, "
                   "found the end after an odd one"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        for (size_t piece = 1; piece <= 6; piece++) {
            uint8_t data[8];
            size_t size;
            struct fault f;
            assert_int_equal(decode(bad[k].text, strlen(bad[k].text), piece, data, &size, &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            assert_string_equal(f.text, bad[k].message);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_white_space_and_pieces),
        cmocka_unit_test(test_errors_name_the_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
