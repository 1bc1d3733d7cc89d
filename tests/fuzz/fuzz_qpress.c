// SPDX-License-Identifier: Apache-2.0
// The qpress decoder, QuickLZ included. First byte: bit 0 a single member, as behind .qp; bit 1
// its files are verified only, not decoded; bit 2 past damage; second byte: the pieces of the
// second run.
//
// Parsers: qpress.c qpress_dec.c
#include "archives.h"
#include "format/qpress_dec.h"
#include "fuzz.h"
#include "repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCK = 1 << 16 };

// What comes out of an archive of many files goes one after the other into one stage, together with
// the files' paths: so a difference in either shows.
struct unpacking {
    uint8_t mode;
    struct stage *next;
    struct ordered *ordered;
    unsigned files, files_ended;
};

static int folder(void *context, const char *path, size_t size, struct fault *f) {
    (void)context, (void)f;
    if (path[size] != '\0')
        fuzz_broken("a folder's path is not terminated");
    return 0;
}

static int file(void *context, const char *path, size_t size, struct stage **next,
                struct fault *f) {
    struct unpacking *u = context;
    (void)f;
    if (path[size] != '\0')
        fuzz_broken("a file's path is not terminated");
    u->files++;
    *next = u->mode & 2 ? NULL : u->next;
    return 0;
}

static void file_end(void *context, struct stage *next) {
    struct unpacking *u = context;
    if (next != (u->mode & 2 ? NULL : u->next) || ++u->files_ended > u->files)
        fuzz_broken("the end of a file that was not begun");
}

static void end(void *context) {
    struct unpacking *u = context;
    if (u->files != u->files_ended)
        fuzz_broken("%u files begun, %u ended", u->files, u->files_ended);
    stage_finish(u->next);
}

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct unpacking *u = context;
    if (u->mode & 1)
        return qpress_dec_new_single(o, MAX_BLOCK, next);
    *u = (struct unpacking){.mode = u->mode, .next = next, .ordered = o};
    return qpress_dec_new(
        o, MAX_BLOCK,
        (struct qpress_target){
            .folder = folder, .file = file, .file_end = file_end, .end = end, .context = u});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    struct unpacking u = {.mode = fuzz_byte(&in)};
    struct fuzz_how how = {.pieces = fuzz_byte(&in), .salvage = u.mode & 4};
    struct fed fed;
    fuzz_stage(make, &u, in.data, in.size, &how, &fed);
    fed_free(&fed);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    if (size > 2)
        repair_qpress(data + 2, size - 2, seed);
}

static void begin(struct bytes *seed, uint8_t mode, uint8_t pieces) {
    *seed = (struct bytes){0};
    bytes_little(seed, mode, 1);
    bytes_little(seed, pieces, 1);
}

static void give(fuzz_add *add, struct bytes *seed) {
    add(seed->data, seed->size);
    bytes_free(seed);
}

void fuzz_seeds(fuzz_add *add) {
    static const char text[] =
        "ever and ever and ever and never and clever, and whatever, and forever and ever: 12345";
    struct bytes seed;
    for (uint8_t mode = 0; mode < 4; mode++) {
        begin(&seed, mode, (uint8_t)(mode * 9));
        qp_single(&seed, "text", 64, text, sizeof text);
        give(add, &seed);
        begin(&seed, mode, 0);
        qp_archive(&seed, 1 << 12);
        qp_file(&seed, "empty");
        qp_file_end(&seed);
        give(add, &seed);
        begin(&seed, mode, 0x40);
        qp_archive(&seed, 1 << 12);
        qp_enter(&seed, "folder");
        qp_file(&seed, "a");
        qp_block(&seed, 1, 0, text, sizeof text);
        qp_block(&seed, 2, sizeof text, text, sizeof text);
        qp_block(&seed, 0, 2 * sizeof text, text, 7);
        qp_file_end(&seed);
        qp_enter(&seed, "..");
        qp_leave(&seed);
        qp_leave(&seed);
        qp_file(&seed, "b/c");
        qp_block(&seed, 3, 0, text, sizeof text);
        qp_file_end(&seed);
        give(add, &seed);
    }
    fuzz_add_fixture(add, "\0\x1b", 2, "qpress/tree.L1.qp", 1500);
    fuzz_add_fixture(add, "\0\x2d", 2, "qpress/tree.L3.qp", 1500);
    fuzz_add_fixture(add, "\1\x88", 2, "qpress/stdin.qp", 900);
}
