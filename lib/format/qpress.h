// SPDX-License-Identifier: Apache-2.0
// The items of a qpress archive: qpress(5). Written from the format's description; see quicklz.h
// for the packets inside.
#ifndef XBPIPE_QPRESS_H
#define XBPIPE_QPRESS_H

#include "base/diag.h"
#include "base/member_name.h"
#include "base/place.h"
#include "engine/stage.h"

#include <stddef.h>
#include <stdint.h>

// The first bytes of an archive, a block and the end of a file.
#define QPRESS_ARCHIVE_TAG "qpress10"
#define QPRESS_BLOCK_TAG "NEWBNEWB"
#define QPRESS_END_TAG "ENDSENDS"

enum { QPRESS_ARCHIVE_HEAD = 16, QPRESS_BLOCK_HEAD = 20, QPRESS_TAG = 8 };

enum qpress_kind {
    QPRESS_ENTER, // a folder
    QPRESS_LEAVE, // back to the folder above
    QPRESS_FILE,  // a file begins
    QPRESS_BLOCK, // of the file: a packet follows
    QPRESS_FILE_END
};

struct qpress_item {
    enum qpress_kind kind;
    const uint8_t *name; // ENTER, FILE: inside the head; not terminated
    size_t name_size;
    uint64_t recovery; // BLOCK: decompressed bytes of the file before it
    uint32_t adler;    // BLOCK: Adler-32 of the packet as stored
};

// Parses the header of an archive: `have` bytes at `head`, which is at `place`. Returns 1 and
// *block_size, the largest decompressed size of a packet; 0 and *need, the bytes that must be there
// for the next call; -1 and EX_DATAERR in *f: no magic, or a block size above max_block.
int qpress_parse_archive(const uint8_t *head, size_t have, uint64_t max_block,
                         const struct place *place, uint64_t *block_size, size_t *need,
                         struct fault *f);

// Parses the header of an item; in_file: between FILE and FILE_END. The same results; EX_DATAERR
// for an item that is not allowed there, and for a name of more than MEMBER_NAME_MAX bytes. *need
// is never more than HEAD_MAX.
int qpress_parse_item(const uint8_t *head, size_t have, bool in_file, const struct place *place,
                      struct qpress_item *item, size_t *need, struct fault *f);

#endif
