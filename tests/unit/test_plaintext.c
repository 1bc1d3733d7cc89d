// SPDX-License-Identifier: Apache-2.0
// What data is taken for: files of backups for known or plain, random bytes for random, always.
#include "archives.h"
#include "format/plaintext.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

static void test_magic(void **state) {
    (void)state;
    static const struct {
        const char *start;
        size_t size;
    } magics[] = {{"qpress10", 8},         {"XBSTCK01", 8},         {"XBCRYP03", 8},
                  {"\x04\x22\x4d\x18", 4}, {"\x28\xb5\x2f\xfd", 4}, {"\x1f\x8b\x08", 3},
                  {"\x50\x2a\x4d\x18", 4}, {"\x5f\x2a\x4d\x18", 4}};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        struct bytes b = {0};
        bytes_add(&b, magics[i].start, magics[i].size);
        bytes_noise(&b, 5000, (unsigned)i);
        assert_int_equal(plaintext_judge(b.data, b.size), PLAINTEXT_KNOWN);
        b.data[0] ^= 0x80;
        assert_int_equal(plaintext_judge(b.data, b.size), PLAINTEXT_RANDOM);
        bytes_free(&b);
    }
}

// An InnoDB first page whose rest is as random as an encrypted tablespace's.
static void test_innodb(void **state) {
    (void)state;
    struct bytes b = {0};
    bytes_noise(&b, 16384, 1);
    memset(b.data + 4, 0, 4);
    b.data[24] = 0;
    b.data[25] = 8;
    assert_int_equal(plaintext_judge(b.data, b.size), PLAINTEXT_KNOWN);
    b.data[25] = 9;
    assert_int_equal(plaintext_judge(b.data, b.size), PLAINTEXT_RANDOM);
    bytes_free(&b);
}

// Random bytes of every size from which on they are told are never taken for anything else.
static void test_random(void **state) {
    (void)state;
    uint8_t bytes[6000];
    for (unsigned round = 0; round < 3; round++)
        for (size_t size = 0; size <= sizeof bytes; size += size < 100 ? 1 : 97) {
            assert_int_equal(RAND_bytes(bytes, sizeof bytes), 1);
            bytes[0] |= 0x80; // no magic has it there
            bytes[25] = 1;
            enum plaintext expected = size < 40 ? PLAINTEXT_SHORT : PLAINTEXT_RANDOM;
            if (plaintext_judge(bytes, size) != expected)
                fail_msg("%zu random bytes", size);
        }
}

static void test_plain(void **state) {
    (void)state;
    static const char line[] = "uuid = 7ea92bf2-0f6c-11ef-9e0e-0242ac110002\nname = \n";
    struct bytes b = {0};
    for (size_t i = 0; i < 100; i++)
        bytes_text(&b, line);
    for (size_t size = 40; size <= b.size; size++)
        if (plaintext_judge(b.data, size) != PLAINTEXT_PLAIN)
            fail_msg("%zu bytes of text", size);
    b.size = 0;
    bytes_zeros(&b, 5000);
    assert_int_equal(plaintext_judge(b.data, 5000), PLAINTEXT_PLAIN);
    assert_int_equal(plaintext_judge(b.data, 40), PLAINTEXT_PLAIN);
    // Records with small numbers in binary.
    for (size_t i = 0; i < 5000; i += 4)
        b.data[i] = (uint8_t)(i * 7);
    assert_int_equal(plaintext_judge(b.data, 5000), PLAINTEXT_PLAIN);
    bytes_free(&b);
    bytes_load(&b, FIXTURES "/xbcrypt/plain.txt");
    assert_int_equal(plaintext_judge(b.data, b.size), PLAINTEXT_PLAIN);
    bytes_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_innodb),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
