// SPDX-License-Identifier: Apache-2.0
#include "format/zstd_dec.h"

#include "base/byteorder.h"
#include "format/frames.h"

#include <zstd.h>
#include <zstd_errors.h>

// The outline of a frame (RFC 8878): magic, descriptor, [window], [dictionary id], [content size],
// blocks of (3-byte header, data) until the last one, [checksum].
enum step { DESCRIPTOR = FRAMES_FIRST, BLOCK_HEADER };
enum { FLAG_CHECKSUM = 0x04, FLAG_SINGLE_SEGMENT = 0x20 };
enum { BLOCK_RLE = 1, BLOCK_COMPRESSED = 2, BLOCK_RESERVED = 3 };
enum { WINDOW_LOG_LEAST = 23 };

static uint64_t header_rest(uint8_t descriptor) {
    static const unsigned dictionary[] = {0, 1, 2, 4}, content[] = {0, 2, 4, 8};
    bool single = descriptor & FLAG_SINGLE_SEGMENT;
    unsigned size_code = descriptor >> 6;
    unsigned size = size_code == 0 && single ? 1 : content[size_code];
    return (single ? 0u : 1u) + dictionary[descriptor & 3] + size;
}

static unsigned step_size(unsigned step) {
    return step == DESCRIPTOR ? 1 : 3;
}

static bool take_step(struct frames_walk *w) {
    uint32_t word = le32_get(w->bytes), type = word >> 1 & 3, size = word >> 3;
    switch (w->step) {
    case DESCRIPTOR:
        w->flags = w->bytes[0];
        w->skip = header_rest(w->bytes[0]);
        w->step = BLOCK_HEADER;
        return true;
    default: // bit 0: the last block; bits 1 and 2: its type; the rest: its size
        w->skip = type == BLOCK_RLE ? 1 : size;
        w->content += type == BLOCK_COMPRESSED ? ZSTD_BLOCKSIZE_MAX : size;
        if ((word & 1) != 0) {
            w->skip += w->flags & FLAG_CHECKSUM ? 4u : 0;
            w->step = FRAMES_LAST;
        }
        return type != BLOCK_RESERVED;
    }
}

static void *open_decoder(uint64_t window_max) {
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    int log = WINDOW_LOG_LEAST;
    while (log < bounds.upperBound && window_max >> log > 1)
        log++;
    if (decoder != NULL &&
        ZSTD_isError(ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax, log))) {
        ZSTD_freeDCtx(decoder);
        return NULL;
    }
    return decoder;
}

static const char *decode(void *decoder, const uint8_t *in, size_t *in_size, uint8_t *out,
                          size_t *out_size, bool *between) {
    ZSTD_inBuffer input = {.src = in, .size = *in_size};
    ZSTD_outBuffer output = {.dst = out, .size = *out_size};
    size_t hint = ZSTD_decompressStream(decoder, &output, &input);
    if (ZSTD_isError(hint))
        switch (ZSTD_getErrorCode(hint)) {
        case ZSTD_error_memory_allocation:
            return frames_no_memory;
        case ZSTD_error_frameParameter_windowTooLarge:
            return frames_too_large;
        default:
            return ZSTD_getErrorName(hint);
        }
    *in_size = input.pos;
    *out_size = output.pos;
    *between = hint == 0;
    return NULL;
}

static void close_decoder(void *decoder) {
    ZSTD_freeDCtx(decoder);
}

static uint64_t content_size(const uint8_t *frame, size_t size) {
    unsigned long long content = ZSTD_getFrameContentSize(frame, size);
    return content == ZSTD_CONTENTSIZE_UNKNOWN || content == ZSTD_CONTENTSIZE_ERROR ? UINT64_MAX
                                                                                    : content;
}

// 2^(10 + the upper five bits), plus as many eighths of that as the lower three bits say; or,
// without the window's byte, the whole content.
static uint64_t window_size(const uint8_t *frame, size_t size) {
    enum { AT_DESCRIPTOR = 4, AT_WINDOW };
    if (size <= AT_WINDOW)
        return 0;
    if (frame[AT_DESCRIPTOR] & FLAG_SINGLE_SEGMENT) {
        uint64_t content = content_size(frame, size);
        return content == UINT64_MAX ? 0 : content;
    }
    uint64_t base = UINT64_C(1024) << (frame[AT_WINDOW] >> 3);
    return base + base / 8 * (frame[AT_WINDOW] & 7);
}

struct stage *zstd_dec_new(struct ordered *o, uint64_t window_max, struct stage *next) {
    static const struct frames_codec codec = {.name = "a Zstandard",
                                              .magic = ZSTD_DEC_MAGIC,
                                              .step_size = step_size,
                                              .take_step = take_step,
                                              .open = open_decoder,
                                              .decode = decode,
                                              .close = close_decoder,
                                              .content_size = content_size,
                                              .window_size = window_size,
                                              .block_max = ZSTD_BLOCKSIZE_MAX,
                                              .wrong_checksum =
                                                  "Restored data doesn't match checksum"};
    return frames_new(o, &codec, window_max, next);
}
