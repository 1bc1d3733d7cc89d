// SPDX-License-Identifier: Apache-2.0
// Files below a directory under hostile names, with openat2 and on a kernel that has none.
#include "archives.h"
#include "file/outdir.h"
#include "os/noclobber.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[300], top[400], outside[400];

static int make_base(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(base, sizeof base, "%s/test_outdir.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(base) == NULL)
        return -1;
    snprintf(top, sizeof top, "%s/top", base);
    snprintf(outside, sizeof outside, "%s/outside", base);
    return 0;
}

static void run(const char *command) {
    char line[1500];
    snprintf(line, sizeof line, "cd '%s' && %s", base, command);
    assert_int_equal(system(line), 0);
}

static int remove_base(void **state) {
    (void)state;
    run("rm -rf top outside");
    return rmdir(base);
}

static int set_up(void **state) {
    (void)state;
    run("rm -rf top outside && mkdir top outside && echo secret >outside/file");
    return 0;
}

static struct outdir *open_top(bool overwrite) {
    struct outdir *o;
    struct fault f;
    noclobber_forget();
    if (outdir_open(&o, top, overwrite, &f) < 0)
        fail_msg("%s", f.text);
    return o;
}

// Creates the file with that content and commits it. Returns 0, or the status.
static int create(struct outdir *o, const char *name, const char *content, struct fault *f) {
    struct outfile *file;
    if (outdir_create(o, name, true, &file, f) < 0)
        return f->status;
    assert_int_equal(write(outfile_fd(file), content, strlen(content)), (ssize_t)strlen(content));
    return outfile_commit(file, f) < 0 ? f->status : 0;
}

static void check_content(const char *path, const char *expected) {
    char full[800];
    struct bytes b;
    snprintf(full, sizeof full, "%s/%s", base, path);
    bytes_load(&b, full);
    assert_int_equal(b.size, strlen(expected));
    assert_memory_equal(b.data, expected, b.size);
    bytes_free(&b);
}

// The whole set, so that it can be run in a process that has no openat2.
static void check_all(void) {
    struct fault f;
    struct outdir *o = open_top(false);
    // Folders are made, and found again.
    assert_int_equal(create(o, "a/b/c", "one", &f), 0);
    assert_int_equal(create(o, "a/b/d", "two", &f), 0);
    assert_int_equal(create(o, "e", "", &f), 0);
    check_content("top/a/b/c", "one");
    check_content("top/a/b/d", "two");
    check_content("top/e", "");
    assert_int_equal(outdir_make_folder(o, "f/g", &f), 0);
    assert_int_equal(outdir_make_folder(o, "f/g", &f), 0);
    run("test -d top/f/g");

    // A symbolic link in a folder's place is not followed, wherever it points.
    run("ln -s ../outside top/link && ln -s a top/inner && ln -s /nowhere top/dangling");
    static const char *const links[] = {"link", "inner", "dangling"};
    for (size_t i = 0; i < 3; i++) {
        char name[50], expected[200];
        snprintf(name, sizeof name, "%s/new", links[i]);
        assert_int_equal(create(o, name, "x", &f), EX_CANTCREAT);
        snprintf(expected, sizeof expected,
                 "%s: cannot make folder %s: a file or a symbolic link is in its place", name,
                 links[i]);
        assert_string_equal(f.text, expected);
        snprintf(name, sizeof name, "%s/x/y", links[i]);
        assert_int_equal(create(o, name, "x", &f), EX_CANTCREAT);
        assert_int_equal(outdir_make_folder(o, links[i], &f), -1);
        assert_int_equal(f.status, EX_CANTCREAT);
    }
    // So is one further down, and a file in a folder's place.
    run("ln -s ../../outside top/a/link");
    assert_int_equal(create(o, "a/link/new", "x", &f), EX_CANTCREAT);
    assert_string_equal(f.text, "a/link/new: cannot make folder a/link: a file or a symbolic link "
                                "is in its place");
    assert_int_equal(create(o, "e/new", "x", &f), EX_CANTCREAT);
    assert_int_equal(outdir_make_folder(o, "e", &f), -1);
    assert_int_equal(f.status, EX_CANTCREAT);
    run("test \"$(ls outside)\" = file && test \"$(ls -A top/a)\" = 'b\nlink'");

    // As the final name, a link is a thing that exists; replacing it leaves its target alone.
    run("ln -s ../outside/file top/final");
    assert_int_equal(create(o, "final", "x", &f), EX_CANTCREAT);
    char expected[500];
    snprintf(expected, sizeof expected,
             "final: file exists already in %s; use an empty directory, or --overwrite", top);
    assert_string_equal(f.text, expected);
    outdir_close(o);
    o = open_top(true);
    assert_int_equal(create(o, "final", "new", &f), 0);
    check_content("top/final", "new");
    noclobber_forget(); // as another run
    run("test ! -L top/final");
    check_content("outside/file", "secret\n");
    assert_int_equal(create(o, "a/b/c", "replaced", &f), 0);
    check_content("top/a/b/c", "replaced");
    // A directory is never replaced.
    assert_int_equal(create(o, "f", "x", &f), EX_CANTCREAT);
    assert_string_equal(f.text, "f: a directory has that name");
    assert_int_equal(create(o, "link/file", "x", &f), EX_CANTCREAT);
    check_content("outside/file", "secret\n");
    outdir_close(o);
    run("test -z \"$(find . -name '.xbpipe-*')\"");
}

static void test_all(void **state) {
    (void)state;
    check_all();
}

// Makes openat2 fail with ENOSYS in this process. Returns false if that is not possible.
static bool forbid_openat2(unsigned error) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void check_without_openat2(unsigned error) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct open_how how = {.flags = O_PATH};
        if (!forbid_openat2(error))
            _exit(77);
        if (syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how) >= 0 || errno != (int)error)
            _exit(78);
        // A failed assertion ends the process with the library's own report.
        check_all();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: no seccomp filter can be set here\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_without_openat2(void **state) {
    (void)state;
    check_without_openat2(ENOSYS);
}

