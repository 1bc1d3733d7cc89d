// SPDX-License-Identifier: Apache-2.0
#ifndef XBPIPE_LZ4_DEC_H
#define XBPIPE_LZ4_DEC_H

#include "engine/stage.h"

#define LZ4_DEC_MAGIC 0x184d2204u // little-endian, the first bytes of every frame

// Stage: LZ4 frames → their content (frames.h), by liblz4. NULL if the allocation failed.
struct stage *lz4_dec_new(struct ordered *o, struct stage *next);

#endif
