// SPDX-License-Identifier: Apache-2.0
#include "format/innodb_page.h"

#include "base/byteorder.h"
#include "base/checksum.h"
#include "base/crc32c.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Offsets in a page, and from its end.
enum {
    CHECKSUM_AT = 0,
    NUMBER_AT = 4,
    LSN_AT = 16,
    TYPE_AT = 24,
    USES_AT = 26, // MariaDB, if the page is encrypted: the version of the key (4)
    ENCRYPTED_CHECKSUM_AT = 30,
    SPACE_AT = 34,
    DATA_AT = 38,
    SPACE_SIZE_AT = 46,
    FLAGS_AT = 54,
    END_SIZE = 8, // in an older page: the second checksum (4), the lower half of the LSN (4)
    FULL_END_SIZE = 4
};

// Types of pages. MySQL: compressed; encrypted; both; an encrypted spatial index.
enum {
    TYPE_SYSTEM = 7, // a page of the system tablespace for transactions
    MYSQL_COMPRESSED = 14,
    MYSQL_ENCRYPTED = 15,
    MYSQL_COMPRESSED_ENCRYPTED = 16,
    MYSQL_ENCRYPTED_SPATIAL = 17
};
// MariaDB, in the older formats: 34354 compressed, 37401 compressed and encrypted. In the format
// full_crc32 the type of a compressed page is this bit, which both numbers have, plus the size of
// the compressed data in units.
enum {
    MARIADB_COMPRESSED = 0x8000,
    MARIADB_COMPRESSED_OLD = 34354,
    MARIADB_COMPRESSED_ENCRYPTED_OLD = 37401,
    MARIADB_SIZE_UNIT = 256
};

static const uint32_t no_checksum = 0xdeadbeef; // innodb_checksum_algorithm=none

static unsigned type_of(const uint8_t *page) {
    return (unsigned)page[TYPE_AT] << 8 | page[TYPE_AT + 1];
}

static bool is_compressed_type(unsigned type) {
    return type == MYSQL_COMPRESSED || type == MYSQL_COMPRESSED_ENCRYPTED ||
           (type & MARIADB_COMPRESSED) != 0;
}

bool innodb_page_is_compressed(const uint8_t head[static INNODB_PAGE_HEAD], uint64_t offset) {
    uint64_t number = innodb_page_number(head);
    if (number == 0 || offset % number != 0)
        return false;
    uint64_t size = offset / number;
    bool fits = size >= INNODB_PAGE_MIN && size <= INNODB_PAGE_MAX && (size & (size - 1)) == 0;
    return fits && is_compressed_type(type_of(head));
}

uint32_t innodb_page_number(const uint8_t *page) {
    return be32_get(page + NUMBER_AT);
}

uint64_t innodb_page_lsn(const uint8_t *page) {
    return be64_get(page + LSN_AT);
}

uint32_t innodb_page_space(const uint8_t *page) {
    return be32_get(page + SPACE_AT);
}

bool innodb_page_space_readable(const uint8_t *page, enum innodb_page_kind kind) {
    bool older = kind == INNODB_PAGE_PLAIN || kind == INNODB_PAGE_ROWS;
    return older || (be32_get(page + USES_AT) == 0 && (type_of(page) & MARIADB_COMPRESSED) == 0);
}

uint32_t innodb_page_space_size(const uint8_t *page0) {
    return be32_get(page0 + SPACE_SIZE_AT);
}

// ---- The layout.

// A size in the flags: 0 means 16 KiB, which all pages had once; n means 512 bytes times 2^n.
enum { SIZE_DEFAULT = 16 << 10, SIZE_UNIT = 512 };

static size_t size_in_flags(uint32_t n) {
    return n == 0 ? SIZE_DEFAULT : (size_t)SIZE_UNIT << n;
}

bool innodb_page_layout(const uint8_t *page0, struct innodb_page_layout *layout) {
    enum { FULL_CRC32 = 0x10 }; // in older flags: the highest bit of the size, which is never set
    uint32_t flags = be32_get(page0 + FLAGS_AT);
    if ((flags & FULL_CRC32) != 0) {
        layout->kind = INNODB_PAGE_FULL_CRC32;
        layout->size = size_in_flags(flags & 0xf);
        return layout->size >= INNODB_PAGE_MIN && layout->size <= INNODB_PAGE_MAX;
    }
    uint32_t rows = flags >> 1 & 0xf;
    layout->kind = rows != 0 ? INNODB_PAGE_ROWS : INNODB_PAGE_PLAIN;
    layout->size = size_in_flags(rows != 0 ? rows : flags >> 6 & 0xf);
    if (rows != 0)
        return layout->size >= INNODB_PAGE_MIN_ROWS && layout->size <= SIZE_DEFAULT;
    return layout->size >= INNODB_PAGE_MIN && layout->size <= INNODB_PAGE_MAX;
}

