// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <inttypes.h>
#include <string.h>

// Classes above the values 0 to 63.
enum { SPACE = 64, PAD = 65, OTHER = 66 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// clang-format off
#define X OTHER
static const uint8_t classes[256] = {
    X,X,X,X,X,X,X,X,X,SPACE,SPACE,X,X,SPACE,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
    SPACE,X,X,X,X,X,X,X,X,X,X,62,X,X,X,63, 52,53,54,55,56,57,58,59,60,61,X,X,X,PAD,X,X,
    X,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14, 15,16,17,18,19,20,21,22,23,24,25,X,X,X,X,X,
    X,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40, 41,42,43,44,45,46,47,48,49,50,51,X,X,X,X,X,
    X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
    X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
    X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
    X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X, X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,X,
};
#undef X
// clang-format on

// Names the kind of a character. The text may be a key, so the character itself is not shown.
static const char *kind_of(uint8_t c) {
    if (c == '-' || c == '_')
        return "a character of the base64url alphabet";
    if (c == '"' || c == '{' || c == '\'')
        return "a quotation mark or brace, as in JSON";
    if (c == 0)
        return "a NUL byte";
    if (c < 0x20 || c == 0x7f)
        return "a control character";
    if (c >= 0x80)
        return "a byte that is not ASCII";
    return "a character outside the base64 alphabet";
}

// The unused bits of a last group of 2 or 3 characters: 4 or 2.
static uint32_t spare_bits(const struct base64_decoder *d) {
    return d->held == 2 ? d->bits & 0xf : d->bits & 0x3;
}

static int fault_spare_bits(const struct base64_decoder *d, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "bad base64 at input offset %" PRIu64
                      ": expected a last character whose unused bits are zero, found others set; "
                      "the text is damaged or cut",
                      d->last_offset);
}

// Puts the 1 or 2 bytes of a last group of 2 or 3 characters into out; returns their number.
static size_t put_short_group(const struct base64_decoder *d, uint8_t *out) {
    if (d->held == 2) {
        out[0] = (uint8_t)(d->bits >> 4);
        return 1;
    }
    out[0] = (uint8_t)(d->bits >> 10);
    out[1] = (uint8_t)(d->bits >> 2);
    return 2;
}

// Takes one character; the number of bytes it completes is added to *used. Returns 0 or -1.
static int take(struct base64_decoder *d, uint8_t c, uint8_t *out, size_t *used, struct fault *f) {
    uint64_t at = d->offset++;
    uint8_t class = classes[c];
    if (class == SPACE)
        return 0;
    if (d->ended)
        return diag_fault(f, EX_DATAERR,
                          "bad base64 at input offset %" PRIu64
                          ": expected the end after the padding, found more",
                          at);
    if (class == OTHER)
        return diag_fault(f, EX_DATAERR,
                          "bad base64 at input offset %" PRIu64
                          ": expected a base64 character, found %s",
                          at, kind_of(c));
    if (class == PAD) {
        if (d->held < 2)
            return diag_fault(f, EX_DATAERR,
                              "bad base64 at input offset %" PRIu64
                              ": expected a base64 character, found padding",
                              at);
        if (d->pads == 0 && spare_bits(d) != 0)
            return fault_spare_bits(d, f);
        if (d->held + ++d->pads == 4) {
            *used += put_short_group(d, out + *used);
            d->ended = true;
        }
        return 0;
    }
    if (d->pads != 0)
        return diag_fault(f, EX_DATAERR,
                          "bad base64 at input offset %" PRIu64
                          ": expected '=' to complete the padding, found a base64 character",
                          at);
    d->last_offset = at;
    d->bits = d->bits << 6 | class;
    if (++d->held == 4) {
        out[*used] = (uint8_t)(d->bits >> 16);
        out[*used + 1] = (uint8_t)(d->bits >> 8);
        out[*used + 2] = (uint8_t)d->bits;
        *used += 3;
        d->held = 0;
        d->bits = 0;
    }
    return 0;
}

