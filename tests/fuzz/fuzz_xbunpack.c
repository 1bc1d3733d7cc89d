// SPDX-License-Identifier: Apache-2.0
// All of xbunpack behind its options: reader, names, every decoder on top of every other, files.
// These are kept in memory: the linker puts __wrap_null_sink_new in null_sink_new's place; or they
// are written to a directory of the system's memory. Exactly the members that are whole must come
// out, and the same ones with the same bytes however the input came.
//
// Parsers: extract.c extract_member.c extract_changes.c member_plan.c suffix.c capture.c limit.c
// Parsers: digest.c outfiles.c outdir.c outfile.c sink.c names.c ordered.c stage.c
// Parsers: restored.c restored_disk.c restored_list.c
//
// First byte: bit 0 decrypt, bit 1 decompress, bit 2 --no-strict, bit 3 list, bit 4 the rest is a
// recipe and not an archive, bit 5 into a directory, bit 6 with all that may be asked for besides
// (the long list, digests, what the backup is, limits, members left out), bit 7 only what the
// backup is; second byte: the pieces of the second run. A recipe is one member after the other,
// without checksums that a mutation could break: a byte (bits 0-1 encrypted as this version, bit 2
// qpress data, bit 3 LZ4 data, whose checksums are made right, bit 4 in two chunks, bit 5 without
// an end, bit 6 sparse), a byte % 32: the name's size, the name, 2 bytes: the content's size, the
// content.
#include "archive/extract.h"
#include "archives.h"
#include "base/byteorder.h"
#include "engine/null_sink.h"
#include "file/outdir.h"
#include "file/outfiles.h"
#include "fuzz.h"
#include "repair.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CHUNK = 1 << 16, SIZE_MOST = 2000, DEPTH_MAX = 300 };

enum {
    DECRYPT = 1,
    DECOMPRESS = 2,
    NO_STRICT = 4,
    LIST = 8,
    RECIPE = 16,
    DIRECTORY = 32,
    MORE = 64,
    INFO = 128,
};

// ---- Recipes.

static void add_member(struct bytes *stream, uint8_t how, const char *name, const uint8_t *content,
                       size_t size) {
    static const uint8_t iv[XBCRYPT_IV] = "initial counter";
    uint8_t *copy = fuzz_copy(content, size);
    if (how & 4)
        repair_qpress(copy, size, 0);
    if (how & 8)
        repair_lz4(copy, size);
    struct bytes coded = {0};
    unsigned version = how & 3;
    size_t half = how & 16 ? size / 2 : size;
    if (version == 0) {
        bytes_add(&coded, copy, size);
    } else {
        xbc_chunk(&coded, version, fuzz_key, 32, copy, half, iv);
        if (half < size)
            xbc_chunk(&coded, version, fuzz_key, 32, copy + half, size - half, iv);
    }
    size_t first = how & 16 ? coded.size / 3 : coded.size;
    if (how & 64) {
        uint32_t map[2][2] = {{3, (uint32_t)first}, {(uint32_t)size, 0}};
        xbs_sparse(stream, name, 0, (const uint32_t(*)[2])map, 2, coded.data, first);
        first = coded.size; // the rest would have to continue behind the hole
    } else {
        xbs_any(stream, 'P', 0, name, strlen(name), 0, coded.data, first);
    }
    if (first < coded.size)
        xbs_any(stream, 'P', 0, name, strlen(name), first, coded.data + first, coded.size - first);
    if (!(how & 32))
        xbs_end(stream, name);
    bytes_free(&coded);
    free(copy);
}

static void follow(struct fuzz_input in, struct bytes *stream) {
    while (in.size > 0) {
        uint8_t how = fuzz_byte(&in);
        size_t name_size = fuzz_byte(&in) % 32;
        char name[33] = "";
        for (size_t i = 0; i < name_size; i++)
            name[i] = (char)fuzz_byte(&in);
        name_size = strlen(name);
        if (name_size == 0)
            strcpy(name, "x");
        size_t size = fuzz_byte(&in);
        size |= (size_t)fuzz_byte(&in) << 8;
        if (size > in.size)
            size = in.size;
        add_member(stream, how, name, in.data, size);
        in.data += size;
        in.size -= size;
    }
}

