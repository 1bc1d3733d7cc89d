// SPDX-License-Identifier: Apache-2.0
// The reader of tar archives over memory: every form of a header, cut, damaged and hostile.
#include "format/tar.h"
#include "format/tar_reader.h"
#include "read_members.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHUNK = 1 << 16 };

static struct seen *find(struct record *r, const char *name) {
    for (unsigned i = 0; i < r->count; i++)
        if (strcmp(r->members[i].name, name) == 0)
            return &r->members[i];
    return NULL;
}

static struct stage *make_reader(struct ordered *o, struct stage *next, void *context) {
    (void)next;
    struct record *r = context;
    struct stage *s = tar_reader_new(o, MAX_CHUNK, read_members_target(r));
    if (r->salvage != NULL)
        s->salvage = salvage_whole(r->salvage);
    return s;
}

static void read_archive(const struct bytes *in, const struct feeding *how, struct record *r) {
    memset(r, 0, sizeof *r);
    read_members_on(make_reader, in, how, r);
}

static const struct feeding simple = {.threads = 1};

static void expect_failure(struct bytes *in, const char *message) {
    read_members_failure(make_reader, in, message);
}

// ---- Archives with everything in them.

static const char long_name[] =
    "database_of_a_long_name/"
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.ibd";

struct expected {
    const char *name, *content; // content NULL: a folder
    uint64_t holes;             // at the beginning; they are not in the content
};

static void old_forms(struct bytes *b) {
    ustar_entry(b, NULL, '\0', "a", "first", 5);
    ustar_entry(b, NULL, '0', "shop/", NULL, 0);
    ustar_entry(b, USTAR_GNU, 'V', "the label", NULL, 0);
    ustar_entry(b, USTAR_GNU, 'L', "././@LongLink", long_name, sizeof long_name);
    ustar_entry(b, USTAR_GNU, '0', "database_of_a_long_name/cut", "long", 4);
    ustar_entry(b, USTAR_GNU, 'D', "dumped/", "Yx\0\0", 4);
    ustar_end(b);
    // Another archive behind the end mark, as innobackupex writes them.
    ustar_entry(b, USTAR_POSIX, '5', "empty/", NULL, 0);
    ustar_entry(b, USTAR_POSIX, '2', "unwanted", NULL, 0);
    ustar_header(b, USTAR_POSIX, '0', "t.ibd", 2);
    memcpy(b->data + b->size - 512 + 345, "a/prefix", 8);
    ustar_sum(b, b->size - 512);
    bytes_text(b, "ok");
    ustar_pad(b);
    ustar_end(b);
}

static const struct expected in_old_forms[] = {
    {"a", "first", 0},  {"shop", NULL, 0},           {long_name, "long", 0}, {"dumped", NULL, 0},
    {"empty", NULL, 0}, {"a/prefix/t.ibd", "ok", 0}, {NULL, NULL, 0}};

