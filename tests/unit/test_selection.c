// SPDX-License-Identifier: Apache-2.0
// Suffixes of names, and which members a selection wants.
#include "archive/selection.h"
#include "format/suffix.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void suffixes(void **state) {
    (void)state;
    static const struct {
        const char *name, *plain;
        enum suffix outermost;
    } cases[] = {{"t.ibd", "t.ibd", SUFFIX_NONE},
                 {"t.ibd.qp", "t.ibd", SUFFIX_QP},
                 {"d/t.ibd.lz4.xbcrypt", "d/t.ibd", SUFFIX_XBCRYPT},
                 {"t.zst", "t", SUFFIX_ZST},
                 {"t.zst.lz4.qp", "t.zst.lz4", SUFFIX_QP},
                 {"t.qp.qp", "t.qp", SUFFIX_QP},
                 {"t.qp.lz4.xbcrypt", "t.qp", SUFFIX_XBCRYPT},
                 {"t.xbcrypt.qp.xbcrypt", "t", SUFFIX_XBCRYPT},
                 {".qp", ".qp", SUFFIX_NONE},
                 {"d/.lz4", "d/.lz4", SUFFIX_NONE},
                 {"d/.lz4.qp", "d/.lz4", SUFFIX_QP},
                 {"qp", "qp", SUFFIX_NONE},
                 {"tqp", "tqp", SUFFIX_NONE},
                 {"t.qp.gz", "t.qp.gz", SUFFIX_NONE},
                 {"t.QP", "t.QP", SUFFIX_NONE},
                 {"", "", SUFFIX_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = strlen(cases[i].name);
        assert_int_equal(suffix_of(cases[i].name, size), cases[i].outermost);
        assert_int_equal(suffix_strip(cases[i].name, size), strlen(cases[i].plain));
    }
    assert_string_equal(suffix_text(SUFFIX_XBCRYPT), "xbcrypt");
    assert_int_equal(suffix_size(SUFFIX_XBCRYPT), 8);
    assert_int_equal(suffix_size(SUFFIX_NONE), 0);
}

static const char *const archive[] = {"ibdata1.qp",
                                      "xtrabackup_info",
                                      "shop/orders.ibd.qp.xbcrypt",
                                      "shop/orders.frm.qp",
                                      "shop/orders_old.ibd",
                                      "shop/parts#P#p0.ibd",
                                      "shop/parts#p#p1.ibd.zst",
                                      "shop/#sql-1_2.ibd",
                                      "shop/db.opt",
                                      "shopping/orders.ibd",
                                      "deep/er/t.ibd"};
enum { MEMBERS = sizeof archive / sizeof archive[0] };

// The members wanted by a selection of rules "+name", "=member", "i:pattern", "x:pattern", as a
// string of digits and letters: their places in `archive`.
static const char *wanted(const char *const *rules) {
    static char text[MEMBERS + 1];
    struct selection *s = NULL;
    for (; *rules != NULL; rules++) {
        const char *rule = *rules;
        enum selection_rule kind = rule[0] == '+'   ? SELECTION_NAME
                                   : rule[0] == '=' ? SELECTION_MEMBER
                                   : rule[0] == 'i' ? SELECTION_INCLUDE
                                                    : SELECTION_EXCLUDE;
        assert_int_equal(selection_add(&s, kind, rule + (rule[1] == ':' ? 2 : 1)), 0);
    }
    size_t used = 0;
    for (size_t i = 0; i < MEMBERS; i++)
        if (selection_wants(s, archive[i], strlen(archive[i])))
            text[used++] = "0123456789abcdef"[i];
    text[used] = '\0';
    assert_true(s == NULL || selection_met(s) == (used > 0));
    selection_free(s);
    return text;
}
#define WANTED(...) wanted((const char *const[]){__VA_ARGS__, NULL})