// As sandboxes refuse it.
static void test_forbidden_openat2(void **state) {
    (void)state;
    check_without_openat2(EPERM);
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t size;
        const char *why; // NULL: fine
    } names[] = {{"a", 1, NULL},
                 {"a/b.c/d", 7, NULL},
                 {"...", 3, NULL},
                 {"..a/.b", 6, NULL},
                 {"", 0, "refused member name \"\": it is empty"},
                 {"/", 1, "refused member name \"/\": it is absolute"},
                 {"/a", 2, "refused member name \"/a\": it is absolute"},
                 {"a/", 2, "refused member name \"a/\": it has an empty component"},
                 {"a//b", 4, "refused member name \"a//b\": it has an empty component"},
                 {".", 1, "refused member name \".\": it has a component \".\" or \"..\""},
                 {"a/./b", 5, "refused member name \"a/./b\": it has a component \".\" or \"..\""},
                 {"..", 2, "refused member name \"..\": it has a component \".\" or \"..\""},
                 {"a/..", 4, "refused member name \"a/..\": it has a component \".\" or \"..\""},
                 {"a\0", 2, "refused member name \"a\\x00\": it holds a zero byte"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fault f = {0};
        int result = outdir_check_name(names[i].name, names[i].size, &f);
        assert_int_equal(result, names[i].why == NULL ? 0 : -1);
        if (result < 0) {
            assert_int_equal(f.status, EX_DATAERR);
            assert_string_equal(f.text, names[i].why);
        }
    }
    char name[600];
    struct fault f;
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 128 == 127 ? '/' : 'n';
    assert_int_equal(outdir_check_name(name, 511, &f), 0);
    assert_int_equal(outdir_check_name(name, 512, &f), -1);
    assert_non_null(strstr(f.text, "...\": it is longer than 511 bytes"));
    memset(name, 'n', sizeof name);
    name[0] = 'd';
    name[1] = '/';
    assert_int_equal(outdir_check_name(name, 2 + 255, &f), 0);
    assert_int_equal(outdir_check_name(name, 2 + 256, &f), -1);
    assert_non_null(strstr(f.text, "it has a component longer than 255 bytes"));
}

static void test_opening(void **state) {
    (void)state;
    char path[900];
    struct outdir *o;
    struct fault f;
    // Its last component is made; not those before it.
    snprintf(path, sizeof path, "%s/new", top);
    assert_int_equal(outdir_open(&o, path, false, &f), 0);
    outdir_close(o);
    run("test -d top/new && test \"$(stat -c %a top/new)\" = 750");
    snprintf(path, sizeof path, "%s/x/y", top);
    assert_int_equal(outdir_open(&o, path, false, &f), -1);
    assert_int_equal(f.status, EX_CANTCREAT);
    assert_null(o);
    assert_non_null(strstr(f.text, "cannot make directory "));
    assert_non_null(strstr(f.text, ": the folder that it would be in does not exist"));
    snprintf(path, sizeof path, "%s/file", outside);
    assert_int_equal(outdir_open(&o, path, false, &f), -1);
    assert_int_equal(f.status, EX_CANTCREAT);
    assert_non_null(strstr(f.text, "cannot open directory "));
    assert_non_null(strstr(f.text, ": Not a directory"));
    // The user's own symbolic link to a directory is the user's wish.
    run("ln -s ../outside top/mine");
    snprintf(path, sizeof path, "%s/mine", top);
    assert_int_equal(outdir_open(&o, path, false, &f), 0);
    assert_int_equal(create(o, "here", "x", &f), 0);
    check_content("outside/here", "x");
    outdir_close(o);
}

// Until it is committed a file has no name, and one that is dropped leaves nothing.
static void test_temporary_files(void **state) {
    (void)state;
    struct outdir *o = open_top(false);
    struct outfile *file, *other;
    struct fault f;
    assert_int_equal(outdir_create(o, "d/f", true, &file, &f), 0);
    run("test ! -e top/d/f && ls -A top/d | grep -qxE '\\.xbpipe-[0-9a-f]{16}\\.tmp'");
    outfile_discard(file);
    run("test -z \"$(ls -A top/d)\"");
    // A file that came to be there meanwhile stays.
    assert_int_equal(outdir_create(o, "d/f", true, &file, &f), 0);
    assert_int_equal(outdir_create(o, "d/f", true, &other, &f), 0);
    assert_int_equal(write(outfile_fd(file), "1", 1), 1);
    assert_int_equal(outfile_commit(file, &f), 0);
    assert_int_equal(outfile_commit(other, &f), -1);
    assert_int_equal(f.status, EX_CANTCREAT);
    assert_string_equal(f.text,
                        "d/f: this run has written a file of this name, or of one that is the same "
                        "to the file system, and it would be lost; write elsewhere");
    check_content("top/d/f", "1");
    run("test \"$(ls -A top/d)\" = f && test \"$(stat -c %a top/d/f)\" = 640");
    outdir_close(o);
}

int main(void) {
    umask(022);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all, set_up),
        cmocka_unit_test_setup(test_without_openat2, set_up),
        cmocka_unit_test_setup(test_forbidden_openat2, set_up),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup(test_opening, set_up),
        cmocka_unit_test_setup(test_temporary_files, set_up),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