// The page that names the place of the doublewrite buffer: its number, and offsets in it.
enum { COPIES_PAGE = 5, COPIES_FROM_END = 200, COPIES_MAGIC_AT = 10, COPIES_FIRST_AT = 14 };
enum { EXTENT_MIN = 1 << 20, EXTENT_PAGES_MIN = 64 };

static uint32_t extent_pages(size_t size) {
    size_t pages = EXTENT_MIN / size;
    return pages > EXTENT_PAGES_MIN ? (uint32_t)pages : EXTENT_PAGES_MIN;
}

struct innodb_page_copies innodb_page_copies_usual(size_t size) {
    uint32_t count = extent_pages(size);
    return (struct innodb_page_copies){.first = {count, 2 * count}, .count = count};
}

bool innodb_page_copies(const uint8_t *page, size_t size, struct innodb_page_copies *copies) {
    static const uint32_t magic = 536853855;
    const uint8_t *at = page + size - COPIES_FROM_END;
    if (innodb_page_number(page) != COPIES_PAGE || innodb_page_space(page) != 0 ||
        type_of(page) != TYPE_SYSTEM || be32_get(at + COPIES_MAGIC_AT) != magic)
        return false;
    copies->first[0] = be32_get(at + COPIES_FIRST_AT);
    copies->first[1] = be32_get(at + COPIES_FIRST_AT + 4);
    copies->count = extent_pages(size);
    return true;
}

// ---- Checksums.

