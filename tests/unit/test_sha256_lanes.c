// SPDX-License-Identifier: Apache-2.0
// SHA-256 of two inputs at once: each path of this processor beside OpenSSL, at every length and
// split; what is chosen if a path is missing or wrong.
#include "base/sha256_lanes.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = SHA256_LANES, HASH = SHA256_LANES_HASH, SMALL = 300, LARGE = 1 << 20 };

static uint8_t *bytes; // LARGE + SMALL of them

static int make_bytes(void **state) {
    (void)state;
    bytes = malloc(LARGE + SMALL);
    uint32_t x = 1;
    for (size_t i = 0; bytes != NULL && i < LARGE + SMALL; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes != NULL ? 0 : -1;
}

static int free_bytes(void **state) {
    (void)state;
    free(bytes);
    return 0;
}

// Calls `test` for each path that this processor has.
static void for_each_path(void (*test)(struct sha256_lanes *s, const char *name)) {
    for (size_t i = 0; i < sha256_lanes_path_count; i++) {
        const struct sha256_lanes_path *path = sha256_lanes_paths[i];
        if (!path->supported()) {
            print_message("not tested: this processor does not have %s\n", path->name);
            continue;
        }
        struct sha256_lanes *s = sha256_lanes_new(path);
        assert_non_null(s);
        test(s, path->name);
        sha256_lanes_free(s);
    }
}

static void check(const char *name, const uint8_t hash[HASH], const uint8_t *data, size_t size) {
    uint8_t expected[HASH];
    assert_int_equal(EVP_Digest(data, size, expected, NULL, EVP_sha256(), NULL), 1);
    if (memcmp(hash, expected, HASH) != 0)
        fail_msg("%s: wrong hash of %zu bytes", name, size);
}

// Lane l hashes the size[l] bytes at bytes + l, in two pieces: split[l] bytes and the rest.
static void hash_split(struct sha256_lanes *s, const char *name, const size_t size[LANES],
                       const size_t split[LANES]) {
    uint8_t hash[LANES][HASH];
    const uint8_t *first[LANES], *rest[LANES];
    size_t rest_size[LANES];
    for (int l = 0; l < LANES; l++) {
        first[l] = split[l] > 0 ? bytes + l : NULL;
        rest[l] = bytes + l + split[l];
        rest_size[l] = size[l] - split[l];
    }
    assert_true(sha256_lanes_begin(s));
    assert_true(sha256_lanes_update(s, first, split));
    assert_true(sha256_lanes_update(s, rest, rest_size));
    assert_true(sha256_lanes_finish(s, hash));
    for (int l = 0; l < LANES; l++)
        check(name, hash[l], bytes + l, size[l]);
}

static void known_answers(struct sha256_lanes *s, const char *name) {
    // FIPS 180-2, appendix B: the first words of the hashes.
    static const char one[] = "abc",
                      two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t hash[LANES][HASH];
    assert_true(sha256_lanes_begin(s));
    assert_true(
        sha256_lanes_update(s, (const uint8_t *const[]){(const uint8_t *)one, (const uint8_t *)two},
                            (const size_t[]){sizeof one - 1, sizeof two - 1}));
    assert_true(sha256_lanes_finish(s, hash));
    if (memcmp(hash[0], "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8) != 0 ||
        memcmp(hash[1], "\x24\x8d\x6a\x61\xd2\x06\x38\xb8", 8) != 0)
        fail_msg("%s: wrong hash", name);
}

static void test_known_answers(void **state) {
    (void)state;
    for_each_path(known_answers);
}

static void every_length(struct sha256_lanes *s, const char *name) {
    for (size_t a = 0; a <= SMALL; a++)
        for (size_t b = 0; b <= SMALL; b += b < 130 ? 1 : 17)
            hash_split(s, name, (const size_t[]){a, b}, (const size_t[]){0, 0});
}

static void test_every_length(void **state) {
    (void)state;
    for_each_path(every_length);
}

static void every_split(struct sha256_lanes *s, const char *name) {
    for (size_t size = 0; size <= SMALL; size++)
        for (size_t split = 0; split <= size; split++) {
            // The other lane has another size and another split.
            size_t other = (size * 5 + 64) % (SMALL + 1);
            size_t at = other > 0 ? split * 3 % other : 0;
            hash_split(s, name, (const size_t[]){size, other}, (const size_t[]){split, at});
            hash_split(s, name, (const size_t[]){other, size}, (const size_t[]){at, split});
        }
}

static void test_every_split(void **state) {
    (void)state;
    for_each_path(every_split);
}

static void large(struct sha256_lanes *s, const char *name) {
    static const size_t sizes[][LANES] = {{65536, 65536}, {LARGE, LARGE}, {LARGE + 1, 63},
                                          {0, LARGE},     {65536, 65537}, {LARGE - 1, 4096}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t piece = 1000; piece <= 64000; piece += 63000) {
            uint8_t hash[LANES][HASH];
            assert_true(sha256_lanes_begin(s));
            for (size_t at = 0; at < LARGE + SMALL; at += piece) {
                const uint8_t *data[LANES];
                size_t n[LANES];
                for (int l = 0; l < LANES; l++) {
                    data[l] = bytes + l + at;
                    n[l] = at >= sizes[i][l]          ? 0
                           : sizes[i][l] - at < piece ? sizes[i][l] - at
                                                      : piece;
                }
                assert_true(sha256_lanes_update(s, data, n));
            }
            assert_true(sha256_lanes_finish(s, hash));
            for (int l = 0; l < LANES; l++)
                check(name, hash[l], bytes + l, sizes[i][l]);
        }
}

static void test_large(void **state) {
    (void)state;
    for_each_path(large);
}

// ---- The choice.

static bool yes(void) {
    return true;
}

static bool no(void) {
    return false;
}

static void compress_nothing(uint32_t state[LANES][8], const uint8_t *const data[LANES],
                             size_t blocks) {
    (void)data;
    state[0][0] += (uint32_t)blocks;
}

// Right in the first lane only.
static void compress_one(uint32_t state[LANES][8], const uint8_t *const data[LANES],
                         size_t blocks) {
    uint32_t second = state[1][7];
    sha256_lanes_paths[0]->compress(state, data, blocks);
    state[1][7] = second;
}

static const struct sha256_lanes_path missing = {"missing", no, compress_nothing};
static const struct sha256_lanes_path broken = {"broken", yes, compress_nothing};
static const struct sha256_lanes_path half = {"half", yes, compress_one};

static void test_choice(void **state) {
    (void)state;
    const struct sha256_lanes_path *openssl = sha256_lanes_paths[sha256_lanes_path_count - 1];
    const struct sha256_lanes_path *wrong;
    assert_string_equal(openssl->name, "OpenSSL");
    for (size_t i = 0; i < sha256_lanes_path_count; i++)
        if (sha256_lanes_paths[i]->supported())
            assert_true(sha256_lanes_is_right(sha256_lanes_paths[i]));

    const struct sha256_lanes_path *chosen =
        sha256_lanes_choose(sha256_lanes_paths, sha256_lanes_path_count, &wrong);
    assert_ptr_equal(chosen, sha256_lanes_paths[0]->supported() ? sha256_lanes_paths[0] : openssl);
    assert_null(wrong);

    const struct sha256_lanes_path *const none[] = {&missing, openssl};
    assert_ptr_equal(sha256_lanes_choose(none, 2, &wrong), openssl);
    assert_null(wrong);

    assert_false(sha256_lanes_is_right(&broken));
    const struct sha256_lanes_path *const bad[] = {&missing, &broken, openssl};
    assert_ptr_equal(sha256_lanes_choose(bad, 3, &wrong), openssl);
    assert_ptr_equal(wrong, &broken);

    if (sha256_lanes_paths[0]->compress != NULL && sha256_lanes_paths[0]->supported())
        assert_false(sha256_lanes_is_right(&half));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_every_split),   cmocka_unit_test(test_large),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
