// SPDX-License-Identifier: Apache-2.0
// What data is by how it begins, and the layers around an xbstream. First byte: bit 0 no key, bits
// 1-3 layers that are put around the rest, each of a kind that a further byte chooses; second byte:
// the pieces of the second run.
//
// Parsers: autodetect.c sniff.c
#include "archive/autodetect.h"
#include "archives.h"
#include "format/sniff.h"
#include "fuzz.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { MAX_CHUNK = 1 << 16 };

static bool found; // in this run

static void note(const char *text) {
    fuzz_check_text(text, strlen(text) + 1);
    if (found)
        fuzz_broken("found twice: %s", text);
    found = true;
}

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct ordered *behind;
    struct fault f;
    found = false;
    if (autodetect_queues(&behind, o, &f) < 0)
        abort();
    return autodetect_new(o, context, behind, next, next);
}

static struct xbcrypt_key *the_key(void) {
    static struct xbcrypt_key *key;
    uint8_t copy[sizeof fuzz_key];
    memcpy(copy, fuzz_key, sizeof copy);
    struct secret secret = {.size = 32, .data = copy, .capacity = 32};
    struct fault f;
    if (key == NULL && xbcrypt_key_new(&key, &secret, 0, 3, NULL, &f) < 0)
        fuzz_broken("no key: %s", f.text);
    return key;
}

static void warn(const char *text) {
    fuzz_check_text(text, strlen(text) + 1);
}

// Puts a layer around the bytes.
static void pack(struct bytes *b, uint8_t kind) {
    static const uint8_t iv[16] = "initial counter";
    struct bytes inner = *b;
    size_t room = 2 * inner.size + 1000;
    uint8_t *out = malloc(room);
    if (out == NULL)
        abort();
    *b = (struct bytes){0};
    switch (kind % 6) {
    case 0: {
        z_stream z = {.next_in = inner.data,
                      .avail_in = (uInt)inner.size,
                      .next_out = out,
                      .avail_out = (uInt)room};
        if (deflateInit2(&z, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
            deflate(&z, Z_FINISH) != Z_STREAM_END)
            abort();
        bytes_add(b, out, room - z.avail_out);
        deflateEnd(&z);
        break;
    }
    case 1:
        qp_single(b, "x", 1 << 12, inner.data, inner.size);
        break;
    case 2:
    case 3:
        xbc_chunk(b, kind % 6, fuzz_key, 32, inner.data, inner.size, iv);
        break;
    case 4:
        bytes_add(b, out, LZ4F_compressFrame(out, room, inner.data, inner.size, NULL));
        break;
    default:
        bytes_add(b, out, ZSTD_compress(out, room, inner.data, inner.size, 1));
    }
    free(out);
    bytes_free(&inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in), pieces = fuzz_byte(&in), kinds[8];
    unsigned layers = mode >> 1 & 7;
    for (unsigned i = 0; i < layers; i++)
        kinds[i] = fuzz_byte(&in);
    (void)sniff_text(sniff(in.data, in.size));
    struct bytes b = {0};
    bytes_add(&b, in.data, in.size);
    for (unsigned i = 0; i < layers; i++)
        pack(&b, kinds[i]);
    struct xbcrypt_dec_settings decrypt = {
        .key = the_key(), .max_chunk = MAX_CHUNK, .accept_random = true, .warn = warn};
    struct autodetect_settings settings = {
        .decrypt = mode & 1 ? NULL : &decrypt, .max_chunk = MAX_CHUNK, .found = note};
    struct fuzz_how how = {
        .pieces = pieces, .faults_vary = true, .other_status = mode & 1 ? EX_USAGE : 0};
    struct fed fed;
    fuzz_stage(make, &settings, b.data, b.size, &how, &fed);
    if (fed.status == 0 && !found)
        fuzz_broken("all is well, and nothing was found");
    if (fed.status == 0 && sniff(in.data, in.size) == SNIFF_XBSTREAM &&
        (fed.size != in.size || memcmp(fed.data, in.data, in.size) != 0))
        fuzz_broken("an xbstream, packed and unpacked, is not the same");
    fed_free(&fed);
    bytes_free(&b);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
    static const uint8_t layers[][4] = {{0},       {1, 0},       {1, 1},      {1, 2},
                                        {1, 3},    {1, 4},       {1, 5},      {2, 3, 0},
                                        {2, 1, 2}, {3, 5, 3, 0}, {3, 0, 0, 4}};
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        for (uint8_t keyless = 0; keyless < 2; keyless++) {
            struct bytes seed = {0};
            bytes_little(&seed, layers[i][0] * 2U + keyless, 1);
            bytes_little(&seed, 7 * i, 1);
            bytes_add(&seed, layers[i] + 1, layers[i][0]);
            xbs_member(&seed, "a", "text of the member", 18);
            add(seed.data, seed.size);
            bytes_free(&seed);
        }
    static const char *const others[] = {"\xfd\x37zXZ", "BZh91AY&SY", "PK\3\4", "plain text"};
    for (size_t i = 0; i < 4; i++) {
        struct bytes seed = {0};
        bytes_zeros(&seed, 2);
        bytes_text(&seed, others[i]);
        bytes_zeros(&seed, 10);
        add(seed.data, seed.size);
        bytes_free(&seed);
    }
    struct bytes tar = {0};
    bytes_zeros(&tar, 2);
    bytes_text(&tar, "name");
    bytes_zeros(&tar, 253);
    bytes_text(&tar, "ustar");
    bytes_zeros(&tar, 250);
    add(tar.data, tar.size);
    bytes_free(&tar);
}
