// SPDX-License-Identifier: Apache-2.0
// Damaged xbcrypt streams: what is sound comes out at its place, what is not is reported.
#include "archives.h"
#include "damage.h"
#include "feed.h"
#include "format/xbcrypt_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 8, CHUNKS = 6, MAX_CHUNK = 1 << 20 };

static const char key_bytes[] = "0123456789abcdef0123456789ABCDEF";
static struct xbcrypt_dec_settings settings = {.max_chunk = MAX_CHUNK, .accept_random = true};
static size_t starts[CHUNKS + 1]; // of the chunks

static struct xbcrypt_key *make_key(const char *bytes) {
    uint8_t copy[32];
    memcpy(copy, bytes, sizeof copy);
    struct secret secret = {.size = sizeof copy, .data = copy, .capacity = sizeof copy};
    struct xbcrypt_key *key;
    struct fault f;
    assert_int_equal(xbcrypt_key_new(&key, &secret, 0, THREADS_MAX, NULL, &f), 0);
    return key;
}

static int begin(void **state) {
    (void)state;
    settings.key = make_key(key_bytes);
    return 0;
}

static int end(void **state) {
    (void)state;
    xbcrypt_key_free(settings.key);
    return 0;
}

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    settings.key_proved = false;
    settings.wrong_hashes = 0;
    return xbcrypt_dec_new(o, &settings, next);
}

static void unit(const struct patient *p, size_t at, size_t *start, size_t *stop) {
    (void)p;
    size_t i = 0;
    while (i + 1 < CHUNKS && at >= starts[i + 1])
        i++;
    *start = starts[i];
    *stop = starts[i + 1];
}

// A stream of small chunks of sizes that are all different but for two.
static struct patient stream(unsigned version) {
    static const size_t sizes[CHUNKS] = {40, 55, 1, 55, 90, 33};
    struct patient p = {.make = make, .countless = true, .format = "xbcrypt", .unit = unit};
    for (size_t i = 0; i < CHUNKS; i++) {
        uint8_t iv[16];
        size_t before = p.original.size;
        bytes_noise(&p.original, sizes[i], (unsigned)i + 1);
        memset(iv, (int)(i + 1), sizeof iv);
        starts[i] = p.input.size;
        xbc_chunk(&p.input, version, key_bytes, 32, p.original.data + before, sizes[i], iv);
    }
    starts[CHUNKS] = p.input.size;
    return p;
}

static void discharge(struct patient *p) {
    bytes_free(&p->input);
    bytes_free(&p->original);
}

static void test_whole(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 3; version++) {
        struct patient p = stream(version);
        damage_none(&p);
        discharge(&p);
    }
}

static void test_flips(void **state) {
    (void)state;
    for (unsigned version = 1; version <= 3; version++) {
        struct patient p = stream(version);
        damage_flips(&p, 1);
        discharge(&p);
    }
}

static void test_ranges(void **state) {
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        struct patient p = stream(version);
        damage_ranges(&p, 3);
        discharge(&p);
    }
}

struct salvaged {
    struct fed out;
    struct salvage *record;
};

static struct salvage *current;

static struct stage *make_salvaging(struct ordered *o, struct stage *next, void *context) {
    struct stage *stage = make(o, next, context);
    stage->salvage = salvage_whole(current);
    return stage;
}

static struct salvaged salvage(const struct bytes *input, unsigned threads) {
    struct salvaged s;
    struct fault f;
    assert_int_equal(salvage_new(&current, &f), 0);
    feed_run(make_salvaging, NULL, input->data, input->size,
             &(struct feeding){.threads = threads, .held = true}, &s.out);
    s.record = current;
    return s;
}

static void free_salvaged(struct salvaged *s) {
    fed_free(&s->out);
    salvage_free(s->record);
}