static bool is_zeros(const uint8_t *data, size_t size) {
    return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

bool innodb_page_is_empty(const uint8_t *page, size_t size) {
    return is_zeros(page, USES_AT) && is_zeros(page + SPACE_AT, size - SPACE_AT);
}

// The CRC of the fields that nothing changes later, and of the data.
static uint32_t crc32_of(const uint8_t *page, size_t size) {
    return crc32c(0, page + NUMBER_AT, USES_AT - NUMBER_AT) ^
           crc32c(0, page + DATA_AT, size - DATA_AT - END_SIZE);
}

static uint32_t fold(const uint8_t *data, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = ((((sum ^ data[i] ^ 1653893711u) << 8) + sum) ^ 1463735687u) + data[i];
    return sum;
}

static uint32_t innodb_of(const uint8_t *page, size_t size) {
    return fold(page + NUMBER_AT, USES_AT - NUMBER_AT) +
           fold(page + DATA_AT, size - DATA_AT - END_SIZE);
}

// The same two checksums for a page with ROW_FORMAT=COMPRESSED, which leave out the LSN.
static uint32_t rows_crc32_of(const uint8_t *page, size_t size) {
    return crc32c(0, page + NUMBER_AT, LSN_AT - NUMBER_AT) ^ crc32c(0, page + TYPE_AT, 2) ^
           crc32c(0, page + SPACE_AT, size - SPACE_AT);
}

static uint32_t rows_innodb_of(const uint8_t *page, size_t size) {
    uint32_t sum = checksum_adler32_on(0, page + NUMBER_AT, LSN_AT - NUMBER_AT);
    sum = checksum_adler32_on(sum, page + TYPE_AT, 2);
    return checksum_adler32_on(sum, page + SPACE_AT, size - SPACE_AT);
}

// ---- Verdicts.

// Whether MariaDB has encrypted the page, and the checksum over the encrypted bytes is right: it is
// one of the two that are given.
static bool is_encrypted_sound(const uint8_t *page, uint32_t crc32, uint32_t innodb) {
    uint32_t found = be32_get(page + ENCRYPTED_CHECKSUM_AT);
    return be32_get(page + USES_AT) != 0 && (found == crc32 || found == innodb);
}

static enum innodb_page_verdict judge_rows(const uint8_t *page, size_t size, char *why) {
    uint32_t found = be32_get(page + CHECKSUM_AT);
    uint32_t crc32 = rows_crc32_of(page, size);
    if (found == crc32)
        return INNODB_PAGE_SOUND;
    uint32_t innodb = rows_innodb_of(page, size);
    if (found == innodb || is_encrypted_sound(page, crc32, innodb))
        return INNODB_PAGE_SOUND;
    if (found == no_checksum)
        return INNODB_PAGE_UNPROVED;
    snprintf(why, INNODB_PAGE_WHY,
             "expected the checksum 0x%08" PRIx32 " (crc32) or 0x%08" PRIx32 " (innodb), found "
             "0x%08" PRIx32,
             crc32, innodb, found);
    return INNODB_PAGE_BAD;
}

static enum innodb_page_verdict judge_full_crc32(const uint8_t *page, size_t size, char *why) {
    unsigned type = type_of(page);
    size_t used = size;
    if ((type & MARIADB_COMPRESSED) != 0)
        used = (size_t)(type & ~(unsigned)MARIADB_COMPRESSED) * MARIADB_SIZE_UNIT;
    if (used < DATA_AT + FULL_END_SIZE || used > size) {
        snprintf(why, INNODB_PAGE_WHY,
                 "expected compressed data of at most %zu bytes, found a size of %zu", size, used);
        return INNODB_PAGE_BAD;
    }
    uint32_t expected = crc32c(0, page, used - FULL_END_SIZE);
    uint32_t found = be32_get(page + used - FULL_END_SIZE);
    if (expected == found)
        return INNODB_PAGE_SOUND;
    snprintf(why, INNODB_PAGE_WHY,
             "expected the checksum 0x%08" PRIx32 " (full_crc32), found 0x%08" PRIx32, expected,
             found);
    return INNODB_PAGE_BAD;
}

// Whether the server has compressed or encrypted the page in such a way that no checksum covers
// its bytes.
static bool is_transformed(const uint8_t *page) {
    switch (type_of(page)) {
    case MYSQL_COMPRESSED:
    case MYSQL_ENCRYPTED:
    case MYSQL_COMPRESSED_ENCRYPTED:
    case MYSQL_ENCRYPTED_SPATIAL:
    case MARIADB_COMPRESSED_OLD:
    case MARIADB_COMPRESSED_ENCRYPTED_OLD:
        return true;
    default:
        return false;
    }
}

// Judges the end of a page whose checksum is right: the lower half of the LSN is stored there
// again.
static enum innodb_page_verdict judge_end(const uint8_t *page, size_t size, char *why) {
    uint32_t expected = be32_get(page + LSN_AT + 4), found = be32_get(page + size - 4);
    if (expected == found)
        return INNODB_PAGE_SOUND;
    snprintf(why, INNODB_PAGE_WHY,
             "expected 0x%08" PRIx32 ", the lower half of its LSN, in its last bytes, found "
             "0x%08" PRIx32,
             expected, found);
    return INNODB_PAGE_BAD;
}

static enum innodb_page_verdict judge_plain(const uint8_t *page, size_t size, char *why) {
    uint32_t first = be32_get(page + CHECKSUM_AT), second = be32_get(page + size - END_SIZE);
    uint32_t crc32 = crc32_of(page, size);
    if (first == crc32 && second == crc32)
        return judge_end(page, size, why);
    if (is_transformed(page))
        return INNODB_PAGE_UNPROVED;
    uint32_t innodb = innodb_of(page, size);
    if (is_encrypted_sound(page, crc32, innodb))
        return INNODB_PAGE_SOUND;
    if (first == no_checksum && second == no_checksum)
        return INNODB_PAGE_UNPROVED;
    uint32_t old = fold(page, USES_AT); // over the head only, the first checksum included
    // The oldest versions have the upper half of the LSN there.
    bool end = second == old || second == be32_get(page + LSN_AT);
    if (first == innodb && end)
        return judge_end(page, size, why);
    snprintf(why, INNODB_PAGE_WHY,
             "expected the checksums 0x%08" PRIx32 " twice (crc32) or 0x%08" PRIx32
             " and 0x%08" PRIx32 " (innodb), found 0x%08" PRIx32 " and 0x%08" PRIx32,
             crc32, innodb, old, first, second);
    return INNODB_PAGE_BAD;
}

enum innodb_page_verdict innodb_page_judge(const uint8_t *page,
                                           const struct innodb_page_layout *layout,
                                           char why[static INNODB_PAGE_WHY]) {
    why[0] = '\0';
    if (innodb_page_is_empty(page, layout->size))
        return INNODB_PAGE_EMPTY;
    char unused[INNODB_PAGE_WHY];
    switch (layout->kind) {
    case INNODB_PAGE_ROWS:
        return judge_rows(page, layout->size, why);
    case INNODB_PAGE_FULL_CRC32:
        return judge_full_crc32(page, layout->size, why);
    case INNODB_PAGE_EITHER:
        if (judge_full_crc32(page, layout->size, unused) == INNODB_PAGE_SOUND)
            return INNODB_PAGE_SOUND;
        break;
    default:
        break;
    }
    return judge_plain(page, layout->size, why);
}