// ---- Files in memory.

// As the header says, whatever that becomes.
__typeof__(null_sink_new) __wrap_null_sink_new, __real_null_sink_new;

// Collects what its file gets, and hands the end on to a sink of the library.
struct memory {
    struct stage stage;
    struct stage *real;
    unsigned number; // of the file, as they were begun
    struct bytes content;
    bool finished;
    void (*done)(void *);
    void *context;
};

// Of the run: what is complete, by the files' numbers. Which one is so first is not promised.
enum { FILES_MAX = 4096 };
static struct bytes memory_files[FILES_MAX];
static unsigned files_begun, files_complete;

static void remember(struct stage *stage, struct view v) {
    struct memory *m = (struct memory *)stage;
    if (m->finished)
        fuzz_broken("bytes after a file's end");
    if (v.data != NULL) {
        bytes_add(&m->content, v.data, v.size);
    } else { // of any size: its length will do
        bytes_text(&m->content, "(hole)");
        bytes_little(&m->content, v.size, 8);
    }
}

static void finish_memory(struct stage *stage) {
    struct memory *m = (struct memory *)stage;
    m->finished = true;
    stage_finish(m->real);
}

static void free_memory(struct stage *stage) {
    struct memory *m = (struct memory *)stage;
    bytes_free(&m->content);
    stage_free(m->real);
    free(m);
}

static void done(void *context) {
    struct memory *m = context;
    files_complete++;
    bytes_text(&memory_files[m->number], "complete:");
    bytes_add(&memory_files[m->number], m->content.data, m->content.size);
    if (m->done != NULL)
        m->done(m->context);
}

static bool sinks_wrapped; // not in a list, which asks them for their size

struct stage *__wrap_null_sink_new(struct ordered *o, void (*when_done)(void *context),
                                   void *context) {
    static const struct stage_operations operations = {
        .push = remember, .finish = finish_memory, .free = free_memory};
    if (!sinks_wrapped)
        return __real_null_sink_new(o, when_done, context);
    struct memory *m = calloc(1, sizeof *m);
    if (m == NULL)
        abort();
    if (files_begun == FILES_MAX)
        fuzz_broken("more files than the fuzzer's inputs can have");
    *m = (struct memory){.stage = {.ops = &operations, .ordered = o},
                         .number = files_begun++,
                         .real = __real_null_sink_new(o, done, m),
                         .done = when_done,
                         .context = context};
    return &m->stage;
}

static void collect_memory(struct bytes *found) {
    for (unsigned i = 0; i < files_begun; i++) {
        if (memory_files[i].size == 0)
            continue; // not complete
        bytes_little(found, i, 4);
        bytes_little(found, memory_files[i].size, 8);
        bytes_add(found, memory_files[i].data, memory_files[i].size);
        bytes_free(&memory_files[i]);
    }
}

// ---- The directory.

static char top[64];

static void remove_top(void) {
    rmdir(top);
}

