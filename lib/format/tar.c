// SPDX-License-Identifier: Apache-2.0
#include "format/tar.h"

#include <inttypes.h>
#include <string.h>

// The offsets and sizes of the fields of a header.
enum {
    AT_NAME = 0,
    NAME_SIZE = 100,
    AT_SIZE = 124,
    AT_CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    AT_TYPE = 156,
    AT_PREFIX = 345,
    PREFIX_SIZE = 155,
    // Of an old GNU header:
    AT_RUNS = 386,
    AT_CONTINUED = 482,
    AT_REAL_SIZE = 483
};

bool tar_number(const uint8_t *field, size_t size, uint64_t *value) {
    size_t i = 0;
    *value = 0;
    if (field[0] >= 0x80) {
        for (i = 1; i < size && *value >> 55 == 0; i++)
            *value = *value << 8 | field[i];
        return field[0] == 0x80 && i == size;
    }
    while (i < size && field[i] == ' ')
        i++;
    size_t first = i;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
        if (*value >> 60 != 0)
            return false;
        *value = *value << 3 | (unsigned)(field[i] - '0');
    }
    if (i == first)
        return false;
    while (i < size && (field[i] == ' ' || field[i] == '\0'))
        i++;
    return i == size;
}

int tar_refuse_number(const uint8_t *field, size_t size, const char *what,
                      const struct place *place, size_t at, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "%s in tar header %s: expected a number up to 2^63-1, found \"%s\"", what,
                      place_text(place, at), diag_shown_name(field, size, 60));
}

// The sum of a header's bytes, with blanks for the checksum. Some old writers added them as signed
// numbers.
static void sum_up(const uint8_t *block, uint64_t *sum, int64_t *of_signed) {
    *sum = 0;
    *of_signed = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool blank = i >= AT_CHECKSUM && i < AT_CHECKSUM + CHECKSUM_SIZE;
        uint8_t byte = blank ? ' ' : block[i];
        *sum += byte;
        *of_signed += (int8_t)byte;
    }
}

bool tar_is_header(const uint8_t block[static TAR_BLOCK]) {
    uint64_t expected, sum;
    int64_t of_signed;
    sum_up(block, &sum, &of_signed);
    return tar_number(block + AT_CHECKSUM, CHECKSUM_SIZE, &expected) &&
           (expected == sum || (int64_t)expected == of_signed);
}

static int check_sum(const uint8_t *block, const struct place *place, struct fault *f) {
    if (tar_is_header(block))
        return 0;
    uint64_t sum;
    int64_t of_signed;
    sum_up(block, &sum, &of_signed);
    return diag_fault(f, EX_DATAERR,
                      "damaged tar header %s: checksum: expected %06" PRIo64
                      ", found \"%s\"; fetch the backup again",
                      place_text(place, 0), sum,
                      diag_shown_name(block + AT_CHECKSUM, CHECKSUM_SIZE, 40));
}

static bool is_zeros(const uint8_t *block) {
    return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

// Joins prefix and name. Only POSIX's format has a prefix: GNU stores other fields there.
static void take_name(const uint8_t *block, struct tar_entry *e) {
    const char *text = (const char *)block;
    size_t size = 0;
    if (memcmp(block + TAR_AT_MAGIC, TAR_MAGIC, sizeof TAR_MAGIC) == 0 && block[AT_PREFIX] != 0) {
        size = strnlen(text + AT_PREFIX, PREFIX_SIZE);
        memcpy(e->name, text + AT_PREFIX, size);
        e->name[size++] = '/';
    }
    size_t last = strnlen(text + AT_NAME, NAME_SIZE);
    memcpy(e->name + size, text + AT_NAME, last);
    e->name_size = size + last;
    e->name[e->name_size] = '\0';
}

static void take_kind(const uint8_t *block, struct tar_entry *e) {
    static const struct {
        char type;
        enum tar_kind kind;
        const char *what;
    } types[] = {{'\0', TAR_FILE, NULL},
                 {'0', TAR_FILE, NULL},
                 {'7', TAR_FILE, NULL}, // a contiguous file
                 {'5', TAR_FOLDER, NULL},
                 {'D', TAR_FOLDER, NULL}, // GNU, incremental: its contents are a list of names
                 {'S', TAR_SPARSE, NULL},
                 {'L', TAR_LONG_NAME, NULL},
                 {'K', TAR_PASSED, NULL}, // the next entry is a link, which is refused
                 {'V', TAR_PASSED, NULL},
                 {'x', TAR_PAX, NULL},
                 {'X', TAR_PAX, NULL}, // Solaris
                 {'g', TAR_PAX_GLOBAL, NULL},
                 {'1', TAR_OTHER, "a hard link"},
                 {'2', TAR_OTHER, "a symbolic link"},
                 {'3', TAR_OTHER, "a character device"},
                 {'4', TAR_OTHER, "a block device"},
                 {'6', TAR_OTHER, "a FIFO"},
                 {'M', TAR_OTHER, "the rest of a file from another volume"}};
    uint8_t type = block[AT_TYPE];
    e->kind = TAR_OTHER;
    e->what = "an entry of an unknown type";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == (char)type) {
            e->kind = types[i].kind;
            e->what = types[i].what;
        }
    if (e->kind == TAR_SPARSE && memcmp(block + TAR_AT_MAGIC, TAR_MAGIC_GNU, 8) != 0) {
        e->kind = TAR_OTHER; // star's headers have their maps elsewhere
        e->what = "a sparse file in a form that only star reads";
    }
    // Links and the like may have the size of their target; no contents follow.
    if (type >= '1' && type <= '6' && e->kind == TAR_OTHER)
        e->size = 0;
    // Before ustar only a slash distinguished a folder from a file.
    if (e->kind == TAR_FILE && e->name_size > 0 && e->name[e->name_size - 1] == '/')
        e->kind = TAR_FOLDER;
}

static int take_sparse(const uint8_t *block, const struct place *place, struct tar_entry *e,
                       struct fault *f) {
    e->runs = block + AT_RUNS;
    e->continued = block[AT_CONTINUED] != 0;
    if (tar_number(block + AT_REAL_SIZE, TAR_NUMBER_SIZE, &e->real_size))
        return 0;
    return tar_refuse_number(block + AT_REAL_SIZE, TAR_NUMBER_SIZE, "size of the sparse file",
                             place, AT_REAL_SIZE, f);
}

int tar_parse(const uint8_t block[static TAR_BLOCK], const struct place *place,
              struct tar_entry *entry, struct fault *f) {
    *entry = (struct tar_entry){.kind = TAR_ZEROS};
    if (is_zeros(block))
        return 0;
    if (check_sum(block, place, f) < 0)
        return -1;
    take_name(block, entry);
    if (!tar_number(block + AT_SIZE, TAR_NUMBER_SIZE, &entry->size))
        return tar_refuse_number(block + AT_SIZE, TAR_NUMBER_SIZE, "size", place, AT_SIZE, f);
    take_kind(block, entry);
    if (entry->kind == TAR_FOLDER && entry->size > 0 && block[AT_TYPE] != 'D')
        return diag_fault(f, EX_DATAERR,
                          "size of a folder in tar header %s: expected 0, found %" PRIu64,
                          place_text(place, AT_SIZE), entry->size);
    return entry->kind == TAR_SPARSE ? take_sparse(block, place, entry, f) : 0;
}
