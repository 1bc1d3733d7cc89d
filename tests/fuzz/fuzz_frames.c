// SPDX-License-Identifier: Apache-2.0
// The LZ4 and Zstandard decoders: the walk over the frames and how their content is handed on; the
// decoding itself is the libraries'. First byte: bit 0 Zstandard, bit 1 past damage; second byte:
// the pieces of the second run.
//
// Parsers: frames.c lz4_dec.c zstd_dec.c
#include "archives.h"
#include "format/lz4_dec.h"
#include "format/zstd_dec.h"
#include "fuzz.h"
#include "repair.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { WINDOW_MAX = 8 << 20 };

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    return *(const uint8_t *)context & 1 ? zstd_dec_new(o, WINDOW_MAX, next) : lz4_dec_new(o, next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in), pieces = fuzz_byte(&in);
    // The libraries take what there is, and report the damage at the offset they have then reached.
    struct fuzz_how how = {.pieces = pieces, .places_vary = true, .salvage = mode & 2};
    struct fed fed;
    fuzz_stage(make, &mode, in.data, in.size, &how, &fed);
    fed_free(&fed);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    if (size > 2 && !(data[0] & 1) && seed % 2 != 0)
        repair_lz4(data + 2, size - 2);
}

static void add_lz4(struct bytes *seed, const LZ4F_preferences_t *how, const void *data,
                    size_t size) {
    uint8_t frame[2000];
    size_t n = LZ4F_compressFrame(frame, sizeof frame, data, size, how);
    if (LZ4F_isError(n))
        abort();
    bytes_add(seed, frame, n);
}

static void add_skippable(struct bytes *seed, const char *text) {
    bytes_little(seed, 0x184d2a50, 4);
    bytes_little(seed, strlen(text), 4);
    bytes_text(seed, text);
}

static void give(fuzz_add *add, struct bytes *seed) {
    add(seed->data, seed->size);
    bytes_free(seed);
}

void fuzz_seeds(fuzz_add *add) {
    static const char text[] = "frame after frame after frame after frame, and after that a frame";
    struct bytes seed = {0};
    for (unsigned i = 0; i < 16; i++) {
        LZ4F_preferences_t how = {
            .frameInfo = {
                .contentSize = i & 1 ? sizeof text : 0,
                .contentChecksumFlag = i & 2 ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum,
                .blockChecksumFlag = i & 4 ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum,
                .blockMode = i & 8 ? LZ4F_blockIndependent : LZ4F_blockLinked,
                .dictID = i == 9 ? 77 : 0}};
        bytes_little(&seed, 0, 1);
        bytes_little(&seed, 5 * i, 1);
        add_lz4(&seed, &how, text, sizeof text);
        if (i % 3 == 0)
            add_skippable(&seed, "skipped");
        if (i % 2 == 0)
            add_lz4(&seed, &how, "", 0);
        give(add, &seed);
    }
    // Frames of one byte, as many as would be units at once.
    LZ4F_preferences_t plain = {.compressionLevel = 0};
    for (unsigned salvage = 0; salvage < 2; salvage++) {
        bytes_little(&seed, 2 * salvage, 1);
        bytes_little(&seed, 0x35, 1);
        for (unsigned i = 0; i < 60; i++)
            add_lz4(&seed, &plain, text + i, 1);
        give(add, &seed);
    }
    for (int i = 0; i < 8; i++) {
        char frame[500];
        ZSTD_CCtx *c = ZSTD_createCCtx();
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, i & 1);
        ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, i >> 1 & 1);
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, i & 4 ? 10 : 20);
        size_t n = ZSTD_compress2(c, frame, sizeof frame, text, i == 7 ? 0 : sizeof text);
        ZSTD_freeCCtx(c);
        if (ZSTD_isError(n))
            abort();
        bytes_little(&seed, 1, 1);
        bytes_little(&seed, (unsigned)(9 * i), 1);
        bytes_add(&seed, frame, n);
        if (i % 2 == 0)
            add_skippable(&seed, "");
        bytes_add(&seed, frame, n);
        give(add, &seed);
    }
}
