// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

#include <inttypes.h>

void hex_encode(const void *data, size_t size, bool upper, char *out) {
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const uint8_t *in = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 0xf];
    }
}

// The digit's value, or -1.
static int value_of(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode_push(struct hex_decoder *d, const void *text, size_t size, uint8_t *out,
                    size_t *out_size, struct fault *f) {
    const uint8_t *in = text;
    size_t used = 0;
    int result = 0;
    for (size_t i = 0; i < size; i++, d->offset++) {
        if (in[i] == ' ' || in[i] == '\t' || in[i] == '\r' || in[i] == '\n')
            continue;
        int value = value_of(in[i]);
        if (value < 0) {
            result = diag_fault(f, EX_DATAERR,
                                "bad hexadecimal at input offset %" PRIu64
                                ": expected a digit 0-9, a-f or A-F, found %s",
                                d->offset,
                                in[i] < 0x20 || in[i] >= 0x7f ? "a byte that is not printable"
                                                              : "another character");
            break;
        }
        if (d->digits == 0) {
            d->high = (uint8_t)(value << 4);
            d->digits = 1;
        } else {
            out[used++] = (uint8_t)(d->high | value);
            d->digits = 0;
        }
    }
    *out_size = used;
    return result;
}

int hex_decode_finish(const struct hex_decoder *d, struct fault *f) {
    if (d->digits == 0)
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "hexadecimal cut short at input offset %" PRIu64
                      ": expected an even number of digits, found the end after an odd one",
                      d->offset);
}
