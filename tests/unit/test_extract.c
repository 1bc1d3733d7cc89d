// SPDX-License-Identifier: Apache-2.0
// The extractor over memory and a real directory: every cut of a stream, and nothing left behind
// that is not whole.
#include "archive/extract.h"
#include "archives.h"
#include "compress.h"
#include "feed.h"
#include "os/noclobber.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char key_bytes[] = "0123456789abcdef0123456789ABCDEF";
static char top[300]; // the directory of the test

static int make_top(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(top, sizeof top, "%s/test_extract.XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(top) != NULL ? 0 : -1;
}

// Removes what is in the directory, one level of folders included; counts the files.
static unsigned empty_folder(int fd) {
    unsigned files = 0;
    DIR *dir = fdopendir(fd);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (unlinkat(fd, e->d_name, 0) == 0) {
            files++;
            continue;
        }
        int inner = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY);
        assert_true(inner >= 0);
        files += empty_folder(inner);
        assert_int_equal(unlinkat(fd, e->d_name, AT_REMOVEDIR), 0);
    }
    closedir(dir);
    return files;
}

static unsigned empty_top(void) {
    int fd = open(top, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    return empty_folder(fd);
}

static int remove_top(void **state) {
    (void)state;
    empty_top();
    return rmdir(top);
}

// ---- Running the extractor.

struct extraction {
    int status;
    struct fault fault;
    unsigned unfinished;
    char listed[4096]; // "stored>restored\n" for each member
    unsigned left_encrypted;
};
static struct extraction *current;

static void member(const char *stored, const char *restored) {
    size_t used = strlen(current->listed);
    snprintf(current->listed + used, sizeof current->listed - used, "%s>%s\n", stored, restored);
}

static void unfinished(const char *stored) {
    (void)stored;
    current->unfinished++;
}

struct options {
    bool decrypt, decompress, overwrite, list;
    bool nowhere; // verify only
    unsigned threads;
    size_t piece; // 0: whole
};

static struct xbcrypt_key *make_key(unsigned threads) {
    uint8_t copy[32];
    memcpy(copy, key_bytes, sizeof copy);
    struct secret secret = {.size = sizeof copy, .data = copy, .capacity = sizeof copy};
    struct xbcrypt_key *key;
    struct fault f;
    assert_int_equal(xbcrypt_key_new(&key, &secret, 0, threads, NULL, &f), 0);
    return key;
}

static void extract(const struct bytes *in, const struct options *how, struct extraction *x) {
    struct ordered *o;
    struct extract *e;
    struct outfiles_settings writing = {0};
    unsigned threads = how->threads != 0 ? how->threads : 1;
    struct xbcrypt_dec_settings decrypt = {.key = make_key(threads), .max_chunk = 1 << 20};
    struct extract_settings settings = {.decrypt = how->decrypt ? &decrypt : NULL,
                                        .decompress = how->decompress,
                                        .max_chunk = 1 << 20,
                                        .member = member,
                                        .unfinished = unfinished};
    memset(x, 0, sizeof *x);
    current = x;
    noclobber_forget(); // each extraction stands for a run
    if (!how->list && !how->nowhere)
        assert_int_equal(outdir_open(&writing.dir, top, how->overwrite, &x->fault), 0);
    assert_int_equal(ordered_new(&o, threads, &x->fault), 0);
    if (!how->list)
        assert_int_equal(outfiles_new(&settings.files, o, &writing, &x->fault), 0);
    assert_int_equal(extract_new(&e, o, &settings, &x->fault), 0);
    struct slab *slab = slab_new(in->size + 1);
    assert_non_null(slab);
    if (in->size > 0)
        memcpy(slab->data, in->data, in->size);
    int failed = 0;
    for (size_t at = 0; at < in->size && failed == 0;) {
        size_t n = how->piece != 0 && how->piece < in->size - at ? how->piece : in->size - at;
        stage_push(
            extract_stage(e),
            (struct view){
                .data = slab->data + at, .size = n, .slab = slab, .origin = at, .exact = true});
        ordered_pump(o);
        at += n;
    }
    if (failed == 0) {
        stage_finish(extract_stage(e));
        failed = ordered_finish(o, &x->fault);
    }
    x->status = failed == 0 ? 0 : x->fault.status;
    x->left_encrypted = extract_left_encrypted(e);
    if (how->list)
        extract_list(e);
    ordered_drop(o);
    extract_free(e);
    outfiles_free(settings.files);
    ordered_free(o);
    outdir_close(writing.dir);
    xbcrypt_key_free(decrypt.key);
    slab_unref(slab);
    slab_trim();
}

// True if the file of that name is there; its content must then be `expected`.
static bool is_restored(const char *name, const struct bytes *expected) {
    char path[900];
    snprintf(path, sizeof path, "%s/%s", top, name);
    struct stat st;
    if (lstat(path, &st) < 0) {
        assert_int_equal(errno, ENOENT);
        return false;
    }
    assert_true(S_ISREG(st.st_mode));
    struct bytes found;
    bytes_load(&found, path);
    if (found.size != expected->size ||
        (found.size > 0 && memcmp(found.data, expected->data, found.size) != 0))
        fail_msg("%s: wrong content of %zu bytes, expected %zu", name, found.size, expected->size);
    bytes_free(&found);
    return true;
}

// ---- A stream with a member of every kind.

enum { KINDS = 9 };
struct sample {
    struct bytes stream;
    struct bytes content[KINDS];
    const char *names[KINDS];
};

static void lz4_frame(struct bytes *b, const struct bytes *content) {
    compress_lz4(b, content->data, content->size, COMPRESS_CHECKSUM | COMPRESS_SIZE);
}

static void zstd_frame(struct bytes *b, const struct bytes *content) {
    compress_zstd(b, content->data, content->size, COMPRESS_CHECKSUM | COMPRESS_SIZE);
}

static void encrypt(struct bytes *b, const struct bytes *data) {
    static const uint8_t iv[16] = {9};
    size_t half = data->size / 2;
    xbc_chunk(b, 3, key_bytes, 32, data->data, half, iv);
    xbc_chunk(b, 3, key_bytes, 32, data->data + half, data->size - half, iv);
}

static void compress(struct bytes *b, const struct bytes *data) {
    qp_single(b, "whatever/../name", 64, data->data, data->size);
}

typedef void transformer(struct bytes *to, const struct bytes *from);

static struct sample make_sample(void) {
    static const struct {
        const char *stored, *restored;
        transformer *first, *second;
    } members[KINDS] = {{"plain", "plain", NULL, NULL},
                        {"d/qp.qp", "d/qp", compress, NULL},
                        {"d/lz4.lz4", "d/lz4", lz4_frame, NULL},
                        {"zst.zst", "zst", zstd_frame, NULL},
                        {"x.xbcrypt", "x", encrypt, NULL},
                        {"qx.qp.xbcrypt", "qx", compress, encrypt},
                        {"lx.lz4.xbcrypt", "lx", lz4_frame, encrypt},
                        {"zx.zst.xbcrypt", "zx", zstd_frame, encrypt},
                        {"xq.xbcrypt.qp", "xq", encrypt, compress}};
    struct sample s = {.stream = {0}};
    for (unsigned i = 0; i < KINDS; i++) {
        struct bytes once = {0}, twice = {0};
        bytes_text(&s.content[i], "content, content, content of ");
        bytes_text(&s.content[i], members[i].restored);
        bytes_noise(&s.content[i], 60 + i, i);
        s.names[i] = members[i].restored;
        const struct bytes *stored = &s.content[i];
        if (members[i].first != NULL) {
            members[i].first(&once, stored);
            stored = &once;
        }
        if (members[i].second != NULL) {
            members[i].second(&twice, stored);
            stored = &twice;
        }
        xbs_member(&s.stream, members[i].stored, stored->data, stored->size);
        bytes_free(&once);
        bytes_free(&twice);
    }
    return s;
}

static void sample_free(struct sample *s) {
    bytes_free(&s->stream);
    for (unsigned i = 0; i < KINDS; i++)
        bytes_free(&s->content[i]);
}

// Checks and removes what is there: of the sample's files only whole ones, and no other file.
static unsigned check_files(const struct sample *s) {
    unsigned restored = 0;
    for (unsigned i = 0; i < KINDS; i++)
        restored += is_restored(s->names[i], &s->content[i]);
    assert_int_equal(empty_top(), restored);
    return restored;
}

static void test_every_kind(void **state) {
    (void)state;
    struct sample s = make_sample();
    for (unsigned threads = 1; threads <= 7; threads += 3)
        for (size_t piece = 0; piece <= 100; piece = piece == 0 ? 1 : 10 * piece) {
            struct extraction x;
            extract(&s.stream,
                    &(struct options){
                        .decrypt = true, .decompress = true, .threads = threads, .piece = piece},
                    &x);
            if (x.status != 0)
                fail_msg("%s", x.fault.text);
            assert_string_equal(x.listed, "plain>plain\n"
                                          "d/qp.qp>d/qp\n"
                                          "d/lz4.lz4>d/lz4\n"
                                          "zst.zst>zst\n"
                                          "x.xbcrypt>x\n"
                                          "qx.qp.xbcrypt>qx\n"
                                          "lx.lz4.xbcrypt>lx\n"
                                          "zx.zst.xbcrypt>zx\n"
                                          "xq.xbcrypt.qp>xq\n");
            assert_int_equal(check_files(&s), KINDS);
        }
    sample_free(&s);
}

static void test_pieces_of_every_size(void **state) {
    (void)state;
    struct sample s = make_sample();
    for (size_t piece = 2; piece < s.stream.size; piece += 1 + piece / 16) {
        struct extraction x;
        extract(
            &s.stream,
            &(struct options){
                .decrypt = true, .decompress = true, .threads = piece % 2 ? 3 : 1, .piece = piece},
            &x);
        if (x.status != 0)
            fail_msg("pieces of %zu: %s", piece, x.fault.text);
        assert_int_equal(check_files(&s), KINDS);
    }
    sample_free(&s);
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    struct sample s = make_sample();
    size_t whole = s.stream.size;
    unsigned most = 0;
    for (s.stream.size = 0; s.stream.size < whole; s.stream.size++) {
        struct extraction x;
        extract(&s.stream,
                &(struct options){.decrypt = true,
                                  .decompress = true,
                                  .threads = s.stream.size % 2 ? 3 : 1,
                                  .piece = s.stream.size % 5},
                &x);
        // Between two members nothing tells a cut stream from a whole one.
        bool between = x.status == 0;
        if (!between) {
            assert_int_equal(x.status, EX_DATAERR);
            assert_true(x.fault.text[0] != '\0');
        }
        unsigned restored = check_files(&s);
        if (between)
            most++;
        assert_int_equal(restored, most); // all whose end was seen, for any number of threads

        // If nothing is written, the verdict is the same.
        struct extraction verified;
        extract(&s.stream,
                &(struct options){.decrypt = true,
                                  .decompress = true,
                                  .nowhere = true,
                                  .threads = s.stream.size % 2 ? 1 : 3,
                                  .piece = s.stream.size % 5},
                &verified);
        assert_int_equal(verified.status, x.status);
        assert_string_equal(verified.fault.text, x.fault.text);
        assert_int_equal(verified.unfinished, x.unfinished);
        assert_int_equal(empty_top(), 0);
    }
    assert_int_equal(most, KINDS - 1);
    sample_free(&s);
}

// A member whose own data is cut, in a stream that is whole.
static void test_cut_members(void **state) {
    (void)state;
    static transformer *const transformers[] = {compress, lz4_frame, zstd_frame, encrypt};
    static const char *const names[] = {"n.qp", "n.lz4", "n.zst", "n.xbcrypt"};
    static const char *const texts[] = {
        "n.qp: qpress archive ends too early, ", "n.lz4: input ends inside an LZ4 frame ",
        "n.zst: input ends inside a Zstandard frame ", "n.xbcrypt: input ends inside the "};
    for (unsigned i = 0; i < 4; i++) {
        struct bytes content = {0}, stored = {0};
        bytes_text(&content, "content, content, content");
        bytes_noise(&content, 50, 3);
        transformers[i](&stored, &content);
        for (size_t size = 0; size <= stored.size; size++) {
            struct bytes stream = {0}, expected = {0};
            struct extraction x;
            xbs_member(&stream, "n2", "x", 1);
            xbs_member(&stream, names[i], stored.data, size);
            extract(&stream, &(struct options){.decrypt = true, .decompress = true}, &x);
            // An empty file, a whole one, and, of xbcrypt, one that ends with a chunk.
            size_t half = xbcrypt_chunk_size(content.size / 2);
            bool whole = size == stored.size || (size == 0 && i != 0) || (i == 3 && size == half);
            bytes_add(&expected, content.data,
                      size == 0             ? 0
                      : size == stored.size ? content.size
                                            : content.size / 2);
            if (whole != (x.status == 0))
                fail_msg("%s, %zu bytes: %s", names[i], size, x.fault.text);
            assert_int_equal(is_restored("n", &expected), whole);
            assert_int_equal(empty_top(), 1 + whole);
            if (!whole) {
                assert_int_equal(x.status, EX_DATAERR);
                const char *text = texts[i];
                if (i == 0 && size == 0)
                    text = "n.qp: input is empty: expected a qpress archive";
                else if (i == 0 && size == 16)
                    text = "n.qp: qpress archive holds no file: expected one";
                if (strncmp(x.fault.text, text, strlen(text)) != 0)
                    fail_msg("%s, %zu bytes: %s", names[i], size, x.fault.text);
            }
            bytes_free(&stream);
            bytes_free(&expected);
        }
        bytes_free(&content);
        bytes_free(&stored);
    }
}

// Bits of the frames' content, for the formats whose checks are the libraries': never wrong files.
static void test_bits_of_members(void **state) {
    (void)state;
    static transformer *const transformers[] = {compress, lz4_frame, zstd_frame, encrypt};
    static const char *const names[] = {"n.qp", "n.lz4", "n.zst", "n.xbcrypt"};
    for (unsigned i = 0; i < 4; i++) {
        struct bytes content = {0}, stored = {0};
        bytes_text(&content, "content, content, content");
        transformers[i](&stored, &content);
        for (size_t bit = 0; bit < 8 * stored.size; bit++) {
            struct bytes stream = {0};
            struct extraction x;
            stored.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            xbs_member(&stream, names[i], stored.data, stored.size);
            stored.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            extract(&stream, &(struct options){.decrypt = true, .decompress = true}, &x);
            // A skippable frame: valid and without content, in both formats. (One bit makes none.)
            bool restored = is_restored("n", &content);
            assert_int_equal(restored, x.status == 0);
            assert_int_equal(empty_top(), restored);
            if (!restored)
                assert_int_equal(x.status, EX_DATAERR);
            bytes_free(&stream);
        }
        bytes_free(&content);
        bytes_free(&stored);
    }
}

// ---- Names.

static void expect_failure(struct bytes *in, const struct options *how, int status,
                           const char *message, unsigned files) {
    struct extraction x;
    extract(in, how, &x);
    if (x.status != status || strcmp(x.fault.text, message) != 0)
        fail_msg("status %d, \"%s\" instead of \"%s\"", x.status, x.fault.text, message);
    assert_int_equal(empty_top(), files);
    bytes_free(in);
}

// In small pieces, so that what comes before a failure has been done when it is met.
static const struct options both = {.decrypt = true, .decompress = true, .piece = 1};

static void test_refused_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t size;
        const char *shown, *why;
    } names[] = {{"/../x", 5, "/../x", "has a component \"..\""},
                 {"..", 2, "..", "has a component \"..\""},
                 {"../x", 4, "../x", "has a component \"..\""},
                 {"a/../x", 6, "a/../x", "has a component \"..\""},
                 {"a/..", 4, "a/..", "has a component \"..\""},
                 {"./..", 4, "./..", "has a component \"..\""},
                 {".", 1, ".", "names a folder, not a file"},
                 {"/", 1, "/", "names a folder, not a file"},
                 {"a/", 2, "a/", "names a folder, not a file"},
                 {"a\0b", 3, "a\\x00b", "holds a zero byte"},
                 {"\0", 1, "\\x00", "holds a zero byte"},
                 {"a/\x1b[2J/..", 9, "a/\\x1b[2J/..", "has a component \"..\""},
                 // What is left without a suffix.
                 {"...qp", 5, "..", "has a component \".\" or \"..\""},
                 {"d//..qp", 7, "d/.", "has a component \".\" or \"..\""}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct bytes b = {0};
        char expected[400];
        xbs_any(&b, 'P', 0, names[i].name, names[i].size, 0, "x", 1);
        snprintf(expected, sizeof expected, "refused member name \"%s\": it %s", names[i].shown,
                 names[i].why);
        expect_failure(&b, &both, EX_DATAERR, expected, 0);
    }
    // Names that look odd and are fine.
    struct bytes b = {0}, content = {0};
    struct extraction x;
    static const char *const fine[] = {"...", "..a",      "a..",  ".hidden", "-rf",
                                       "a b", "\xc3\xa4", "a\nb", "d.qp/f"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        xbs_member(&b, fine[i], fine[i], strlen(fine[i]));
    extract(&b, &both, &x);
    if (x.status != 0)
        fail_msg("%s", x.fault.text);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        content.size = 0;
        bytes_text(&content, fine[i]);
        assert_true(is_restored(fine[i], &content));
    }
    assert_int_equal(empty_top(), sizeof fine / sizeof fine[0]);
    bytes_free(&content);
    bytes_free(&b);
}

