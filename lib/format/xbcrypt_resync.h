// SPDX-License-Identifier: Apache-2.0
// Finding sound xbcrypt chunks in a damaged input (resync.h).
#ifndef XBPIPE_XBCRYPT_RESYNC_H
#define XBPIPE_XBCRYPT_RESYNC_H

#include "engine/resync.h"
#include "format/xbcrypt.h"

// The probe of struct resync_format: a chunk is sound if its CRC is right. It is RESYNC_HIT if the
// CRC is wrong but the next chunk, or the end of the input, is where its header says.
enum resync_answer xbcrypt_resync_probe(uint64_t max_chunk, const struct resync_window *w,
                                        size_t *size, struct fault *why);

// The find of struct resync_format; takes any context.
size_t xbcrypt_resync_find(void *context, const uint8_t *data, size_t size);

// Whether the gap is exactly one chunk whose header is damaged but still has one right size.
// *payload_size is then the chunk's. `version`: of the chunks before; 0: not known.
bool xbcrypt_resync_gap_is_chunk(const struct resync_gap *gap, unsigned version,
                                 uint64_t *payload_size);

#endif
