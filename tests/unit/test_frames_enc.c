// SPDX-License-Identifier: Apache-2.0
// The encoders of LZ4 and Zstandard frames, judged by the libraries' own decoders.
#include "archives.h"
#include "feed.h"
#include "format/lz4_enc.h"
#include "format/zstd_enc.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { UNIT = 1000 }; // bytes a frame, in place of the codecs' own MiB

// Decodes one frame of at most UNIT bytes at `in`, checking that it says its size and has a
// checksum; appends its content and returns its size.
static size_t decode_zstd(const uint8_t *in, size_t size, struct bytes *out) {
    uint8_t content[UNIT];
    size_t frame = ZSTD_findFrameCompressedSize(in, size);
    assert_false(ZSTD_isError(frame));
    assert_true((in[4] & 4) != 0); // the checksum flag of RFC 8878
    size_t n = ZSTD_decompress(content, sizeof content, in, frame);
    assert_false(ZSTD_isError(n));
    assert_int_equal(ZSTD_getFrameContentSize(in, frame), n);
    bytes_add(out, content, n);
    return frame;
}

static size_t decode_lz4(const uint8_t *in, size_t size, struct bytes *out) {
    uint8_t content[UNIT];
    LZ4F_dctx *dctx;
    LZ4F_frameInfo_t info;
    assert_false(LZ4F_isError(LZ4F_createDecompressionContext(&dctx, LZ4F_VERSION)));
    size_t head = size;
    assert_false(LZ4F_isError(LZ4F_getFrameInfo(dctx, &info, in, &head)));
    assert_int_equal(info.contentChecksumFlag, LZ4F_contentChecksumEnabled);
    assert_int_equal(info.blockMode, LZ4F_blockIndependent);
    size_t n = sizeof content, used = size - head;
    assert_int_equal(LZ4F_decompress(dctx, content, &n, in + head, &used, NULL), 0);
    assert_int_equal(info.contentSize, n);
    LZ4F_freeDecompressionContext(dctx);
    bytes_add(out, content, n);
    return head + used;
}

struct test {
    struct frames_enc_codec codec; // with frames of UNIT bytes
    size_t (*decode)(const uint8_t *in, size_t size, struct bytes *out);
    struct frames_encoder *encoder;
    struct bytes plain;
    struct bytes first; // what came out the first time
};

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    struct test *t = context;
    return frames_enc_new(o, t->encoder, next);
}

static void run(const struct feeding *how, void *context) {
    struct test *t = context;
    struct fed out;
    struct bytes back = {0};
    feed_run(make_stage, t, t->plain.data, t->plain.size, how, &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(out.finishes, 1);
    unsigned frames = 0;
    for (size_t at = 0; at < out.size; frames++)
        at += t->decode(out.data + at, out.size - at, &back);
    assert_int_equal(back.size, t->plain.size);
    if (back.size > 0)
        assert_memory_equal(back.data, t->plain.data, back.size);
    assert_int_equal(frames, t->plain.size == 0 ? 1 : (t->plain.size + UNIT - 1) / UNIT);
    // The same, whatever the threads and however it came.
    if (t->first.size == 0)
        bytes_add(&t->first, out.data, out.size);
    if (out.size != t->first.size || memcmp(out.data, t->first.data, out.size) != 0)
        fail_msg("%s", feeding_text(how));
    bytes_free(&back);
    fed_free(&out);
}

static void run_codec(const struct frames_enc_codec *codec,
                      size_t (*decode)(const uint8_t *, size_t, struct bytes *)) {
    static const size_t sizes[] = {0, 1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 17};
    const int levels[] = {codec->level_min, codec->level_default, codec->level_max};
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
        struct test t = {.codec = *codec, .decode = decode};
        struct fault f;
        t.codec.unit = UNIT;
        assert_int_equal(frames_enc_encoder_new(&t.encoder, &t.codec, levels[l], 3, &f), 0);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            bytes_noise(&t.plain, sizes[i] / 2, 7);
            bytes_zeros(&t.plain, sizes[i] - sizes[i] / 2);
            if (l == 0 && i == 4)
                feed_each(t.plain.size, run, &t);
            for (unsigned threads = 1; threads <= 3; threads++)
                run(&(struct feeding){.threads = threads, .first = 700, .rest = 41}, &t);
            bytes_free(&t.plain);
            bytes_free(&t.first);
        }
        frames_enc_encoder_free(t.encoder);
    }
}

static void test_zstd(void **state) {
    (void)state;
    run_codec(&zstd_enc_codec, decode_zstd);
}

static void test_lz4(void **state) {
    (void)state;
    run_codec(&lz4_enc_codec, decode_lz4);
}

// A frame of the size that the programs use, for each codec.
static void test_whole_units(void **state) {
    (void)state;
    const struct frames_enc_codec *const codecs[] = {&lz4_enc_codec, &zstd_enc_codec};
    for (unsigned c = 0; c < 2; c++) {
        struct test t = {0};
        struct fault f;
        struct fed out;
        assert_int_equal(
            frames_enc_encoder_new(&t.encoder, codecs[c], codecs[c]->level_default, 2, &f), 0);
        bytes_noise(&t.plain, codecs[c]->unit + 1, 8);
        feed_run(make_stage, &t, t.plain.data, t.plain.size,
                 &(struct feeding){.threads = 2, .held = true}, &out);
        assert_int_equal(out.status, 0);
        assert_true(out.size > codecs[c]->unit && out.size < codecs[c]->unit + 1000);
        fed_free(&out);
        bytes_free(&t.plain);
        frames_enc_encoder_free(t.encoder);
    }
}

static const char *broken(void *encoder, const uint8_t *data, size_t size, uint8_t *out,
                          size_t *out_size) {
    (void)encoder, (void)data, (void)size, (void)out, (void)out_size;
    return "it is broken";
}

static void *no_encoder(int level) {
    (void)level;
    return NULL;
}

static void test_failures(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        struct test t = {.codec = lz4_enc_codec};
        struct fault f;
        struct fed out;
        t.codec.unit = UNIT;
        t.codec.encode = broken;
        bytes_noise(&t.plain, 2 * UNIT, 9);
        assert_int_equal(frames_enc_encoder_new(&t.encoder, &t.codec, 1, threads, &f), 0);
        const struct feeding how = {.threads = threads, .held = true, .first = 900, .rest = 900};
        feed_run(make_stage, &t, t.plain.data, t.plain.size, &how, &out);
        assert_int_equal(out.status, EX_SOFTWARE);
        assert_string_equal(out.fault.text, "cannot compress: it is broken");
        assert_int_equal(out.size, 0);
        assert_int_equal(out.finishes, 0);
        fed_free(&out);
        frames_enc_encoder_free(t.encoder);

        t.codec.open = no_encoder;
        t.codec.encode = lz4_enc_codec.encode;
        assert_int_equal(frames_enc_encoder_new(&t.encoder, &t.codec, 1, threads, &f), 0);
        feed_run(make_stage, &t, t.plain.data, t.plain.size, &how, &out);
        assert_int_equal(out.status, EX_OSERR);
        assert_int_equal(out.size, 0);
        fed_free(&out);
        frames_enc_encoder_free(t.encoder);
        bytes_free(&t.plain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_lz4),
        cmocka_unit_test(test_whole_units),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
