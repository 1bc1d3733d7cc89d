// SPDX-License-Identifier: Apache-2.0
#ifndef XBPIPE_ZSTD_DEC_H
#define XBPIPE_ZSTD_DEC_H

#include "engine/stage.h"

#define ZSTD_DEC_MAGIC 0xfd2fb528u // little-endian, the first bytes of every frame

// Stage: Zstandard frames → their content (frames.h), by libzstd. Frames whose window is larger
// than `window_max` bytes are refused; but 8 MiB are always accepted, as RFC 8878 recommends, and a
// window that is not a power of two counts as the next one. NULL if the allocation failed.
struct stage *zstd_dec_new(struct ordered *o, uint64_t window_max, struct stage *next);

#endif
