// SPDX-License-Identifier: Apache-2.0
#include "kms/ini.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char text[] = "top = level\n"
                           "# [default]\n"
                           "; name = comment\n"
                           "[default]\n"
                           "Name = first\n"
                           "name=second\r\n"
                           "  nested = no\n"
                           "equals = a=b=c\n"
                           "empty =\n"
                           "no sign\n"
                           "\n"
                           "[ profile x ]\n"
                           "name = of x\n"
                           "s3 =\n"
                           "  endpoint_url = wrong\n"
                           "kms =\n"
                           "\tendpoint_url = right\n"
                           "  other = y\n"
                           "name2 = z\n"
                           "[default]\n"
                           "late = last";

// The value as a string, or NULL.
static const char *get(const char *section, const char *group, const char *name) {
    static char value[100];
    struct ini_value found;
    if (!ini_get(text, sizeof text - 1, section, group, name, &found))
        return NULL;
    assert_true(found.size < sizeof value);
    memcpy(value, found.text, found.size);
    value[found.size] = '\0';
    return value;
}

static void test_values(void **state) {
    (void)state;
    assert_string_equal(get("default", NULL, "name"), "second");
    assert_string_equal(get("default", NULL, "NAME"), "second");
    assert_string_equal(get("default", NULL, "equals"), "a=b=c");
    assert_string_equal(get("default", NULL, "late"), "last");
    assert_string_equal(get("profile x", NULL, "name"), "of x");
    assert_string_equal(get("profile x", NULL, "name2"), "z");
    assert_null(get("default", NULL, "empty"));
    assert_null(get("default", NULL, "nested")); // indented: not a setting of its own
    assert_null(get("default", NULL, "top"));
    assert_null(get("Default", NULL, "name"));
    assert_null(get("profile x", NULL, "late"));
}

static void test_nested_values(void **state) {
    (void)state;
    assert_string_equal(get("profile x", "kms", "endpoint_url"), "right");
    assert_string_equal(get("profile x", "kms", "other"), "y");
    assert_null(get("profile x", "kms", "name2"));
    assert_null(get("profile x", "sts", "endpoint_url"));
    assert_null(get("profile x", NULL, "endpoint_url"));
}

static void test_sections(void **state) {
    (void)state;
    assert_true(ini_has_section(text, sizeof text - 1, "default"));
    assert_true(ini_has_section(text, sizeof text - 1, "profile x"));
    assert_false(ini_has_section(text, sizeof text - 1, "x"));
    assert_false(ini_has_section("", 0, "default"));
    assert_false(ini_has_section("[default", 8, "default"));
}

// Cut at every byte, in a block of exactly that size: nothing is read beyond it.
static void test_truncation(void **state) {
    (void)state;
    for (size_t cut = 0; cut < sizeof text; cut++) {
        char *part = malloc(cut + 1);
        memcpy(part, text, cut);
        char *exact = realloc(part, cut > 0 ? cut : 1);
        assert_non_null(exact);
        struct ini_value value;
        ini_get(exact, cut, "profile x", "kms", "endpoint_url", &value);
        ini_get(exact, cut, "default", NULL, "late", &value);
        ini_has_section(exact, cut, "none");
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nested_values),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
