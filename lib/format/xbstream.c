// SPDX-License-Identifier: Apache-2.0
#include "format/xbstream.h"

#include "base/byteorder.h"
#include "engine/head.h"
#include "format/foreign.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    AT_FLAGS = 8,
    AT_TYPE = 9,
    AT_PATH_SIZE = 10,
    AT_PATH = 14,
    FLAG_IGNORABLE = 1,
    FLAG_REWRITE = 2,
    TAIL = 8 + 8 + 4, // payload size, offset, checksum
};

static_assert(AT_PATH + 2 * MEMBER_NAME_MAX + 4 + TAIL <= HEAD_MAX, "a chunk's head fits");

static const char magic[] = XBSTREAM_MAGIC;

static int check_magic(const uint8_t *head, size_t have, const struct place *place,
                       struct fault *f) {
    if (memcmp(head, magic, AT_FLAGS) == 0)
        return 0;
    char hint[FOREIGN_HINT_SIZE] = "";
    enum sniff kind = place->origin == 0 ? sniff(head, have) : SNIFF_UNKNOWN;
    if (kind == SNIFF_TAR)
        snprintf(hint, sizeof hint, "; this is a tar archive: use --auto");
    else if (place->origin == 0)
        foreign_hint(head, have, hint);
    return diag_fault(f, EX_DATAERR,
                      "not an xbstream chunk %s: expected magic \"%s\", found \"%s\"%s%s",
                      place_text(place, 0), magic, diag_shown_name(head, AT_FLAGS, 40), hint,
                      sniff_is_layer(kind) ? ", or use --auto" : "");
}

static int check_type(const uint8_t *head, const struct place *place, enum xbstream_type *type,
                      struct fault *f) {
    switch (head[AT_TYPE]) {
    case XBSTREAM_PAYLOAD:
    case XBSTREAM_SPARSE:
    case XBSTREAM_END:
    case XBSTREAM_RENAME:
    case XBSTREAM_REMOVE:
        *type = head[AT_TYPE];
        return 0;
    default:
        *type = XBSTREAM_IGNORED;
        if (head[AT_FLAGS] & FLAG_IGNORABLE)
            return 0;
        return diag_fault(
            f, EX_DATAERR,
            "unknown xbstream chunk type %s: expected 'P', 'S', 'E', 'R' or 'D', found '%s'",
            place_text(place, AT_TYPE), diag_shown_name(head + AT_TYPE, 1, 8));
    }
}

static int check_size(uint64_t size, uint64_t limit, const char *what, const struct place *place,
                      size_t at, struct fault *f) {
    if (size <= limit)
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "%s of xbstream chunk %s too large: expected at most %" PRIu64
                      ", found %" PRIu64 "; if the file is sound, use a larger --max-chunk",
                      what, place_text(place, at), limit, size);
}

// Reads the size of a path at `at` of the header.
static int take_path(const uint8_t *head, size_t at, const char *what, const struct place *place,
                     size_t *size, struct fault *f) {
    uint32_t claimed = le32_get(head + at);
    *size = claimed;
    if (claimed > 0 && claimed <= MEMBER_NAME_MAX)
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "%s length of xbstream chunk %s: expected 1 to %d bytes, found %" PRIu32,
                      what, place_text(place, at), MEMBER_NAME_MAX, claimed);
}

// The new path of a rename, whose size is at `at`.
static int parse_rename(const uint8_t *head, size_t have, size_t at, const struct place *place,
                        struct xbstream_chunk *chunk, size_t *need, struct fault *f) {
    *need = at + 4;
    if (have < *need)
        return 0;
    if (take_path(head, at, "new path", place, &chunk->new_path_size, f) < 0)
        return -1;
    chunk->new_path = head + at + 4;
    *need += chunk->new_path_size;
    return have >= *need;
}

// A chunk of type S is MariaDB's seek if another chunk follows 8 bytes of it: a chunk of Percona's
// would claim more than 2^62 bytes there. Returns 0 with *need 0 if it is not a seek.
static int parse_seek(const uint8_t *head, size_t have, size_t at, struct xbstream_chunk *chunk,
                      size_t *need) {
    *need = at + 8 + AT_FLAGS;
    if (have < *need)
        return 0;
    *need = 0;
    if (memcmp(head + at + 8, magic, AT_FLAGS) != 0)
        return 0;
    chunk->type = XBSTREAM_SEEK;
    chunk->offset = le64_get(head + at);
    *need = at + 8;
    return 1;
}