static void test_name_sizes(void **state) {
    (void)state;
    char name[600];
    memset(name, 'n', sizeof name);
    name[200] = name[401] = '/';
    name[511] = '\0';
    struct bytes b = {0}, x1 = {0};
    struct extraction x;
    bytes_text(&x1, "x");
    xbs_member(&b, name, "x", 1);
    extract(&b, &both, &x);
    if (x.status != 0)
        fail_msg("%s", x.fault.text);
    assert_true(is_restored(name, &x1));
    bytes_free(&b);
    bytes_free(&x1);
    empty_top();

    // A component longer than a file system takes.
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    xbs_member(&b, name, "x", 1);
    extract(&b, &both, &x);
    assert_int_equal(x.status, EX_DATAERR);
    assert_non_null(strstr(x.fault.text, "it has a component longer than 255 bytes"));
    bytes_free(&b);
    // 255 bytes are fine, and what is taken off does not count.
    strcpy(name + 255, ".qp");
    bytes_free(&b);
    struct bytes packed = {0};
    qp_single(&packed, "", 64, "x", 1);
    xbs_member(&b, name, packed.data, packed.size);
    extract(&b, &both, &x);
    assert_int_equal(x.status, 0);
    assert_int_equal(empty_top(), 1);
    bytes_free(&packed);
    bytes_free(&b);
}

