// SPDX-License-Identifier: Apache-2.0
// The gzip decoder: members built by hand from RFC 1952, every truncation, damage, and what stands
// behind the end.
#include "archives.h"
#include "feed.h"
#include "format/gzip_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <zlib.h>

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return gzip_dec_new(o, next);
}

// CRC-32 a bit at a time, so that zlib's is not checked against itself.
static uint32_t crc_of(const char *data, size_t size) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

enum { FHCRC = 2, FEXTRA = 4, FNAME = 8, FCOMMENT = 16 };

// A member of one stored block.
static void stored_member(struct bytes *b, unsigned flags, const char *text) {
    size_t begin = b->size, size = strlen(text);
    bytes_text(b, "\x1f\x8b\x08");
    bytes_little(b, flags, 1);
    bytes_little(b, 0, 4);   // time
    bytes_little(b, 255, 2); // extra flags, system
    if (flags & FEXTRA) {
        bytes_little(b, 5, 2);
        bytes_add(b, "ab\1\0x", 5);
    }
    if (flags & FNAME)
        bytes_add(b, "name", 5);
    if (flags & FCOMMENT)
        bytes_add(b, "comment", 8);
    if (flags & FHCRC)
        bytes_little(b, crc_of((char *)b->data + begin, b->size - begin) & 0xffff, 2);
    bytes_little(b, 1, 1); // last block, stored
    bytes_little(b, size, 2);
    bytes_little(b, ~size & 0xffff, 2);
    bytes_add(b, text, size);
    bytes_little(b, crc_of(text, size), 4);
    bytes_little(b, size, 4);
}

struct expectation {
    const struct bytes *in;
    const void *data;
    size_t size;
    const char *message; // NULL: success
};

static void expect_one(const struct feeding *how, void *context) {
    const struct expectation *e = context;
    struct fed r;
    feed_run(make, NULL, e->in->data, e->in->size, how, &r);
    if (e->message == NULL) {
        if (r.status != 0)
            fail_msg("%s: %s", feeding_text(how), r.fault.text);
    } else if (r.status != EX_DATAERR || strcmp(r.fault.text, e->message) != 0) {
        fail_msg("%s: %d, \"%s\"", feeding_text(how), r.status, r.fault.text);
    }
    assert_int_equal(r.finishes, e->message == NULL);
    assert_int_equal(r.size, e->size);
    if (e->size > 0)
        assert_memory_equal(r.data, e->data, e->size);
    fed_free(&r);
}

static void expect(const struct bytes *in, const char *text, const char *message) {
    struct expectation e = {in, text, strlen(text), message};
    feed_each(in->size, expect_one, &e);
}

static void members(void **state) {
    (void)state;
    struct bytes b = {0};
    stored_member(&b, 0, "hello, ");
    expect(&b, "hello, ", NULL);
    stored_member(&b, FHCRC | FEXTRA | FNAME | FCOMMENT, "world");
    stored_member(&b, FNAME, "");
    stored_member(&b, 0, "!");
    expect(&b, "hello, world!", NULL);
    bytes_zeros(&b, 700);
    expect(&b, "hello, world!", NULL);
    bytes_free(&b);
}

static void what_follows_the_end(void **state) {
    (void)state;
    struct bytes b = {0};
    stored_member(&b, 0, "x");
    bytes_text(&b, "garbage");
    expect(&b, "x",
           "damaged gzip data at input offset 24: after its end: expected zero bytes or nothing, "
           "found other data; fetch the backup again");
    b.size = 24;
    bytes_zeros(&b, 3);
    stored_member(&b, 0, "y");
    expect(&b, "x",
           "damaged gzip data at input offset 27: after its end: expected zero bytes or nothing, "
           "found other data; fetch the backup again");
    bytes_free(&b);
}

