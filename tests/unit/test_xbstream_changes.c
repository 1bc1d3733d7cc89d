// SPDX-License-Identifier: Apache-2.0
// MariaDB's changes to members that have been sent, as the reader tells its target of them, and the
// roster of members that it finds them in.
#include "archives.h"
#include "feed.h"
#include "format/xbstream_reader.h"
#include "format/xbstream_roster.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 12, SIZE_MAX_ = 200, TEXT_MAX = 2000 };

// A file as the target has it.
struct file {
    char name[64];
    char data[SIZE_MAX_];
    size_t at, size;
    bool ended, removed;
};

struct record {
    struct file files[FILES_MAX];
    unsigned count;
    char folders[200]; // that have been removed
    struct fed fed;
};

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    struct record *r = context;
    (void)size, (void)f;
    assert_true(r->count < FILES_MAX);
    struct file *file = &r->files[r->count++];
    snprintf(file->name, sizeof file->name, "%s", name);
    *member = file;
    return 0;
}

static void data(void *context, void *member, struct view v) {
    struct file *file = member;
    (void)context;
    assert_false(file->ended);
    assert_true(file->at + v.size <= sizeof file->data);
    memcpy(file->data + file->at, v.data, v.size);
    file->at += v.size;
    file->size = file->at > file->size ? file->at : file->size;
}

static void seek(void *context, void *member, uint64_t offset) {
    struct file *file = member;
    (void)context;
    assert_false(file->ended);
    assert_true(offset <= file->size);
    file->at = (size_t)offset;
}

static void end(void *context, void *member) {
    (void)context;
    ((struct file *)member)->ended = true;
}

static int rename_file(void *context, void *member, const char *from, const char *name, size_t size,
                       struct fault *f) {
    struct file *file = member;
    (void)context, (void)f;
    assert_string_equal(file->name, from);
    assert_false(file->removed);
    assert_int_equal(strlen(name), size);
    snprintf(file->name, sizeof file->name, "%s", name);
    return 0;
}

static int remove_file(void *context, void *member, const char *name, struct fault *f) {
    struct file *file = member;
    (void)context, (void)f;
    assert_string_equal(file->name, name);
    assert_false(file->removed);
    file->removed = true;
    return 0;
}

static int remove_folder(void *context, const char *name, size_t size, struct fault *f) {
    struct record *r = context;
    (void)f;
    size_t used = strlen(r->folders);
    snprintf(r->folders + used, sizeof r->folders - used, "-%.*s ", (int)size, name);
    return 0;
}

static void finish(void *context) {
    (void)context;
}