static void test_suffixes(void **state) {
    (void)state;
    struct bytes b = {0}, packed = {0}, content = {0};
    struct extraction x;
    bytes_text(&content, "stored as it is");
    // Nothing but a suffix is a name.
    static const char *const bare[] = {".qp", ".xbcrypt", ".lz4", ".zst", "d/.qp"};
    for (size_t i = 0; i < 5; i++)
        xbs_member(&b, bare[i], content.data, content.size);
    extract(&b, &both, &x);
    if (x.status != 0)
        fail_msg("%s", x.fault.text);
    for (size_t i = 0; i < 5; i++)
        assert_true(is_restored(bare[i], &content));
    assert_int_equal(empty_top(), 5);
    bytes_free(&b);

    // What is not asked for stays.
    xbs_member(&b, "a.qp", content.data, content.size);
    xbs_member(&b, "b.qp.xbcrypt", content.data, content.size);
    extract(&b, &(struct options){0}, &x);
    assert_int_equal(x.status, 0);
    assert_int_equal(x.left_encrypted, 1);
    assert_true(is_restored("a.qp", &content));
    assert_true(is_restored("b.qp.xbcrypt", &content));
    assert_int_equal(empty_top(), 2);
    bytes_free(&b);

    // One compression is the backup's; what is below it is the file's. In either order.
    struct bytes today = {0}, twice = {0};
    compress(&today, &content);
    compress(&packed, &today);
    encrypt(&twice, &packed);
    for (int last = 0; last < 2; last++) {
        if (last)
            xbs_member(&b, "x.qp", today.data, today.size);
        xbs_member(&b, "x.qp.qp.xbcrypt", twice.data, twice.size);
        if (!last)
            xbs_member(&b, "x.qp", today.data, today.size);
        extract(&b, &both, &x);
        if (x.status != 0)
            fail_msg("%s", x.fault.text);
        assert_true(is_restored("x", &content));
        assert_true(is_restored("x.qp", &today));
        assert_int_equal(empty_top(), 2);
        bytes_free(&b);
    }
    bytes_free(&today);
    bytes_free(&twice);

    // As many as eight suffixes, not nine.
    const char *name = "n.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt";
    char message[200];
    snprintf(message, sizeof message, "%s: more than 8 suffixes to undo", name);
    xbs_member(&b, name, "x", 1);
    expect_failure(&b, &both, EX_DATAERR, message, 0);
    bytes_free(&packed);
    for (unsigned i = 0; i < 8; i++) {
        struct bytes outer = {0};
        encrypt(&outer, i == 0 ? &content : &packed);
        bytes_free(&packed);
        packed = outer;
    }
    xbs_member(&b, "p.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt.xbcrypt", packed.data,
               packed.size);
    extract(&b, &both, &x);
    if (x.status != 0)
        fail_msg("%s", x.fault.text);
    assert_true(is_restored("p", &content));
    empty_top();
    bytes_free(&b);
    bytes_free(&packed);
    bytes_free(&content);
}

