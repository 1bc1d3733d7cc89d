// SPDX-License-Identifier: Apache-2.0
// The checker of tablespaces: the same findings however the bytes come; what a page, the end of a
// file and a group of changes may have wrong.
#include "archives.h"
#include "engine/salvage.h"
#include "feed.h"
#include "format/innodb_check.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INNODB FIXTURES "/innodb/"

struct check {
    struct innodb_check shared;
    const char *name;
    struct salvage_scope *scope;
};

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct check *c = context;
    struct stage *stage = innodb_check_new(o, &c->shared, c->name, strlen(c->name), false, next);
    if (stage != NULL) {
        stage->name = c->name;
        stage->salvage = c->scope;
    }
    return stage;
}

// Runs the checker over the file, and keeps what it has counted. Returns the status; with `text`,
// compares what is said, up to the advice.
static int run_fed(struct check *c, const struct bytes *b, const struct feeding *how,
                   const char *text) {
    struct fed fed;
    feed_run(make, c, b->data, b->size, how, &fed);
    if (text != NULL && strncmp(fed.fault.text, text, strlen(text)) != 0)
        fail_msg("%s: expected \"%s\", found \"%s\"", feeding_text(how), text, fed.fault.text);
    if (fed.status == 0) {
        assert_int_equal(fed.finishes, 1);
        assert_int_equal(fed.size, b->size);
        assert_memory_equal(fed.data, b->data, b->size);
    } else
        assert_int_equal(fed.finishes, 0);
    int status = fed.status;
    fed_free(&fed);
    return status;
}

static const struct feeding whole = {.threads = 3};

static int run(struct check *c, const struct bytes *b, const char *text) {
    return run_fed(c, b, &whole, text);
}

static void load(struct bytes *b, const char *file) {
    char path[400];
    snprintf(path, sizeof path, INNODB "%s", file);
    bytes_free(b);
    *b = (struct bytes){0};
    bytes_load(b, path);
}