static void new_forms(struct bytes *b) {
    struct bytes x = {0};
    ustar_record(&x, "comment", "for all");
    ustar_entry(b, USTAR_POSIX, 'g', "global", x.data, x.size);
    x.size = 0;
    ustar_record(&x, "mtime", "1.5");
    ustar_record(&x, "path", "in pax");
    ustar_record(&x, "size", "3");
    ustar_entry(b, USTAR_POSIX, 'x', "pax", x.data, x.size);
    ustar_header(b, USTAR_POSIX, '0', "short", 0);
    bytes_text(b, "pax");
    ustar_pad(b);
    x.size = 0;
    ustar_record(&x, "GNU.sparse.major", "1");
    ustar_record(&x, "GNU.sparse.minor", "0");
    ustar_record(&x, "GNU.sparse.name", "sparse 1.0");
    ustar_record(&x, "GNU.sparse.realsize", "1004");
    ustar_entry(b, USTAR_POSIX, 'x', "pax", x.data, x.size);
    ustar_header(b, USTAR_POSIX, '0', "GNUSparseFile.1/sparse", 516);
    bytes_text(b, "2\n1000\n4\n1004\n0\n");
    ustar_pad(b);
    bytes_text(b, "tail");
    ustar_pad(b);
    x.size = 0;
    ustar_record(&x, "GNU.sparse.size", "7004");
    ustar_record(&x, "GNU.sparse.numblocks", "2");
    ustar_record(&x, "GNU.sparse.map", "7000,4,7004,0");
    ustar_record(&x, "GNU.sparse.name", "sparse 0.1");
    ustar_entry(b, USTAR_POSIX, 'x', "pax", x.data, x.size);
    ustar_entry(b, USTAR_POSIX, '0', "GNUSparseFile.1/sparse", "0.1!", 4);
    x.size = 0;
    ustar_record(&x, "GNU.sparse.size", "5");
    ustar_record(&x, "GNU.sparse.offset", "1");
    ustar_record(&x, "GNU.sparse.numbytes", "1");
    ustar_record(&x, "GNU.sparse.offset", "2");
    ustar_record(&x, "GNU.sparse.numbytes", "3");
    ustar_entry(b, USTAR_POSIX, 'x', "pax", x.data, x.size);
    ustar_entry(b, USTAR_POSIX, '0', "sparse 0.0", "0.0!", 4);
    ustar_end(b);
    bytes_free(&x);
}

static const struct expected in_new_forms[] = {{"in pax", "pax", 0},
                                               {"sparse 1.0", "tail", 1000},
                                               {"sparse 0.1", "0.1!", 7000},
                                               {"sparse 0.0", "0.0!", 1},
                                               {NULL, NULL, 0}};

// Puts runs of an old GNU map into the header or block at `at`.
static void put_runs(struct bytes *b, size_t at, unsigned first, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%011o", 1000 * (first + i) + 1000);
        memcpy(b->data + at + 24 * (size_t)i, text, 11);
        memcpy(b->data + at + 24 * (size_t)i + 12, "00000000001", 11);
    }
}

// An old GNU sparse file of one byte at each thousand: 4 in the header, 21 and 2 in blocks.
static void gnu_sparse(struct bytes *b) {
    size_t at = b->size;
    ustar_header(b, USTAR_GNU, 'S', "sparse.ibd", 27);
    put_runs(b, at + 386, 0, 4);
    b->data[at + 482] = 1;
    memcpy(b->data + at + 483, "00000067160", 11); // 28272
    ustar_sum(b, at);
    bytes_zeros(b, 1024);
    put_runs(b, at + 512, 4, 21);
    b->data[at + 512 + 504] = 1;
    put_runs(b, at + 1024, 25, 2);
    bytes_text(b, "abcdefghijklmnopqrstuvwxyz.");
    ustar_pad(b);
    ustar_end(b);
}

