// SPDX-License-Identifier: Apache-2.0
#include "format/innodb_delta.h"

#include "base/byteorder.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_SIZE = 4 };

static const uint32_t no_more = UINT32_MAX;

// Reads the number after "KEY = ". Returns false if there is none.
static bool value_of(const char *text, const char *key, uint64_t *value) {
    size_t size = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, size) != 0 || strncmp(line + size, " = ", 3) != 0)
            continue;
        const char *digits = line + size + 3;
        char *end;
        *value = strtoull(digits, &end, 10);
        return *digits >= '0' && *digits <= '9' && (*end == '\0' || strchr(" \r\n", *end) != NULL);
    }
    return false;
}

static bool is_page_size(uint64_t size, uint64_t least) {
    return size >= least && size <= INNODB_PAGE_MAX && (size & (size - 1)) == 0;
}

bool innodb_delta_meta(const char *text, size_t size, struct innodb_delta_meta *meta) {
    char copy[INNODB_DELTA_META_MAX + 1];
    uint64_t page, rows, space;
    if (size > INNODB_DELTA_META_MAX)
        size = INNODB_DELTA_META_MAX;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (!value_of(copy, "page_size", &page) || !value_of(copy, "zip_size", &rows) ||
        !value_of(copy, "space_id", &space) || space > UINT32_MAX)
        return false;
    meta->layout =
        (struct innodb_page_layout){.size = rows != 0 ? (size_t)rows : (size_t)page,
                                    .kind = rows != 0 ? INNODB_PAGE_ROWS : INNODB_PAGE_EITHER};
    meta->space = (uint32_t)space;
    return rows != 0 ? is_page_size(rows, INNODB_PAGE_MIN_ROWS)
                     : is_page_size(page, INNODB_PAGE_MIN);
}

long innodb_delta_group(const uint8_t *page, size_t size, bool *last) {
    *last = memcmp(page, "XTRA", NUMBER_SIZE) == 0;
    if (!*last && memcmp(page, "xtra", NUMBER_SIZE) != 0)
        return -1;
    size_t most = size / NUMBER_SIZE - 1, n = 0;
    while (n < most && innodb_delta_number(page, n) != no_more)
        n++;
    return (long)n;
}

uint32_t innodb_delta_number(const uint8_t *page, size_t i) {
    return be32_get(page + NUMBER_SIZE + NUMBER_SIZE * i);
}
