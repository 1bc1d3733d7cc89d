// SPDX-License-Identifier: Apache-2.0
// The program's input: files from any offset, pipes, files that change under it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "file/input.h"

enum { SIZE = (9 << 20) + 4321 };

static uint8_t byte_at(size_t i) {
    return (uint8_t)(i * 31 + (i >> 12));
}

static int make_file(char *path) {
    strcpy(path, "/tmp/xbpipe-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    uint8_t *data = malloc(SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = byte_at(i);
    assert_int_equal(write(fd, data, SIZE), SIZE);
    free(data);
    return fd;
}

// Reads all of the input and compares it with the file's bytes from `from` on.
static void check_all(struct input *in, size_t from) {
    struct view v;
    struct fault f;
    size_t at = from;
    int got;
    while ((got = input_next(in, &v, &f)) > 0) {
        assert_int_equal(v.origin, at - from);
        assert_true(v.exact);
        for (size_t i = 0; i < v.size; i++)
            assert_int_equal(v.data[i], byte_at(at + i));
        at += v.size;
        slab_unref(v.slab);
    }
    assert_int_equal(got, 0);
    assert_int_equal(at, SIZE);
}

static void test_file(void **state) {
    (void)state;
    char path[40];
    struct input in;
    struct fault f;
    close(make_file(path));
    assert_int_equal(input_open(&in, path, &f), 0);
    assert_int_equal(in.size, SIZE);
    check_all(&in, 0);
    input_close(&in);
    unlink(path);
}

// Standard input that another program has read a part of: page-aligned or not.
static void test_offsets(void **state) {
    (void)state;
    static const size_t offsets[] = {1, 4096, 4097, SIZE - 1, SIZE};
    char path[40];
    struct input in;
    struct fault f;
    int fd = make_file(path);
    unlink(path);
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        assert_true(lseek(STDIN_FILENO, (off_t)offsets[i], SEEK_SET) >= 0);
        assert_int_equal(input_open(&in, NULL, &f), 0);
        check_all(&in, offsets[i]);
        assert_int_equal(lseek(STDIN_FILENO, 0, SEEK_CUR), SIZE); // as if it had been read
        input_close(&in);
    }
    close(fd);
}

static void test_pipe(void **state) {
    (void)state;
    int ends[2];
    struct input in;
    struct fault f;
    struct view v, w;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(input_open(&in, "-", &f), 0);
    assert_int_equal(write(ends[1], "one", 3), 3);
    assert_int_equal(input_next(&in, &v, &f), 1);
    assert_int_equal(write(ends[1], "two", 3), 3);
    assert_int_equal(input_next(&in, &w, &f), 1);
    // Short reads follow each other in one slab.
    assert_memory_equal(v.data, "onetwo", 6);
    assert_ptr_equal(v.slab, w.slab);
    slab_unref(v.slab);
    slab_unref(w.slab);
    close(ends[1]);
    assert_int_equal(input_next(&in, &v, &f), 0);
    input_close(&in);
    close(ends[0]);
}

// What has been read stays as it was, whatever becomes of the file.
static void test_change_after_read(void **state) {
    (void)state;
    static const uint8_t other[4096];
    char path[40];
    struct input in;
    struct view v;
    struct fault f;
    int fd = make_file(path);
    assert_int_equal(input_open(&in, path, &f), 0);
    assert_int_equal(input_next(&in, &v, &f), 1);
    assert_true(v.size > 2 * sizeof other);
    assert_int_equal(pwrite(fd, other, sizeof other, 0), sizeof other);
    assert_int_equal(ftruncate(fd, sizeof other), 0);
    for (size_t i = 0; i < v.size; i++)
        assert_int_equal(v.data[i], byte_at(i));
    slab_unref(v.slab);
    input_close(&in);
    close(fd);
    unlink(path);
}

// A file that is cut while it is read ends at its new end.
static void test_cut_between_reads(void **state) {
    (void)state;
    char path[40];
    struct input in;
    struct view v;
    struct fault f;
    int fd = make_file(path);
    assert_int_equal(input_open(&in, path, &f), 0);
    assert_int_equal(input_next(&in, &v, &f), 1);
    size_t size = v.size;
    slab_unref(v.slab);
    assert_int_equal(ftruncate(fd, (off_t)size + 7), 0);
    assert_int_equal(input_next(&in, &v, &f), 1);
    assert_int_equal(v.size, 7);
    slab_unref(v.slab);
    assert_int_equal(input_next(&in, &v, &f), 0);
    input_close(&in);
    close(fd);
    unlink(path);
}

static void test_failures(void **state) {
    (void)state;
    struct input in;
    struct fault f;
    assert_int_equal(input_open(&in, "/nonexistent/file", &f), -1);
    assert_int_equal(f.status, EX_NOINPUT);
    assert_string_equal(f.text, "cannot open /nonexistent/file: No such file or directory");
    assert_int_equal(input_open(&in, "/", &f), -1);
    assert_int_equal(f.status, EX_NOINPUT);
    assert_string_equal(f.text, "/ is a directory: expected a file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_change_after_read),
        cmocka_unit_test(test_cut_between_reads),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
