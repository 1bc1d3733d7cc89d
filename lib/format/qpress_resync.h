// SPDX-License-Identifier: Apache-2.0
// Finding sound items of a damaged qpress archive (resync.h).
#ifndef XBPIPE_QPRESS_RESYNC_H
#define XBPIPE_QPRESS_RESYNC_H

#include "base/place.h"
#include "engine/resync.h"
#include "format/qpress.h"
#include "format/quicklz.h"

// The reader's position in the archive.
struct qpress_state {
    uint64_t max_block;
    bool begun;   // the archive's header was read, or is lost
    bool in_file; // between the header of a file and its end
    unsigned depth;
};

// The probe of struct resync_format. Sound units are the archive's header, a block with the right
// Adler-32, the end of a file, and the header of a file or a folder. A unit without a checksum must
// be where it is expected, or have what must follow after it. A unit is RESYNC_HIT if it is
// - a block with a wrong Adler-32, and the next item of the file is where its packet ends,
// - the end of a file with a damaged tag, and what follows it is sound,
// - the header of a file where it is expected, but none of its blocks follows.
enum resync_answer qpress_resync_probe(const struct qpress_state *s, const struct resync_window *w,
                                       size_t *size, struct fault *why);

// The find of struct resync_format; takes any context.
size_t qpress_resync_find(void *context, const uint8_t *data, size_t size);

// Parses a unit of `size` bytes that the probe has found. *packet is set for a block. Returns false
// if it is the archive's header. An item whose tag is damaged is the end of a file.
bool qpress_resync_parse(const uint8_t *unit, size_t size, const struct place *place,
                         struct qpress_item *item, struct quicklz_header *packet);

#endif
