// SPDX-License-Identifier: Apache-2.0
// For each program and a small input, makes its calls fail one after the other, each in its own run
// (inject.c), and checks how it ends and what it leaves. Prints TAP. BUILD_DIR has the programs,
// and fault/inject.so. FAULT_ALL=1 tests every call instead of a sample; FAULT_CASE=TEXT selects
// the cases with that text in their names, FAULT_KIND=PATTERN the kinds of fault that a shell
// pattern matches: '!(memory of libraries)'.
#include "archives.h"
#include "inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <jansson.h>
#include <lz4frame.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include <zstd.h>

enum {
    ARGUMENTS = 20,
    VARIABLES = 6,
    TREE_MAX = 16,
    TIMEOUT = 30,
    // Most cases begin with the same calls of OpenSSL and the sandbox.
    ALL_UP_TO = 32,
    SAMPLE = 10,
    COMPLAINTS = 8,
    NEAR_NULL = 4096,
    START_UP = 8, // calls of malloc, of all that are made before OpenSSL is started
    PATH_SIZE = 600
};

static char *build;
static char work[PATH_SIZE]; // holds in/, run/, and the files that a run is told and told about by
static struct inject *shared;
static bool all;
static const char *wanted_kind;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    printf("Bail out! ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    exit(1);
}

__attribute__((format(printf, 1, 2))) static const char *text_of(const char *format, ...) {
    static char texts[64][PATH_SIZE];
    static unsigned next;
    char *text = texts[next++ % 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, PATH_SIZE, format, args);
    va_end(args);
    return text;
}

static void put_file(const char *path, const struct bytes *content) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(content->data, 1, content->size, file) != content->size ||
        fclose(file) != 0 || chmod(path, 0600) < 0)
        die("cannot write %s", path);
}

// ---- What a run leaves in its folder

struct tree {
    unsigned count;
    struct leaf {
        char path[256];
        struct bytes content;
    } leaves[TREE_MAX];
};

static void tree_free(struct tree *t) {
    for (unsigned i = 0; i < t->count; i++)
        bytes_free(&t->leaves[i].content);
    t->count = 0;
}

// Adds the files below the folder, and removes them.
static void tree_take(struct tree *t, const char *folder, const char *prefix) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char path[PATH_SIZE * 2], name[PATH_SIZE];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            strcat(name, "/");
            tree_take(t, path, name);
            rmdir(path);
            continue;
        }
        if (t->count == TREE_MAX)
            die("more than %d files in %s", TREE_MAX, folder);
        struct leaf *leaf = &t->leaves[t->count++];
        memset(leaf, 0, sizeof *leaf);
        snprintf(leaf->path, sizeof leaf->path, "%.255s", name);
        bytes_load(&leaf->content, path);
        unlink(path);
    }
    if (dir != NULL)
        closedir(dir);
}

static const struct leaf *tree_find(const struct tree *t, const char *path) {
    for (unsigned i = 0; i < t->count; i++)
        if (strcmp(t->leaves[i].path, path) == 0)
            return &t->leaves[i];
    return NULL;
}

static bool same(const struct bytes *a, const struct bytes *b) {
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

// ---- Runs

struct test {
    const char *name;
    const char *arguments[ARGUMENTS]; // the first is the program
    const char *input;                // a file on standard input
    bool piped;                       // that goes through a pipe
    const char *environment[VARIABLES];
    // The known output: a file of the input folder, and where it is; NULL: standard output.
    const char *expected, *expected_at;
    int status; // if no call fails
    // A file with what went wrong, which a run that fails otherwise writes, too.
    const char *report;
    const char *replaced; // a file that is there before
    bool progress;        // asked for: lines on standard error, and JSON to descriptor JSON_FD
    bool network;         // it asks the service
    bool marks_end;       // on failure it leaves the member unfinished, with an empty chunk
};
enum { JSON_FD = 9 };
static const char OLD[] = "what was there before\n";

struct run {
    int status; // as waitpid gives it
    struct bytes out, err, json;
    struct tree tree;
};

static void run_free(struct run *r) {
    bytes_free(&r->out);
    bytes_free(&r->err);
    bytes_free(&r->json);
    tree_free(&r->tree);
}

static pid_t running;

static void too_long(int signal_number) {
    (void)signal_number;
    if (running > 0)
        kill(running, SIGALRM);
}

static int open_input(const struct test *t) {
    const char *path = t->input != NULL ? text_of("%s/in/%s", work, t->input) : "/dev/null";
    if (!t->piped)
        return open(path, O_RDONLY | O_CLOEXEC);
    struct bytes content = {0};
    int ends[2];
    bytes_load(&content, path);
    if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0 ||
        write(ends[1], content.data, content.size) != (ssize_t)content.size)
        die("cannot fill a pipe");
    close(ends[1]);
    bytes_free(&content);
    return ends[0];
}

static char service_url[64];
#define SERVICE_URL "--endpoint=URL" // the service's is put in its place

// Takes the lines of progress away: times are in them.
static void drop_progress(struct bytes *err) {
    static const char mark[] = " elapsed, ";
    size_t kept = 0;
    for (size_t at = 0, size; at < err->size; at += size) {
        const uint8_t *end = memchr(err->data + at, '\n', err->size - at);
        size = end != NULL ? (size_t)(end - err->data) + 1 - at : err->size - at;
        if (memmem(err->data + at, size, mark, sizeof mark - 1) != NULL)
            continue;
        memmove(err->data + kept, err->data + at, size);
        kept += size;
    }
    err->size = kept;
}

// Runs the program as `shared` asks.
static void run(const struct test *t, struct run *r) {
    memset(r, 0, sizeof *r);
    const char *out = text_of("%s/out", work), *err = text_of("%s/err", work);
    const char *program = text_of("%s/%s", build, t->arguments[0]);
    int in = open_input(t);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    int flags = O_WRONLY | O_CREAT | O_TRUNC;
    const char *json = text_of("%s/json", work);
    if (t->progress)
        posix_spawn_file_actions_addopen(&actions, JSON_FD, json, flags, 0600);
    if (t->replaced != NULL) {
        struct bytes old = {0};
        bytes_text(&old, OLD);
        put_file(text_of("%s/run/%s", work, t->replaced), &old);
        bytes_free(&old);
    }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, flags, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err, flags, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, text_of("%s/run", work));
    const char *environment[5 + VARIABLES + 1] = {
        text_of("LD_PRELOAD=%s/fault/inject.so", build),
        text_of(INJECT_VARIABLE "=%s/shared", work),
        "PATH=/usr/bin:/bin",
        "LC_ALL=C",
        text_of("HOME=%s/in", work),
    };
    memcpy(environment + 5, t->environment, sizeof t->environment);
    char *arguments[ARGUMENTS + 1];
    for (unsigned i = 0; i < ARGUMENTS; i++) {
        bool url = t->arguments[i] != NULL && strcmp(t->arguments[i], SERVICE_URL) == 0;
        arguments[i] = (char *)(uintptr_t)(url ? service_url : t->arguments[i]);
    }
    arguments[ARGUMENTS] = NULL;
    alarm(TIMEOUT);
    int error =
        posix_spawn(&running, program, &actions, NULL, arguments, (char **)(uintptr_t)environment);
    if (error != 0)
        die("cannot run %s: %s", program, strerror(error));
    while (waitpid(running, &r->status, 0) < 0 && errno == EINTR)
        continue;
    alarm(0);
    running = 0;
    posix_spawn_file_actions_destroy(&actions);
    close(in);
    bytes_load(&r->out, out);
    bytes_load(&r->err, err);
    if (t->progress) {
        bytes_load(&r->json, json);
        drop_progress(&r->err);
    }
    tree_take(&r->tree, text_of("%s/run", work), "");
}

// ---- What is asked for, and what is right

