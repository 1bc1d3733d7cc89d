// SPDX-License-Identifier: Apache-2.0
// Names and values in text of any form: what is one, and what is not.
#include "s3/s3_scan.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// All pairs of a text as "name=value;".
static const char *pairs_of(const char *text, size_t size) {
    static char all[4096];
    struct s3_scan s = {.text = text, .size = size, .line = 1, .before = '\n'};
    struct s3_scan_pair pair;
    char *value = malloc(size + 1);
    size_t used = 0;
    assert_non_null(value);
    while (s3_scan_next(&s, &pair, value)) {
        assert_true(pair.value_size <= size);
        used += (size_t)snprintf(all + used, sizeof all - used, "%.*s=%.*s;", (int)pair.name_size,
                                 pair.name, (int)pair.value_size, value);
        assert_true(used < sizeof all);
    }
    all[used] = '\0';
    free(value);
    return all;
}

static const struct {
    const char *text, *pairs;
} forms[] = {
    {"x-amz-iv: AAE=", "x-amz-iv=AAE=;"},
    {"  X-Amz-Meta-X-Amz-Iv   :  AAE=\r\n", "X-Amz-Meta-X-Amz-Iv=AAE=;"},
    {"x-amz-iv=AAE=,x-amz-key-v2=QUJD", "x-amz-iv=AAE=;x-amz-key-v2=QUJD;"},
    {"| x-amz-iv | AAE= |", "x-amz-iv=AAE=;"},
    {"x-amz-iv\nAAE=\nx-amz-t\n\n", "x-amz-iv=AAE=;"},
    {"{'x-amz-iv': 'AAE=', 'x-amz-m': '{\"a\": \"b\"}'}", "x-amz-iv=AAE=;x-amz-m={\"a\": \"b\"};"},
    {"x-amz-m: {\"a\": \"}\\\"\"} and more", "x-amz-m={\"a\": \"}\\\"\"};"},
    {"x-amz-m,\"{\"\"a\"\":\"\"b\"\"}\"", "x-amz-m={\"a\":\"b\"};"},
    {"x-amz-m: \"{\\\"a\\\":\\\"b\\\"}\"", "x-amz-m={\"a\":\"b\"};"},
    {"x-amz-wrap-alg  kms+context  x", "x-amz-wrap-alg=kms+context;"},
    {"<entry key=\"x-amz-iv\">AAE=</entry>", "x-amz-iv=AAE=;"},
    // In the middle of a word, and without a value.
    {"ax-amz-iv: AAE=", ""},
    {"z-x-amz-iv: AAE=", ""},
    {"x-amz-iv", ""},
    {"x-amz-iv: ''", ""},
    {"x-amz-iv: 'AAE=", "x-amz-iv=AAE=;"}, // cut
    {"x-amz-m: {\"a\"", "x-amz-m={\"a\";"},
    {"", ""},
};

static void test_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        assert_string_equal(pairs_of(forms[i].text, strlen(forms[i].text)), forms[i].pairs);
}

// Each text cut at each byte, in memory of its own size.
static void test_cuts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        for (size_t size = 0; size < strlen(forms[i].text); size++) {
            char *cut = malloc(size + 1);
            assert_non_null(cut);
            memcpy(cut, forms[i].text, size);
            cut = realloc(cut, size > 0 ? size : 1);
            pairs_of(cut, size);
            free(cut);
        }
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool found;
        uint64_t number;
    } cases[] = {
        {"ContentLength: 5008", true, 5008}, {"{'contentlength': 5008}", true, 5008},
        {"content-length: 1", false, 0},     {"ContentLengths: 3\nContentLength = 4", true, 4},
        {"ContentLength: 5x", false, 0},     {"ContentLength: 1234567890123456789012", false, 0},
        {"ContentLength: ", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t number = 0;
        bool found = s3_scan_number(cases[i].text, strlen(cases[i].text), "ContentLength", &number);
        assert_int_equal(found, cases[i].found);
        if (found)
            assert_int_equal(number, cases[i].number);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
