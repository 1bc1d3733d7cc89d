// SPDX-License-Identifier: Apache-2.0
#include "format/lz4_enc.h"

#include <lz4frame.h>
#include <stdlib.h>

// Matches reach back 64 KiB: a longer frame would hardly compress better.
enum { UNIT = 1 << 20 };

static LZ4F_preferences_t preferences(int level, size_t size) {
    return (LZ4F_preferences_t){.frameInfo = {.blockSizeID = LZ4F_max1MB,
                                              .blockMode = LZ4F_blockIndependent,
                                              .contentChecksumFlag = LZ4F_contentChecksumEnabled,
                                              .contentSize = size},
                                .compressionLevel = level};
}

static size_t bound(size_t size) {
    LZ4F_preferences_t p = preferences(0, size);
    return LZ4F_compressFrameBound(size, &p);
}

// liblz4 keeps no state between frames: the only state is the level.
static void *open_encoder(int level) {
    int *kept = malloc(sizeof *kept);
    if (kept != NULL)
        *kept = level;
    return kept;
}

static const char *encode(void *encoder, const uint8_t *data, size_t size, uint8_t *out,
                          size_t *out_size) {
    LZ4F_preferences_t p = preferences(*(const int *)encoder, size);
    size_t result = LZ4F_compressFrame(out, *out_size, data, size, &p);
    if (LZ4F_isError(result))
        return LZ4F_getErrorName(result);
    *out_size = result;
    return NULL;
}

const struct frames_enc_codec lz4_enc_codec = {.suffix = ".lz4",
                                               .unit = UNIT,
                                               .level_min = 1,
                                               .level_max = 12,
                                               .level_default = 1,
                                               .bound = bound,
                                               .open = open_encoder,
                                               .encode = encode,
                                               .close = free};