static const struct kind {
    enum inject_class class;
    const char *name;
    enum inject_mode mode;
    int error;
    bool harmless;   // the program must do its work all the same
    int statuses[4]; // that it may end with, beside 0; the rest 0
} kinds[] = {
    {INJECT_MEMORY, "memory", INJECT_FAIL, ENOMEM, false, {EX_OSERR}},
    {INJECT_MEMORY, "all memory from here", INJECT_FROM_HERE, ENOMEM, false, {EX_OSERR}},
    {INJECT_LIBRARY_MEMORY,
     "memory of libraries",
     INJECT_FAIL,
     ENOMEM,
     false,
     {EX_OSERR, EX_SOFTWARE}},
    {INJECT_MAP, "mapping", INJECT_FAIL, ENOMEM, true, {0}},
    {INJECT_READ, "read", INJECT_FAIL, EIO, false, {EX_IOERR}},
    {INJECT_READ, "short read", INJECT_SHORT, 0, true, {0}},
    {INJECT_READ, "interrupted read", INJECT_INTERRUPTED, 0, true, {0}},
    {INJECT_WRITE, "write", INJECT_FAIL, EIO, false, {EX_IOERR}},
    {INJECT_WRITE, "full disk", INJECT_FROM_HERE, ENOSPC, false, {EX_IOERR}},
    {INJECT_WRITE, "short write", INJECT_SHORT, 0, true, {0}},
    {INJECT_WRITE, "interrupted write", INJECT_INTERRUPTED, 0, true, {0}},
    {INJECT_CLOSE, "close", INJECT_FAIL, EIO, false, {EX_IOERR}},
    {INJECT_SYNC, "sync", INJECT_FAIL, EIO, false, {EX_IOERR}},
    {INJECT_RENAME, "rename", INJECT_FAIL, EIO, false, {EX_CANTCREAT}},
    {INJECT_RENAME, "rename on an old file system", INJECT_FAIL, EINVAL, true, {0}},
    {INJECT_OPEN, "open", INJECT_FAIL, EIO, false, {EX_NOINPUT, EX_CANTCREAT, EX_NOPERM}},
    {INJECT_OPEN, "open without permission", INJECT_FAIL, EACCES, false, {EX_NOPERM}},
    {INJECT_STAT,
     "stat and seek",
     INJECT_FAIL,
     EIO,
     false,
     {EX_IOERR, EX_CANTCREAT, EX_NOINPUT, EX_OSERR}},
    {INJECT_RESIZE, "resize", INJECT_FAIL, EIO, false, {EX_IOERR}},
    {INJECT_FOLDER, "folder", INJECT_FAIL, ENOSPC, false, {EX_CANTCREAT}},
    {INJECT_DUPLICATE, "descriptor", INJECT_FAIL, EMFILE, false, {EX_CANTCREAT, EX_OSERR}},
    {INJECT_THREAD, "thread", INJECT_FAIL, EAGAIN, false, {EX_OSERR}},
    {INJECT_PROCESS, "process", INJECT_FAIL, EAGAIN, false, {EX_OSERR, EX_CONFIG}},
    {INJECT_NETWORK,
     "network",
     INJECT_FAIL,
     ECONNRESET,
     false,
     {EX_UNAVAILABLE, EX_TEMPFAIL, EX_OSERR}},
    {INJECT_NETWORK,
     "no network from here",
     INJECT_FROM_HERE,
     ENETDOWN,
     false,
     {EX_UNAVAILABLE, EX_TEMPFAIL, EX_OSERR}},
    {INJECT_CIPHER, "cipher and compression", INJECT_FAIL, 0, false, {EX_SOFTWARE, EX_OSERR}},
    {INJECT_RANDOM, "random", INJECT_FAIL, EIO, false, {EX_CANTCREAT, EX_OSERR}},
    {INJECT_HINT, "hint", INJECT_FAIL, EPERM, true, {0}},
};

// A failure of these cannot be told from wrong data or a wrong key.
static bool says_data_is_wrong(const struct test *t, const char *function) {
    bool unwraps = strcmp(t->arguments[0], "kmsunwrap") == 0 || strstr(t->name, "AES key wrap");
    if (unwraps && strcmp(function, "EVP_DecryptUpdate") == 0)
        return true;
    static const char *const names[] = {"EVP_DecryptFinal_ex", "EVP_PKEY_decrypt",
                                        "PEM_read_bio_PrivateKey", "d2i_PrivateKey_bio"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(function, names[i]) == 0)
            return true;
    return false;
}

// libcrypto and jansson get their memory through the program (secret_start.h).
static bool lends_memory(const struct test *t) {
    return strncmp(t->arguments[0], "kms", 3) == 0 || strcmp(t->arguments[0], "s3cse-dec") == 0;
}

static bool has(const struct bytes *text, const char *part) {
    return memmem(text->data, text->size, part, strlen(part)) != NULL;
}

static bool status_fits(const struct test *t, const struct kind *k, const struct bytes *err,
                        int status) {
    for (unsigned i = 0; i < 4; i++)
        if (k->statuses[i] != 0 && k->statuses[i] == status)
            return true;
    if (t->status != 0 && t->report == NULL && status == t->status)
        return true; // the damage was found first
    // What a library makes of it: its configuration, or its work on the network.
    if (k->class == INJECT_READ && shared->by_library && status == EX_OSERR)
        return true;
    bool of_library = shared->by_library || k->class == INJECT_MEMORY;
    if (t->network && of_library &&
        (status == EX_UNAVAILABLE || status == EX_TEMPFAIL || has(err, "cannot use the CA file") ||
         has(err, "InvalidSignatureException")))
        return true;
    if (shared->by_library && has(err, "wrong wrapping key"))
        return status == EX_DATAERR;
    if (k->class == INJECT_OPEN && status == EX_IOERR)
        return has(err, "cannot sync ");
    if (k->class == INJECT_OPEN && status == EX_CONFIG)
        return t->network; // a file of the configuration
    if (k->class == INJECT_RENAME && status == EX_CANTCREAT)
        return true;
    if (k->class == INJECT_MEMORY && lends_memory(t))
        return status == EX_SOFTWARE;
    return k->class == INJECT_CIPHER && status == EX_DATAERR &&
           says_data_is_wrong(t, shared->fired);
}

// Lines that are no warnings; -1 if one does not begin with the program's name, or has no end.
static int error_lines(const struct test *t, const struct bytes *err) {
    int count = 0;
    const char *at = (const char *)err->data, *stop = at + err->size;
    size_t name = strlen(t->arguments[0]);
    for (const char *end; at < stop; at = end + 1) {
        end = memchr(at, '\n', (size_t)(stop - at));
        if (end == NULL || (size_t)(end - at) < name + 3 ||
            memcmp(at, t->arguments[0], name) != 0 || memcmp(at + name, ": ", 2) != 0)
            return -1;
        if (memcmp(at + name + 2, "warning: ", 9) != 0)
            count++;
    }
    return count;
}

static const char ABORTED_BY_LIBRARY[] = "";

// What the walk was spared, for the log: how many runs of each kind.
static struct {
    char where[80];
    unsigned count;
} spared[64];

static void note_spared(const char *where) {
    for (size_t i = 0; i < sizeof spared / sizeof spared[0]; i++) {
        if (spared[i].count == 0)
            snprintf(spared[i].where, sizeof spared[i].where, "%s", where);
        if (strcmp(spared[i].where, where) != 0)
            continue;
        spared[i].count++;
        return;
    }
}

static bool ended_with(const struct run *r, int status) {
    return WIFEXITED(r->status) && WEXITSTATUS(r->status) == status;
}

// Whether the run says that it did all, as it would have if no call had failed. One that ends with
// an error also without a fault may not come so far.
static bool is_done(const struct test *t, const struct run *r) {
    return ended_with(r, t->status) && (t->status == 0 || t->report != NULL);
}