static void test_same_name_twice(void **state) {
    (void)state;
    struct bytes b = {0};
    xbs_member(&b, "t.ibd", "x", 1);
    xbs_member(&b, "t.ibd.qp", "x", 1);
    expect_failure(&b, &both, EX_DATAERR,
                   "t.ibd: the archive has another file that gets this name: t.ibd and t.ibd.qp",
                   1);
    // Even where files may be replaced.
    xbs_member(&b, "t.ibd", "x", 1);
    xbs_member(&b, "t.ibd.lz4", "x", 1);
    expect_failure(
        &b, &(struct options){.decompress = true, .overwrite = true, .piece = 1}, EX_DATAERR,
        "t.ibd: the archive has another file that gets this name: t.ibd and t.ibd.lz4", 1);
    // A file where a folder must be, and the other way round.
    xbs_member(&b, "a", "x", 1);
    xbs_member(&b, "a/b", "x", 1);
    expect_failure(&b, &both, EX_DATAERR, "a: the archive has a file and a folder of this name", 1);
    xbs_member(&b, "a/b", "x", 1);
    xbs_member(&b, "a", "x", 1);
    expect_failure(&b, &both, EX_DATAERR, "a: the archive has a file and a folder of this name", 1);
    // While the first one is still being written.
    xbs_payload(&b, "a", 0, "x");
    xbs_member(&b, "a/b", "x", 1);
    xbs_end(&b, "a");
    expect_failure(&b, &both, EX_DATAERR, "a: the archive has a file and a folder of this name", 0);
    bytes_free(&b);
}

