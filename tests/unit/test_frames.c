// SPDX-License-Identifier: Apache-2.0
// LZ4 and Zstandard frames over memory.
#include "archives.h"
#include "compress.h"
#include "feed.h"
#include "format/frames.h"
#include "format/lz4_dec.h"
#include "format/zstd_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum format { LZ4, ZSTD };
enum { WINDOW_MAX = 128 << 20 };
static const char *const articles[] = {"an LZ4", "a Zstandard"};

static struct stage *make_decoder(struct ordered *o, struct stage *next, void *context) {
    return *(enum format *)context == LZ4 ? lz4_dec_new(o, next)
                                          : zstd_dec_new(o, WINDOW_MAX, next);
}

// `kind` 0 to 3: with and without checksum and content size.
static void add_frame(struct bytes *b, enum format format, const void *data, size_t size,
                      unsigned kind) {
    (format == LZ4 ? compress_lz4 : compress_zstd)(b, data, size, kind);
}

static void add_skippable(struct bytes *b, const char *data) {
    bytes_little(b, 0x184d2a53, 4);
    bytes_little(b, strlen(data), 4);
    bytes_text(b, data);
}

struct sample {
    enum format format;
    struct bytes in, plain;
    size_t ends[8]; // of the frames
    unsigned frames;
};

static struct sample make_sample(enum format format) {
    static const char words[] = "frame frame frame frame and framed frames of a framework";
    struct sample s = {.format = format};
    for (unsigned kind = 0; kind < 4; kind++) {
        size_t size = kind == 2 ? 0 : sizeof words - 1 - kind; // one has no content
        add_frame(&s.in, format, words, size, kind);
        s.ends[s.frames++] = s.in.size;
        bytes_add(&s.plain, words, size);
        if (kind == 1) {
            add_skippable(&s.in, "skipped");
            s.ends[s.frames++] = s.in.size;
            add_skippable(&s.in, "");
            s.ends[s.frames++] = s.in.size;
        }
    }
    return s;
}

static void run_sample(const struct feeding *how, void *context) {
    struct sample *s = context;
    struct fed out;
    feed_run(make_decoder, &s->format, s->in.data, s->in.size, how, &out);
    if (out.status != 0)
        fail_msg("%s: %s", feeding_text(how), out.fault.text);
    assert_int_equal(out.size, s->plain.size);
    if (out.size > 0)
        assert_memory_equal(out.data, s->plain.data, out.size);
    assert_int_equal(out.finishes, 1);
    fed_free(&out);
}

static void sample_free(struct sample *s) {
    bytes_free(&s->in);
    bytes_free(&s->plain);
}

static void test_every_feeding(void **state) {
    (void)state;
    for (enum format format = LZ4; format <= ZSTD; format++) {
        struct sample s = make_sample(format);
        feed_each(s.in.size, run_sample, &s);
        s.in.size = s.plain.size = 0; // no frame is no content
        feed_each(0, run_sample, &s);
        sample_free(&s);
    }
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    for (enum format format = LZ4; format <= ZSTD; format++) {
        struct sample s = make_sample(format);
        for (size_t size = 1; size < s.in.size; size++)
            for (unsigned how = 0; how < 2; how++) {
                struct fed out;
                feed_run(make_decoder, &s.format, s.in.data, size,
                         &(struct feeding){.threads = how ? 3 : 1, .held = how != 0}, &out);
                bool between = false;
                for (unsigned i = 0; i < s.frames; i++)
                    between |= s.ends[i] == size;
                assert_int_equal(out.status, between ? 0 : EX_DATAERR);
                assert_int_equal(out.finishes, between);
                assert_true(out.size <= s.plain.size);
                if (out.size > 0)
                    assert_memory_equal(out.data, s.plain.data, out.size);
                char expected[200];
                snprintf(expected, sizeof expected, "input ends inside %s frame ",
                         articles[format]);
                if (!between && strncmp(out.fault.text, expected, strlen(expected)) != 0)
                    fail_msg("cut at %zu: %s", size, out.fault.text);
                fed_free(&out);
            }
        sample_free(&s);
    }
}

