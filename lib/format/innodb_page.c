// SPDX-License-Identifier: Apache-2.0
#include "format/innodb_page.h"

enum { NUMBER_AT = 4, TYPE_AT = 24 };

// MySQL: compressed; compressed and encrypted.
enum { MYSQL_COMPRESSED = 14, MYSQL_COMPRESSED_ENCRYPTED = 16 };
// MariaDB: 34354 and 37401, for the same, in the older formats; in the format of full_crc32 the sum
// of this bit, which both of those have, and the size of the compressed data.
enum { MARIADB_COMPRESSED = 0x8000 };

static bool is_type(unsigned type) {
    return type == MYSQL_COMPRESSED || type == MYSQL_COMPRESSED_ENCRYPTED ||
           (type & MARIADB_COMPRESSED) != 0;
}

bool innodb_page_is_compressed(const uint8_t head[static INNODB_PAGE_HEAD], uint64_t offset) {
    const uint8_t *n = head + NUMBER_AT; // big-endian
    uint64_t number = (uint64_t)n[0] << 24 | (uint64_t)n[1] << 16 | (uint64_t)n[2] << 8 | n[3];
    if (number == 0 || offset % number != 0)
        return false;
    uint64_t size = offset / number;
    bool fits = size >= INNODB_PAGE_MIN && size <= INNODB_PAGE_MAX && (size & (size - 1)) == 0;
    return fits && is_type((unsigned)head[TYPE_AT] << 8 | head[TYPE_AT + 1]);
}