static void test_existing_file(void **state) {
    (void)state;
    struct bytes b = {0}, again = {0}, old = {0}, new = {0};
    struct extraction x;
    bytes_text(&old, "old and longer");
    bytes_text(&new, "new");
    xbs_member(&b, "a", old.data, old.size);
    xbs_member(&again, "a", new.data, new.size);
    extract(&b, &both, &x);
    assert_int_equal(x.status, 0);
    extract(&again, &both, &x);
    assert_int_equal(x.status, EX_CANTCREAT);
    char expected[400];
    snprintf(expected, sizeof expected,
             "a: file exists already in %s; use an empty directory, or --overwrite", top);
    assert_string_equal(x.fault.text, expected);
    assert_true(is_restored("a", &old));
    extract(&again, &(struct options){.overwrite = true}, &x);
    assert_int_equal(x.status, 0);
    assert_true(is_restored("a", &new));
    assert_int_equal(empty_top(), 1);
    bytes_free(&b);
    bytes_free(&again);
    bytes_free(&old);
    bytes_free(&new);
}

static void test_listing(void **state) {
    (void)state;
    struct sample s = make_sample();
    struct extraction x;
    extract(&s.stream, &(struct options){.list = true, .threads = 3}, &x);
    assert_int_equal(x.status, 0);
    assert_string_equal(x.listed, "plain>plain\nd/qp.qp>d/qp.qp\nd/lz4.lz4>d/lz4.lz4\n"
                                  "zst.zst>zst.zst\nx.xbcrypt>x.xbcrypt\n"
                                  "qx.qp.xbcrypt>qx.qp.xbcrypt\nlx.lz4.xbcrypt>lx.lz4.xbcrypt\n"
                                  "zx.zst.xbcrypt>zx.zst.xbcrypt\nxq.xbcrypt.qp>xq.xbcrypt.qp\n");
    assert_int_equal(empty_top(), 0);
    sample_free(&s);
}

