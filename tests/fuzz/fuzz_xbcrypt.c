// SPDX-License-Identifier: Apache-2.0
// The xbcrypt decoder, its chunks' parser included. First byte: bit 0 not encrypted (-a NONE), bit
// 1 --no-strict, bits 2-3 key size, bit 4 past damage; second byte: the pieces of the second run.
//
// Parsers: xbcrypt.c xbcrypt_dec.c xbcrypt_resync.c resync.c salvage.c plaintext.c
#include "archives.h"
#include "format/xbcrypt_dec.h"
#include "fuzz.h"
#include "repair.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CHUNK = 1 << 16, KEYS = 4 };

static size_t key_size(uint8_t mode) {
    static const size_t sizes[KEYS] = {32, 16, 24, 32};
    return mode & 1 ? 0 : sizes[mode >> 2 & 3];
}

// Each key is made once and lives as long as the process.
static struct xbcrypt_key *key_of(uint8_t mode) {
    static struct xbcrypt_key *keys[XBCRYPT_KEY_MAX + 1];
    size_t size = key_size(mode);
    struct fault f;
    uint8_t copy[sizeof fuzz_key];
    memcpy(copy, fuzz_key, sizeof copy);
    struct secret secret = {.size = size, .data = copy, .capacity = size};
    if (keys[size] == NULL &&
        xbcrypt_key_new(&keys[size], size > 0 ? &secret : NULL, 0, 3, NULL, &f) < 0)
        fuzz_broken("no key: %s", f.text);
    return keys[size];
}

static void warn(const char *text) {
    fuzz_check_text(text, 400);
}

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct xbcrypt_dec_settings *settings = context;
    settings->legacy = settings->warned_wrong = false;
    settings->key_proved = false;
    settings->wrong_hashes = 0;
    return xbcrypt_dec_new(o, settings, next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in), pieces = fuzz_byte(&in);
    struct fuzz_how how = {.pieces = pieces, .salvage = mode & 16};
    struct xbcrypt_dec_settings settings = {
        .key = key_of(mode), .max_chunk = MAX_CHUNK, .accept_random = mode & 2, .warn = warn};
    struct fed fed;
    fuzz_stage(make, &settings, in.data, in.size, &how, &fed);
    // With --salvage a lost chunk's claim may become zeros.
    if (fed.size > in.size && !how.salvage)
        fuzz_broken("%zu bytes became %zu", in.size, fed.size);
    fed_free(&fed);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    if (size > 2)
        repair_xbcrypt(data + 2, size - 2, fuzz_key, key_size(data[0]), seed);
}

void fuzz_seeds(fuzz_add *add) {
    static const uint8_t iv[XBCRYPT_IV] = "initial counter";
    static const char text[] = "qpress10 and more text that is far from random, as text is, ever";
    struct bytes seed, noise = {0};
    bytes_noise(&noise, 600, 3);
    for (unsigned version = 1; version <= 3; version++)
        for (uint8_t mode = 0; mode < 3; mode++) {
            seed = (struct bytes){0};
            bytes_little(&seed, mode, 1);
            bytes_little(&seed, 9 * version, 1);
            xbc_chunk(&seed, version, fuzz_key, key_size(mode), text, sizeof text, iv);
            xbc_chunk(&seed, version, fuzz_key, key_size(mode), "", 0, iv);
            xbc_chunk(&seed, version, fuzz_key, key_size(mode), noise.data, 100, iv);
            add(seed.data, seed.size);
            bytes_free(&seed);
            // Begins as a wrong key's data does.
            bytes_little(&seed, mode, 1);
            bytes_little(&seed, 0, 1);
            xbc_chunk(&seed, version, fuzz_key, key_size(mode), noise.data, noise.size, iv);
            xbc_chunk(&seed, version % 3 + 1, fuzz_key, key_size(mode), text, 20, iv);
            add(seed.data, seed.size);
            bytes_free(&seed);
        }
    bytes_free(&noise);
    // Damage of each kind between sound chunks.
    for (unsigned kind = 0; kind < 4; kind++) {
        seed = (struct bytes){0};
        bytes_little(&seed, 16, 1);
        bytes_little(&seed, 3 * kind, 1);
        for (unsigned i = 0; i < 4; i++)
            xbc_chunk(&seed, 3, fuzz_key, 32, text, sizeof text, iv);
        size_t chunk = (seed.size - 2) / 4, at = 2 + chunk + (kind == 0 ? 3 : kind == 1 ? 20 : 70);
        seed.data[at] ^= 0x55;
        if (kind == 3)
            seed.size -= chunk / 2;
        add(seed.data, seed.size);
        bytes_free(&seed);
    }
    fuzz_add_fixture(add, "\x10\x9", 2, "rds/stream_v2.xb.xbcrypt", 1200);
    fuzz_add_fixture(add, "\0\0", 2, "xbcrypt/plain.v3.chunk1000.xbcrypt", 2200);
    fuzz_add_fixture(add, "\0\x9", 2, "rds/stream_v2.xb.xbcrypt", 1200);
}
