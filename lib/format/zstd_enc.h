// SPDX-License-Identifier: Apache-2.0
// Zstandard frames with content size and checksum (RFC 8878), by libzstd.
#ifndef XBPIPE_ZSTD_ENC_H
#define XBPIPE_ZSTD_ENC_H

#include "format/frames_enc.h"

// Levels 1 to 19, 3 by default, as in zstd(1).
extern const struct frames_enc_codec zstd_enc_codec;

#endif
