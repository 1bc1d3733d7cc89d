// SPDX-License-Identifier: Apache-2.0
#ifndef XBPIPE_ZSTD_DEC_H
#define XBPIPE_ZSTD_DEC_H

#include "engine/stage.h"

// Stage: Zstandard frames → their content (frames.h), by libzstd. Frames whose window is larger
// than libzstd's default limit (128 MiB) are refused. NULL if memory could not be had.
struct stage *zstd_dec_new(struct ordered *o, struct stage *next);

#endif
