// SPDX-License-Identifier: Apache-2.0
#include "format/zstd_enc.h"

#include <zstd.h>

// Twice as much would save another 1 % at the default level, and take twice the memory.
enum { UNIT = 2 << 20 };

static void *open_encoder(int level) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        return NULL;
    // Both are within the library's limits, whatever its build.
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    return context;
}

static const char *encode(void *encoder, const uint8_t *data, size_t size, uint8_t *out,
                          size_t *out_size) {
    size_t result = ZSTD_compress2(encoder, out, *out_size, data, size);
    if (ZSTD_isError(result))
        return ZSTD_getErrorName(result);
    *out_size = result;
    return NULL;
}

static void close_encoder(void *encoder) {
    ZSTD_freeCCtx(encoder);
}

const struct frames_enc_codec zstd_enc_codec = {.suffix = ".zst",
                                                .unit = UNIT,
                                                .level_min = 1,
                                                .level_max = 19,
                                                .level_default = 3,
                                                .bound = ZSTD_compressBound,
                                                .open = open_encoder,
                                                .encode = encode,
                                                .close = close_encoder};