// More members open at a time than a process may have descriptors.
static void test_many_open_members(void **state) {
    (void)state;
    struct bytes b = {0};
    struct extraction x;
    char name[20];
    enum { MANY = 700 };
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "d/%u", i);
            if (round == 0)
                xbs_payload(&b, name, 0, name);
            else
                xbs_end(&b, name);
        }
    extract(&b, &(struct options){.threads = 3}, &x);
    if (x.status != 0)
        fail_msg("%s", x.fault.text);
    for (unsigned i = 0; i < MANY; i++) {
        struct bytes content = {0};
        snprintf(name, sizeof name, "d/%u", i);
        bytes_text(&content, name);
        assert_true(is_restored(name, &content));
        bytes_free(&content);
    }
    assert_int_equal(empty_top(), MANY);
    bytes_free(&b);
}

static void test_holes_and_decoders(void **state) {
    (void)state;
    static const uint32_t map[][2] = {{4096, 3}};
    struct bytes b = {0};
    struct extraction x;
    xbs_sparse(&b, "n.qp", 0, map, 1, "abc", 3);
    xbs_end(&b, "n.qp");
    extract(&b, &both, &x);
    assert_int_equal(x.status, EX_DATAERR);
    assert_string_equal(x.fault.text, "n.qp: a hole at input offset 0 in a member that is "
                                      "encrypted or compressed");
    assert_int_equal(empty_top(), 0);
    bytes_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_pieces_of_every_size),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_cut_members),
        cmocka_unit_test(test_bits_of_members),
        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_name_sizes),
        cmocka_unit_test(test_suffixes),
        cmocka_unit_test(test_same_name_twice),
        cmocka_unit_test(test_existing_file),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_many_open_members),
        cmocka_unit_test(test_holes_and_decoders),
    };
    return cmocka_run_group_tests(tests, make_top, remove_top);
}
