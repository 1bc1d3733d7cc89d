// SPDX-License-Identifier: Apache-2.0
#include "format/lz4_dec.h"

#include "base/byteorder.h"
#include "format/frames.h"

#include <lz4frame.h>
#include <string.h>

// The outline of a frame (LZ4 Frame Format 1.6): magic, FLG, BD, [content size], [dictionary id],
// header checksum, blocks of (size, data, [checksum]) until a size of 0, [content checksum].
enum step { HEADER = FRAMES_FIRST, BLOCK_SIZE };
enum { EXPANSION_MOST = 255, BLOCK_MAX = 4 << 20 };
enum {
    FLAG_DICTIONARY = 0x01,
    FLAG_CONTENT_CHECKSUM = 0x04,
    FLAG_CONTENT_SIZE = 0x08,
    FLAG_BLOCK_CHECKSUM = 0x10
};

static unsigned step_size(unsigned step) {
    return step == HEADER ? 2 : 4;
}

// The most content of a block of `size` bytes: as the frame's BD allows, 64 KiB to 4 MiB.
static uint64_t block_content(const struct frames_walk *w, uint32_t size, bool stored) {
    unsigned code = w->flags >> 12 & 7;
    uint64_t most = code < 4 ? BLOCK_MAX : UINT64_C(1) << (2 * code + 8);
    uint64_t content = stored ? size : (uint64_t)EXPANSION_MOST * size;
    return content < most ? content : most;
}

static bool take_step(struct frames_walk *w) {
    uint32_t word = le32_get(w->bytes);
    switch (w->step) {
    case HEADER: // FLG and BD; then the fields that they announce, and the header checksum
        w->flags = w->bytes[0] | (unsigned)w->bytes[1] << 8;
        w->skip =
            1 + (w->flags & FLAG_CONTENT_SIZE ? 8u : 0) + (w->flags & FLAG_DICTIONARY ? 4u : 0);
        w->step = BLOCK_SIZE;
        return true;
    default:
        if (word != 0) { // bit 31: not compressed
            uint32_t size = word & 0x7fffffffu;
            w->skip = size + (w->flags & FLAG_BLOCK_CHECKSUM ? 4u : 0);
            w->content += block_content(w, size, size != word);
            return true;
        }
        w->skip = w->flags & FLAG_CONTENT_CHECKSUM ? 4 : 0;
        w->step = FRAMES_LAST;
        return true;
    }
}

static void *open_decoder(uint64_t window_max) {
    (void)window_max; // always 64 KiB
    LZ4F_dctx *dctx;
    return LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION)) ? NULL : dctx;
}

static const char *decode(void *decoder, const uint8_t *in, size_t *in_size, uint8_t *out,
                          size_t *out_size, bool *between) {
    size_t hint = LZ4F_decompress(decoder, out, out_size, in, in_size, NULL);
    if (LZ4F_isError(hint)) {
        const char *name = LZ4F_getErrorName(hint); // the codes are not part of the stable
                                                    // interface
        return strcmp(name, "ERROR_allocation_failed") == 0 ? frames_no_memory : name;
    }
    *between = hint == 0;
    return NULL;
}

static void close_decoder(void *decoder) {
    LZ4F_freeDecompressionContext(decoder);
}

static uint64_t content_size(const uint8_t *frame, size_t size) {
    LZ4F_frameInfo_t info = {0};
    void *decoder = open_decoder(0);
    uint64_t content = UINT64_MAX;
    if (decoder == NULL)
        return content;
    if (!LZ4F_isError(LZ4F_getFrameInfo(decoder, &info, frame, &size)) && info.contentSize > 0)
        content = info.contentSize;
    close_decoder(decoder);
    return content;
}

struct stage *lz4_dec_new(struct ordered *o, struct stage *next) {
    static const struct frames_codec codec = {.name = "an LZ4",
                                              .magic = LZ4_DEC_MAGIC,
                                              .step_size = step_size,
                                              .take_step = take_step,
                                              .open = open_decoder,
                                              .decode = decode,
                                              .close = close_decoder,
                                              .content_size = content_size,
                                              .block_max = BLOCK_MAX,
                                              .wrong_checksum = "ERROR_contentChecksum_invalid"};
    return frames_new(o, &codec, 0, next);
}
