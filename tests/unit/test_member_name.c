// SPDX-License-Identifier: Apache-2.0
// Names of members, cleaned and refused.
#include "base/member_name.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void test_clean(void **state) {
    (void)state;
    static const struct {
        const char *stored, *clean;
        bool absolute, folder;
    } names[] = {{"a", "a", false, false},
                 {"./backup-my.cnf", "backup-my.cnf", false, false},
                 {"././db//./t.ibd", "db/t.ibd", false, false},
                 {".//db///t.ibd", "db/t.ibd", false, false},
                 {"/var/backup/db/t.ibd", "var/backup/db/t.ibd", true, false},
                 {"///./etc/passwd", "etc/passwd", true, false},
                 {"...", "...", false, false},
                 {"..a/.b/c..", "..a/.b/c..", false, false},
                 {"-rf", "-rf", false, false},
                 {"a\\b\n", "a\\b\n", false, false},
                 {"db/", "db", false, true},
                 {"db/.", "db", false, true},
                 {".", "", false, true},
                 {"./", "", false, true},
                 {"/", "", true, true}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct member_name clean;
        struct fault f;
        size_t size = strlen(names[i].stored);
        if (member_name_clean(&clean, names[i].stored, size, &f) < 0)
            fail_msg("%s: %s", names[i].stored, f.text);
        if (clean.size != strlen(names[i].clean) || strcmp(clean.bytes, names[i].clean) != 0 ||
            clean.absolute != names[i].absolute || clean.folder != names[i].folder)
            fail_msg("%s: \"%s\"", names[i].stored, clean.bytes);
        assert_int_equal(member_name_clean_file(&clean, names[i].stored, size, &f),
                         names[i].folder ? -1 : 0);
        if (!names[i].folder)
            assert_int_equal(member_name_check(clean.bytes, clean.size, &f), 0);
        else
            assert_non_null(strstr(f.text, "\": it names a folder, not a file"));
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t size;
        const char *text;
    } names[] = {{"", 0, "refused member name \"\": it is empty"},
                 {"..", 2, "refused member name \"..\": it has a component \"..\""},
                 {"/..", 3, "refused member name \"/..\": it has a component \"..\""},
                 {"./..", 4, "refused member name \"./..\": it has a component \"..\""},
                 {"a/../b", 6, "refused member name \"a/../b\": it has a component \"..\""},
                 {"a/..", 4, "refused member name \"a/..\": it has a component \"..\""},
                 {"a/../", 5, "refused member name \"a/../\": it has a component \"..\""},
                 {"a\0", 2, "refused member name \"a\\x00\": it holds a zero byte"},
                 {"\0..", 3, "refused member name \"\\x00..\": it holds a zero byte"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct member_name clean;
        struct fault f = {0};
        assert_int_equal(member_name_clean(&clean, names[i].name, names[i].size, &f), -1);
        assert_int_equal(f.status, EX_DATAERR);
        assert_string_equal(f.text, names[i].text);
    }
}

// What counts is the size when cleaned, whatever the stored one.
static void test_sizes(void **state) {
    (void)state;
    char name[5000];
    struct member_name clean;
    struct fault f;
    memset(name, '/', sizeof name);
    memset(name + sizeof name - 511, 'n', 511);
    assert_int_equal(member_name_clean(&clean, name, sizeof name, &f), 0);
    assert_int_equal(clean.size, 511);
    assert_int_equal(strlen(clean.bytes), 511);
    name[sizeof name - 512] = 'n';
    assert_int_equal(member_name_clean(&clean, name, sizeof name, &f), -1);
    assert_non_null(strstr(f.text, "...\": it is longer than 511 bytes"));
    // 255 + 1 + 255 fit, and not a byte more; nothing is written behind the name.
    memset(name, 'n', 600);
    name[255] = '/';
    assert_int_equal(member_name_clean(&clean, name, 511, &f), 0);
    assert_int_equal(member_name_clean(&clean, name, 512, &f), -1);
    name[511] = '/';
    assert_int_equal(member_name_clean(&clean, name, 512, &f), 0);
    assert_true(clean.folder);
    assert_int_equal(member_name_clean(&clean, name, 513, &f), -1);
    // No file system takes a component of 256 bytes; its suffix may go yet, so that only the check
    // of the file's name refuses it.
    name[256] = '/';
    name[255] = 'n';
    assert_int_equal(member_name_clean(&clean, name, 300, &f), 0);
    assert_int_equal(member_name_check(clean.bytes, clean.size, &f), -1);
    assert_non_null(strstr(f.text, "it has a component longer than 255 bytes"));
}

static unsigned warnings;
static char last_warning[500];

static void note_warning(const char *line, size_t size) {
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%.*s", (int)size, line);
}

static void test_one_warning(void **state) {
    (void)state;
    static const char *const names[] = {"a", "./b", "/x\x1b/c", "/d", "//e"};
    bool warned = false;
    diag_set_writer(note_warning);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct member_name clean;
        struct fault f;
        assert_int_equal(member_name_clean(&clean, names[i], strlen(names[i]), &f), 0);
        member_name_warn(&clean, names[i], strlen(names[i]), &warned);
        assert_int_equal(warnings, i < 2 ? 0 : 1);
    }
    diag_set_writer(NULL);
    assert_non_null(
        strstr(last_warning,
               "warning: /x\\x1b/c: leading slashes are removed from the names of members\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_one_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
