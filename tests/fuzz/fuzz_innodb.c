// SPDX-License-Identifier: Apache-2.0
// The checker of tablespaces, which passes on what it gets, whatever it finds. First byte: the
// pieces of the second run; second: the name; a text up to a NUL: NAME.meta; the rest is the file.
//
// Parsers: innodb_check.c innodb_check_pages.c innodb_delta.c innodb_layout.c innodb_page.c
#include "archives.h"
#include "base/crc32c.h"
#include "format/innodb_check.h"
#include "format/innodb_delta.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"a/t.ibd",       "ibdata1",       "ibdata2",
                                    "a/t.ibd.delta", "ibdata1.delta", "ibdata2.delta",
                                    "a/t.ibd.meta"};
enum { NAMES = sizeof names / sizeof names[0] };

struct check {
    struct innodb_check shared;
    const char *name;
};

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct check *c = context;
    innodb_check_clear(&c->shared);
    c->shared = (struct innodb_check){0};
    return innodb_check_new(o, &c->shared, c->name, strlen(c->name), true, next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t pieces = fuzz_byte(&in);
    struct check c = {.name = names[fuzz_byte(&in) % NAMES]};
    struct fuzz_input text = fuzz_text(&in);
    uint8_t *copy = fuzz_copy(text.data, text.size);
    struct innodb_delta_meta meta;
    if (innodb_delta_meta((const char *)copy, text.size, &meta) &&
        (meta.layout.size < INNODB_PAGE_MIN_ROWS || meta.layout.size > INNODB_PAGE_MAX))
        fuzz_broken("NAME.meta gives a page of %zu bytes", meta.layout.size);
    free(copy);
    struct fuzz_how how = {.pieces = pieces, .salvage = true};
    struct fed fed;
    fuzz_stage(make, &c, in.data, in.size, &how, &fed);
    if (fed.size != in.size || (in.size > 0 && memcmp(fed.data, in.data, in.size) != 0))
        fuzz_broken("what was passed on is not what came in");
    char summary[INNODB_CHECK_TEXT];
    bool fatal;
    if (innodb_check_doubt(&c.shared, &fatal, summary))
        fuzz_check_text(summary, sizeof summary);
    innodb_check_summary(&c.shared, summary);
    fuzz_check_text(summary, sizeof summary);
    innodb_check_clear(&c.shared);
    fed_free(&fed);
    return 0;
}

static void put(uint8_t *p, uint32_t v) {
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

// Makes the checksums of the pages right, in one of the formats.
void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    size_t head = 2;
    while (head < size && data[head] != '\0')
        head++;
    head++;
    size_t page = seed % 3 == 2 ? 1024 : 4096;
    if (seed % 4 == 3)
        return;
    for (size_t at = head; at + page <= size; at += page) {
        uint8_t *p = data + at;
        if (seed % 3 == 0) {
            uint32_t sum = crc32c(0, p + 4, 22) ^ crc32c(0, p + 38, 4096 - 46);
            put(p, sum);
            put(p + 4088, sum);
            memcpy(p + 4092, p + 20, 4);
        } else if (seed % 3 == 1)
            put(p + 4092, crc32c(0, p, 4092));
        else
            put(p, crc32c(0, p + 4, 12) ^ crc32c(0, p + 24, 2) ^ crc32c(0, p + 34, 1024 - 34));
    }
}

void fuzz_seeds(fuzz_add *add) {
    static const char *const files[] = {
        "crc32.ibd",      "crc32_rows.ibd",           "crc32_encrypted.ibd",
        "full_crc32.ibd", "crc32_encrypted_rows.ibd", "crc32_compressed.ibd",
        "innodb.ibd",     "innodb_rows.ibd",          "full_crc32_compressed.ibd",
        "none.ibd",       "changes.ibd.delta"};
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct bytes head = {0};
        char file[100] = "innodb/";
        strcat(file, files[i]);
        bytes_little(&head, 37 * i, 1);
        bytes_little(&head, i == 10 ? 3 : i % 3, 1);
        if (i % 2 == 0)
            bytes_text(&head, "page_size = 4096\nzip_size = 0 \nspace_id = 4\n");
        bytes_zeros(&head, 1);
        fuzz_add_fixture(add, head.data, head.size, file, i % 3 == 0 ? 9000 : 40000);
        bytes_free(&head);
    }
    struct bytes seed = {0};
    bytes_little(&seed, 6 << 8, 2);
    bytes_zeros(&seed, 1);
    bytes_text(&seed, "page_size = 16384\nzip_size = 1024\nspace_id = 12\n");
    add(seed.data, seed.size);
    bytes_free(&seed);
}
