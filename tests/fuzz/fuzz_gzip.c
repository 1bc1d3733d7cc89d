// SPDX-License-Identifier: Apache-2.0
// The gzip decoder: members one after the other, and what follows them; inflating is zlib's. First
// byte: the pieces of the second run.
//
// Parsers: gzip_dec.c
#include "archives.h"
#include "format/gzip_dec.h"
#include "fuzz.h"
#include "repair.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    return gzip_dec_new(o, next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    struct fuzz_how how = {.pieces = fuzz_byte(&in), .places_vary = true};
    struct fed fed;
    fuzz_stage(make, NULL, in.data, in.size, &how, &fed);
    fed_free(&fed);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    if (size > 1 && seed % 4 != 0)
        repair_gzip(data + 1, size - 1);
}

static void add_member(struct bytes *seed, int level, const char *name, const char *text) {
    uint8_t out[1000];
    gz_header head = {.name = (Bytef *)(uintptr_t)name, .hcrc = name != NULL};
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (uInt)strlen(text),
                  .next_out = out,
                  .avail_out = sizeof out};
    if (deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        (name != NULL && deflateSetHeader(&z, &head) != Z_OK) ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    bytes_add(seed, out, sizeof out - z.avail_out);
    deflateEnd(&z);
}

void fuzz_seeds(fuzz_add *add) {
    static const char text[] = "text after text after text after text, and after that a text: 0123";
    for (int i = 0; i < 8; i++) {
        struct bytes seed = {0};
        bytes_little(&seed, (unsigned)(9 * i), 1);
        add_member(&seed, i & 1 ? 9 : 0, i & 2 ? "name" : NULL, text);
        if (i & 4)
            add_member(&seed, 6, NULL, i & 1 ? "" : text);
        if (i % 3 == 0)
            bytes_zeros(&seed, 7);
        if (i == 5)
            bytes_text(&seed, "something else");
        add(seed.data, seed.size);
        bytes_free(&seed);
    }
}