static void check_member(const struct feeding *how, const struct seen *s,
                         const struct expected *e) {
    if (strcmp(s->name, e->name) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", feeding_text(how), s->name, e->name);
    assert_int_equal(s->folder, e->content == NULL);
    if (e->content == NULL)
        return;
    assert_true(s->ended);
    assert_int_equal(s->holes, e->holes);
    assert_int_equal(s->data.size, e->holes + strlen(e->content));
    assert_memory_equal(s->data.data + e->holes, e->content, strlen(e->content));
}

static void check_members(const struct bytes *in, const struct feeding *how,
                          const struct expected *expected) {
    struct record r;
    read_archive(in, how, &r);
    if (r.status != 0)
        fail_msg("%s: %s", feeding_text(how), r.fault.text);
    unsigned count = 0;
    for (; expected[count].name != NULL; count++)
        if (count < r.count)
            check_member(how, &r.members[count], &expected[count]);
    assert_int_equal(r.count, count);
    read_members_free(&r);
}

struct case_of_feeding {
    struct bytes in;
    const struct expected *expected;
};

static void run_members(const struct feeding *how, void *context) {
    const struct case_of_feeding *c = context;
    check_members(&c->in, how, c->expected);
}

// As feed_each, and split in two at every byte, which that does only for what is short.
static void feed_tar(void (*fill)(struct bytes *), const struct expected *expected) {
    struct case_of_feeding c = {.expected = expected};
    fill(&c.in);
    feed_each(c.in.size, run_members, &c);
    for (size_t first = 1; first < c.in.size; first++)
        check_members(&c.in, &(struct feeding){.threads = 1, .held = first % 2, .first = first},
                      expected);
    bytes_free(&c.in);
}

static void test_old_forms(void **state) {
    (void)state;
    feed_tar(old_forms, in_old_forms);
}

static void test_new_forms(void **state) {
    (void)state;
    feed_tar(new_forms, in_new_forms);
}

static void test_gnu_sparse(void **state) {
    (void)state;
    struct bytes b = {0};
    gnu_sparse(&b);
    for (size_t first = 1; first < b.size; first++) {
        struct record r;
        read_archive(&b, &(struct feeding){.threads = 1, .held = first % 2, .first = first}, &r);
        if (r.status != 0)
            fail_msg("%zu: %s", first, r.fault.text);
        const struct seen *s = &r.members[0];
        assert_true(s->ended);
        assert_int_equal(s->data.size, 28272);
        assert_int_equal(s->holes, 28272 - 27);
        assert_int_equal(s->data.data[1000], 'a');
        assert_int_equal(s->data.data[26000], 'z');
        assert_int_equal(s->data.data[27000], '.');
        read_members_free(&r);
    }
    bytes_free(&b);
}

// ---- Cut and damaged.

static void cut(void (*fill)(struct bytes *)) {
    struct bytes b = {0};
    fill(&b);
    size_t whole = b.size, mark = whole - 1024;
    for (b.size = 0; b.size < whole; b.size++)
        for (unsigned how = 0; how < 2; how++) {
            struct record r;
            read_archive(&b, &(struct feeding){.threads = how ? 3 : 1, .held = how != 0}, &r);
            // What is cut behind an end mark in the middle is whole as far as it goes.
            bool between = fill == old_forms && b.size == 12 * TAR_BLOCK;
            if (r.status != (between ? 0 : EX_DATAERR))
                fail_msg("%zu of %zu bytes: status %d, %s", b.size, whole, r.status, r.fault.text);
            for (unsigned i = 0; i < r.count; i++)
                if (!r.members[i].folder && !r.members[i].ended && !r.members[i].unfinished)
                    fail_msg("%zu: %s neither ended nor was unfinished", b.size, r.members[i].name);
            if (!between && b.size > 0 &&
                strstr(r.fault.text, "tar archive ends too early") == NULL)
                fail_msg("%zu: %s", b.size, r.fault.text);
            if (b.size >= mark)
                assert_non_null(
                    strstr(r.fault.text, b.size % 512 == 0 ? "an end mark" : "the rest"));
            read_members_free(&r);
        }
    bytes_free(&b);
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    cut(old_forms);
    cut(new_forms);
    cut(gnu_sparse);
}

static void test_cut_messages(void **state) {
    (void)state;
    struct bytes b = {0};
    expect_failure(&b, "the tar archive is empty: expected a member");
    ustar_end(&b);
    expect_failure(&b, "the tar archive is empty: expected a member");
    ustar_entry(&b, USTAR_GNU, '0', "a", "content", 7);
    expect_failure(&b,
                   "tar archive ends too early, at input offset 1024: expected an end mark, two "
                   "blocks of zeros; it was cut short: fetch the backup again");
    ustar_entry(&b, USTAR_GNU, '0', "a", "content", 7);
    b.size -= 510;
    expect_failure(&b,
                   "a: tar archive ends too early, at input offset 514: expected 5 more bytes of "
                   "this member; it was cut short: fetch the backup again");
    ustar_header(&b, USTAR_GNU, '0', "a", 0);
    bytes_zeros(&b, 600);
    expect_failure(&b, "tar archive ends too early, at input offset 1112: expected the rest of an "
                       "entry; it was cut short: fetch the backup again");
    // Zeros that fill the last record up may be cut anywhere.
    static const struct expected one[] = {{"a", "content", 0}, {NULL, NULL, 0}};
    ustar_entry(&b, USTAR_GNU, '0', "a", "content", 7);
    ustar_end(&b);
    bytes_zeros(&b, 300);
    check_members(&b, &simple, one);
    bytes_text(&b, "x");
    expect_failure(&b, "tar archive ends too early, at input offset 2349: expected the rest of an "
                       "entry; it was cut short: fetch the backup again");
}

// A header that has one bit turned is refused; contents and padding have no checksum.
static void test_every_bit(void **state) {
    (void)state;
    struct bytes b = {0};
    ustar_entry(&b, USTAR_GNU, '0', "a", "content", 7);
    ustar_end(&b);
    for (size_t bit = 0; bit < 8 * 512; bit++) {
        struct record r;
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        read_archive(&b, &simple, &r);
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        // A zero before the checksum may be a blank, a NUL behind it too, and the other way round.
        bool passes = bit == 8 * 148 + 4 || bit == 8 * 154 + 5 || bit == 8 * 155 + 5;
        if ((r.status == 0) != passes)
            fail_msg("bit %zu of byte %zu: %d, %s", bit % 8, bit / 8, r.status, r.fault.text);
        read_members_free(&r);
    }
    b.data[0] = 'b';
    expect_failure(&b, "damaged tar header at input offset 0: checksum: expected 003030, found "
                       "\"003027\\x00 \"; fetch the backup again");
}

static void test_signed_checksum(void **state) {
    (void)state;
    static const struct expected one[] = {{"\xe4", "", 0}, {NULL, NULL, 0}};
    struct bytes b = {0};
    ustar_header(&b, USTAR_GNU, '0', "\xe4", 0);
    unsigned sum = (unsigned)strtoul((char *)b.data + 148, NULL, 8);
    snprintf((char *)b.data + 148, 8, "%06o", sum - 256);
    ustar_end(&b);
    check_members(&b, &simple, one);
    bytes_free(&b);
}

// ---- Headers that are wrong.

static void field(struct bytes *b, size_t at, const void *bytes, size_t size) {
    ustar_entry(b, USTAR_GNU, '0', "a", NULL, 0);
    memcpy(b->data + at, bytes, size);
    ustar_sum(b, 0);
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *shown;
    } wrong[] = {{"00000000008\0", "00000000008\\x00"},
                 {"            ", "            "},
                 {"\0\0\0\0\0\0\0\0\0\0\0\0",
                  "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"},
                 {"-0000000001\0", "-0000000001\\x00"},
                 {"0000 000001\0", "0000 000001\\x00"},
                 {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", // -1
                  "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff"},
                 {"\x80\0\0\0\x80\0\0\0\0\0\0\0", // 2^63
                  "\\x80\\x00\\x00\\x00\\x80\\x00\\x00\\x00\\x00\\x00\\x00\\x00"},
                 {"\x81\0\0\0\0\0\0\0\0\0\0\0",
                  "\\x81\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct bytes b = {0};
        char expected[300];
        field(&b, 124, wrong[i].bytes, 12);
        snprintf(expected, sizeof expected,
                 "size in tar header at input offset 124: expected a number up to 2^63-1, found "
                 "\"%s\"",
                 wrong[i].shown);
        expect_failure(&b, expected);
    }
    // All twelve digits; blanks around; base 256; the largest, of which nothing is there.
    static const struct expected one[] = {{"a", "content", 0}, {NULL, NULL, 0}};
    static const char *const right[] = {"000000000007", "      7     ", "7\0\0\0\0\0\0\0\0\0\0\0",
                                        "\x80\0\0\0\0\0\0\0\0\0\0\7"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct bytes b = {0};
        field(&b, 124, right[i], 12);
        bytes_text(&b, "content");
        ustar_pad(&b);
        ustar_end(&b);
        check_members(&b, &simple, one);
        bytes_free(&b);
    }
    struct bytes b = {0};
    field(&b, 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
    expect_failure(&b, "a: tar archive ends too early, at input offset 512: expected "
                       "9223372036854775807 more bytes of this member; it was cut short: fetch the "
                       "backup again");
}

static void test_other_types(void **state) {
    (void)state;
    static const struct {
        char type;
        const char *what;
    } types[] = {{'1', "a hard link"},
                 {'2', "a symbolic link"},
                 {'3', "a character device"},
                 {'4', "a block device"},
                 {'6', "a FIFO"},
                 {'M', "the rest of a file from another volume"},
                 {'!', "an entry of an unknown type"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct bytes b = {0};
        char expected[300];
        ustar_entry(&b, USTAR_GNU, types[i].type, "x\n", NULL, 0);
        snprintf(
            expected, sizeof expected,
            "x\\x0a: %s in tar archive at input offset 0: only files and folders are unpacked; "
            "leave it out with --exclude",
            types[i].what);
        expect_failure(&b, expected);
    }
    struct bytes star = {0};
    ustar_entry(&star, USTAR_POSIX, 'S', "s", NULL, 0);
    expect_failure(&star, "s: a sparse file in a form that only star reads in tar archive at input "
                          "offset 0: only files and folders are unpacked; leave it out with "
                          "--exclude");
    // The long target of a link is no entry, and the long name is the link's.
    struct bytes b = {0};
    ustar_entry(&b, USTAR_GNU, 'K', "././@LongLink", "/etc", 5);
    ustar_entry(&b, USTAR_GNU, 'L', "././@LongLink", long_name, sizeof long_name);
    ustar_entry(&b, USTAR_GNU, '2', "x", NULL, 0);
    struct record r;
    read_archive(&b, &simple, &r);
    assert_int_equal(r.status, EX_DATAERR);
    assert_memory_equal(r.fault.text, long_name, 100);
    assert_non_null(
        strstr(r.fault.text, ": a symbolic link in tar archive at input offset 2048: "));
    read_members_free(&r);
    bytes_free(&b);
    ustar_header(&b, USTAR_GNU, '5', "folder", 1);
    expect_failure(&b, "size of a folder in tar header at input offset 124: expected 0, found 1");
}

static void test_names(void **state) {
    (void)state;
    struct bytes b = {0}, x = {0};
    ustar_entry(&b, USTAR_GNU, '0', "a", "1", 1);
    ustar_entry(&b, USTAR_GNU, '0', "a", "2", 1);
    expect_failure(&b, "a: the archive has a second member of this name at input offset 1024");
    ustar_entry(&b, USTAR_GNU, '0', "", "1", 1);
    expect_failure(&b,
                   "name of an entry in tar archive at input offset 0: expected 1 to 511 bytes, "
                   "found 0");
    for (unsigned over = 0; over < 2; over++) {
        x.size = 0;
        bytes_zeros(&x, 511 + over);
        memset(x.data, 'n', x.size);
        ustar_entry(&b, USTAR_GNU, 'L', "././@LongLink", x.data, x.size);
        ustar_entry(&b, USTAR_GNU, '0', "x", NULL, 0);
        ustar_end(&b);
        struct record r;
        read_archive(&b, &simple, &r);
        assert_int_equal(r.status, over ? EX_DATAERR : 0);
        if (over)
            assert_non_null(strstr(r.fault.text, "expected 1 to 511 bytes, found 512"));
        read_members_free(&r);
        bytes_free(&b);
    }
    ustar_entry(&b, USTAR_GNU, 'L', "././@LongLink", "name", 4);
    ustar_end(&b);
    expect_failure(&b, "extended tar header without an entry: expected one at input offset 1024; "
                       "the archive is damaged: fetch the backup again");
    ustar_header(&b, USTAR_GNU, 'L', "././@LongLink", MAX_CHUNK + 1);
    expect_failure(&b, "extended tar header at input offset 0 is too large: expected at most 65536 "
                       "bytes, found 65537; if the file is sound, use a larger --max-chunk");
    bytes_free(&x);
}

static void pax(struct bytes *b, char type, const char *records) {
    ustar_entry(b, USTAR_POSIX, type, "pax", records, strlen(records));
    ustar_entry(b, USTAR_POSIX, '0', "a", "1234", 4);
    ustar_end(b);
}

static void test_pax_records(void **state) {
    (void)state;
    static const char *const malformed[] = {"7 a=bc",
                                            "9 a=bcd\n",
                                            "0 a=b\n",
                                            "4 =b\n",
                                            "5 ab\n",
                                            "x",
                                            "99999999999999999999 a=b\n",
                                            "3 \n",
                                            "6 a=b",
                                            "-6 a=b\n",
                                            " 6 a=b\n",
                                            "6\ta=b\n",
                                            "2\n"};
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        struct bytes b = {0};
        struct record r;
        pax(&b, 'x', malformed[i]);
        read_archive(&b, &simple, &r);
        if (r.status != EX_DATAERR ||
            strncmp(r.fault.text,
                    "malformed pax record in tar archive at input offset 512: ", 57) != 0)
            fail_msg("\"%s\": %d, %s", malformed[i], r.status, r.fault.text);
        read_members_free(&r);
        bytes_free(&b);
    }
    struct bytes b = {0};
    pax(&b, 'x', "6 a=b\n6 a=b");
    expect_failure(&b, "malformed pax record in tar archive at input offset 518: expected \"LENGTH "
                       "KEY=VALUE\" and a newline, found \"6 a=b\"");
    pax(&b, 'x', "10 size=-1\n");
    expect_failure(&b, "malformed pax record in tar archive at input offset 512: expected \"LENGTH "
                       "KEY=VALUE\" and a newline, found \"10 size=-1\\x0a\"");
    pax(&b, 'x', "11 size=-1\n");
    expect_failure(&b, "pax record in tar archive at input offset 512: expected a value of another "
                       "form, found \"size=-1\"");
    pax(&b, 'x', "28 size=9223372036854775808\n");
    expect_failure(&b, "pax record in tar archive at input offset 512: expected a value of another "
                       "form, found \"size=9223372036854775808\"");
    pax(&b, 'g', "10 path=b\n");
    expect_failure(&b,
                   "pax record in tar archive at input offset 512: expected none about a single "
                   "file in a global header, found \"path\"");
}

// GNU's sparse formats: what does not fit the contents or the file.
static void test_sparse_maps(void **state) {
    (void)state;
    static const struct {
        const char *map, *size, *message;
    } cases[] = {
        {"0,5", "9",
         "a: map of a sparse file in tar archive at input offset 1024: expected 4 bytes "
         "of data in all, found 5"},
        {"0,2", "9",
         "a: map of a sparse file in tar archive at input offset 1024: expected 4 bytes "
         "of data in all, found 2"},
        {"6,4", "9",
         "a: map of a sparse file in tar archive at input offset 1024: expected an end "
         "at 9 at most, found 10"},
        {"4,2,2,2", "9",
         "map of a sparse file in tar archive at input offset 512: expected an "
         "offset from 6 on, found 2 bytes at 2"},
        {"4,2,5,2", "9",
         "map of a sparse file in tar archive at input offset 512: expected an "
         "offset from 6 on, found 2 bytes at 5"},
        {"9223372036854775800,9", "9",
         "pax record in tar archive at input offset 512: expected a value of another form, found "
         "\"GNU.sparse.map=9223372036854775800,9\""},
        {"9223372036854775799,9", "9",
         "map of a sparse file in tar archive at input offset 512: expected an offset from 0 on, "
         "found 9 bytes at 9223372036854775799"},
        {"1", "9",
         "pax record in tar archive at input offset 512: expected a value of another form, "
         "found \"GNU.sparse.map=1\""},
        {"1,2,", "9",
         "pax record in tar archive at input offset 512: expected a value of another "
         "form, found \"GNU.sparse.map=1,2,\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes b = {0}, x = {0};
        ustar_record(&x, "GNU.sparse.map", cases[i].map);
        ustar_record(&x, "GNU.sparse.size", cases[i].size);
        bytes_zeros(&x, 1);
        pax(&b, 'x', (const char *)x.data);
        bytes_free(&x);
        if (i != 8) {
            expect_failure(&b, cases[i].message);
            continue;
        }
        struct record r; // a comma at the end is no third number
        read_archive(&b, &simple, &r);
        assert_int_equal(r.status, EX_DATAERR);
        read_members_free(&r);
        bytes_free(&b);
    }
    struct bytes b = {0};
    pax(&b, 'x', "24 GNU.sparse.offset=10\n");
    expect_failure(&b,
                   "pax records in tar archive at input offset 536: expected the length of a run "
                   "of a sparse file after its offset, found the end");
    pax(&b, 'x', "25 GNU.sparse.offset=10\n");
    expect_failure(&b, "malformed pax record in tar archive at input offset 512: expected \"LENGTH "
                       "KEY=VALUE\" and a newline, found \"25 GNU.sparse.offset=10\\x0a\"");
}

// A map before the contents: no number, too many, an end too early.
static void test_maps_in_data(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
        const char *message;
    } cases[] = {
        {"x", 600,
         "a: map of a sparse file in tar archive at input offset 1536: expected a number up "
         "to 2^63-1 and a newline, found 'x'"},
        {"1\n\n", 600,
         "a: map of a sparse file in tar archive at input offset 1538: expected a "
         "number up to 2^63-1 and a newline, found '\\x0a'"},
        {"1\n99999999999999999999\n1\n", 600,
         "a: map of a sparse file in tar archive at input offset 1556: expected a number up to "
         "2^63-1 and a newline, found '9'"},
        {"1\n0\n88\n", 100,
         "a: map of a sparse file in tar archive at input offset 1024: expected a "
         "further block of it, found the end of the member"},
        {"1\n0\n89\n", 600,
         "a: map of a sparse file in tar archive at input offset 1024: expected 88 "
         "bytes of data in all, found 89"},
        {"1\n5000\n88\n", 600,
         "a: map of a sparse file in tar archive at input offset 1024: expected "
         "an end at 5000 at most, found 5088"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes b = {0}, x = {0};
        ustar_record(&x, "GNU.sparse.major", "1");
        ustar_record(&x, "GNU.sparse.realsize", "5000");
        ustar_entry(&b, USTAR_POSIX, 'x', "pax", x.data, x.size);
        ustar_header(&b, USTAR_POSIX, '0', "a", cases[i].size);
        bytes_text(&b, cases[i].text);
        bytes_zeros(&b, 2000);
        expect_failure(&b, cases[i].message);
        bytes_free(&x);
    }
}

// A claim of many runs takes no memory, and so many are not taken.
static void test_too_many_runs(void **state) {
    (void)state;
    struct bytes b = {0}, x = {0};
    ustar_record(&x, "GNU.sparse.major", "1");
    ustar_record(&x, "GNU.sparse.realsize", "9000000000000000000");
    ustar_entry(&b, USTAR_POSIX, 'x', "pax", x.data, x.size);
    ustar_header(&b, USTAR_POSIX, '0', "a", 1 << 20);
    bytes_text(&b, "9223372036854775799\n");
    for (unsigned i = 0; i <= MAX_CHUNK / 16; i++) {
        char run[40];
        bytes_add(&b, run, (size_t)snprintf(run, sizeof run, "%u\n1\n", 2 * i));
    }
    bytes_zeros(&b, 4096);
    struct record r;
    read_archive(&b, &simple, &r);
    assert_int_equal(r.status, EX_DATAERR);
    assert_non_null(strstr(r.fault.text, " is too large: expected at most 4096 runs; "));
    read_members_free(&r);
    bytes_free(&b);
    bytes_free(&x);
}

// ---- Salvage.

static void salvage(const struct bytes *in, struct record *r) {
    struct fault f;
    memset(r, 0, sizeof *r);
    assert_int_equal(salvage_new(&r->salvage, &f), 0);
    read_members_on(make_reader, in, &simple, r);
    if (r->status != 0)
        fail_msg("%s", r->fault.text);
}

static void salvaged(struct record *r) {
    salvage_free(r->salvage);
    read_members_free(r);
}

static void three(struct bytes *b) {
    ustar_entry(b, USTAR_GNU, '0', "a", "first", 5);
    ustar_entry(b, USTAR_GNU, '0', "b", "second", 6);
    ustar_entry(b, USTAR_GNU, '0', "c", "third", 5);
    ustar_end(b);
}

static void test_salvage(void **state) {
    (void)state;
    struct bytes b = {0};
    struct record r;
    three(&b);
    salvage(&b, &r);
    assert_int_equal(salvage_losses(r.salvage), 0);
    assert_int_equal(r.count, 3);
    salvaged(&r);
    // A damaged header: its member is lost, and only that.
    b.data[1024] ^= 1;
    salvage(&b, &r);
    assert_int_equal(salvage_losses(r.salvage), 1);
    assert_int_equal(r.count, 2);
    assert_true(find(&r, "a")->ended && find(&r, "a")->scope->losses == 0);
    assert_true(find(&r, "c")->ended && find(&r, "c")->scope->losses == 0);
    salvaged(&r);
    b.data[1024] ^= 1;
    // Cut: the member that is not whole is noted as such.
    b.size = 2048 + 512 + 2;
    salvage(&b, &r);
    assert_int_equal(salvage_losses(r.salvage), 1);
    assert_int_equal(find(&r, "b")->scope->losses, 0);
    assert_true(find(&r, "c")->ended);
    assert_int_equal(find(&r, "c")->scope->losses, 1);
    assert_int_equal(find(&r, "c")->data.size, 2);
    salvaged(&r);
    b.size = 2048;
    salvage(&b, &r);
    assert_int_equal(salvage_losses(r.salvage), 1);
    assert_int_equal(r.count, 2);
    salvaged(&r);
    bytes_free(&b);
    // What is refused is passed over, with its contents.
    ustar_entry(&b, USTAR_GNU, '2', "link", NULL, 0);
    ustar_entry(&b, USTAR_GNU, '0', "a", "first", 5);
    ustar_entry(&b, USTAR_GNU, '0', "a", "again", 5);
    ustar_entry(&b, USTAR_GNU, '0', "b", "second", 6);
    ustar_end(&b);
    salvage(&b, &r);
    assert_int_equal(salvage_losses(r.salvage), 2);
    assert_int_equal(r.count, 2);
    assert_int_equal(find(&r, "a")->data.size, 5);
    assert_memory_equal(find(&r, "a")->data.data, "first", 5);
    assert_true(find(&r, "b")->ended);
    salvaged(&r);
    bytes_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_forms),       cmocka_unit_test(test_new_forms),
        cmocka_unit_test(test_gnu_sparse),      cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_cut_messages),    cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_signed_checksum), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_other_types),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_pax_records),     cmocka_unit_test(test_sparse_maps),
        cmocka_unit_test(test_maps_in_data),    cmocka_unit_test(test_too_many_runs),
        cmocka_unit_test(test_salvage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