int base64_decode_push(struct base64_decoder *d, const void *text, size_t size, uint8_t *out,
                       size_t *out_size, struct fault *f) {
    const uint8_t *in = text;
    size_t used = 0;
    size_t i = 0;
    int result = 0;
    while (i < size && result == 0) {
        if (d->held == 0 && !d->ended) {
            // Whole groups without white space: nearly all texts consist of them.
            size_t start = i;
            while (size - i >= 4) {
                uint32_t a = classes[in[i]], b = classes[in[i + 1]], c = classes[in[i + 2]],
                         e = classes[in[i + 3]];
                if (((a | b | c | e) & 0xc0) != 0)
                    break;
                uint32_t bits = a << 18 | b << 12 | c << 6 | e;
                out[used] = (uint8_t)(bits >> 16);
                out[used + 1] = (uint8_t)(bits >> 8);
                out[used + 2] = (uint8_t)bits;
                used += 3;
                i += 4;
            }
            d->offset += i - start;
            if (i == size)
                break;
        }
        result = take(d, in[i++], out, &used, f);
    }
    *out_size = used;
    return result;
}

int base64_decode_finish(struct base64_decoder *d, uint8_t out[2], size_t *out_size,
                         struct fault *f) {
    *out_size = 0;
    if (d->ended || d->held == 0)
        return 0;
    if (d->held == 1)
        return diag_fault(f, EX_DATAERR,
                          "base64 cut short at input offset %" PRIu64
                          ": expected more characters, found the end after one of a group of four",
                          d->offset);
    if (d->padding == BASE64_PADDED || d->pads != 0)
        return diag_fault(f, EX_DATAERR,
                          "base64 cut short at input offset %" PRIu64
                          ": expected %u more '=' of padding, found the end",
                          d->offset, 4 - d->held - d->pads);
    if (spare_bits(d) != 0)
        return fault_spare_bits(d, f);
    *out_size = put_short_group(d, out);
    return 0;
}

int base64_decode(const void *text, size_t size, enum base64_padding padding, uint8_t *out,
                  size_t *out_size, struct fault *f) {
    struct base64_decoder d = {.padding = padding};
    uint8_t last[2];
    size_t used = 0, last_size = 0;
    int result = base64_decode_push(&d, text, size, out, &used, f);
    if (result == 0)
        result = base64_decode_finish(&d, last, &last_size, f);
    if (result == 0) {
        memcpy(out + used, last, last_size);
        *out_size = used + last_size;
    } else {
        explicit_bzero(out, used);
        *out_size = 0;
    }
    explicit_bzero(&d, sizeof d);
    explicit_bzero(last, sizeof last);
    return result;
}

static void put_group(char *out, uint8_t a, uint8_t b, uint8_t c) {
    out[0] = alphabet[a >> 2];
    out[1] = alphabet[(a & 0x3) << 4 | b >> 4];
    out[2] = alphabet[(b & 0xf) << 2 | c >> 6];
    out[3] = alphabet[c & 0x3f];
}

size_t base64_encode_push(struct base64_encoder *e, const void *data, size_t size, char *out) {
    const uint8_t *in = data;
    size_t used = 0;
    size_t i = 0;
    if (e->count != 0 && e->count + size >= 3) {
        i = 3 - e->count;
        put_group(out, e->held[0], e->count == 2 ? e->held[1] : in[0], in[i - 1]);
        used = 4;
        e->count = 0;
    }
    if (e->count == 0)
        for (; size - i >= 3; i += 3, used += 4)
            put_group(out + used, in[i], in[i + 1], in[i + 2]);
    while (i < size)
        e->held[e->count++] = in[i++];
    return used;
}

size_t base64_encode_finish(struct base64_encoder *e, char out[4]) {
    if (e->count == 0)
        return 0;
    put_group(out, e->held[0], e->count == 2 ? e->held[1] : 0, 0);
    if (e->count == 1)
        out[2] = '=';
    out[3] = '=';
    *e = (struct base64_encoder){.count = 0};
    return 4;
}

size_t base64_encode(const void *data, size_t size, char *out) {
    struct base64_encoder e = {.count = 0};
    size_t used = base64_encode_push(&e, data, size, out);
    used += base64_encode_finish(&e, out + used);
    explicit_bzero(&e, sizeof e);
    return used;
}
