// SPDX-License-Identifier: Apache-2.0
// Finding sound xbcrypt chunks in a damaged input (resync.h).
#ifndef XBPIPE_XBCRYPT_RESYNC_H
#define XBPIPE_XBCRYPT_RESYNC_H

#include "engine/resync.h"
#include "format/xbcrypt.h"

// The answer to struct resync_format's probe: a chunk is sound when its CRC is right. It is hit
// when that is wrong but the next chunk, or the end of the input, stands where its head says.
enum resync_answer xbcrypt_resync_probe(uint64_t max_chunk, const struct resync_window *w,
                                        size_t *size, struct fault *why);

// Its find; takes any context.
size_t xbcrypt_resync_find(void *context, const uint8_t *data, size_t size);

// Tells whether the gap is one chunk whose head is damaged but still has one of its two sizes
// right, so that it spans the gap. Then *payload_size is that of the chunk. `version`: of the
// chunks before; 0: not known.
bool xbcrypt_resync_gap_is_chunk(const struct resync_gap *gap, unsigned version,
                                 uint64_t *payload_size);

#endif