static void names(void **state) {
    (void)state;
    assert_string_equal(wanted((const char *const[]){NULL}), "0123456789a");
    assert_string_equal(WANTED("+ibdata1"), "0");
    assert_string_equal(WANTED("+ibdata1.qp"), "0");
    assert_string_equal(WANTED("+ibdata1.qp.xbcrypt"), "");
    assert_string_equal(WANTED("+shop/orders.ibd"), "2");
    assert_string_equal(WANTED("+shop/orders.ibd.qp"), "2");
    assert_string_equal(WANTED("=shop/orders.ibd.qp.xbcrypt"), "2");
    assert_string_equal(WANTED("+shop/orders"), "");
    assert_string_equal(WANTED("+orders.ibd"), "");
    // No patterns.
    assert_string_equal(WANTED("+shop/*"), "");
    assert_string_equal(WANTED("+shop/parts#P#p0.ibd", "+xtrabackup_info"), "15");
    // Folders, which only SELECTION_NAME takes.
    assert_string_equal(WANTED("+shop"), "2345678");
    assert_string_equal(WANTED("+shop//"), "2345678");
    assert_string_equal(WANTED("+deep/er"), "a");
    assert_string_equal(WANTED("=shop"), "");
    assert_string_equal(WANTED("+/"), "");
    assert_string_equal(WANTED("+er"), "");
}

static void patterns(void **state) {
    (void)state;
    assert_string_equal(WANTED("i:shop/*"), "2345678");
    assert_string_equal(WANTED("i:shop"), "2345678");
    assert_string_equal(WANTED("i:shop*"), "23456789");
    assert_string_equal(WANTED("i:deep"), "a");
    assert_string_equal(WANTED("i:deep/er"), "a");
    assert_string_equal(WANTED("i:shop/orders*"), "234");
    assert_string_equal(WANTED("i:*.ibd"), "245679a");
    assert_string_equal(WANTED("i:*.qp"), "");
    assert_string_equal(WANTED("i:ib*"), "0");
    assert_string_equal(WANTED("i:[ix]*"), "01");
    // Tables.
    assert_string_equal(WANTED("i:shop.orders"), "23");
    assert_string_equal(WANTED("i:shop.parts"), "56");
    assert_string_equal(WANTED("i:*.orders"), "239");
    assert_string_equal(WANTED("i:shop.#sql*"), "7");
    assert_string_equal(WANTED("i:deep/er.t"), "a");
    assert_string_equal(WANTED("i:shop.order"), "");
    // Together.
    assert_string_equal(WANTED("x:shop*"), "01a");
    assert_string_equal(WANTED("i:shop", "x:*.frm", "x:shop.parts"), "2478");
    assert_string_equal(WANTED("+shop/orders.ibd", "i:xtrabackup_*"), "12");
    assert_string_equal(WANTED("+shop/orders.ibd", "x:shop"), "");
    assert_string_equal(WANTED("x:\\*"), "0123456789a");
}

static void missing(void **state) {
    (void)state;
    struct selection *s = NULL;
    size_t next = 0;
    assert_null(selection_missing(s, &next));
    assert_false(selection_met(s));
    selection_add(&s, SELECTION_NAME, "a");
    selection_add(&s, SELECTION_INCLUDE, "b*");
    selection_add(&s, SELECTION_NAME, "c");
    selection_add(&s, SELECTION_EXCLUDE, "c");
    selection_add(&s, SELECTION_MEMBER, "d");
    // One that is left out was there all the same.
    assert_false(selection_wants(s, "c", 1));
    assert_string_equal(selection_missing(s, &next), "a");
    assert_string_equal(selection_missing(s, &next), "d");
    assert_null(selection_missing(s, &next));
    assert_false(selection_met(s));
    assert_true(selection_wants(s, "a.qp", 4));
    assert_true(selection_met(s));
    next = 0;
    assert_string_equal(selection_missing(s, &next), "d");
    selection_free(s);
    selection_free(NULL);
}

// The longest name that an archive can have, and one with bytes that no C string holds.
static void odd_names(void **state) {
    (void)state;
    char name[512];
    memset(name, 'n', sizeof name - 1);
    name[255] = '/';
    name[511] = '\0';
    struct selection *s = NULL;
    selection_add(&s, SELECTION_INCLUDE, "n*.nnn*");
    assert_true(selection_wants(s, name, 511));
    assert_false(selection_wants(s, "a\0n.nnn", 7));
    assert_false(selection_wants(s, "/", 1));
    assert_false(selection_wants(s, "a/", 2));
    selection_free(s);
    s = NULL;
    selection_add(&s, SELECTION_NAME, "a");
    assert_false(selection_wants(s, "a\0b", 3));
    selection_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(suffixes), cmocka_unit_test(names),
                                       cmocka_unit_test(patterns), cmocka_unit_test(missing),
                                       cmocka_unit_test(odd_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