// What is wrong with how the run ended, against the run without a fault; NULL: nothing.
static const char *judge_end(const struct test *t, const struct kind *k, const struct run *r,
                             const struct run *good) {
    // The program cannot help it if a library does not check what its malloc, or
    // libcrypto for it, gave it: it reads or writes near address 0. libcrypto asserts that it gets
    // some of its memory; and it waits for itself for ever (OpenSSL 3.5) if one of the first two
    // that it asks for fails.
    bool of_library = shared->class == INJECT_LIBRARY_MEMORY ||
                      (shared->class == INJECT_CIPHER && shared->by_library) ||
                      (shared->class == INJECT_MEMORY && lends_memory(t));
    bool asserted = WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGABRT &&
                    (has(&r->err, "crypto/mem_sec.c") ||
                     has(&r->err, "OpenSSL internal error: assertion failed"));
    bool waits = WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGALRM && of_library &&
                 shared->at <= START_UP;
    bool crashed = WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGSEGV &&
                   shared->crash_place[0] != '\0' && shared->crash_address < NEAR_NULL;
    if (of_library && (asserted || waits || crashed)) {
        note_spared(asserted ? "libcrypto's assertions"
                    : waits  ? "libcrypto's start"
                             : shared->crash_place);
        return ABORTED_BY_LIBRARY;
    }
    if (!WIFEXITED(r->status))
        return text_of("killed by signal %d (%s, address %lx)", WTERMSIG(r->status),
                       shared->crash_place, (unsigned long)shared->crash_address);
    int status = WEXITSTATUS(r->status), lines = error_lines(t, &r->err);
    if (is_done(t, r)) {
        if (shared->loses && !k->harmless)
            return "the failure went unnoticed";
        if (!same(&r->err, &good->err))
            return text_of("status %d with another message", status);
        return NULL;
    }
    // Only the call that keeps a name from being replaced has another to stand in for it.
    bool required = k->class == INJECT_RENAME && strcmp(shared->fired, "renameat2") != 0;
    if (k->harmless && !required && !(ended_with(good, status) && same(&r->err, &good->err)))
        return text_of("status %d", status);
    if (!status_fits(t, k, &r->err, status))
        return text_of("status %d", status);
    // The report's own failure, and what is unfinished, have lines of their own.
    int most = t->report != NULL ? 2 : error_lines(t, &good->err);
    if (lines < 1 || lines > (most > 1 ? most : 1))
        return text_of("%d lines of message", lines);
    return NULL;
}

// Whether it is JSON of an object in which the member of that name is such a value. NULL: it is.
static const char *judge_json(const uint8_t *text, size_t size, const char *name, json_type type) {
    json_t *value = json_loadb((const char *)text, size, 0, NULL);
    const json_t *member = json_object_get(value, name);
    const char *wrong = value == NULL                                   ? "is not whole JSON"
                        : member == NULL || json_typeof(member) != type ? "says something else"
                                                                        : NULL;
    json_decref(value);
    return wrong;
}

static bool is_file(const char *path, const char *of_test) {
    return of_test != NULL && strcmp(path, of_test) == 0;
}

static bool is_old(const struct bytes *content) {
    return content->size == sizeof OLD - 1 && memcmp(content->data, OLD, sizeof OLD - 1) == 0;
}

// What is wrong with a file that was left; NULL: nothing.
static const char *judge_file(const struct test *t, const struct leaf *leaf, const struct run *good,
                              bool done) {
    const struct leaf *right = tree_find(&good->tree, leaf->path);
    if (!done && is_file(leaf->path, t->replaced) && is_old(&leaf->content))
        return NULL;
    if (!done && is_file(leaf->path, t->report)) {
        const char *wrong =
            judge_json(leaf->content.data, leaf->content.size, "failure", JSON_STRING);
        return wrong != NULL ? text_of("%s %s", leaf->path, wrong) : NULL;
    }
    if (right == NULL)
        return text_of("%s was left", leaf->path);
    return same(&leaf->content, &right->content) ? NULL : text_of("%s is not whole", leaf->path);
}

// How long the empty chunk is that an xbstream ends with; 0: it ends with another.
static size_t end_mark(const struct bytes *out) {
    enum { HEAD = 14, TAIL = 20, EMPTY = 8 }; // magic, flags, type, size of the name; sizes, CRC-32
    for (size_t name = 1; name + HEAD + TAIL <= out->size && name < 256; name++) {
        const uint8_t *chunk = out->data + out->size - HEAD - name - TAIL;
        if (memcmp(chunk, "XBSTCK01", 8) == 0 && chunk[9] == 'P' && chunk[10] == name &&
            memcmp(chunk + HEAD + name, (uint8_t[EMPTY]){0}, EMPTY) == 0)
            return HEAD + name + TAIL;
    }
    return 0;
}

static const char *judge_files(const struct test *t, const struct run *r, const struct run *good) {
    bool done = is_done(t, r), killed = WIFSIGNALED(r->status);
    for (unsigned i = 0; i < r->tree.count; i++) {
        if (killed && strstr(r->tree.leaves[i].path, ".xbpipe-") != NULL)
            continue; // which the next run removes
        const char *wrong = judge_file(t, &r->tree.leaves[i], good, done);
        if (wrong != NULL)
            return wrong;
    }
    if (t->replaced != NULL && tree_find(&r->tree, t->replaced) == NULL)
        return text_of("%s is lost", t->replaced);
    if (done && r->tree.count != good->tree.count)
        return text_of("status %d without all files", t->status);
    if (done && !same(&r->out, &good->out))
        return text_of("status %d without all output", t->status);
    size_t right = r->out.size - (t->marks_end && !done ? end_mark(&r->out) : 0);
    if (right > good->out.size || (right > 0 && memcmp(r->out.data, good->out.data, right) != 0))
        return "standard output is not a beginning of what is right";
    return NULL;
}

// The last line of JSON, if there is one, is of the end.
static const char *judge_progress(const struct test *t, const struct run *r) {
    if (r->json.size == 0)
        return NULL;
    size_t last = r->json.size - 1;
    while (last > 0 && r->json.data[last - 1] != '\n')
        last--;
    const char *wrong = judge_json(r->json.data + last, r->json.size - last, "ok",
                                   is_done(t, r) ? JSON_TRUE : JSON_FALSE);
    return wrong != NULL ? text_of("the progress %s", wrong) : NULL;
}

static const char *judge_remains(const struct test *t, const struct run *r,
                                 uint64_t library_blocks) {
    if (!shared->ended)
        return "no normal end";
    if (!shared->searched)
        return "its memory was not searched";
    bool by_library = shared->by_library || (lends_memory(t) && shared->class == INJECT_MEMORY);
    if (shared->own_blocks > 0 && !(by_library && lends_memory(t)))
        return text_of("%lu blocks of memory leaked, the first from offset 0x%lx",
                       (unsigned long)shared->own_blocks, (unsigned long)shared->own_offset);
    // The program cannot help what a library leaks when its own allocation fails.
    if (!by_library && shared->library_blocks > library_blocks)
        return text_of("%lu blocks of memory of libraries leaked, %lu without a fault",
                       (unsigned long)shared->library_blocks, (unsigned long)library_blocks);
    if (shared->descriptors > 0)
        return text_of("%u descriptors leaked", shared->descriptors);
    // The environment is not looked at before the options are.
    static const char early[] = "cannot read the command line";
    if (shared->secret > 0 && !has(&r->err, early))
        return text_of("secret %u remains in %s", shared->secret, shared->secret_place);
    return NULL;
}

// ---- Secrets