static struct stage *make_reader(struct ordered *o, struct stage *next, void *context) {
    (void)next;
    return xbstream_reader_new(o, 1 << 20,
                               (struct archive_target){.begin = begin,
                                                       .data = data,
                                                       .seek = seek,
                                                       .end = end,
                                                       .rename = rename_file,
                                                       .remove = remove_file,
                                                       .remove_folder = remove_folder,
                                                       .finish = finish,
                                                       .context = context});
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

// The files in the end: "NAME=DATA ", sorted, "NAME~DATA" if it has not ended; then the folders
// that are gone; or the fault.
static const char *outcome(const struct bytes *in, const struct feeding *how) {
    static char text[TEXT_MAX];
    struct record *r = calloc(1, sizeof *r);
    char lines[FILES_MAX][300];
    size_t count = 0, used = 0;
    assert_non_null(r);
    feed_run(make_reader, r, in->data, in->size, how, &r->fed);
    for (unsigned i = 0; i < r->count; i++)
        if (!r->files[i].removed)
            snprintf(lines[count++], sizeof lines[0], "%s%c%.*s ", r->files[i].name,
                     r->files[i].ended ? '=' : '~', (int)r->files[i].size, r->files[i].data);
    qsort(lines, count, sizeof lines[0], compare);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", lines[i]);
    snprintf(text + used, sizeof text - used, "%s%s", r->folders, r->fed.fault.text);
    fed_free(&r->fed);
    free(r);
    return text;
}

static const struct feeding simple = {.threads = 1};

static const char *expected_text;

static void run_once(const struct feeding *how, void *context) {
    const char *seen = outcome(context, how);
    if (strcmp(seen, expected_text) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", feeding_text(how), seen, expected_text);
}

// The stream, fed in every way, comes out like that. Frees it.
static void expect(struct bytes *in, const char *text) {
    expected_text = text;
    feed_each(in->size, run_once, in);
    bytes_free(in);
}

static void member(struct bytes *b, const char *name, const char *data_) {
    xbs_member(b, name, data_, strlen(data_));
}

static void test_rename(void **state) {
    (void)state;
    struct bytes b = {0};
    member(&b, "d/a", "one");
    xbs_rename(&b, "d/a", "d/b");
    xbs_rename(&b, "d/never", "d/sent");
    expect(&b, "d/b=one ");
    // The name is free then; a chain, a swap, a loop, and onto itself.
    member(&b, "a", "1");
    xbs_rename(&b, "a", "b");
    member(&b, "a", "2");
    xbs_rename(&b, "a", "t");
    xbs_rename(&b, "b", "a");
    xbs_rename(&b, "t", "b");
    xbs_rename(&b, "b", "b");
    expect(&b, "a=1 b=2 ");
    // Onto another, which is gone then.
    member(&b, "a", "1");
    member(&b, "b", "2");
    xbs_rename(&b, "a", "b");
    xbs_rename(&b, "a", "c");
    expect(&b, "b=1 ");
}

static void test_remove(void **state) {
    (void)state;
    struct bytes b = {0};
    member(&b, "d/a", "1");
    member(&b, "d/b", "2");
    member(&b, "da", "3");
    xbs_remove(&b, "d/a");
    xbs_remove(&b, "d/a");
    xbs_remove(&b, "x");
    expect(&b, "d/b=2 da=3 ");
    // A folder with all below it, and no other.
    member(&b, "d/a", "1");
    member(&b, "d/e/f", "2");
    member(&b, "d.x", "3");
    member(&b, "dd/a", "4");
    xbs_remove(&b, "d");
    member(&b, "d/a", "5");
    expect(&b, "d.x=3 d/a=5 dd/a=4 -d ");
    member(&b, "d/a", "1");
    member(&b, "k", "2");
    xbs_remove(&b, "d/");
    expect(&b, "k=2 -d ");
    // The partitions of a table.
    member(&b, "d/t#P#p0.ibd", "1");
    member(&b, "d/t#P#p1#SP#s.ibd", "2");
    member(&b, "d/t.frm", "3");
    member(&b, "d/t2#P#p0.ibd", "4");
    member(&b, "d/u#p#p0.ibd", "5");
    xbs_remove(&b, "d/t#P#*");
    xbs_remove(&b, "d/u#p#*");
    xbs_remove(&b, "d/v#P#*");
    expect(&b, "d/t.frm=3 d/t2#P#p0.ibd=4 ");
    // A renamed member is found where it is.
    member(&b, "d/a", "1");
    member(&b, "e/a", "2");
    xbs_rename(&b, "d/a", "e/t#P#p");
    xbs_remove(&b, "d");
    xbs_remove(&b, "e/t#P#*");
    expect(&b, "e/a=2 ");
}

static void test_rewrite(void **state) {
    (void)state;
    struct bytes b = {0};
    member(&b, "t.frm", "old and long");
    xbs_rewrite(&b, "t.frm", "new");
    xbs_rewrite(&b, "u.frm", "first");
    expect(&b, "t.frm=new u.frm=first ");
    // Without the mark it is an error, as before.
    member(&b, "t", "old");
    member(&b, "t", "new");
    expect(&b, "t=old t: xbstream chunk at input offset 53 comes after the end of its member");
    // In the middle of a file the mark says nothing.
    xbs_payload(&b, "t", 0, "old");
    xbs_rewrite(&b, "t", "new");
    expect(&b, "t~old t: xbstream chunk at input offset 38 does not continue its member: expected "
               "offset 3, found 0; the stream is damaged or a part of it is missing");
}

static void test_seek(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_payload(&b, "log", 0, "AAAAAAAAAA");
    xbs_seek(&b, "log", 2);
    xbs_payload(&b, "log", 2, "bb");
    xbs_payload(&b, "log", 4, "c");
    xbs_seek(&b, "log", 9);
    xbs_payload(&b, "log", 9, "ddd");
    xbs_seek(&b, "log", 12);
    xbs_seek(&b, "log", 0);
    xbs_end(&b, "log");
    expect(&b, "log=AAbbcAAAAddd ");
    // Of a file that has nothing yet.
    xbs_seek(&b, "log", 0);
    xbs_payload(&b, "log", 0, "a");
    xbs_end(&b, "log");
    expect(&b, "log=a ");
    xbs_payload(&b, "log", 0, "AAAA");
    xbs_seek(&b, "log", 5);
    xbs_end(&b, "log");
    expect(&b,
           "log~AAAA log: xbstream chunk at input offset 41 seeks beyond the end of its member: "
           "expected an offset of at most 4, found 5");
}

// As the last chunk a seek cannot be told from another S, and its file has not ended anyway.
static void test_seek_at_the_end(void **state) {
    (void)state;
    struct bytes b = {0};
    member(&b, "k", "1");
    xbs_payload(&b, "log", 0, "AAAA");
    xbs_seek(&b, "log", 1);
    assert_non_null(strstr(outcome(&b, &simple), "xbstream ends too early, inside a chunk"));
    bytes_free(&b);
}

static void test_open(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_payload(&b, "d/a", 0, "1");
    xbs_rename(&b, "d/a", "b");
    expect(&b,
           "d/a~1 d/a: xbstream chunk at input offset 38 renames or removes a file that has not "
           "ended; the stream is damaged");
    xbs_payload(&b, "a", 0, "1");
    member(&b, "b", "2");
    xbs_rename(&b, "b", "a");
    expect(&b,
           "a~1 b=2 a: xbstream chunk at input offset 87 renames or removes a file that has not "
           "ended; the stream is damaged");
    static const char *const paths[] = {"d/a", "d", "d/a#P#*"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        xbs_payload(&b, i < 2 ? "d/a" : "d/a#P#p", 0, "1");
        xbs_remove(&b, paths[i]);
        const char *seen = outcome(&b, &simple);
        if (strstr(seen, "renames or removes a file that has not ended") == NULL)
            fail_msg("%s: %s", paths[i], seen);
        bytes_free(&b);
    }
    member(&b, "d/a", "1");
    xbs_rename(&b, "d", "e");
    expect(&b, "d/a=1 d: xbstream chunk at input offset 55 renames a folder: expected a file");
    member(&b, "a", "1");
    xbs_seek(&b, "a", 0);
    xbs_end(&b, "a");
    expect(&b, "a=1 a: xbstream chunk at input offset 51 comes after the end of its member");
}

static void test_sizes(void **state) {
    (void)state;
    struct bytes b = {0};
    char name[600];
    memset(name, 'n', sizeof name);
    name[511] = '\0';
    member(&b, "a", "1");
    xbs_rename(&b, "a", "");
    assert_string_equal(outcome(&b, &simple),
                        "a=1 new path length of xbstream chunk at input offset 66: expected 1 to "
                        "511 bytes, found 0");
    bytes_free(&b);
    member(&b, "a", "1");
    name[511] = 'n';
    name[512] = '\0';
    xbs_rename(&b, "a", name);
    assert_string_equal(outcome(&b, &simple),
                        "a=1 new path length of xbstream chunk at input offset 66: expected 1 to "
                        "511 bytes, found 512");
    bytes_free(&b);
    // The longest head of all.
    name[511] = '\0';
    xbs_rename(&b, name, name);
    member(&b, "a", "1");
    assert_string_equal(outcome(&b, &simple), "a=1 ");
    bytes_free(&b);
}

// What is cut off is an error, or, at a chunk's end with all files ended, the state that was
// reached.
static void test_cut_at_every_byte(void **state) {
    (void)state;
    struct bytes b = {0};
    member(&b, "a", "1");
    xbs_rename(&b, "a", "b");
    size_t renamed = b.size;
    xbs_rewrite(&b, "b", "22");
    size_t rewritten = b.size;
    xbs_remove(&b, "b");
    size_t whole = b.size;
    for (b.size = 60; b.size <= whole; b.size++) {
        const char *seen = outcome(&b, &simple);
        bool cut = strstr(seen, "xbstream ends too early") != NULL;
        if (b.size == renamed)
            assert_string_equal(seen, "b=1 ");
        else if (b.size == rewritten)
            assert_string_equal(seen, "b=22 ");
        else if (b.size == whole)
            assert_string_equal(seen, "");
        else if (!cut)
            fail_msg("%zu bytes: %s", b.size, seen);
    }
    bytes_free(&b);
}

// ---- The roster.

static void note(void *user, void *context) {
    char *text = context;
    snprintf(text + strlen(text), 20, "%s", (const char *)user);
}

static void test_roster(void **state) {
    (void)state;
    struct xbstream_roster r = {0};
    static char values[][3] = {"1 ", "2 ", "3 ", "4 "};
    static const char *const names[] = {"a/b/c", "a/b", "a", "/x#P#1#P#2"};
    const struct name *name;
    for (size_t i = 0; i < 4; i++)
        *xbstream_roster_add(&r, names[i], strlen(names[i])) = values[i];
    for (size_t i = 0; i < 4; i++)
        assert_ptr_equal(xbstream_roster_find(&r, names[i], strlen(names[i])), values[i]);
    char text[100] = "";
    xbstream_roster_visit(&r, note, text);
    assert_int_equal(strlen(text), 8);
    assert_ptr_equal(xbstream_roster_below(&r, "a/b/", 4, &name), values[0]);
    assert_string_equal(name->bytes, "a/b/c");
    assert_ptr_equal(xbstream_roster_below(&r, "/", 1, &name), values[3]);
    assert_ptr_equal(xbstream_roster_below(&r, "/x#P#", 5, &name), values[3]);
    assert_null(xbstream_roster_below(&r, "/x#P#1#P#", 9, &name)); // not the first of them
    assert_null(xbstream_roster_below(&r, "b/", 2, &name));
    xbstream_roster_remove(&r, "a/b/c", 5);
    assert_null(xbstream_roster_below(&r, "a/b/", 4, &name));
    assert_ptr_equal(xbstream_roster_below(&r, "a/", 2, &name), values[1]);
    xbstream_roster_remove(&r, "a/b", 3);
    xbstream_roster_remove(&r, "a/b", 3);
    assert_null(xbstream_roster_below(&r, "a/", 2, &name));
    assert_ptr_equal(xbstream_roster_find(&r, "a", 1), values[2]);
    xbstream_roster_clear(&r);
}

// A hundred thousand members in one folder, renamed, removed and looked for: what looked at all of
// them each time would take minutes.
static void test_many(void **state) {
    (void)state;
    struct xbstream_roster r = {0};
    enum { MANY = 100000 };
    static char value;
    const struct name *name;
    char text[40];
    for (int i = 0; i < MANY; i++) {
        int size = snprintf(text, sizeof text, "d/t%d#P#p", i);
        *xbstream_roster_add(&r, text, (size_t)size) = &value;
    }
    for (int i = 0; i < MANY; i++) {
        int size = snprintf(text, sizeof text, "d/t%d#P#", i);
        assert_ptr_equal(xbstream_roster_below(&r, text, (size_t)size, &name), &value);
        xbstream_roster_remove(&r, name->bytes, name->size);
        assert_null(xbstream_roster_below(&r, text, (size_t)size, &name));
        *xbstream_roster_add(&r, text, (size_t)size) = &value;
    }
    int left = 0;
    for (; xbstream_roster_below(&r, "d/", 2, &name) != NULL; left++)
        xbstream_roster_remove(&r, name->bytes, name->size);
    assert_int_equal(left, MANY);
    xbstream_roster_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rename),          cmocka_unit_test(test_remove),
        cmocka_unit_test(test_rewrite),         cmocka_unit_test(test_seek),
        cmocka_unit_test(test_seek_at_the_end), cmocka_unit_test(test_open),
        cmocka_unit_test(test_sizes),           cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_roster),          cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