// Parses the fields after the path of a chunk with a payload.
static int parse_payload(const uint8_t *head, size_t have, size_t at, uint64_t max_chunk,
                         const struct place *place, struct xbstream_chunk *chunk, size_t *need,
                         struct fault *f) {
    size_t map = chunk->type == XBSTREAM_SPARSE ? 4 : 0;
    *need = at + map + TAIL;
    if (have < *need)
        return 0;
    if (map > 0) {
        uint64_t map_size = (uint64_t)le32_get(head + at) * XBSTREAM_MAP_ENTRY;
        if (check_size(map_size, max_chunk, "sparse map", place, at, f) < 0)
            return -1;
        chunk->map_size = (size_t)map_size;
    }
    chunk->rewrite = chunk->type == XBSTREAM_PAYLOAD && (head[AT_FLAGS] & FLAG_REWRITE) != 0;
    chunk->payload_size = le64_get(head + at + map);
    chunk->offset = le64_get(head + at + map + 8);
    chunk->crc = le32_get(head + at + map + 16);
    return check_size(chunk->payload_size, max_chunk, "payload", place, at + map, f) < 0 ? -1 : 1;
}

int xbstream_parse(const uint8_t *head, size_t have, uint64_t max_chunk, const struct place *place,
                   struct xbstream_chunk *chunk, size_t *need, struct fault *f) {
    *need = AT_PATH;
    if (have < *need)
        return 0;
    *chunk = (struct xbstream_chunk){0};
    if (check_magic(head, have, place, f) < 0 || check_type(head, place, &chunk->type, f) < 0 ||
        take_path(head, AT_PATH_SIZE, "path", place, &chunk->path_size, f) < 0)
        return -1;
    chunk->path = head + AT_PATH;
    size_t at = *need = AT_PATH + chunk->path_size;
    int parsed;
    switch (chunk->type) {
    case XBSTREAM_END:
    case XBSTREAM_REMOVE:
        return have >= *need;
    case XBSTREAM_RENAME:
        return parse_rename(head, have, at, place, chunk, need, f);
    case XBSTREAM_SPARSE:
        parsed = parse_seek(head, have, at, chunk, need);
        if (parsed > 0 || *need > 0)
            return parsed;
        break;
    default:
        break;
    }
    return parse_payload(head, have, at, max_chunk, place, chunk, need, f);
}

size_t xbstream_write_head(uint8_t *head, const struct xbstream_chunk *chunk) {
    memcpy(head, magic, AT_FLAGS);
    head[AT_FLAGS] = 0;
    head[AT_TYPE] = (uint8_t)chunk->type;
    le32_put(head + AT_PATH_SIZE, (uint32_t)chunk->path_size);
    memcpy(head + AT_PATH, chunk->path, chunk->path_size);
    size_t at = AT_PATH + chunk->path_size;
    if (chunk->type == XBSTREAM_END)
        return at;
    if (chunk->type == XBSTREAM_SPARSE) {
        le32_put(head + at, (uint32_t)(chunk->map_size / XBSTREAM_MAP_ENTRY));
        at += 4;
    }
    le64_put(head + at, chunk->payload_size);
    le64_put(head + at + 8, chunk->offset);
    le32_put(head + at + 16, chunk->crc);
    return at + TAIL;
}

bool xbstream_measure_map(const uint8_t *map, size_t size, uint64_t payload_size, uint64_t *data,
                          uint64_t *advance) {
    *data = *advance = 0;
    // An entry adds less than 2^33, so a sum that is too large is found before it overflows.
    for (size_t at = 0; at < size && *advance <= INT64_MAX; at += XBSTREAM_MAP_ENTRY) {
        *data += le32_get(map + at + 4);
        *advance += (uint64_t)le32_get(map + at) + le32_get(map + at + 4);
    }
    return *data == payload_size || *advance > INT64_MAX;
}
