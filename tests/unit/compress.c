// SPDX-License-Identifier: Apache-2.0
#include "compress.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <zstd.h>

// As everywhere in the tests' helpers, a failure ends the program.
static uint8_t *allocate(size_t size) {
    uint8_t *memory = malloc(size);
    if (memory == NULL)
        abort();
    return memory;
}

void compress_lz4(struct bytes *b, const void *data, size_t size, unsigned has) {
    LZ4F_preferences_t p = {.frameInfo = {.contentSize = has & COMPRESS_SIZE ? size : 0}};
    if (has & COMPRESS_CHECKSUM)
        p.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    else
        p.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled;
    size_t room = LZ4F_compressFrameBound(size, &p);
    uint8_t *out = allocate(room);
    size_t n = LZ4F_compressFrame(out, room, data, size, &p);
    if (LZ4F_isError(n))
        abort();
    bytes_add(b, out, n);
    free(out);
}

void compress_zstd(struct bytes *b, const void *data, size_t size, unsigned has) {
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(size);
    uint8_t *out = allocate(room);
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, (has & COMPRESS_CHECKSUM) != 0);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, (has & COMPRESS_SIZE) != 0);
    size_t n = ZSTD_compress2(c, out, room, data, size);
    if (ZSTD_isError(n))
        abort();
    bytes_add(b, out, n);
    free(out);
    ZSTD_freeCCtx(c);
}
