// SPDX-License-Identifier: Apache-2.0
// LZ4 frames with content size and checksum (LZ4 Frame Format 1.6), by liblz4.
#ifndef XBPIPE_LZ4_ENC_H
#define XBPIPE_LZ4_ENC_H

#include "format/frames_enc.h"

// Levels 1 (default) to 12, from 3 on LZ4 HC, as in lz4(1).
extern const struct frames_enc_codec lz4_enc_codec;

#endif
