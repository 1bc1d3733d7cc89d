// SPDX-License-Identifier: Apache-2.0
// The sink: the same bytes whatever becomes a hole, in whatever pieces they come and in whatever
// order; and which pages make a file one with holes.
#include "archives.h"
#include "file/sink.h"
#include "format/innodb_page.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096, PAGE = 16 << 10 };

static int make_file(void) {
    const char *base = getenv("TMPDIR");
    char path[300];
    snprintf(path, sizeof path, "%s/test_sink.XXXXXX", base != NULL ? base : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static void count(void *context) {
    ++*(unsigned *)context;
}

struct run {
    enum sink_holes holes;
    unsigned threads;
    size_t piece;
    bool in_place; // out of order
    bool marked;   // blocks of zeros are pushed as holes
};

static bool is_zero(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (data[i] != 0)
            return false;
    return true;
}

static void push_all(struct stage *sink, struct ordered *o, const struct bytes *content,
                     struct slab *slab, const struct run *r) {
    for (size_t at = 0, n; at < content->size; at += n) {
        n = r->piece < content->size - at ? r->piece : content->size - at;
        struct view v = {.data = slab->data + at, .size = n, .slab = slab};
        if (r->marked && is_zero(v.data, n))
            v = (struct view){.size = n};
        stage_push(sink, v);
        ordered_pump(o);
    }
}

// From the end to the start, as a pool might.
static void place_all(struct stage *sink, const struct bytes *content, const struct run *r) {
    struct fault f;
    for (size_t end = content->size; end > 0;) {
        size_t at = (end - 1) / r->piece * r->piece;
        assert_int_equal(sink->ops->place(sink, at, content->data + at, end - at, &f), 0);
        end = at;
    }
    for (size_t at = 0; at < content->size; at += r->piece)
        sink->ops->placed(sink, r->piece < content->size - at ? r->piece : content->size - at);
}

// Writes the content through a sink and compares. Returns the file's size on the disk.
static uint64_t write_and_compare(const struct bytes *content, const struct run *r) {
    struct ordered *o;
    struct fault f;
    unsigned done = 0;
    int fd = make_file();
    assert_int_equal(ordered_new(&o, r->threads, &f), 0);
    struct stage *sink = sink_new(o, fd, "file", true, count, &done);
    assert_non_null(sink);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    sink_set_holes(sink, r->holes, st.st_blksize);
    struct slab *slab = slab_new(content->size + 1);
    assert_non_null(slab);
    memcpy(slab->data, content->data, content->size);
    if (r->in_place)
        place_all(sink, content, r);
    else
        push_all(sink, o, content, slab, r);
    stage_finish(sink);
    assert_int_equal(ordered_finish(o, &f), 0);
    assert_int_equal(done, 1);
    stage_free(sink);
    ordered_free(o);
    slab_unref(slab);

    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, content->size);
    uint8_t *found = malloc(content->size + 1);
    assert_non_null(found);
    assert_int_equal(pread(fd, found, content->size + 1, 0), content->size);
    if (memcmp(found, content->data, content->size) != 0)
        fail_msg("other bytes: mode %d, %u threads, pieces of %zu, in place %d, marked %d",
                 r->holes, r->threads, r->piece, r->in_place, r->marked);
    free(found);
    close(fd);
    return 512 * (uint64_t)st.st_blocks;
}

// True if the file system of the test keeps holes of a block.
static bool has_holes(void) {
    struct stat st;
    int fd = make_file();
    assert_int_equal(pwrite(fd, "x", 1, 100 * BLOCK), 1);
    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    return st.st_blocks * 512 < 50 * BLOCK;
}

static void number_page(uint8_t *page, uint32_t number, unsigned type) {
    page[4] = (uint8_t)(number >> 24);
    page[5] = (uint8_t)(number >> 16);
    page[6] = (uint8_t)(number >> 8);
    page[7] = (uint8_t)number;
    page[24] = (uint8_t)(type >> 8);
    page[25] = (uint8_t)type;
}

// A file of pages whose pages from the fourth on have that `type`: a block of data and zeros in
// each, then pages of zeros.
static struct bytes make_pages(unsigned type) {
    struct bytes b = {0};
    for (unsigned i = 0; i < 40; i++) {
        size_t start = b.size;
        if (i < 20) {
            bytes_noise(&b, 3000, 3 * i + 1);
            number_page(b.data + start, i, i < 3 ? 8 : type);
        }
        bytes_zeros(&b, start + PAGE - b.size);
    }
    bytes_zeros(&b, 1000); // and half a block
    return b;
}

static void test_contents(void **state) {
    (void)state;
    struct bytes compressed = make_pages(0x8632), ordinary = make_pages(17855);
    const struct bytes *files[] = {&compressed, &ordinary};
    static const size_t pieces[] = {1 << 20, PAGE, BLOCK, 4097, 1000, 313, 65536, 40};
    for (unsigned i = 0; i < 2; i++)
        for (unsigned p = 0; p < sizeof pieces / sizeof pieces[0]; p++)
            for (unsigned how = 0; how < 24; how++) {
                struct run r = {.holes = (enum sink_holes)(how % 4),
                                .threads = how & 4 ? 3 : 1,
                                .piece = pieces[p],
                                .in_place = how / 8 == 1,
                                .marked = how / 8 == 2};
                write_and_compare(files[i], &r);
            }
    bytes_free(&compressed);
    bytes_free(&ordinary);
}

static void test_what_becomes_a_hole(void **state) {
    (void)state;
    if (!has_holes())
        skip();
    struct bytes compressed = make_pages(0x8001), ordinary = make_pages(17855);
    for (unsigned how = 0; how < 4; how++) {
        struct run r = {.threads = how & 1 ? 3 : 1, .piece = 65536, .in_place = how & 2};
        r.holes = SINK_HOLES_MARKED;
        assert_true(write_and_compare(&compressed, &r) >= compressed.size);
        r.holes = SINK_HOLES_NEVER;
        assert_true(write_and_compare(&compressed, &r) >= compressed.size);
        r.holes = SINK_HOLES_ALWAYS;
        assert_true(write_and_compare(&ordinary, &r) <= 22 * BLOCK);
        r.holes = SINK_HOLES_AUTO;
        assert_true(write_and_compare(&ordinary, &r) >= ordinary.size);
        // Of the first three pages, which are not compressed, all is there; out of order zeros are
        // written until a compressed page has been seen.
        uint64_t size = write_and_compare(&compressed, &r);
        if (r.in_place)
            assert_true(size < compressed.size / 2 + 20 * PAGE);
        else
            assert_true(size <= 3 * PAGE + 19 * BLOCK);
    }
    // What the stream marks is a hole; and makes the file one that has more of them.
    struct run r = {.threads = 1, .piece = BLOCK, .marked = true};
    assert_true(write_and_compare(&ordinary, &r) <= 22 * BLOCK);
    r.piece = 6 * BLOCK;
    uint64_t only_marked = write_and_compare(&ordinary, &r);
    r.holes = SINK_HOLES_AUTO;
    assert_true(write_and_compare(&ordinary, &r) <= only_marked);
    r.holes = SINK_HOLES_NEVER;
    assert_true(write_and_compare(&ordinary, &r) >= ordinary.size);
    bytes_free(&compressed);
    bytes_free(&ordinary);
}

// A hole is one unit, however large, if it is written as zeros.
static void test_large_hole_in_a_stream(void **state) {
    (void)state;
    struct ordered *o;
    struct fault f;
    unsigned done = 0;
    int fd = open("/dev/null", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(ordered_new(&o, 2, &f), 0);
    struct stage *sink = sink_new(o, fd, "nothing", false, count, &done);
    assert_non_null(sink);
    for (unsigned i = 0; i < 3; i++)
        stage_push(sink, (struct view){.size = UINT32_MAX});
    stage_finish(sink);
    assert_int_equal(ordered_finish(o, &f), 0);
    assert_int_equal(done, 1);
    stage_free(sink);
    ordered_free(o);
    close(fd);
}

static void test_pages(void **state) {
    (void)state;
    static const struct {
        uint32_t number;
        unsigned type;
        uint64_t offset;
        bool compressed;
    } cases[] = {
        {3, 14, 3 * PAGE, true},      // MySQL: compressed
        {3, 16, 3 * PAGE, true},      // and encrypted
        {3, 15, 3 * PAGE, false},     // encrypted only
        {3, 17, 3 * PAGE, false},     // the same, of a spatial index
        {3, 34354, 3 * PAGE, true},   // MariaDB
        {3, 37401, 3 * PAGE, true},   // and encrypted
        {3, 0x8002, 3 * PAGE, true},  // in the format of full_crc32
        {3, 0x8013, 3 * 4096, true},  // other sizes of pages
        {5, 0x8013, 5 * 65536, true}, //
        {70000, 14, UINT64_C(70000) * PAGE, true},
        {3, 17855, 3 * PAGE, false},  // an index page as it is
        {3, 0, 3 * PAGE, false},      //
        {0, 0x8002, 0, false},        // the first is never compressed
        {0, 14, 4096, false},         //
        {3, 0x8002, 4 * PAGE, false}, // data that looks like one, elsewhere
        {3, 0x8002, 3 * PAGE + 4096, false},
        {3, 0x8002, 3 * 2048, false},   // no such pages
        {3, 0x8002, 3 * 131072, false}, //
        {3, 0x8002, 3 * 12288, false},  //
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t head[INNODB_PAGE_HEAD] = {0};
        number_page(head, cases[i].number, cases[i].type);
        if (innodb_page_is_compressed(head, cases[i].offset) != cases[i].compressed)
            fail_msg("page %u of type %u at %llu", cases[i].number, cases[i].type,
                     (unsigned long long)cases[i].offset);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_what_becomes_a_hole),
        cmocka_unit_test(test_large_hole_in_a_stream),
        cmocka_unit_test(test_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
