// SPDX-License-Identifier: Apache-2.0
#include "base/utf16.h"

#include <stdint.h>

bool utf16_has_mark(const void *text, size_t size) {
    const uint8_t *bytes = text;
    return size >= 2 &&
           ((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff));
}

static size_t put(uint32_t c, uint8_t *out) {
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

bool utf16_decode(const void *text, size_t size, void *out, size_t *out_size) {
    const uint8_t *bytes = text;
    uint8_t *made = out;
    unsigned low = bytes[0] == 0xff ? 0 : 1; // which byte of a unit is the low one
    uint32_t high = 0;                       // the first half of a pair, or 0
    for (size_t i = 2; i + 1 < size; i += 2) {
        uint32_t unit = bytes[i + low] | (uint32_t)bytes[i + 1 - low] << 8;
        bool is_second = (unit & 0xfc00) == 0xdc00;
        if (is_second != (high != 0))
            return false;
        if (is_second)
            unit = 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff);
        high = (unit & 0xfffffc00) == 0xd800 ? unit : 0;
        if (high == 0)
            made += put(unit, made);
    }
    *out_size = (size_t)(made - (uint8_t *)out);
    return size % 2 == 0 && high == 0;
}
