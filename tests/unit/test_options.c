// SPDX-License-Identifier: Apache-2.0
// Sizes as users write them, and names and messages as users see them.
#include "base/diag.h"
#include "program/options.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static void test_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"1", 1},
                {"007", 7},
                {"64K", 65536},
                {"64k", 65536},
                {"2T", UINT64_C(2) << 40},
                {"3TiB", UINT64_C(3) << 40},
                {"64KiB", 65536},
                {"64kiB", 65536},
                {"10M", 10 << 20},
                {"10MiB", 10 << 20},
                {"1G", 1 << 30},
                {"1GiB", 1 << 30},
                {"18446744073709551615", UINT64_MAX},
                {"17179869183G", UINT64_MAX - ((1 << 30) - 1)}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t value = 42;
        if (!options_parse_size(good[i].text, 0, UINT64_MAX, &value) || value != good[i].value)
            fail_msg("%s: %llu", good[i].text, (unsigned long long)value);
    }
    static const char *const bad[] = {"",
                                      " 1",
                                      "-1",
                                      "+1",
                                      "K",
                                      "1 K",
                                      "1KB",
                                      "1Ki",
                                      "1kib",
                                      "1P",
                                      "0x10",
                                      "1.5M",
                                      "1K ",
                                      "1KK",
                                      "1e6",
                                      "ten",
                                      "18446744073709551616",
                                      "17179869184G",
                                      "9999999999999999999999999",
                                      "1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t value = 42;
        if (options_parse_size(bad[i], 0, UINT64_MAX, &value))
            fail_msg("%s: taken for %llu", bad[i], (unsigned long long)value);
        assert_int_equal(value, 42);
    }
}

static void test_size_bounds(void **state) {
    (void)state;
    uint64_t value;
    assert_true(options_parse_size("1K", 1024, 2048, &value));
    assert_true(options_parse_size("2048", 1024, 2048, &value));
    assert_false(options_parse_size("1023", 1024, 2048, &value));
    assert_false(options_parse_size("2049", 1024, 2048, &value));
    assert_false(options_parse_size("1M", 1024, 2048, &value));
}

static void test_threads(void **state) {
    (void)state;
    assert_int_equal(options_threads(&(struct options_run){.threads = 5}), 5);
    assert_true(options_threads(&(struct options_run){0}) >= 1);
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t size;
        const char *shown;
    } names[] = {{"db/t1.ibd", 9, "db/t1.ibd"},
                 {"", 0, ""},
                 {"a\nb\tc\r", 6, "a\\x0ab\\x09c\\x0d"},
                 {"\x1b[31m", 5, "\\x1b[31m"},
                 {"a\0b", 3, "a\\x00b"},
                 {"back\\slash", 10, "back\\x5cslash"},
                 {"\x7f", 1, "\\x7f"},
                 {"\xc3\xa4\xe2\x82\xac", 5, "\xc3\xa4\xe2\x82\xac"},
                 {"\xf0\x9f\x90\xac", 4, "\xf0\x9f\x90\xac"},
                 // Control characters also in UTF-8, and bytes that are not UTF-8.
                 {"\x9b"
                  "31m",
                  4, "\\x9b31m"},
                 {"\xc2\x9b"
                  "31m",
                  5, "\\xc2\\x9b31m"},
                 {"\xff\x9b"
                  "31m",
                  5, "\\xff\\x9b31m"},
                 // What is not seen or turns the text around, and its neighbours, which are seen.
                 {"a\xe2\x80\xae"
                  "b",
                  5, "a\\xe2\\x80\\xaeb"},                        // U+202E
                 {"\xe2\x80\x8a", 3, "\xe2\x80\x8a"},             // U+200A
                 {"\xe2\x80\x8b", 3, "\\xe2\\x80\\x8b"},          // U+200B
                 {"\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8"},          // U+2028
                 {"\xe2\x80\xa9", 3, "\\xe2\\x80\\xa9"},          // U+2029
                 {"\xe2\x81\xa6", 3, "\\xe2\\x81\\xa6"},          // U+2066
                 {"\xef\xbb\xbf", 3, "\\xef\\xbb\\xbf"},          // U+FEFF
                 {"\xef\xbb\xbe", 3, "\xef\xbb\xbe"},             // U+FEFE
                 {"\xc2\xad", 2, "\\xc2\\xad"},                   // U+00AD
                 {"\xc2\xae", 2, "\xc2\xae"},                     // U+00AE
                 {"\xd8\x9c", 2, "\\xd8\\x9c"},                   // U+061C
                 {"\xf3\xa0\x81\x81", 4, "\\xf3\\xa0\\x81\\x81"}, // U+E0041
                 // Not UTF-8: too long, a surrogate, beyond Unicode, cut.
                 {"\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf"},
                 {"\xf0\x80\x80\xaf", 4, "\\xf0\\x80\\x80\\xaf"},
                 {"\xed\xa0\x80", 3, "\\xed\\xa0\\x80"},
                 {"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"},
                 {"\xe2\x82", 2, "\\xe2\\x82"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char shown[100];
        assert_ptr_equal(diag_name(names[i].name, names[i].size, shown, sizeof shown), shown);
        assert_string_equal(shown, names[i].shown);
    }
    // Whatever the room, the text ends inside it, and says that it is cut.
    for (size_t room = 1; room <= 30; room++) {
        char shown[31];
        memset(shown, 'X', sizeof shown);
        diag_name("a\nname that is long", 19, shown, room);
        assert_true(strlen(shown) < room);
        assert_int_equal(shown[room], 'X');
        if (room >= 4 && room < 23)
            assert_string_equal(shown + strlen(shown) - 3, "...");
    }
}

static void test_faults(void **state) {
    (void)state;
    struct fault f;
    assert_int_equal(diag_fault(&f, EX_DATAERR, "%d apples", 3), -1);
    assert_int_equal(f.status, EX_DATAERR);
    assert_string_equal(f.text, "3 apples");
    diag_prefix(&f, "basket");
    assert_int_equal(f.status, EX_DATAERR);
    assert_string_equal(f.text, "basket: 3 apples");
    assert_int_equal(diag_fault_errno(&f, EX_IOERR, ENOSPC, "cannot write %s", "it"), -1);
    assert_string_equal(f.text, "cannot write it: No space left on device");
    // An empty text stays silent.
    diag_fault(&f, EX_IOERR, "%s", "");
    diag_prefix(&f, "basket");
    assert_string_equal(f.text, "");
    // Text that does not fit is cut, not overrun.
    char longer[900];
    memset(longer, 'l', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    diag_fault(&f, EX_DATAERR, "%s", longer);
    assert_int_equal(strlen(f.text), sizeof f.text - 1);
    diag_fault_errno(&f, EX_DATAERR, EIO, "%s", longer);
    assert_int_equal(strlen(f.text), sizeof f.text - 1);
    diag_prefix(&f, longer);
    assert_true(strlen(f.text) < sizeof f.text);
    assert_int_equal(diag_fault_memory(&f), -1);
    assert_int_equal(f.status, EX_OSERR);
    assert_string_equal(f.text, "out of memory");
}

static void test_open_status(void **state) {
    (void)state;
    static const struct {
        int error, status;
    } known[] = {{EACCES, EX_NOPERM}, {EPERM, EX_NOPERM},   {EMFILE, EX_OSERR}, {ENFILE, EX_OSERR},
                 {ENOMEM, EX_OSERR},  {ENOENT, EX_NOINPUT}, {EROFS, EX_NOINPUT}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(diag_open_status(known[i].error, EX_NOINPUT), known[i].status);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_size_bounds),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_open_status), cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