static int open_top(void) {
    if (top[0] == '\0') {
        struct stat status;
        snprintf(top, sizeof top, "%s/fuzz_xbunpack.XXXXXX",
                 stat("/dev/shm", &status) == 0 ? "/dev/shm" : "/tmp");
        if (mkdtemp(top) == NULL)
            fuzz_broken("cannot make %s", top);
        atexit(remove_top);
    }
    return open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

// Describes what is in the directory, names and bytes, sorted, and empties it. Returns the files.
static unsigned collect(int folder, struct bytes *found, unsigned depth) {
    struct dirent **entries;
    unsigned files = 0;
    int count = scandirat(folder, ".", &entries, NULL, compare_names);
    if (count < 0 || depth > DEPTH_MAX)
        fuzz_broken("cannot read the directory: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        int fd = -1;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
            fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;
        if (fd >= 0 && fstat(fd, &status) == 0) {
            if (S_ISDIR(status.st_mode)) {
                // After a failure there may be a folder more or less, without files.
                struct bytes inside = {0};
                unsigned more = collect(fd, &inside, depth + 1);
                if (more > 0) {
                    bytes_add(found, name, strlen(name) + 1);
                    bytes_text(found, "folder(");
                    bytes_add(found, inside.data, inside.size);
                    bytes_text(found, ")");
                }
                bytes_free(&inside);
                files += more;
                unlinkat(folder, name, AT_REMOVEDIR);
            } else {
                files++;
                bytes_add(found, name, strlen(name) + 1);
                bytes_little(found, (uint64_t)status.st_size, 8);
                char piece[4096];
                ssize_t n;
                // A file may begin with a hole of any size.
                off_t at = status.st_size > 1 << 20 ? status.st_size - (1 << 20) : 0;
                for (; (n = pread(fd, piece, sizeof piece, at)) > 0; at += n)
                    bytes_add(found, piece, (size_t)n);
                unlinkat(folder, name, 0);
            }
        }
        if (fd >= 0)
            close(fd);
        free(entries[i]);
    }
    free(entries);
    return files;
}

// ---- Running the extractor.

struct extraction {
    int status;
    struct fault fault;
    struct bytes listed, files;
    unsigned entries;
    uint64_t entries_sum; // that does not depend on their order
    struct manifest digests;
    struct backupinfo info;
    unsigned members, removed, unfinished, left_encrypted, file_count;
};
static struct extraction *current;

static void member(const char *stored, const char *restored) {
    fuzz_check_text(stored, strlen(stored) + 1);
    fuzz_check_text(restored, strlen(restored) + 1);
    bytes_text(&current->listed, stored);
    bytes_text(&current->listed, ">");
    bytes_text(&current->listed, restored);
    bytes_text(&current->listed, "\n");
    current->members++;
}

static void entry(const struct extract_entry *e) {
    fuzz_check_text(e->name, strlen(e->name) + 1);
    fuzz_check_text(e->forms, strlen(e->forms) + 1);
    uint64_t sum = e->stored * 31 + e->restored + e->restored_known;
    for (const char *p = e->name; *p != '\0'; p++)
        sum = sum * 1099511628211U + (unsigned char)*p;
    for (const char *p = e->forms; *p != '\0'; p++)
        sum = sum * 1099511628211U + (unsigned char)*p;
    current->entries++;
    current->entries_sum += sum;
}

static void changed(const char *from, const char *to) {
    fuzz_check_text(from, strlen(from) + 1);
    if (to != NULL)
        fuzz_check_text(to, strlen(to) + 1);
    else
        current->removed++;
}

static void unfinished(const char *stored) {
    fuzz_check_text(stored, strlen(stored) + 1);
    current->unfinished++;
}

static void warn(const char *text) {
    fuzz_check_text(text, strlen(text) + 1);
}

static struct xbcrypt_key *the_key(void) {
    static struct xbcrypt_key *key;
    uint8_t copy[sizeof fuzz_key];
    memcpy(copy, fuzz_key, sizeof copy);
    struct secret secret = {.size = 32, .data = copy, .capacity = 32};
    struct fault f;
    if (key == NULL && xbcrypt_key_new(&key, &secret, 0, 3, NULL, &f) < 0)
        fuzz_broken("no key: %s", f.text);
    return key;
}

static void push(struct stage *stage, struct ordered *o, const struct bytes *in,
                 const struct feeding *how) {
    struct slab *slab = slab_new(in->size + 1);
    if (slab == NULL)
        abort();
    if (in->size > 0)
        memcpy(slab->data, in->data, in->size);
    size_t piece = how->first != 0 ? how->first : in->size;
    for (size_t at = 0; at < in->size; piece = how->rest != 0 ? how->rest : in->size) {
        size_t n = in->size - at < piece ? in->size - at : piece;
        uint8_t *lent = how->held ? NULL : fuzz_copy(in->data + at, n);
        stage_push(stage, (struct view){.data = how->held ? slab->data + at : lent,
                                        .size = n,
                                        .slab = how->held ? slab : NULL,
                                        .origin = at,
                                        .exact = true});
        ordered_pump(o);
        free(lent);
        at += n;
    }
    slab_unref(slab);
}

static void extract(const struct bytes *in, uint8_t mode, const struct feeding *how,
                    struct extraction *x) {
    struct xbcrypt_dec_settings decrypt = {
        .key = the_key(), .max_chunk = MAX_CHUNK, .accept_random = mode & NO_STRICT, .warn = warn};
    struct extract_settings settings = {.decrypt = mode & DECRYPT ? &decrypt : NULL,
                                        .decompress = mode & DECOMPRESS,
                                        .max_chunk = MAX_CHUNK,
                                        .member = member,
                                        .unfinished = unfinished,
                                        .changed = changed};
    struct outfiles_settings writing = {.dir = NULL};
    struct limits limits = {.max_size = mode & MORE ? SIZE_MOST : LIMIT_SIZE_DEFAULT,
                            .max_total = UINT64_MAX};
    settings.limits = writing.limits = &limits;
    struct ordered *o;
    struct extract *e;
    int folder = mode & DIRECTORY ? open_top() : -1;
    *x = (struct extraction){.status = 0};
    current = x;
    files_begun = files_complete = 0;
    sinks_wrapped = !(mode & (LIST | INFO));
    if (mode & MORE) {
        writing.digests = &x->digests;
        settings.entry = mode & LIST ? entry : NULL;
        if (selection_add(&settings.selection, SELECTION_EXCLUDE, "*.no") < 0)
            abort();
    }
    if (mode & (MORE | INFO))
        settings.info = &x->info;
    settings.info_only = mode & INFO;
    if ((folder >= 0 && outdir_open(&writing.dir, top, false, &x->fault) < 0) ||
        ordered_new(&o, how->threads, &x->fault) < 0 ||
        (!(mode & (LIST | INFO)) && outfiles_new(&settings.files, o, &writing, &x->fault) < 0) ||
        extract_new(&e, o, &settings, &x->fault) < 0)
        fuzz_broken("cannot begin: %s", x->fault.text);
    push(extract_stage(e), o, in, how);
    stage_finish(extract_stage(e));
    if (ordered_finish(o, &x->fault) < 0)
        x->status = x->fault.status;
    if (mode & LIST)
        extract_list(e);
    if (x->status == 0 && settings.files != NULL && outfiles_finish(settings.files, &x->fault) < 0)
        x->status = x->fault.status;
    x->left_encrypted = extract_left_encrypted(e);
    ordered_drop(o);
    (void)extract_unread_info(e);
    extract_free(e);
    outfiles_free(settings.files);
    selection_free(settings.selection);
    manifest_sort(&x->digests);
    ordered_free(o);
    outdir_close(writing.dir);
    x->file_count = files_complete;
    collect_memory(&x->files);
    if (folder >= 0) {
        x->file_count = collect(folder, &x->files, 0);
        close(folder);
    }
    slab_trim();
}

static bool same(const struct bytes *a, const struct bytes *b) {
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool same_info(struct backupinfo a, struct backupinfo b) {
    bool same = a.binlog == NULL || b.binlog == NULL ? a.binlog == b.binlog
                                                     : strcmp(a.binlog, b.binlog) == 0;
    a.binlog = b.binlog = NULL;
    return same && memcmp(&a, &b, sizeof a) == 0;
}

// What was asked for besides must be the same, too.
static bool same_answers(const struct extraction *a, const struct extraction *b) {
    bool same = a->entries == b->entries && a->entries_sum == b->entries_sum &&
                same_info(a->info, b->info) && a->digests.count == b->digests.count;
    for (size_t i = 0; same && i < a->digests.count; i++)
        same = strcmp(a->digests.entries[i].name, b->digests.entries[i].name) == 0 &&
               memcmp(a->digests.entries[i].sha256, b->digests.entries[i].sha256, DIGEST_SIZE) == 0;
    return same;
}

static void free_extraction(struct extraction *x) {
    backupinfo_clear(&x->info);
    bytes_free(&x->listed);
    bytes_free(&x->files);
    manifest_clear(&x->digests);
}

// A file system may refuse what the library does not: names of more than 255 bytes.
static void check_fault(const struct fault *f) {
    // A name may have that text in it, and something else be wrong.
    bool too_long = f->status == EX_CANTCREAT && strstr(f->text, strerror(ENAMETOOLONG)) != NULL;
    bool unselected = f->status == EX_NOINPUT && strstr(f->text, "which is not selected") != NULL;
    fuzz_check_fault(f, (int[]){too_long ? EX_CANTCREAT : unselected ? EX_NOINPUT : EX_DATAERR, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in), choice = fuzz_byte(&in);
    struct bytes stream = {0};
    if (mode & RECIPE)
        follow(in, &stream);
    else
        bytes_add(&stream, in.data, in.size);
    struct feeding whole = {.threads = fuzz_threads, .held = true}, pieces = fuzz_feeding(choice);
    struct extraction x, again;
    extract(&stream, mode, &whole, &x);
    extract(&stream, mode, &pieces, &again);
    if (x.status != 0)
        check_fault(&x.fault);
    else if (x.unfinished > 0 || x.file_count != (mode & (LIST | INFO) ? 0
                                                  : mode & DIRECTORY   ? x.members - x.removed
                                                                       : x.members))
        fuzz_broken("%u members, %u files, %u unfinished, and no fault", x.members, x.file_count,
                    x.unfinished);
    if (x.file_count > x.members)
        fuzz_broken("%u members, %u files", x.members, x.file_count);
    if ((x.status == 0) != (again.status == 0))
        fuzz_broken("%s: status %d (%s), whole %d (%s)", feeding_text(&pieces), again.status,
                    again.fault.text, x.status, x.fault.text);
    // After a failure more or fewer members may have been met.
    if (x.status == 0 &&
        (x.left_encrypted != again.left_encrypted || !same(&x.listed, &again.listed)))
        fuzz_broken("%s: other members", feeding_text(&pieces));
    if (x.status == 0 && !same_answers(&x, &again))
        fuzz_broken("%s: other answers", feeding_text(&pieces));
    // If both a member and the archive itself are damaged, either may be met first.
    if (again.status != 0)
        check_fault(&again.fault);
    if (!same(&x.files, &again.files))
        fuzz_broken("%s: other files", feeding_text(&pieces));
    free_extraction(&x);
    free_extraction(&again);
    bytes_free(&stream);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    if (size > 2 && !(data[0] & RECIPE))
        repair_xbstream(data + 2, size - 2, seed);
}

// ---- Seeds.

static void begin(struct bytes *seed, uint8_t mode, uint8_t pieces) {
    *seed = (struct bytes){0};
    bytes_little(seed, mode, 1);
    bytes_little(seed, pieces, 1);
}

static void ingredient(struct bytes *seed, uint8_t how, const char *name, const void *content,
                       size_t size) {
    bytes_little(seed, how, 1);
    bytes_little(seed, strlen(name), 1);
    bytes_text(seed, name);
    bytes_little(seed, size, 2);
    bytes_add(seed, content, size);
}

static void give(fuzz_add *add, struct bytes *seed) {
    add(seed->data, seed->size);
    bytes_free(seed);
}

// A frame of the fixtures' codec around a text, made by hand: one block that is stored.
static const uint8_t lz4_frame[] = {0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 4, 0, 0,
                                    0x80, 't',  'e',  'x',  't',  0,    0,    0, 0};
static const uint8_t zst_frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 4,  0x21,
                                    0,    0,    't',  'e',  'x',  't'};

void fuzz_seeds(fuzz_add *add) {
    static const char text[] = "member after member after member after member";
    struct bytes seed, qp = {0};
    qp_single(&qp, "text", 32, text, sizeof text);
    for (unsigned mode = 0; mode < 4; mode++) { // what MariaDB changes in what it has sent
        static const uint8_t modes[] = {DIRECTORY, DIRECTORY | MORE, LIST | MORE, DECOMPRESS};
        begin(&seed, modes[mode], 5);
        xbs_member(&seed, "d/a.qp", qp.data, qp.size);
        xbs_member(&seed, "d/t#P#p0", "part", 4);
        xbs_member(&seed, "b", "two", 3);
        xbs_rename(&seed, "d/a.qp", "e/c.qp");
        xbs_rename(&seed, "b", "t");
        xbs_rewrite(&seed, "b", "three");
        xbs_rename(&seed, "t", "b");
        xbs_remove(&seed, "d/t#P#*");
        xbs_payload(&seed, "log", 0, "written once");
        xbs_seek(&seed, "log", 8);
        xbs_payload(&seed, "log", 8, "twice");
        xbs_end(&seed, "log");
        xbs_remove(&seed, "d");
        give(add, &seed);
    }
    for (uint8_t version = 0; version <= 3; version++) {
        begin(&seed, RECIPE | DECRYPT | DECOMPRESS, (uint8_t)(version * 10));
        ingredient(&seed, version | 4, version > 0 ? "a/t.qp.xbcrypt" : "a/t.qp", qp.data, qp.size);
        ingredient(&seed, version | 24, version > 0 ? "b.lz4.xbcrypt" : "b.lz4", lz4_frame,
                   sizeof lz4_frame);
        ingredient(&seed, version | 16, version > 0 ? "a/c.zst.xbcrypt" : "a/c.zst", zst_frame,
                   sizeof zst_frame);
        ingredient(&seed, version, version > 0 ? "plain.xbcrypt" : "plain", text, sizeof text);
        give(add, &seed);
    }
    begin(&seed, RECIPE | DECRYPT | DECOMPRESS | NO_STRICT, 0x40);
    ingredient(&seed, 64, "sparse.ibd", text, 20);
    ingredient(&seed, 32, "cut", text, 3);
    ingredient(&seed, 67, "s.xbcrypt", text, 3);
    give(add, &seed);
    static const uint8_t more[] = {
        RECIPE | DECRYPT | DECOMPRESS | MORE,   RECIPE | DECRYPT | DECOMPRESS | MORE | LIST,
        RECIPE | DECRYPT | DECOMPRESS | INFO,   RECIPE | INFO | DECOMPRESS,
        RECIPE | DECOMPRESS | MORE | DIRECTORY, RECIPE | MORE | LIST};
    static const char said[] = "backup_type = full-backuped\nto_lsn = 9\n";
    for (size_t i = 0; i < sizeof more; i++) {
        begin(&seed, more[i], (uint8_t)(3 * i));
        ingredient(&seed, 0, "xtrabackup_checkpoints", said, sizeof said - 1);
        ingredient(&seed, 3, "xtrabackup_info.xbcrypt", said, sizeof said - 1);
        ingredient(&seed, 4, "shop/t.qp", qp.data, qp.size);
        ingredient(&seed, 64, "shop/sparse", text, 9);
        ingredient(&seed, 0, "left.no", text, 9);
        give(add, &seed);
    }
    begin(&seed, RECIPE | LIST, 0);
    ingredient(&seed, 0, "../x", text, 3);
    ingredient(&seed, 3, "y.xbcrypt", text, 3);
    give(add, &seed);
    begin(&seed, RECIPE | DIRECTORY | DECRYPT | DECOMPRESS, 1);
    ingredient(&seed, 64, "folder/inner/sparse", text, 3);
    ingredient(&seed, 3, "folder/b.xbcrypt", text, 9);
    ingredient(&seed, 4, "c.qp", qp.data, qp.size);
    ingredient(&seed, 32, "cut", text, 9);
    give(add, &seed);
    begin(&seed, RECIPE, 1);
    ingredient(&seed, 0, "a", text, 3);
    ingredient(&seed, 0, "a/b", text, 3);
    give(add, &seed);
    begin(&seed, DECRYPT | DECOMPRESS, 2);
    xbs_member(&seed, "one.qp", qp.data, qp.size);
    xbs_payload(&seed, "two", 0, "text");
    xbs_payload(&seed, "three", 0, "other text");
    xbs_payload(&seed, "two", 4, "more");
    xbs_end(&seed, "three");
    xbs_end(&seed, "two");
    give(add, &seed);
    bytes_free(&qp);
    fuzz_add_fixture(add, "\3\x12", 2, "rds/part_zst_v3.xb", 3000);
    fuzz_add_fixture(add, "\2\x09", 2, "rds/part_lz4.xb", 3000);
    fuzz_add_fixture(add, "\0\x1b", 2, "mariadb/shop_qp.xb", 2000);
}
