// SPDX-License-Identifier: Apache-2.0
// The reader of tar archives, its parsers included. First byte: the pieces of the second run; bit 7
// past damage.
//
// Parsers: tar.c tar_extension.c tar_map.c tar_reader.c
#include "archives.h"
#include "format/tar.h"
#include "format/tar_reader.h"
#include "fuzz.h"
#include "members.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CHUNK = 1 << 14 };

static int folder(void *context, const char *name, size_t size, struct fault *f) {
    (void)f, (void)context;
    if (name[size] != '\0')
        fuzz_broken("a folder's name is not terminated");
    return 0;
}

static bool wants(void *context, const char *name, size_t size) {
    (void)context;
    if (name[size] != '\0')
        fuzz_broken("a name is not terminated");
    return size % 2 == 0;
}

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct archive_target target = fuzz_members_target(context, next);
    target.folder = folder;
    target.wants = wants;
    return tar_reader_new(o, MAX_CHUNK, target);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fuzz_members_run(make, bytes, size);
    return 0;
}

// Puts the checksum of each header right that can be found from the start.
void fuzz_repair(uint8_t *bytes, size_t size, unsigned seed) {
    (void)seed;
    for (size_t at = 1; at + TAR_BLOCK <= size;) {
        uint8_t *header = bytes + at;
        struct tar_entry entry;
        struct place place = {0};
        struct fault f;
        unsigned sum = 8 * ' ';
        for (size_t i = 0; i < TAR_BLOCK; i++)
            sum += i >= 148 && i < 156 ? 0 : header[i];
        char text[8];
        snprintf(text, sizeof text, "%06o", sum);
        if (sum > 8 * ' ')
            memcpy(header + 148, text, sizeof text);
        at += TAR_BLOCK;
        if (tar_parse(header, &place, &entry, &f) == 0 && entry.size < size)
            at += (entry.size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
}

static void give(fuzz_add *add, struct bytes *seed) {
    add(seed->data, seed->size);
    bytes_free(seed);
}

// A header with `records` before a file.
static void give_pax(fuzz_add *add, const char *const (*records)[2], size_t count,
                     const char *data) {
    struct bytes seed = {0}, in = {0}, all = {0};
    for (size_t i = 0; i < count; i++)
        ustar_record(&in, records[i][0], records[i][1]);
    ustar_entry(&seed, USTAR_POSIX, 'x', "pax", in.data, in.size);
    ustar_entry(&seed, USTAR_POSIX, '0', "a", data, strlen(data));
    ustar_end(&seed);
    bytes_little(&all, 0x13, 1);
    bytes_add(&all, seed.data, seed.size);
    bytes_free(&seed);
    bytes_free(&in);
    give(add, &all);
}

// `type` with a file behind it.
static void give_entry(fuzz_add *add, uint8_t choice, const char *magic, char type,
                       const char *data) {
    struct bytes seed = {0}, all = {0};
    ustar_entry(&seed, magic, type, "name", data, strlen(data));
    ustar_entry(&seed, magic, '0', "file", "content", 7);
    ustar_end(&seed);
    ustar_entry(&seed, magic, '0', "other", "", 0);
    ustar_end(&seed);
    bytes_little(&all, choice, 1);
    bytes_add(&all, seed.data, seed.size);
    bytes_free(&seed);
    give(add, &all);
}

static void give_old_sparse(fuzz_add *add) {
    struct bytes seed = {0}, all = {0};
    ustar_header(&seed, USTAR_GNU, 'S', "sparse", 3);
    memcpy(seed.data + 386,
           "00000000012\0"
           "00000000001\0"
           "00000001000\0"
           "00000000002",
           47);
    memcpy(seed.data + 483, "00000002000", 11);
    seed.data[482] = 1;
    ustar_sum(&seed, 0);
    bytes_zeros(&seed, 512);
    bytes_text(&seed, "abc");
    ustar_pad(&seed);
    ustar_end(&seed);
    bytes_little(&all, 0, 1);
    bytes_add(&all, seed.data, seed.size);
    bytes_free(&seed);
    give(add, &all);
}

void fuzz_seeds(fuzz_add *add) {
    static const char types[] = "0157DKLMSVgx!26";
    for (size_t i = 0; i + 1 < sizeof types; i++) {
        give_entry(add, (uint8_t)(i * 9), USTAR_GNU, types[i], i % 2 ? "text" : "");
        give_entry(add, 0x80, USTAR_POSIX, types[i], "");
    }
    give_entry(add, 1, NULL, '\0', "before ustar");
    static const char *const names[][2] = {{"path", "a/b"}, {"size", "4"}, {"comment", "none"}};
    give_pax(add, names, 3, "text");
    static const char *const first[][2] = {
        {"GNU.sparse.size", "9"}, {"GNU.sparse.offset", "2"}, {"GNU.sparse.numbytes", "4"}};
    give_pax(add, first, 3, "text");
    static const char *const second[][2] = {
        {"GNU.sparse.size", "90"}, {"GNU.sparse.name", "n"}, {"GNU.sparse.map", "1,1,5,3,90,0"}};
    give_pax(add, second, 3, "text");
    static const char *const third[][2] = {{"GNU.sparse.major", "1"},
                                           {"GNU.sparse.minor", "0"},
                                           {"GNU.sparse.name", "n"},
                                           {"GNU.sparse.realsize", "70"}};
    char map[600];
    snprintf(map, sizeof map, "2\n1\n2\n60\n1\n%501s%s", "", "abc");
    memset(map + 11, '\n', 501);
    give_pax(add, third, 4, map);
    give_old_sparse(add);
}