// Only frames with a checksum: their content never comes out wrong.
static void test_every_bit(void **state) {
    (void)state;
    static const char words[] = "frame frame frame frame and framed frames of a framework";
    for (enum format format = LZ4; format <= ZSTD; format++) {
        struct bytes in = {0};
        add_frame(&in, format, words, sizeof words - 1, 3);
        add_frame(&in, format, words, sizeof words - 1, 3);
        for (size_t bit = 0; bit < 8 * in.size; bit++) {
            struct fed out;
            in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            feed_run(make_decoder, &format, in.data, in.size, &(struct feeding){.threads = 1},
                     &out);
            in.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool right = out.size == 2 * (sizeof words - 1);
            for (size_t i = 0; i < out.size; i++)
                right &= out.data[i] == (uint8_t)words[i % (sizeof words - 1)];
            // Bits of no meaning may change nothing; all else is found before the end.
            if (out.status == 0 && !right)
                fail_msg("%s frame, bit %zu of byte %zu: wrong content", articles[format], bit % 8,
                         bit / 8);
            if (out.status != 0)
                assert_int_equal(out.status, EX_DATAERR);
            fed_free(&out);
        }
        bytes_free(&in);
    }
}

static void test_garbage(void **state) {
    (void)state;
    for (enum format format = LZ4; format <= ZSTD; format++)
        for (unsigned after = 0; after < 2; after++) {
            struct bytes in = {0};
            struct fed out;
            if (after)
                add_frame(&in, format, "content", 7, 3);
            bytes_text(&in, "garbage that is no frame");
            feed_run(make_decoder, &format, in.data, in.size, &(struct feeding){.threads = 3},
                     &out);
            assert_int_equal(out.status, EX_DATAERR);
            assert_int_equal(out.finishes, 0);
            assert_int_equal(out.size, after ? 7 : 0);
            char expected[200];
            snprintf(expected, sizeof expected,
                     "expected the magic of %s frame at input offset %zu, ", articles[format],
                     in.size - 24);
            if (strncmp(out.fault.text, expected, strlen(expected)) != 0)
                fail_msg("%s", out.fault.text);
            assert_non_null(strstr(out.fault.text, ", found 67 61 72 62; "));
            fed_free(&out);
            bytes_free(&in);
        }
}

// What libzstd would decode, if it is built to, by decoders of the time before Zstandard 1.0: an
// empty frame of 0.5 (a head, and a block that is the end).
static void test_old_formats(void **state) {
    (void)state;
    enum format format = ZSTD;
    for (uint8_t version = 0x1e; version <= 0x27; version++) {
        const uint8_t frame[] = {version, 0xb5, 0x2f, 0xfd, 0, 0xc0, 0, 0};
        struct fed out;
        feed_run(make_decoder, &format, frame, sizeof frame, &(struct feeding){.threads = 1}, &out);
        assert_int_equal(out.status, EX_DATAERR);
        assert_non_null(strstr(out.fault.text, "expected the magic of a Zstandard frame "));
        fed_free(&out);
    }
}

// Content larger than what is held back for a frame's checks, from a small frame and from a large.
static void check_large(enum format format, const struct bytes *content, unsigned frames) {
    struct bytes in = {0};
    for (unsigned i = 0; i < frames; i++)
        add_frame(&in, format, content->data, content->size, 3);
    for (unsigned how = 0; how < 3; how++) {
        struct fed out;
        feed_run(make_decoder, &format, in.data, in.size,
                 &(struct feeding){.threads = 1 + how,
                                   .held = how == 1,
                                   .first = how == 2 ? 100000 : 0,
                                   .rest = 777777},
                 &out);
        if (out.status != 0)
            fail_msg("%s", out.fault.text);
        assert_int_equal(out.size, frames * content->size);
        for (unsigned i = 0; i < frames; i++)
            assert_int_equal(memcmp(out.data + i * content->size, content->data, content->size), 0);
        fed_free(&out);
        // Cut before the last byte.
        feed_run(make_decoder, &format, in.data, in.size - 1, &(struct feeding){.threads = 2},
                 &out);
        assert_int_equal(out.status, EX_DATAERR);
        assert_true(out.size >= (frames - 1) * content->size);
        assert_int_equal(memcmp(out.data, content->data, content->size), 0);
        fed_free(&out);
    }
    bytes_free(&in);
}