static void test_names(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "ibdata1",      "ibdata12",     "dir/ibdata2",   "a/t.ibd",      "t.ibd",
        "mysql.ibd",    "u.ibu",        "undo001",       "undo_001",     "d/undo002",
        "a/t.new",      "a/t#P#p0.ibd", "a/t.ibd.delta", "a/t.ibd.meta", "ibdata1.delta",
        "undo001.meta", "a/t.new.delta"};
    static const char *const others[] = {"",
                                         "ibdata",
                                         "ibdata1.qp",
                                         "ibdatax",
                                         "ib_logfile0",
                                         "a/t.frm",
                                         ".ibd",
                                         "a/.ibd",
                                         "undo",
                                         "undo_",
                                         "undo1x",
                                         "undo_1_trunc.log",
                                         "t.new",
                                         "t.delta",
                                         "t.meta",
                                         "a/undo.MYD",
                                         "a/t.ibd.qp",
                                         "a/t.ibd/x",
                                         "a/t.ibd.delta.meta",
                                         ".ibd.delta"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!innodb_check_wants(wanted[i], strlen(wanted[i])))
            fail_msg("not taken: %s", wanted[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (innodb_check_wants(others[i], strlen(others[i])))
            fail_msg("taken: %s", others[i]);
    // A name need not be terminated.
    assert_true(innodb_check_wants("undo0011x", 7));
    assert_false(innodb_check_wants("t.ibd", 4));
}

// Five pages of 1 KiB, split in two at every byte, lent and held, on one thread and three.
static void test_every_split(void **state) {
    (void)state;
    struct bytes b = {0};
    load(&b, "crc32_rows.ibd");
    b.size = (size_t)5 * 1024;
    for (unsigned damaged = 0; damaged < 2; damaged++) {
        if (damaged)
            b.data[3 * 1024 + 500] ^= 1;
        for (size_t first = 1; first <= b.size; first++) {
            struct feeding how = {
                .threads = first % 2 ? 1 : 3, .held = first % 4 < 2, .first = first};
            struct check c = {.name = "t.ibd"};
            int status = run_fed(
                &c, &b, &how, damaged ? "t.ibd: damaged page 3: expected the checksum 0x" : NULL);
            assert_int_equal(status, damaged ? EX_DATAERR : 0);
            assert_int_equal(c.shared.sound, damaged ? 3 : 5);
            assert_int_equal(c.shared.bad, damaged);
            assert_int_equal(c.shared.files, 1);
        }
    }
    bytes_free(&b);
}

static void run_piece(const struct feeding *how, void *context) {
    static const char *const files[] = {"crc32.ibd", "full_crc32_encrypted.ibd",
                                        "changes.ibd.delta"};
    (void)context;
    for (size_t i = 0; i < 3; i++) {
        struct bytes b = {0};
        load(&b, files[i]);
        struct check c = {.name = files[i]};
        assert_int_equal(run_fed(&c, &b, how, NULL), 0);
        assert_int_equal(c.shared.sound, i == 2 ? 7 : 4);
        // The last page, the last byte but for the end.
        b.data[b.size - 9] ^= 0x80;
        c = (struct check){.name = files[i]};
        assert_int_equal(run_fed(&c, &b, how, NULL), EX_DATAERR);
        assert_int_equal(c.shared.bad, 1);
        bytes_free(&b);
    }
}

static void test_feedings(void **state) {
    (void)state;
    feed_each(FEED_SPLIT_MAX + 1, run_piece, NULL); // without the splits
}

static void test_heads(void **state) {
    (void)state;
    struct bytes b = {0};
    struct check c = {.name = "t.ibd"};
    load(&b, "crc32.ibd");
    memcpy(b.data + (size_t)2 * 4096, b.data + (size_t)3 * 4096, 4096);
    assert_int_equal(run(&c, &b,
                         "t.ibd: damaged page 2: expected page 2 here, found page 3, at "
                         "input offset 8192; "),
                     EX_DATAERR);
    load(&b, "crc32.ibd");
    b.data[4096 + 34] ^= 1; // which no checksum covers
    assert_int_equal(run(&c, &b, "t.ibd: damaged page 1: expected a page of tablespace "),
                     EX_DATAERR);
    // Its first page, empty, with others behind it.
    load(&b, "crc32.ibd");
    memset(b.data, 0, 4096);
    assert_int_equal(run(&c, &b,
                         "t.ibd: damaged page 0: expected what describes the tablespace, found "
                         "zeros; "),
                     EX_DATAERR);
    // A layout that is wrong on page 0 costs that page only.
    load(&b, "crc32.ibd");
    b.data[57] ^= 0xff;
    c = (struct check){.name = "t.ibd"};
    assert_int_equal(run(&c, &b, "t.ibd: damaged page 0: "), EX_DATAERR);
    bytes_free(&b);
}

static void test_ends(void **state) {
    (void)state;
    struct bytes b = {0};
    struct check c = {.name = "t.ibd"};
    load(&b, "full_crc32.ibd");
    b.size -= 1;
    assert_int_equal(run(&c, &b,
                         "t.ibd: the file ends inside page 3: expected 4096 bytes of it, "
                         "found 4095; "),
                     EX_DATAERR);
    // Whole pages, but fewer than page 0 says: what to make of it shows at the end of all.
    b.size = (size_t)3 * 4096;
    struct backupinfo info = {0};
    bool fatal;
    char text[INNODB_CHECK_TEXT];
    c = (struct check){.name = "t.ibd", .shared.info = &info};
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_true(innodb_check_doubt(&c.shared, &fatal, text));
    assert_true(fatal);
    assert_string_equal(text, "t.ibd: expected 4 pages, as its page 0 says, found 3");
    strcpy(info.backup_type, "full-backuped");
    assert_true(innodb_check_doubt(&c.shared, &fatal, text));
    assert_false(fatal);
    // Empty, of zeros, too short to be anything.
    c = (struct check){.name = "t.ibd"};
    b.size = 0;
    assert_int_equal(run(&c, &b, NULL), 0);
    bytes_zeros(&b, 28 << 10);
    assert_int_equal(run(&c, &b, NULL), 0);
    bytes_zeros(&b, 200 << 10);
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_false(innodb_check_doubt(&c.shared, &fatal, text));
    b.size = 5;
    assert_int_equal(run(&c, &b, NULL), EX_DATAERR);
    bytes_free(&b);
}

static void test_lsn(void **state) {
    (void)state;
    struct bytes b = {0};
    struct backupinfo info = {.backup_type = "full-backuped", .last_lsn = "100"};
    struct check c = {.name = "t.ibd", .shared.info = &info};
    bool fatal;
    char text[INNODB_CHECK_TEXT];
    load(&b, "crc32.ibd");
    assert_int_equal(
        run(&c, &b, "t.ibd: damaged page 0: expected an LSN up to the backup's last, 100, found "),
        EX_DATAERR);
    strcpy(info.last_lsn, "9999999999");
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_false(innodb_check_doubt(&c.shared, &fatal, text));
    // A backup that is prepared has newer pages.
    strcpy(info.last_lsn, "100");
    strcpy(info.backup_type, "full-prepared");
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_false(innodb_check_doubt(&c.shared, &fatal, text));
    // What the backup is was told at its end.
    strcpy(info.backup_type, "incremental");
    assert_true(innodb_check_doubt(&c.shared, &fatal, text));
    assert_false(fatal);
    assert_non_null(strstr(text, "t.ibd: page "));
    assert_non_null(strstr(text, ", which is beyond the backup's last, 100: "));
    bytes_free(&b);
}

// Of the system tablespace: a second file, whose numbers go on.
static void test_system(void **state) {
    (void)state;
    struct bytes b = {0};
    struct check c = {.name = "ibdata2"};
    load(&b, "crc32.ibd");
    memmove(b.data, b.data + 4096, b.size - 4096);
    b.size -= 4096;
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_int_equal(c.shared.sound, 3);
    c = (struct check){.name = "ibdata1"};
    assert_int_equal(run(&c, &b, "ibdata1: damaged page 0: expected page 0 here, found page 1"),
                     EX_DATAERR);
    // One that has no page yet but for an LSN in its first.
    b.size = 0;
    bytes_zeros(&b, 100 << 10);
    b.data[30] = 7;
    c = (struct check){.name = "ibdata2"};
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_int_equal(c.shared.sound, 0);
    bytes_free(&b);
}

static void salvaged(struct bytes *b, const char *name, uint64_t losses, uint64_t sound) {
    struct salvage *s;
    struct fault f;
    assert_int_equal(salvage_new(&s, &f), 0);
    struct check c = {.name = name, .scope = salvage_whole(s)};
    assert_int_equal(run(&c, b, NULL), 0);
    assert_int_equal(salvage_losses(s), losses);
    assert_int_equal(c.shared.bad, losses);
    assert_int_equal(c.shared.bad_files, losses > 0);
    assert_int_equal(c.shared.sound, sound);
    salvage_free(s);
}

static void test_salvage(void **state) {
    (void)state;
    struct bytes b = {0};
    load(&b, "crc32.ibd");
    salvaged(&b, "t.ibd", 0, 4);
    b.data[4096 + 100] ^= 1;
    b.data[3 * 4096 + 100] ^= 1;
    salvaged(&b, "t.ibd", 2, 2);
    b.size -= 100;
    salvaged(&b, "t.ibd", 2, 2); // page 1, and half of page 3
    load(&b, "changes.ibd.delta");
    b.data[0] = 'Y';
    salvaged(&b, "t.ibd.delta", 1, 0);
    bytes_free(&b);
}

static void add_group(struct bytes *b, const char *magic, const struct bytes *pages, uint32_t from,
                      uint32_t count, bool full) {
    uint8_t head[4096] = {0};
    memcpy(head, magic, 4);
    for (uint32_t i = 0; i < count; i++)
        head[4 + 4 * i + 3] = (uint8_t)(from + i);
    if (!full)
        memset(head + 4 + (size_t)4 * count, 0xff, 4);
    bytes_add(b, head, sizeof head);
    bytes_add(b, pages->data + (size_t)from * 4096, (size_t)count * 4096);
}

static void test_delta(void **state) {
    (void)state;
    struct bytes b = {0}, pages = {0};
    load(&pages, "full_crc32.ibd");
    struct check c = {.name = "t.ibd.delta"};
    add_group(&b, "xtra", &pages, 2, 2, false);
    add_group(&b, "XTRA", &pages, 0, 1, false);
    assert_int_equal(run(&c, &b, NULL), 0);
    assert_int_equal(c.shared.sound, 3);
    size_t good = b.size;
    // The last group is missing, or a page of it, or half of one.
    b.size -= 4096;
    assert_int_equal(
        run(&c, &b,
            "t.ibd.delta: the file ends early: expected 1 pages in its last group, found 0; "),
        EX_DATAERR);
    b.size -= 4096;
    assert_int_equal(
        run(&c, &b,
            "t.ibd.delta: the file ends early: expected a last group of pages, which begins with "
            "\"XTRA\"; "),
        EX_DATAERR);
    b.size += 6000;
    assert_int_equal(run(&c, &b, "t.ibd.delta: the file ends inside page "), EX_DATAERR);
    // A page that is not the one in the list; something behind the last group; no group.
    b.size = good;
    b.data[7] = 3;
    assert_int_equal(run(&c, &b, "t.ibd.delta: damaged page 3: expected page 3 here, found page 2"),
                     EX_DATAERR);
    b.data[7] = 2;
    bytes_zeros(&b, 4096);
    assert_int_equal(
        run(&c, &b, "t.ibd.delta: the file goes on behind its last group: expected its end; "),
        EX_DATAERR);
    b.size = good;
    b.data[3 * 4096] = '?';
    assert_int_equal(run(&c, &b,
                         "t.ibd.delta: expected a group of changed pages, which begins "
                         "with \"xtra\" or \"XTRA\", found something else; "),
                     EX_DATAERR);
    // No changes.
    b.size = 0;
    add_group(&b, "XTRA", &pages, 0, 0, false);
    assert_int_equal(run(&c, &b, NULL), 0);
    bytes_free(&pages);
    bytes_free(&b);
}

// NAME.meta tells what the changes do not: the tablespace. It serves once.
static void test_meta(void **state) {
    (void)state;
    struct bytes b = {0}, meta = {0};
    struct check c = {.name = "a/t.ibd.meta"};
    load(&b, "changes.ibd.delta");
    bytes_text(&meta, "page_size = 4096\nzip_size = 0 \nspace_id = 5\n");
    assert_int_equal(run(&c, &meta, NULL), 0);
    assert_int_equal(c.shared.files, 0);
    c.name = "a/u.ibd.delta"; // another
    assert_int_equal(run(&c, &b, NULL), 0);
    c.name = "a/t.ibd.delta";
    assert_int_equal(run(&c, &b,
                         "a/t.ibd.delta: damaged page 0: expected a page of tablespace 5, found "
                         "one of tablespace 4"),
                     EX_DATAERR);
    assert_int_equal(run(&c, &b, NULL), 0);
    c.name = "a/t.ibd.meta";
    for (size_t size = 0; size <= meta.size; size++) { // one byte at a time, cut anywhere
        struct bytes part = {.data = meta.data, .size = size};
        struct feeding how = {.threads = 1, .first = 1, .rest = 1};
        assert_int_equal(run_fed(&c, &part, &how, NULL), 0);
    }
    innodb_check_clear(&c.shared);
    assert_int_equal(c.shared.meta_count, 0);
    bytes_free(&meta);
    bytes_free(&b);
}

// Holes, behind the pages and before.
static void test_holes(void **state) {
    (void)state;
    struct ordered *o;
    struct fault f;
    struct bytes b = {0};
    load(&b, "full_crc32.ibd");
    for (unsigned before = 0; before < 2; before++) {
        assert_int_equal(ordered_new(&o, 3, &f), 0);
        struct collector *next = collector_new();
        struct check c = {.name = before ? "ibdata2" : "t.ibd"};
        struct stage *stage = make(o, &next->stage, &c);
        size_t hole = 3 * 65536 + 4096;
        if (before)
            stage_push(stage, (struct view){.size = hole});
        stage_push(stage, (struct view){.data = b.data, .size = 4096 + 50});
        stage_push(stage, (struct view){.data = b.data + 4096 + 50, .size = b.size - 4096 - 50});
        stage_push(stage, (struct view){.size = hole});
        stage_finish(stage);
        assert_int_equal(ordered_finish(o, &f), 0);
        assert_int_equal(c.shared.sound, 4);
        assert_int_equal(c.shared.empty, (before + 1) * hole / 4096);
        assert_int_equal(next->finishes, 1);
        ordered_drop(o);
        stage_free(stage);
        stage_free(&next->stage);
        ordered_free(o);
    }
    bytes_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_feedings), cmocka_unit_test(test_heads),
        cmocka_unit_test(test_ends),     cmocka_unit_test(test_lsn),
        cmocka_unit_test(test_system),   cmocka_unit_test(test_salvage),
        cmocka_unit_test(test_delta),    cmocka_unit_test(test_meta),
        cmocka_unit_test(test_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
