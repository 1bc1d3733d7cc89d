// SPDX-License-Identifier: Apache-2.0
// The chunks of an xbstream archive: xbstream(5). Format from Percona's description and the sources
// of XtraBackup 2.0 to 8.4 and MariaDB 10 and 11.
#ifndef XBPIPE_XBSTREAM_H
#define XBPIPE_XBSTREAM_H

#include "base/diag.h"
#include "base/member_name.h"
#include "base/place.h"
#include "engine/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XBSTREAM_MAGIC "XBSTCK01" // the first bytes of every chunk

enum { XBSTREAM_MAP_ENTRY = 8 }; // bytes of an entry of a sparse map

enum xbstream_type {
    XBSTREAM_PAYLOAD = 'P',
    XBSTREAM_SPARSE = 'S',
    XBSTREAM_END = 'E',
    XBSTREAM_RENAME = 'R', // the next three: MariaDB
    XBSTREAM_REMOVE = 'D',
    XBSTREAM_SEEK = 's', // stored as 'S', too
    XBSTREAM_IGNORED = 0 // an unknown type that may be ignored
};

struct xbstream_chunk {
    enum xbstream_type type;
    const uint8_t *path; // inside the header; not terminated
    size_t path_size;
    const uint8_t *new_path; // of XBSTREAM_RENAME, as `path`
    size_t new_path_size;
    bool rewrite; // of XBSTREAM_PAYLOAD: a file that was sent before starts again
    // Zero for other types, except the offset of XBSTREAM_SEEK:
    size_t map_size;       // bytes of the sparse map that follows the header; 0 if there is none
    uint64_t payload_size; // bytes that follow the header and the map
    uint64_t offset;       // of the chunk in its file
    uint32_t crc;          // CRC-32 of map and payload
};

// Parses the header of a chunk of which `have` bytes are at `head`, which is at `place`. Returns 1,
// *chunk, and the header's size in *need, which is less than `have` for XBSTREAM_SEEK; 0 and *need
// (≤ HEAD_MAX), the bytes that must be there for the next call; -1 and EX_DATAERR in *f: no magic,
// an unknown type that may not be ignored, a path that is empty or longer than MEMBER_NAME_MAX, a
// payload or map larger than max_chunk.
int xbstream_parse(const uint8_t *head, size_t have, uint64_t max_chunk, const struct place *place,
                   struct xbstream_chunk *chunk, size_t *need, struct fault *f);

// Writes the header of a chunk (everything before its map and payload) to `head`. The type is
// neither XBSTREAM_IGNORED nor one of MariaDB's. Returns its size, at most HEAD_MAX.
size_t xbstream_write_head(uint8_t *head, const struct xbstream_chunk *chunk);

// Computes by how much a sparse map of `size` bytes advances the file, and how much of that is
// data. Returns false if its lengths do not add up to the payload.
bool xbstream_measure_map(const uint8_t *map, size_t size, uint64_t payload_size, uint64_t *data,
                          uint64_t *advance);

#endif