// A frame that says it needs a window of `log`, in the byte after the descriptor.
static void test_window(void **state) {
    (void)state;
    enum format format = ZSTD;
    ZSTD_CCtx *c = ZSTD_createCCtx();
    uint8_t frame[100];
    ZSTD_outBuffer out = {.dst = frame, .size = sizeof frame};
    ZSTD_inBuffer from = {.src = "content", .size = 7};
    assert_int_not_equal(ZSTD_compressStream2(c, &out, &from, ZSTD_e_flush), 1);
    assert_int_equal(ZSTD_compressStream2(c, &out, &from, ZSTD_e_end), 0);
    ZSTD_freeCCtx(c);
    assert_int_equal(frame[4] & 0x20, 0);
    for (unsigned log = 10; log < 32; log++)
        for (unsigned eighths = 0; eighths < 8; eighths += 7) {
            struct fed fed;
            char expected[300];
            uint64_t window = (UINT64_C(1) << log) + (UINT64_C(1) << (log - 3)) * eighths;
            frame[5] = (uint8_t)((log - 10) << 3 | eighths);
            feed_run(make_decoder, &format, frame, out.pos, &(struct feeding){.threads = 1}, &fed);
            if (window <= WINDOW_MAX) {
                assert_int_equal(fed.status, 0);
                assert_int_equal(fed.size, 7);
            } else {
                snprintf(expected, sizeof expected,
                         "a Zstandard frame at input offset 0 was made with a long window: "
                         "expected at most 134217728 bytes, found %llu; if the file is sound, and "
                         "there is enough memory, use --max-chunk=%uM",
                         (unsigned long long)window, 1u << (log + (eighths > 0) - 20));
                assert_int_equal(fed.status, EX_DATAERR);
                assert_string_equal(fed.fault.text, expected);
            }
            fed_free(&fed);
        }
}

static void test_large_frames(void **state) {
    (void)state;
    struct bytes content = {0};
    for (enum format format = LZ4; format <= ZSTD; format++) {
        content.size = 0;
        bytes_zeros(&content, FRAMES_HOLD_MAX + 100000);
        check_large(format, &content, 2);
        content.size = 0;
        bytes_noise(&content, FRAMES_UNIT_MAX + 100000, 3);
        check_large(format, &content, 1);
    }
    bytes_free(&content);
}

// A codec of frames of 8 bytes whose decoder passes them on, and waits for more.
static unsigned whole_step(unsigned step) {
    (void)step;
    return 4;
}

static bool end_frame(struct frames_walk *w) {
    w->step = FRAMES_LAST;
    return true;
}

static void *open_nothing(uint64_t window_max) {
    (void)window_max;
    return malloc(1);
}

static const char *pass_on(void *decoder, const uint8_t *in, size_t *in_size, uint8_t *out,
                           size_t *out_size, bool *between) {
    (void)decoder;
    if (*in_size > *out_size)
        *in_size = *out_size;
    memcpy(out, in, *in_size);
    *out_size = *in_size;
    *between = *in_size == 8 && in[7] == '.';
    return NULL;
}

static const struct frames_codec waiting = {.name = "a waiting",
                                            .magic = 0x31747377, // "wst1"
                                            .step_size = whole_step,
                                            .take_step = end_frame,
                                            .open = open_nothing,
                                            .decode = pass_on,
                                            .close = free};

static struct stage *make_waiting(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return frames_new(o, &waiting, 0, next);
}

// The outline says that the frame ends; its decoder has the last word.
static void test_decoder_disagrees(void **state) {
    (void)state;
    struct fed out;
    feed_run(make_waiting, NULL, (const uint8_t *)"wst1abc.wst1abcd", 16,
             &(struct feeding){.threads = 1}, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_string_equal(out.fault.text, "damaged data in a waiting frame at input offset 16: it "
                                        "does not end where it should");
    assert_int_equal(out.size, 8);
    assert_memory_equal(out.data, "wst1abc.", 8);
    fed_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_feeding), cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_bit),     cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_old_formats),   cmocka_unit_test(test_window),
        cmocka_unit_test(test_large_frames),  cmocka_unit_test(test_decoder_disagrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
