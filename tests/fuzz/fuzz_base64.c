// SPDX-License-Identifier: Apache-2.0
// Base64 and hexadecimal text. First byte: bits 0-1: base64, with optional padding, hexadecimal, or
// the other way; the rest of it: the size of the pieces of the second run.
//
// Parsers: base64.c hex.c
#include "base/base64.h"
#include "base/hex.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

struct decoded {
    int result;
    struct fault fault;
    uint8_t *data;
    size_t size;
};

// Decodes in pieces, each of which has exactly the room that the header promises to be enough.
static void decode(unsigned kind, struct fuzz_input in, size_t piece, struct decoded *d) {
    struct base64_decoder base64 = {.padding = kind == 1 ? BASE64_PADDING_OPTIONAL : BASE64_PADDED};
    struct hex_decoder hex = {.offset = 0};
    *d = (struct decoded){.data = malloc(in.size + 2)};
    if (d->data == NULL)
        abort();
    for (size_t at = 0; at < in.size && d->result == 0; at += piece) {
        size_t n = in.size - at < piece ? in.size - at : piece, made = SIZE_MAX;
        size_t room = kind == 2 ? (n + 1) / 2 : BASE64_DECODED_MAX(n);
        uint8_t *text = fuzz_copy(in.data + at, n), *out = malloc(room);
        if (out == NULL)
            abort();
        d->result = kind == 2 ? hex_decode_push(&hex, text, n, out, &made, &d->fault)
                              : base64_decode_push(&base64, text, n, out, &made, &d->fault);
        if (made > room)
            fuzz_broken("%zu bytes in room for %zu", made, room);
        memcpy(d->data + d->size, out, made);
        d->size += made;
        free(text);
        free(out);
    }
    size_t made = 0;
    if (d->result == 0)
        d->result = kind == 2 ? hex_decode_finish(&hex, &d->fault)
                              : base64_decode_finish(&base64, d->data + d->size, &made, &d->fault);
    d->size += made;
}

// Decoding is strict, so what it takes is, white space aside, what encoding gives.
static void check_canonical(unsigned kind, struct fuzz_input in, const struct decoded *d) {
    char *text = malloc(BASE64_ENCODED_MAX(d->size) + 2 * d->size + 1);
    if (text == NULL)
        abort();
    size_t size = 2 * d->size, at = 0;
    if (kind == 2)
        hex_encode(d->data, d->size, false, text);
    else
        size = base64_encode(d->data, d->size, text);
    for (size_t i = 0; i < in.size; i++) {
        char c = (char)in.data[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (kind == 2 && c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        if (at == size || text[at++] != c)
            fuzz_broken("decoded text is not what encoding gives, at character %zu", i);
    }
    if (size - at > (kind == 1 ? 2 : 0))
        fuzz_broken("decoded text is shorter than what encoding gives");
    free(text);
}

static void check_encoding(struct fuzz_input in, size_t piece) {
    char *text = malloc(2 * BASE64_ENCODED_MAX(in.size) + 8);
    struct base64_encoder e = {.count = 0};
    size_t size = 0;
    if (text == NULL)
        abort();
    for (size_t at = 0; at < in.size; at += piece)
        size += base64_encode_push(&e, in.data + at, in.size - at < piece ? in.size - at : piece,
                                   text + size);
    size += base64_encode_finish(&e, text + size);
    uint8_t *back = malloc(BASE64_DECODED_MAX(size) + 1);
    size_t back_size;
    struct fault f;
    if (back == NULL)
        abort();
    if (base64_decode(text, size, BASE64_PADDED, back, &back_size, &f) < 0)
        fuzz_broken("encoded, and not decoded: %s", f.text);
    if (back_size != in.size || (in.size > 0 && memcmp(back, in.data, in.size) != 0))
        fuzz_broken("encoded and decoded, and not the same");
    free(back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in);
    unsigned kind = mode & 3;
    size_t piece = 1U + (mode >> 2);
    if (kind == 3) {
        check_encoding(in, piece);
        return 0;
    }
    struct decoded whole, pieces;
    decode(kind, in, in.size + 1, &whole);
    decode(kind, in, piece, &pieces);
    if (whole.result != pieces.result || whole.size != pieces.size ||
        (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0))
        fuzz_broken("not the same in pieces of %zu: %d and %d, %zu and %zu bytes", piece,
                    whole.result, pieces.result, whole.size, pieces.size);
    if (whole.result < 0) {
        fuzz_check_fault(&whole.fault, (int[]){EX_DATAERR, 0});
        if (strcmp(whole.fault.text, pieces.fault.text) != 0)
            fuzz_broken("\"%s\", in pieces of %zu \"%s\"", whole.fault.text, piece,
                        pieces.fault.text);
    } else {
        check_canonical(kind, in, &whole);
    }
    free(whole.data);
    free(pieces.data);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
    static const char *const seeds[] = {
        "\4Zm9vYmFy",      "\0Zm9vYg==",     "\0 Zm9v\r\nYmE=\n", "\1Zm9vYmE", "\1Zm9vYg",
        "\1Zm9vYg==",      "\0Zm9vYh==",     "\0Zm9v=",           "\0Zm9v-_8", "\2666f6F6261 72\n",
        "\2666f6F6261 7",  "\2 0x66",        "\3any bytes",       "\7an",      "\0Zm=v",
        "\xf0+/+/ +/+/AA", "\0Zm9vYg==Zm9v",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        add(seeds[i], 1 + strlen(seeds[i] + 1));
    fuzz_add_fixture(add, "\0", 1, "rds/plaintext.b64", 1000);
    fuzz_add_fixture(add, "\2", 1, "rds/password.hex", 1000);
}