static void add_secret(const void *bytes, size_t size) {
    for (unsigned i = 0; i < INJECT_SECRETS; i++) {
        if (shared->secrets[i].size != 0)
            continue;
        shared->secrets[i].size = size;
        for (size_t n = 0; n < size; n++)
            shared->secrets[i].inverted[n] = (uint8_t) ~((const uint8_t *)bytes)[n];
        return;
    }
    die("too many secrets");
}

static uint8_t times_x(uint8_t value) {
    return (uint8_t)(value << 1 ^ (value >> 7) * 0x1b);
}

static uint8_t multiply(uint8_t a, uint8_t b) {
    uint8_t product = 0;
    for (; b != 0; b >>= 1, a = times_x(a))
        product ^= (b & 1) != 0 ? a : 0;
    return product;
}

// The S-box of AES (FIPS 197, 5.1.1).
static uint8_t substitute(uint8_t value) {
    uint8_t inverse = value;
    for (int i = 0; i < 6; i++) // value^254
        inverse = multiply(multiply(inverse, inverse), value);
    inverse = multiply(inverse, inverse);
    uint8_t result = 0x63;
    for (int i = 0; i < 5; i++)
        result ^= (uint8_t)(inverse << i | inverse >> (8 - i));
    return result;
}

// The last 16 bytes of the expanded key of AES-256 (FIPS 197, 5.2), which both directions keep.
static void last_round_key(const uint8_t key[32], uint8_t out[16]) {
    uint8_t w[240], constant = 1;
    memcpy(w, key, 32);
    for (unsigned i = 8; i < 60; i++) {
        uint8_t t[4];
        memcpy(t, w + 4 * i - 4, 4);
        if (i % 8 == 0) {
            uint8_t first = t[0];
            t[0] = substitute(t[1]) ^ constant;
            t[1] = substitute(t[2]);
            t[2] = substitute(t[3]);
            t[3] = substitute(first);
            constant = times_x(constant);
        } else if (i % 8 == 4) {
            for (int n = 0; n < 4; n++)
                t[n] = substitute(t[n]);
        }
        for (int n = 0; n < 4; n++)
            w[4 * i + (unsigned)n] = w[4 * i + (unsigned)n - 32] ^ t[n];
    }
    memcpy(out, w + 224, 16);
}

// A key of AES-256: its halves, which are the first two round keys, and the last round key.
static void add_key(const uint8_t key[32]) {
    uint8_t last[16];
    last_round_key(key, last);
    add_secret(key, 16);
    add_secret(key + 16, 16);
    add_secret(last, 16);
}

// ---- The walk

static unsigned tests_done, tests_failed;

static void report(bool ok, const char *name, const char *what) {
    printf("%sok %u - %s: %s\n", ok ? "" : "not ", ++tests_done, name, what);
    fflush(stdout);
    tests_failed += !ok;
}

// What the service refuses to see twice.
static bool chance;

static void ask(enum inject_class class, enum inject_mode mode, uint64_t at, int error) {
    size_t found = offsetof(struct inject, counts);
    memset((char *)shared + found, 0, sizeof *shared - found);
    shared->class = class;
    shared->mode = mode;
    shared->at = at;
    shared->error = error;
    shared->chance = chance;
}

// Takes one call. Returns what is wrong, or NULL; *struck says whether it was made.
static const char *try_call(const struct test *t, const struct kind *k, uint64_t at,
                            const struct run *good, uint64_t library_blocks, bool *struck) {
    struct run r;
    ask(k->class, k->mode, at, k->error);
    run(t, &r);
    *struck = shared->fired[0] != '\0';
    const char *wrong = judge_end(t, k, &r, good);
    bool spared_this = wrong == ABORTED_BY_LIBRARY;
    if (wrong == NULL || spared_this)
        wrong = judge_files(t, &r, good);
    if (spared_this && wrong == NULL) {
        run_free(&r);
        return NULL;
    }
    if (wrong == NULL)
        wrong = judge_progress(t, &r);
    if (wrong == NULL)
        wrong = judge_remains(t, &r, library_blocks);
    if (wrong != NULL) {
        const char *by = shared->by_library ? "a library" : "the program";
        int shown = r.err.size < 200 ? (int)r.err.size : 200;
        wrong = text_of("call %lu, %s by %s: %s: %.*s", (unsigned long)at, shared->fired, by, wrong,
                        shown, shown > 0 ? (const char *)r.err.data + r.err.size - shown : "");
    }
    run_free(&r);
    return wrong;
}

static void walk_kind(const struct test *t, const struct kind *k, uint64_t count,
                      const struct run *good, uint64_t library_blocks) {
    unsigned wrong = 0, runs = 0;
    uint64_t random = 1;
    for (uint64_t at = 1; at <= count; runs++) {
        bool struck;
        const char *text = try_call(t, k, at, good, library_blocks, &struck);
        if (text != NULL && wrong++ < COMPLAINTS)
            printf("# %s: %s\n", k->name, text);
        // A sample has one of each part of the calls, at a place that is the same in every run.
        uint64_t step = all || count <= ALL_UP_TO ? 1 : count / SAMPLE;
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t next = (at - 1) / step * step + step + 1;
        at = step == 1 ? at + 1 : next + (random >> 33) % step;
    }
    report(wrong == 0, t->name,
           text_of("%s: %u of %lu calls", k->name, runs, (unsigned long)count));
}

static void walk(const struct test *t) {
    struct run good;
    ask(INJECT_CLASSES, INJECT_FAIL, 0, 0);
    run(t, &good);
    const char *wrong = !ended_with(&good, t->status)
                            ? text_of("status %x: %.*s", good.status, (int)good.err.size,
                                      (const char *)good.err.data)
                            : judge_remains(t, &good, UINT64_MAX);
    if (wrong == NULL && t->expected != NULL) {
        struct bytes expected = {0};
        bytes_load(&expected, text_of("%s/in/%s", work, t->expected));
        const struct leaf *leaf =
            t->expected_at != NULL ? tree_find(&good.tree, t->expected_at) : NULL;
        if (t->expected_at != NULL ? leaf == NULL || !same(&leaf->content, &expected)
                                   : !same(&good.out, &expected))
            wrong = "not the known output";
        bytes_free(&expected);
    }
    if (wrong != NULL)
        printf("# %s\n", wrong);
    report(wrong == NULL, t->name, "without a fault");
    uint64_t counts[INJECT_CLASSES], library_blocks = shared->library_blocks;
    for (unsigned i = 0; i < INJECT_CLASSES; i++)
        counts[i] = shared->counts[i];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (counts[kinds[i].class] > 0 &&
            (wanted_kind == NULL || fnmatch(wanted_kind, kinds[i].name, FNM_EXTMATCH) == 0))
            walk_kind(t, &kinds[i], counts[kinds[i].class], &good, library_blocks);
    run_free(&good);
}

// ---- Programs and inputs