static void empty(void **state) {
    (void)state;
    struct bytes b = {0};
    expect(&b, "", "input is empty: expected gzip data");
    bytes_zeros(&b, 1);
    b.data[0] = 0x1f;
    expect(&b, "",
           "gzip data ends too early, at input offset 1; it was cut short: fetch the backup again");
    bytes_free(&b);
}

static void every_truncation(void **state) {
    (void)state;
    struct bytes b = {0};
    stored_member(&b, FNAME | FHCRC, "some data");
    size_t first = b.size;
    stored_member(&b, 0, "more");
    for (size_t size = 1; size < b.size; size++)
        for (size_t piece = 0; piece < 2; piece++) {
            struct fed r;
            feed_run(make, NULL, b.data, size,
                     &(struct feeding){
                         .threads = 1 + 2 * (unsigned)piece, .first = piece, .rest = piece},
                     &r);
            if (size == first) { // nothing says that a member is missing
                assert_int_equal(r.status, 0);
                assert_int_equal(r.size, 9);
            } else {
                char expected[200];
                snprintf(expected, sizeof expected,
                         "gzip data ends too early, at input offset %zu; it was cut short: fetch "
                         "the backup again",
                         size);
                assert_int_equal(r.status, EX_DATAERR);
                assert_string_equal(r.fault.text, expected);
                assert_int_equal(r.finishes, 0);
            }
            assert_true(r.size <= 13);
            if (r.size > 0)
                assert_memory_equal(r.data, "some datamore", r.size);
            fed_free(&r);
        }
    bytes_free(&b);
}

// Every bit but those that mean nothing to the data: time, flags of the compressor, system, the
// flag that says it is text, and what fills up the byte before a stored block.
static void every_flipped_bit(void **state) {
    (void)state;
    struct bytes b = {0};
    stored_member(&b, 0, "some data");
    for (size_t bit = 0; bit < 8 * b.size; bit++) {
        if (bit == 24 || (bit >= 32 && bit < 80) || (bit >= 83 && bit < 88))
            continue;
        struct fed r;
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        feed_run(make, NULL, b.data, b.size, &(struct feeding){.threads = 1}, &r);
        if (r.status != EX_DATAERR || r.finishes != 0)
            fail_msg("bit %zu of byte %zu: %d", bit % 8, bit / 8, r.status);
        fed_free(&r);
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bytes_free(&b);
}

// Compressed data: larger than a piece of input, than an output, and, of zeros, than what one piece
// may have in flight.
static void large(void **state) {
    (void)state;
    enum { NOISE = 1500000, ZEROS = 30 << 20 };
    struct bytes plain = {0}, b = {0};
    bytes_noise(&plain, NOISE, 7);
    bytes_zeros(&plain, ZEROS);
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    bytes_zeros(&b, deflateBound(&z, plain.size));
    z.next_in = plain.data;
    z.avail_in = (uInt)plain.size;
    z.next_out = b.data;
    z.avail_out = (uInt)b.size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.size = z.total_out;
    deflateEnd(&z);
    static const struct feeding ways[] = {{.threads = 1, .held = true},
                                          {.threads = 3, .held = true},
                                          {.threads = 3, .first = 100000, .rest = 99991}};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct expectation e = {&b, plain.data, plain.size, NULL};
        expect_one(&ways[i], &e);
    }
    // Wrong length at the end: all of the data has gone out, and it fails.
    b.data[b.size - 1] ^= 1;
    char expected[200];
    snprintf(
        expected, sizeof expected,
        "damaged gzip data at input offset %zu: incorrect length check; fetch the backup again",
        b.size);
    struct expectation e = {&b, plain.data, plain.size, expected};
    expect_one(&ways[1], &e);
    bytes_free(&b);
    bytes_free(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(members),
                                       cmocka_unit_test(what_follows_the_end),
                                       cmocka_unit_test(empty),
                                       cmocka_unit_test(every_truncation),
                                       cmocka_unit_test(every_flipped_bit),
                                       cmocka_unit_test(large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