// A wrong key is no damage: it stops the run, before any output, whatever else is wrong.
static void test_wrong_key(void **state) {
    (void)state;
    struct xbcrypt_key *right = settings.key;
    settings.key = make_key("another key, of 32 bytes as well");
    for (unsigned way = 0; way < 3; way++) {
        struct patient p = stream(3);
        for (int i = 0; i < 3; i++) {
            struct patient more = stream(3);
            bytes_add(&p.input, more.input.data, more.input.size);
            discharge(&more);
        }
        if (way == 1)
            p.input.data[3] ^= 1; // the first magic
        if (way == 2)
            p.input.size = 132; // only one chunk
        struct salvaged s = salvage(&p.input, 3);
        assert_int_equal(s.out.status, EX_DATAERR);
        assert_non_null(strstr(s.out.fault.text, "most likely this is not the key"));
        assert_int_equal(s.out.size, 0);
        assert_int_equal(salvage_losses(s.record), 0);
        free_salvaged(&s);
        discharge(&p);
    }
    xbcrypt_key_free(settings.key);
    settings.key = right;
}

// Wrong hashes after a right one are damage, however many.
static void test_wrong_hashes(void **state) {
    (void)state;
    struct patient p = stream(3);
    for (int i = 0; i < 20; i++) {
        static const uint8_t iv[16] = {9};
        xbc_chunk(&p.input, 3, "another key, of 32 bytes as well", 32, "content", 7, iv);
        bytes_zeros(&p.original, 7);
    }
    struct salvaged s = salvage(&p.input, 3);
    assert_int_equal(s.out.status, 0);
    assert_int_equal(salvage_losses(s.record), 20);
    assert_int_equal(s.out.size, p.original.size);
    assert_memory_equal(s.out.data, p.original.data, p.original.size);
    assert_int_equal(s.out.holes, 20 * 7);
    free_salvaged(&s);
    discharge(&p);
}

// The version's digit is under no checksum.
static void test_digits(void **state) {
    (void)state;
    for (unsigned version = 2; version <= 3; version++)
        for (size_t i = 0; i < CHUNKS; i++)
            for (char digit = '1'; digit <= '3'; digit++) {
                struct patient p = stream(version);
                p.input.data[starts[i] + 7] = (uint8_t)digit;
                struct salvaged s = salvage(&p.input, 1);
                assert_int_equal(s.out.status, 0);
                assert_int_equal(s.out.size, p.original.size); // nothing has moved
                if (version == 3 && digit == '2')
                    assert_int_equal(salvage_losses(s.record), 0); // the hash tells
                free_salvaged(&s);
                discharge(&p);
            }
}

// Heads that claim much, close to each other, must not make the run slow or large: without a limit
// this would be 30000 checksums over up to 1 MiB each.
static void test_false_heads(void **state) {
    (void)state;
    struct bytes input = {0};
    struct patient p = stream(3);
    bytes_add(&input, p.input.data, p.input.size);
    for (int i = 0; i < 60000; i++) {
        size_t at = input.size;
        bytes_zeros(&input, 64);
        memcpy(input.data + at, "XBCRYP03", 8);
        uint64_t size = MAX_CHUNK - 1;
        memcpy(input.data + at + 16, &size, 8);
        memcpy(input.data + at + 24, &size, 8);
        input.data[at + 36] = 16;
    }
    bytes_add(&input, p.input.data, p.input.size);
    struct salvaged s = salvage(&input, 1);
    assert_int_equal(s.out.status, 0);
    assert_int_equal(salvage_losses(s.record), 1);
    assert_int_equal(s.out.size, 2 * p.original.size);
    assert_memory_equal(s.out.data + p.original.size, p.original.data, p.original.size);
    free_salvaged(&s);
    bytes_free(&input);
    discharge(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_ranges),       cmocka_unit_test(test_wrong_key),
        cmocka_unit_test(test_wrong_hashes), cmocka_unit_test(test_digits),
        cmocka_unit_test(test_false_heads),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
