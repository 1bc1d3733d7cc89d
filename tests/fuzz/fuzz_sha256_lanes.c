// SPDX-License-Identifier: Apache-2.0
// SHA-256 of two inputs at once. First two bytes: where the rest is cut into the two; the third:
// the size of the pieces in which they come. Each path of this processor gives what OpenSSL gives.
//
// Parsers: sha256_lanes.c
#include "base/sha256_lanes.h"
#include "fuzz.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = SHA256_LANES, HASH = SHA256_LANES_HASH };

static void check(const struct sha256_lanes_path *path, struct fuzz_input const in[LANES],
                  size_t piece) {
    uint8_t hash[LANES][HASH];
    size_t at[LANES] = {0};
    struct sha256_lanes *s = sha256_lanes_new(path);
    if (s == NULL || !sha256_lanes_begin(s))
        abort();
    while (at[0] < in[0].size || at[1] < in[1].size) {
        const uint8_t *data[LANES];
        uint8_t *copies[LANES];
        size_t size[LANES];
        for (int l = 0; l < LANES; l++) {
            // The second lane's pieces have another size.
            size_t left = in[l].size - at[l], most = piece + 37 * (size_t)l;
            size[l] = left < most ? left : most;
            data[l] = copies[l] = fuzz_copy(in[l].data + at[l], size[l]);
            at[l] += size[l];
        }
        if (!sha256_lanes_update(s, data, size))
            abort();
        for (int l = 0; l < LANES; l++)
            free(copies[l]);
    }
    if (!sha256_lanes_finish(s, hash))
        abort();
    sha256_lanes_free(s);
    for (int l = 0; l < LANES; l++) {
        uint8_t expected[HASH];
        if (EVP_Digest(in[l].data, in[l].size, expected, NULL, EVP_sha256(), NULL) != 1)
            abort();
        if (memcmp(hash[l], expected, HASH) != 0)
            fuzz_broken("%s: wrong hash of %zu bytes, lane %d", path->name, in[l].size, l);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    size_t cut = fuzz_byte(&in);
    cut |= (size_t)fuzz_byte(&in) << 8;
    size_t piece = 1 + (size_t)fuzz_byte(&in);
    if (cut > in.size)
        cut = in.size;
    struct fuzz_input lanes[LANES] = {{in.data, cut}, {in.data + cut, in.size - cut}};
    for (size_t i = 0; i < sha256_lanes_path_count; i++)
        if (sha256_lanes_paths[i]->supported())
            check(sha256_lanes_paths[i], lanes, piece);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data;
    (void)size;
    (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
    uint8_t seed[1200];
    for (unsigned i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(i * i >> 3);
    for (unsigned size = 3; size <= sizeof seed; size += 171) {
        seed[0] = (uint8_t)(size * 3);
        seed[1] = (uint8_t)(size >> 9);
        seed[2] = (uint8_t)(size * 7);
        add(seed, size);
    }
}
