// SPDX-License-Identifier: Apache-2.0
#include "format/qpress.h"

#include "base/byteorder.h"
#include "engine/head.h"
#include "format/foreign.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static_assert(1 + 4 + MEMBER_NAME_MAX + 1 <= HEAD_MAX, "an item's head fits");

int qpress_parse_archive(const uint8_t *head, size_t have, uint64_t max_block,
                         const struct place *place, uint64_t *block_size, size_t *need,
                         struct fault *f) {
    *need = QPRESS_TAG;
    if (have < *need)
        return 0;
    if (memcmp(head, QPRESS_ARCHIVE_TAG, QPRESS_TAG) != 0) {
        char hint[FOREIGN_HINT_SIZE];
        return diag_fault(
            f, EX_DATAERR, "not a qpress archive %s: expected magic \"qpress10\", found \"%s\"%s%s",
            place_text(place, 0), diag_shown_name(head, QPRESS_TAG, 4 * QPRESS_TAG + 4),
            foreign_hint(head, have, hint),
            place->exact ? "" : "; if this was decrypted, the key may be wrong");
    }
    *need = QPRESS_ARCHIVE_HEAD;
    if (have < *need)
        return 0;
    *block_size = le64_get(head + QPRESS_TAG);
    if (*block_size > max_block)
        return diag_fault(f, EX_DATAERR,
                          "qpress block size %s too large: expected at most %" PRIu64
                          ", found %" PRIu64 "; if the file is sound, use a larger --max-chunk",
                          place_text(place, QPRESS_TAG), max_block, *block_size);
    return 1;
}

static int parse_name(const uint8_t *head, size_t have, const struct place *place,
                      struct qpress_item *item, size_t *need, struct fault *f) {
    *need = 5;
    if (have < *need)
        return 0;
    uint32_t size = le32_get(head + 1);
    if (size > MEMBER_NAME_MAX)
        return diag_fault(f, EX_DATAERR,
                          "name in qpress archive %s too long: expected at most %d bytes, found "
                          "%" PRIu32,
                          place_text(place, 1), MEMBER_NAME_MAX, size);
    *need = 5 + size + 1;
    if (have < *need)
        return 0;
    if (head[5 + size] != 0)
        return diag_fault(f, EX_DATAERR,
                          "damaged qpress archive %s: expected a zero byte after the name, found "
                          "0x%02x",
                          place_text(place, 5 + size), head[5 + size]);
    item->name = head + 5;
    item->name_size = size;
    return 1;
}

static int parse_top_item(const uint8_t *head, size_t have, const struct place *place,
                          struct qpress_item *item, size_t *need, struct fault *f) {
    switch (head[0]) {
    case 'U':
        item->kind = QPRESS_LEAVE;
        return 1;
    case 'D':
        item->kind = QPRESS_ENTER;
        return parse_name(head, have, place, item, need, f);
    case 'F':
        item->kind = QPRESS_FILE;
        return parse_name(head, have, place, item, need, f);
    default:
        return diag_fault(
            f, EX_DATAERR,
            "damaged qpress archive %s: expected 'D', 'F', 'U' or the end, found '%s'",
            place_text(place, 0), diag_shown_name(head, 1, 8));
    }
}

static int parse_file_item(const uint8_t *head, size_t have, const struct place *place,
                           struct qpress_item *item, size_t *need, struct fault *f) {
    *need = QPRESS_TAG;
    if (have < *need)
        return 0;
    if (memcmp(head, QPRESS_END_TAG, QPRESS_TAG) == 0) {
        *need = QPRESS_TAG + 8;
        item->kind = QPRESS_FILE_END;
        return have >= *need;
    }
    if (memcmp(head, QPRESS_BLOCK_TAG, QPRESS_TAG) == 0) {
        *need = QPRESS_BLOCK_HEAD;
        if (have < *need)
            return 0;
        item->kind = QPRESS_BLOCK;
        item->recovery = le64_get(head + QPRESS_TAG);
        item->adler = le32_get(head + QPRESS_TAG + 8);
        return 1;
    }
    return diag_fault(
        f, EX_DATAERR,
        "damaged qpress archive %s: expected \"NEWBNEWB\" or \"ENDSENDS\", found \"%s\"",
        place_text(place, 0), diag_shown_name(head, QPRESS_TAG, 4 * QPRESS_TAG + 4));
}

int qpress_parse_item(const uint8_t *head, size_t have, bool in_file, const struct place *place,
                      struct qpress_item *item, size_t *need, struct fault *f) {
    *item = (struct qpress_item){0};
    *need = 1;
    if (have < *need)
        return 0;
    return in_file ? parse_file_item(head, have, place, item, need, f)
                   : parse_top_item(head, have, place, item, need, f);
}