__attribute__((format(printf, 1, 2))) static bool shell(const char *format, ...) {
    char command[8 * PATH_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return system(command) == 0;
}

static void put_input(const char *name, struct bytes *content) {
    put_file(text_of("%s/in/%s", work, name), content);
}

static void put_and_free(const char *name, struct bytes *content) {
    put_input(name, content);
    bytes_free(content);
}

// Of AES-256. Text, for the environment, whose parts are found in no program by chance.
#define KEY_TEXT "q7VfXw2LmZ0tRk9sYbHc4JdNgPu6AeT3"
static const char key_text[] = KEY_TEXT;
static const uint8_t *const key = (const uint8_t *)key_text;
enum { KEY_SIZE = sizeof key_text - 1 };

// `data` as an xbcrypt version 3 stream of chunks of `chunk` bytes.
static void encrypt(struct bytes *out, const struct bytes *data, size_t chunk) {
    uint8_t iv[16] = {1};
    for (size_t done = 0; done < data->size; done += chunk, iv[15]++) {
        size_t now = data->size - done < chunk ? data->size - done : chunk;
        xbc_chunk(out, 3, key, KEY_SIZE, data->data + done, now, iv);
    }
}

static void add_encrypted(struct bytes *archive, const char *name, const struct bytes *data) {
    struct bytes encrypted = {0};
    encrypt(&encrypted, data, 1000);
    xbs_member(archive, name, encrypted.data, encrypted.size);
    bytes_free(&encrypted);
}

static void compress(struct bytes *out, const struct bytes *data, bool zstd) {
    char room[8192];
    size_t size = zstd ? ZSTD_compress(room, sizeof room, data->data, data->size, 1)
                       : LZ4F_compressFrame(room, sizeof room, data->data, data->size, NULL);
    bytes_add(out, room, size);
}

// A tar archive with a long name, a pax header, a folder and a sparse file.
static void put_tar(const struct bytes *plain) {
    static const char name[] = "d/e/b";
    struct bytes b = {0}, x = {0};
    ustar_entry(&b, USTAR_GNU, '0', "a", plain->data, plain->size);
    ustar_entry(&b, USTAR_GNU, '5', "empty/", NULL, 0);
    ustar_entry(&b, USTAR_GNU, 'L', "././@LongLink", name, sizeof name);
    ustar_entry(&b, USTAR_GNU, '0', "cut", plain->data, 700);
    ustar_record(&x, "GNU.sparse.size", "5000");
    ustar_record(&x, "GNU.sparse.name", "sparse");
    ustar_record(&x, "GNU.sparse.map", "512,100,4000,28");
    ustar_entry(&b, USTAR_POSIX, 'x', "pax", x.data, x.size);
    ustar_entry(&b, USTAR_POSIX, '0', "x", plain->data, 128);
    ustar_end(&b);
    put_and_free("archive.tar", &b);
    bytes_free(&x);
}

static void put_archives(const struct bytes *plain) {
    static const uint32_t map[2][2] = {{512, 100}, {4000, 28}};
    struct bytes archive = {0}, one = {0}, half = {0};
    xbs_member(&archive, "a", plain->data, plain->size);
    xbs_member(&archive, "d/e/b", plain->data, 700);
    xbs_member(&archive, "empty", "", 0);
    xbs_sparse(&archive, "sparse", 0, map, 2, plain->data, 128);
    xbs_end(&archive, "sparse");
    put_and_free("archive", &archive);

    bytes_add(&half, plain->data, 1500);
    qp_single(&one, "a", 1000, plain->data, plain->size);
    add_encrypted(&archive, "a.qp.xbcrypt", &one);
    bytes_free(&one);
    compress(&one, &half, false);
    add_encrypted(&archive, "b.lz4.xbcrypt", &one);
    bytes_free(&one);
    compress(&one, &half, true);
    xbs_member(&archive, "d/c.zst", one.data, one.size);
    bytes_free(&one);
    add_encrypted(&archive, "d/d.xbcrypt", &half);
    put_and_free("archive.enc", &archive);

    qp_single(&one, "a", 1000, plain->data, plain->size);
    put_and_free("one.qp", &one);
    qp_archive(&archive, 1000);
    for (int level = 0; level <= 3; level++) {
        qp_enter(&archive, text_of("level%d", level));
        qp_file(&archive, "file");
        qp_block(&archive, level, 0, half.data, 1000);
        qp_file_end(&archive);
        qp_leave(&archive);
    }
    put_and_free("tree.qp", &archive);
    bytes_free(&half);
}

// Archives with damage: of a chunk of the stream, and of what members hold.
static void put_damaged(const struct bytes *plain) {
    struct bytes archive = {0}, one = {0};
    xbs_member(&archive, "a", plain->data, plain->size);
    xbs_any(&archive, 'P', 0, "b", 1, 0, plain->data, 900);
    xbs_any(&archive, 'P', 0, "b", 1, 900, plain->data + 900, 900);
    archive.data[archive.size - 100] ^= 1;
    xbs_any(&archive, 'P', 0, "b", 1, 1800, plain->data + 1800, 900);
    xbs_end(&archive, "b");
    encrypt(&one, plain, 1000);
    one.data[one.size / 2] ^= 1;
    xbs_member(&archive, "d/c.xbcrypt", one.data, one.size);
    put_and_free("damaged.xbcrypt", &one);
    qp_single(&one, "e", 1000, plain->data, plain->size);
    one.data[one.size / 2] ^= 1;
    xbs_member(&archive, "d/e.qp", one.data, one.size);
    put_and_free("damaged.qp", &one);
    add_encrypted(&archive, "f.xbcrypt", plain);
    put_and_free("archive.damaged", &archive);
    xbs_member(&archive, "a", plain->data, plain->size);
    xbs_any(&archive, 'P', 0, "b", 1, 0, plain->data, 900);
    xbs_any(&archive, 'P', 0, "c", 1, 0, plain->data, 900);
    archive.size -= 100;
    put_and_free("archive.cut", &archive);
}

#define ALIYUN_SECRET "aliSecretAAAAAAAAAAAAAAAAAAAAA"
#define AWS_SECRET "aws/Secret+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ALIYUN_ENVIRONMENT                                                                         \
    "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true",                                                    \
        "ALIBABA_CLOUD_ACCESS_KEY_ID=LTAIEXAMPLELOOPBACK1",                                        \
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" ALIYUN_SECRET
#define AWS_ENVIRONMENT                                                                            \
    "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=AKIAEXAMPLELOOPBACK1",                    \
        "AWS_SECRET_ACCESS_KEY=" AWS_SECRET

static void prepare(void) {
    struct bytes b = {0}, plain = {0};
    shell("mkdir -p %s/in %s/run", work, work);
    bytes_add(&b, key, KEY_SIZE);
    put_and_free("key", &b);
    bytes_load(&b, FIXTURES "/xbcrypt/plain.txt");
    bytes_add(&plain, b.data, 3000);
    bytes_free(&b);
    put_input("plain", &plain);
    encrypt(&b, &plain, 1000);
    put_and_free("plain.xbcrypt", &b);
    put_archives(&plain);
    put_tar(&plain);
    put_damaged(&plain);
    bytes_free(&plain);
    bytes_load(&b, text_of("%s/in/archive.enc", work));
    qp_single(&plain, "archive", 1000, b.data, b.size);
    bytes_free(&b);
    encrypt(&b, &plain, 4000);
    put_and_free("archive.layers", &b);
    bytes_free(&plain);
    bytes_zeros(&b, 10000);
    bytes_text(&b, "the only bytes");
    bytes_zeros(&b, 10000);
    xbs_member(&plain, "z", b.data, b.size);
    put_and_free("holes", &b);
    put_and_free("archive.holes", &plain);
    if (!shell("cd %s/in && f=%s && cp $f/rds/plaintext.b64 $f/rds/password.hex $f/kms/*.key "
               "$f/kms/demo-ciphertext.b64 $f/kms/aws-generate-data-key.json . && chmod 600 * && "
               "printf '{\"Plaintext\":\"%%s\"}' \"$(cat plaintext.b64)\" >response && "
               "echo \"$(cat password.hex)\" >password && "
               "{ printf TAPE; cat plain; } >tape && "
               "sed -n 's/.*\"Plaintext\": *\"\\([^\"]*\\)\".*/\\1/p' aws-generate-data-key.json "
               "| tr -d '\\n' >data.key && chmod 600 data.key && for c in cbc gcm commit; do "
               "%s/s3cse-enc --content=$c "
               "-e $c.json -f aws-generate-data-key.json -i tape -o $c || exit; done && "
               "base64 -d data.key >data.raw && gzip -n archive.layers && "
               "mkdir -p folder/d/e && cp plain folder/a && cp one.qp folder/d/e/b && "
               ": >folder/empty && cp holes folder/d && truncate -s 300000 folder/d/holes && "
               "printf 'd/holes\\na\\nempty\\n' >names && "
               "mkdir .aws && printf '[profile process]\\ncredential_process = cat %%s/credentials"
               "\\n' \"$PWD\" >.aws/config && printf '{\"Version\": 1, \"AccessKeyId\": "
               "\"AKIAEXAMPLELOOPBACK1\", \"SecretAccessKey\": \"%%s\"}' '" AWS_SECRET
               "' >credentials && chmod 600 credentials && "
               "sha256sum plain | sed 's/plain/a/' >sum && "
               "python3 -B $f/../s3/unpack.py $f/s3 s3 && chmod 600 s3/good/*/*",
               work, FIXTURES, build))
        die("cannot make the input");
}

// ---- The key service

static pid_t service;

static void stop_service(void) {
    if (service > 0)
        kill(service, SIGTERM);
}

// Starts tests/kms/loopback.py, which has a certificate.
static void run_service(void) {
    if (!shell("cd %s/in && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
               "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout server.key "
               "-out server.pem 2>/dev/null && mkdir ../service",
               work))
        die("cannot make a certificate");
    service = fork();
    if (service == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        // It says there of each connection that ends early, which is what is tried.
        dup2(open(text_of("%s/service.err", work), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        execl("/usr/bin/python3", "python3", "-B", FIXTURES "/../kms/loopback.py",
              text_of("%s/service", work), text_of("%s/in/server.pem", work),
              text_of("%s/in/server.key", work), (char *)NULL);
        _exit(EX_UNAVAILABLE);
    }
    atexit(stop_service);
    if (service < 0 || !shell("for _ in $(seq 400); do [ -s %s/service/port ] && exit; sleep 0.05; "
                              "done; exit 1",
                              work))
        die("cannot start the key service");
    struct bytes port = {0};
    bytes_load(&port, text_of("%s/service/port", work));
    snprintf(service_url, sizeof service_url, "--endpoint=https://localhost:%.*s", (int)port.size,
             (const char *)port.data);
    bytes_free(&port);
}

// The ciphertexts that the service is to decrypt, by its own Encrypt.
static void put_blobs(bool aws) {
    static const char aliyun_variables[][120] = {ALIYUN_ENVIRONMENT},
                      aws_variables[][120] = {AWS_ENVIRONMENT};
    const char(*v)[120] = aws ? aws_variables : aliyun_variables;
    if (!shell("cd %s/in && env '%s' '%s' '%s' %s/kmswrap --provider=%s --region=us-east-1 "
               "--cacert=server.pem %s --key-id=%s <plaintext.b64 >blob.%s",
               work, v[0], v[1], v[2], build, aws ? "aws" : "aliyun", service_url,
               aws ? "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
                   : "key-hzz00000000000000exmp",
               aws ? "aws" : "aliyun"))
        die("cannot have a key wrapped");
}

// Makes the service ready for a provider. Returns NULL, or why it cannot be.
static const char *start_service(const char *provider) {
    static bool ready[2];
    bool aws = strcmp(provider, "--provider=aws") == 0;
    if (service == 0)
        run_service();
    if (aws && !shell("cd " FIXTURES "/../kms && "
                      "/usr/bin/python3 -B -c 'import verify_sigv4' 2>/dev/null"))
        return "neither python3-botocore nor awscli is installed";
    if (!ready[aws])
        put_blobs(aws);
    ready[aws] = true;
    return NULL;
}

static void add_data_key(void) {
    struct bytes text = {0};
    bytes_load(&text, text_of("%s/in/data.key", work));
    add_secret(text.data, 20);
    bytes_free(&text);
    bytes_load(&text, text_of("%s/in/data.raw", work));
    add_key(text.data);
    bytes_free(&text);
}

// What kmsunwrap and b64hex give, and the master key.
static void add_wrapped_key(void) {
    struct bytes b = {0};
    bytes_load(&b, text_of("%s/in/plaintext.b64", work));
    add_secret(b.data, 16);
    add_secret(b.data + 8, 16); // where the beginning has been written over
    bytes_free(&b);
    bytes_load(&b, text_of("%s/in/password.hex", work));
    add_secret(b.data, 32);
    bytes_free(&b);
    bytes_load(&b, text_of("%s/in/demo-master.key", work));
    add_key(b.data);
    bytes_free(&b);
}

static void add_text(const char *text) {
    add_secret(text, strlen(text) < INJECT_SECRET_MAX ? strlen(text) : INJECT_SECRET_MAX);
}

static void add_aliyun_secrets(void) {
    add_text(ALIYUN_SECRET);
    add_wrapped_key();
}

static void add_aws_secrets(void) {
    add_text(AWS_SECRET);
    add_wrapped_key();
}

// A file of a vector of tests/fixtures/s3.
static void load_vector(struct bytes *b, const char *name, const char *file) {
    bytes_load(b, text_of("%s/in/s3/good/%s/%s", work, name, file));
}

static void add_vector_key(const char *name) {
    struct bytes b = {0};
    load_vector(&b, name, "data.key");
    add_key(b.data);
    bytes_free(&b);
}

#define AES_COMMIT "java-v3-aesgcm-commit-1000"
#define AES_WRAP "jdk-v2-aeswrap-gcm-1000"
#define RSA_OAEP "java-v3-rsaoaepsha1-commit-1000"
#define RSA_PKCS1 "ruby-v1-rsa-cbc-1000"

// The data key, and a raw AES key as it is in its file and in binary.
static void add_aes_wrapping(const char *name) {
    struct bytes b = {0};
    uint8_t wrapping[32];
    load_vector(&b, name, "wrapping.key");
    add_secret(b.data, 32);
    add_secret(b.data + 32, 32);
    for (unsigned i = 0; i < sizeof wrapping; i++) {
        char digits[3] = {(char)b.data[2 * i], (char)b.data[2 * i + 1]};
        wrapping[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    bytes_free(&b);
    add_key(wrapping);
    add_vector_key(name);
}

static void add_aes_commit(void) {
    add_aes_wrapping(AES_COMMIT);
}

static void add_aes_wrap(void) {
    add_aes_wrapping(AES_WRAP);
}

// Part of a number of the key as files have it, and as libcrypto has it in memory.
static void add_number(const EVP_PKEY *rsa, const char *name) {
    BIGNUM *number = NULL;
    uint8_t bytes[256];
    if (EVP_PKEY_get_bn_param(rsa, name, &number) != 1 || BN_num_bytes(number) > 256)
        die("cannot take %s of the RSA key", name);
    BN_bn2bin(number, bytes);
    add_secret(bytes, 32);
    BN_bn2lebinpad(number, bytes, sizeof bytes);
    add_secret(bytes, 32);
    BN_clear_free(number);
}

// The data key, and the RSA key: lines of its file, its secret numbers.
static void add_rsa_wrapping(const char *name) {
    struct bytes b = {0};
    load_vector(&b, name, "wrapping.key");
    const char *line = memchr(b.data + b.size / 2, '\n', b.size / 2);
    add_secret(line + 1, 60);
    BIO *bio = BIO_new_mem_buf(b.data, (int)b.size);
    EVP_PKEY *rsa = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bytes_free(&b);
    if (rsa == NULL)
        die("cannot read the RSA key");
    add_number(rsa, OSSL_PKEY_PARAM_RSA_D);
    add_number(rsa, OSSL_PKEY_PARAM_RSA_FACTOR1);
    add_number(rsa, OSSL_PKEY_PARAM_RSA_FACTOR2);
    EVP_PKEY_free(rsa);
    add_vector_key(name);
}

static void add_rsa_oaep(void) {
    add_rsa_wrapping(RSA_OAEP);
}

static void add_rsa_pkcs1(void) {
    add_rsa_wrapping(RSA_PKCS1);
}

static void add_file_key(void) {
    add_key(key);
}

#define KEY "-f", "../in/key"
#define GOOD "../in/s3/good/"
static const struct {
    void (*secrets)(void);
    struct test test;
} tests[] = {
    {add_wrapped_key,
     {.name = "b64hex",
      .arguments = {"b64hex"},
      .input = "plaintext.b64",
      .piped = true,
      .expected = "password"}},
    {add_wrapped_key,
     {.name = "b64hex -r",
      .arguments = {"b64hex", "-r"},
      .input = "password",
      .expected = "plaintext.b64"}},
    {add_file_key,
     {.name = "xbcrypt-dec from a pipe to standard output",
      .arguments = {"xbcrypt-dec", KEY, "-j1"},
      .input = "plain.xbcrypt",
      .piped = true,
      .expected = "plain"}},
    {add_file_key,
     {.name = "xbcrypt-dec from a file to a file, three threads",
      .arguments = {"xbcrypt-dec", KEY, "-j3", "-i", "../in/plain.xbcrypt", "-o", "out"},
      .expected = "plain",
      .expected_at = "out"}},
    {add_file_key,
     {.name = "xbcrypt-dec with the key in the environment",
      .arguments = {"xbcrypt-dec", "-j1", "-i", "../in/plain.xbcrypt", "-o", "out"},
      .environment = {"XBCRYPT_ENCRYPTION_KEY=" KEY_TEXT},
      .expected = "plain",
      .expected_at = "out"}},
    {add_file_key,
     {.name = "xbcrypt-enc from a pipe to standard output",
      .arguments = {"xbcrypt-enc", KEY, "-j1", "-s1K"},
      .input = "plain",
      .piped = true}},
    {add_file_key,
     {.name = "xbcrypt-enc from a file to a file, three threads",
      .arguments = {"xbcrypt-enc", KEY, "-j3", "-s1K", "-i", "../in/plain", "-o", "out"}}},
    {add_file_key,
     {.name = "qpunpack to standard output",
      .arguments = {"qpunpack", "-j1"},
      .input = "one.qp",
      .piped = true,
      .expected = "plain"}},
    {add_file_key,
     {.name = "qpunpack to a folder, three threads",
      .arguments = {"qpunpack", "-j3", "-C", "d", "-i", "../in/tree.qp"}}},
    {add_file_key,
     {.name = "xbunpack",
      .arguments = {"xbunpack", "-j1", "-C", "d"},
      .input = "archive",
      .piped = true,
      .expected = "plain",
      .expected_at = "d/a"}},
    {add_file_key,
     {.name = "xbunpack -t", .arguments = {"xbunpack", "-t", "-j1"}, .input = "archive"}},
    {add_file_key,
     {.name = "xbunpack --decrypt --decompress, one thread",
      .arguments = {"xbunpack", "--decrypt", "--decompress", KEY, "-j1", "-C", "d"},
      .input = "archive.enc",
      .piped = true,
      .expected = "plain",
      .expected_at = "d/a"}},
    {add_file_key,
     {.name = "xbunpack --decrypt --decompress, three threads",
      .arguments = {"xbunpack", "--decrypt", "--decompress", KEY, "-j3", "-C", "d", "-i",
                    "../in/archive.enc"},
      .expected = "plain",
      .expected_at = "d/a"}},
    {add_wrapped_key,
     {.name = "kmsunwrap --provider=file",
      .arguments = {"kmsunwrap", "--master-key=../in/demo-master.key"},
      .input = "demo-ciphertext.b64",
      .piped = true,
      .expected = "plaintext.b64"}},
    {add_wrapped_key,
     {.name = "kmsunwrap --provider=response",
      .arguments = {"kmsunwrap", "--provider=response"},
      .input = "response",
      .piped = true,
      .expected = "plaintext.b64"}},
    {add_wrapped_key,
     {.name = "kmswrap",
      .arguments = {"kmswrap", "--master-key=../in/demo-master.key"},
      .input = "plaintext.b64",
      .piped = true,
      .expected = "demo-ciphertext.b64"}},
    {add_data_key,
     {.name = "s3cse-dec, AES-CBC, from a pipe to standard output",
      .arguments = {"s3cse-dec", "-e", "../in/cbc.json", "-f", "../in/data.key"},
      .input = "cbc",
      .piped = true,
      .expected = "tape"}},
    {add_data_key,
     {.name = "s3cse-dec, AES-GCM, to a file",
      .arguments = {"s3cse-dec", "-e", "../in/gcm.json", "-f", "../in/data.key", "-i", "../in/gcm",
                    "-o", "out"},
      .expected = "tape",
      .expected_at = "out"}},
    {add_data_key,
     {.name = "s3cse-dec, key commitment, to a file",
      .arguments = {"s3cse-dec", "-e", "../in/commit.json", "-f", "../in/data.key", "-i",
                    "../in/commit", "-o", "out"},
      .expected = "tape",
      .expected_at = "out"}},
    {add_data_key,
     {.name = "s3cse-enc, AES-CBC, to files",
      .arguments = {"s3cse-enc", "-e", "envelope", "-f", "../in/aws-generate-data-key.json", "-i",
                    "../in/tape", "-o", "out"}}},
    {add_data_key,
     {.name = "s3cse-enc, key commitment, from a pipe to standard output",
      .arguments = {"s3cse-enc", "--content=commit", "-e", "envelope", "-f",
                    "../in/aws-generate-data-key.json"},
      .input = "tape",
      .piped = true}},
    {add_file_key,
     {.name = "xbcrypt-dec --fsync --overwrite, to a file that is there",
      .arguments = {"xbcrypt-dec", KEY, "-j1", "--fsync", "--overwrite", "-i",
                    "../in/plain.xbcrypt", "-o", "out"},
      .expected = "plain",
      .expected_at = "out",
      .replaced = "out"}},
    {add_file_key,
     {.name = "xbcrypt-dec --salvage --report",
      .arguments = {"xbcrypt-dec", KEY, "-j1", "--salvage", "--report=report", "-i",
                    "../in/damaged.xbcrypt", "-o", "out"},
      .status = EX_DATAERR,
      .report = "report"}},
    {add_file_key,
     {.name = "xbcrypt-dec --progress --json-progress",
      .arguments = {"xbcrypt-dec", KEY, "-j1", "--progress", "--json-progress=9"},
      .input = "plain.xbcrypt",
      .piped = true,
      .expected = "plain",
      .progress = true}},
    {add_file_key,
     {.name = "qpunpack --salvage --report, two threads",
      .arguments = {"qpunpack", "-j2", "--salvage", "--report=report", "-C", "d", "-i",
                    "../in/damaged.qp"},
      .status = EX_DATAERR,
      .report = "report"}},
    {add_file_key,
     {.name = "xbunpack --fsync --manifest",
      .arguments = {"xbunpack", "-j1", "--fsync", "--manifest=sums", "-C", "d"},
      .input = "archive",
      .piped = true,
      .expected = "plain",
      .expected_at = "d/a"}},
    {add_file_key,
     {.name = "xbunpack --fsync --overwrite, three threads, to a file that is there",
      .arguments = {"xbunpack", "-j3", "--fsync", "--overwrite", "-C", ".", "-i", "../in/archive"},
      .expected = "plain",
      .expected_at = "a",
      .replaced = "a"}},
    {add_file_key,
     {.name = "xbunpack --verify --manifest of one member",
      .arguments = {"xbunpack", "-j1", "--verify=../in/sum", "--manifest=-", "-C", "d", "a"},
      .input = "archive",
      .expected = "sum"}},
    {add_file_key,
     {.name = "xbunpack --test",
      .arguments = {"xbunpack", "-j1", "--test", "--decrypt", "--decompress", KEY},
      .input = "archive.enc",
      .piped = true}},
    {add_file_key,
     {.name = "xbunpack --sparse=always",
      .arguments = {"xbunpack", "-j1", "--sparse=always", "-C", "d"},
      .input = "archive.holes",
      .piped = true,
      .expected = "holes",
      .expected_at = "d/z"}},
    {add_file_key,
     {.name = "xbunpack --salvage --report",
      .arguments = {"xbunpack", "-j1", "--decrypt", "--decompress", KEY, "--salvage",
                    "--report=report", "-C", "d", "-i", "../in/archive.damaged"},
      .expected = "plain",
      .expected_at = "d/f",
      .status = EX_DATAERR,
      .report = "report"}},
    {add_file_key,
     {.name = "xbunpack of an archive that is cut short",
      .arguments = {"xbunpack", "-j1", "--manifest=sums", "-C", "d"},
      .input = "archive.cut",
      .piped = true,
      .expected = "plain",
      .expected_at = "d/a",
      .status = EX_DATAERR}},
    {add_file_key,
     {.name = "xbunpack --auto of four layers",
      .arguments = {"xbunpack", "-j1", "--auto", KEY, "-C", "d"},
      .input = "archive.layers.gz",
      .piped = true,
      .expected = "plain",
      .expected_at = "d/a"}},
    {add_file_key,
     {.name = "xbunpack --auto of a tar archive",
      .arguments = {"xbunpack", "-j1", "--auto", "-C", "d"},
      .input = "archive.tar",
      .piped = true,
      .expected = "plain",
      .expected_at = "d/a"}},
    {add_file_key,
     {.name = "xbunpack --to-stdout",
      .arguments = {"xbunpack", "-j1", "--to-stdout=a", "--decrypt", "--decompress", KEY},
      .input = "archive.enc",
      .piped = true,
      .expected = "plain"}},
    {add_file_key,
     {.name = "xbunpack -tv", .arguments = {"xbunpack", "-tv", "-j1"}, .input = "archive"}},
    {add_file_key,
     {.name = "xbpack to standard output",
      .arguments = {"xbpack", "-j1", "-C", "../in/folder"},
      .marks_end = true}},
    {add_file_key,
     {.name = "xbpack -S --fsync of names in a file",
      .arguments = {"xbpack", "-j1", "-C", "../in/folder", "-S", "--fsync", "-T", "../in/names",
                    "-o", "out"}}},
    {add_file_key,
     {.name = "xbpack --compress=lz4 --encrypt, three threads, to a file that is there",
      .arguments = {"xbpack", "-j3", "-C", "../in/folder", "--compress=lz4", "--encrypt", KEY,
                    "--overwrite", "-o", "out"},
      .replaced = "out"}},
    {add_file_key,
     {.name = "xbpack --compress=zstd --encrypt of names on standard input",
      .arguments = {"xbpack", "-j1", "-C", "../in/folder", "--compress=zstd", "--encrypt", KEY,
                    "-T", "-"},
      .input = "names",
      .piped = true,
      .marks_end = true}},
    {add_aes_commit,
     {.name = "s3cse-dec, AES-GCM key wrap, key commitment, in a pipe",
      .arguments = {"s3cse-dec", "-e", GOOD AES_COMMIT "/meta.json",
                    "--wrapping-key=" GOOD AES_COMMIT "/wrapping.key"},
      .input = "s3/good/" AES_COMMIT "/object",
      .piped = true,
      .expected = "s3/good/" AES_COMMIT "/plain"}},
    {add_aes_wrap,
     {.name = "s3cse-dec, AES key wrap, AES-GCM, in a pipe",
      .arguments = {"s3cse-dec", "-e", GOOD AES_WRAP "/meta.json",
                    "--wrapping-key=" GOOD AES_WRAP "/wrapping.key"},
      .input = "s3/good/" AES_WRAP "/object",
      .piped = true,
      .expected = "s3/good/" AES_WRAP "/plain"}},
    {add_rsa_oaep,
     {.name = "s3cse-dec, RSA-OAEP, key commitment, --fsync",
      .arguments = {"s3cse-dec", "-e", GOOD RSA_OAEP "/meta.json",
                    "--wrapping-key=" GOOD RSA_OAEP "/wrapping.key", "--fsync", "-o", "out"},
      .input = "s3/good/" RSA_OAEP "/object",
      .expected = "s3/good/" RSA_OAEP "/plain",
      .expected_at = "out"}},
    {add_rsa_pkcs1,
     {.name = "s3cse-dec, RSA PKCS #1, AES-CBC",
      .arguments = {"s3cse-dec", "-e", GOOD RSA_PKCS1 "/meta.json",
                    "--wrapping-key=" GOOD RSA_PKCS1 "/wrapping.key"},
      .input = "s3/good/" RSA_PKCS1 "/object",
      .piped = true,
      .expected = "s3/good/" RSA_PKCS1 "/plain"}},
    {add_aliyun_secrets,
     {.name = "kmsunwrap --provider=aliyun",
      .arguments = {"kmsunwrap", "--provider=aliyun", "--region=us-east-1",
                    "--cacert=../in/server.pem", SERVICE_URL, "--retries=0"},
      .environment = {ALIYUN_ENVIRONMENT},
      .input = "blob.aliyun",
      .piped = true,
      .expected = "plaintext.b64",
      .network = true}},
    {add_aws_secrets,
     {.name = "kmsunwrap --provider=aws",
      .arguments = {"kmsunwrap", "--provider=aws", "--region=us-east-1",
                    "--cacert=../in/server.pem", SERVICE_URL, "--retries=0"},
      .environment = {AWS_ENVIRONMENT},
      .input = "blob.aws",
      .piped = true,
      .expected = "plaintext.b64",
      .network = true}},
    {add_aws_secrets,
     {.name = "kmsunwrap --provider=aws, credentials of a process",
      .arguments = {"kmsunwrap", "--provider=aws", "--region=us-east-1", "--profile=process",
                    "--cacert=../in/server.pem", SERVICE_URL, "--retries=0"},
      .environment = {"AWS_EC2_METADATA_DISABLED=true"},
      .input = "blob.aws",
      .piped = true,
      .expected = "plaintext.b64",
      .network = true}},
};

int main(void) {
    const char *folder = getenv("BUILD_DIR");
    build = realpath(folder != NULL ? folder : "build", NULL);
    if (build == NULL)
        die("no folder BUILD_DIR");
    const char *wanted = getenv("FAULT_CASE");
    all = getenv("FAULT_ALL") != NULL;
    wanted_kind = getenv("FAULT_KIND");
    snprintf(work, sizeof work, "%s/fault/work.XXXXXX", build);
    if (mkdtemp(work) == NULL)
        die("cannot make %s", work);
    int fd = open(text_of("%s/shared", work), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *shared) < 0)
        die("cannot make the shared file");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED)
        die("cannot map the shared file");
    struct sigaction action = {.sa_handler = too_long};
    sigaction(SIGALRM, &action, NULL);
    prepare();
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        struct test test = tests[i].test;
        if (wanted != NULL && strstr(test.name, wanted) == NULL)
            continue;
        const char *missing = test.network ? start_service(test.arguments[1]) : NULL;
        if (missing != NULL) {
            report(true, test.name, text_of("# skip %s", missing));
            continue;
        }
        chance = test.network;
        memset(shared->secrets, 0, sizeof shared->secrets);
        tests[i].secrets();
        walk(&test);
    }
    shell("rm -rf %s", work);
    for (size_t i = 0; i < sizeof spared / sizeof spared[0] && spared[i].count > 0; i++)
        printf("# %u runs ended in a library that lacked memory: %s\n", spared[i].count,
               spared[i].where);
    printf("1..%u\n", tests_done);
    return tests_failed > 0;
}
