// SPDX-License-Identifier: Apache-2.0
#include "quicklz_plain.h"

#include <stdlib.h>
#include <string.h>

enum { EMPTY = -1 };

struct plain {
    const uint8_t *in;
    size_t in_size, in_at;
    uint8_t *out;
    size_t size, at;
    size_t cursor; // the next position to enter the table
    int level;
    int64_t slot1[4096];     // level 1
    int64_t slot2[2048][4];  // level 2
    uint8_t inserted2[2048]; // level 2: insertions into each bucket
    bool failed;             // the input ran out, or an item is not valid
};

// The next n bytes of input as a little-endian number.
static uint32_t take(struct plain *d, size_t n) {
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (d->in_at == d->in_size) {
            d->failed = true;
            return 0;
        }
        value |= (uint32_t)d->in[d->in_at++] << (8 * i);
    }
    return value;
}

static void literal(struct plain *d) {
    uint8_t byte = (uint8_t)take(d, 1);
    if (!d->failed)
        d->out[d->at++] = byte;
}

// Every position from the cursor up to `last` enters the table.
static void enter_through(struct plain *d, size_t last) {
    for (; d->cursor <= last; d->cursor++) {
        const uint8_t *b = d->out + d->cursor;
        uint32_t x = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
        if (d->level == 1) {
            d->slot1[((x >> 12) ^ x) & 4095] = (int64_t)d->cursor;
        } else if (d->level == 2) {
            uint32_t bucket = ((x >> 9) ^ (x >> 13) ^ x) & 2047;
            d->slot2[bucket][d->inserted2[bucket] & 3] = (int64_t)d->cursor;
            d->inserted2[bucket]++;
        }
    }
}

// Reads a match of level 1 or 2: where it begins (EMPTY: nowhere) and its length.
static void take_match_by_table(struct plain *d, int64_t *source, size_t *length) {
    uint32_t f = take(d, 2), short_length;
    if (d->level == 1) {
        short_length = f & 15;
        *source = d->slot1[f >> 4];
    } else {
        short_length = f >> 2 & 7;
        *source = d->slot2[f >> 5][f & 3];
    }
    *length = short_length != 0 ? short_length + 2 : take(d, 1);
}

static void take_match_by_offset(struct plain *d, int64_t *source, size_t *length) {
    uint32_t f = take(d, 1), offset;
    if ((f & 3) == 0) {
        offset = f >> 2;
        *length = 3;
    } else if ((f & 3) == 1) {
        f |= take(d, 1) << 8;
        offset = f >> 2;
        *length = 3;
    } else if ((f & 3) == 2) {
        f |= take(d, 1) << 8;
        offset = f >> 6;
        *length = (f >> 2 & 15) + 3;
    } else if ((f >> 2 & 31) != 0) {
        f |= take(d, 2) << 8;
        offset = f >> 7;
        *length = (f >> 2 & 31) + 2;
    } else {
        f |= take(d, 3) << 8;
        offset = f >> 15;
        *length = (f >> 7 & 255) + 3;
    }
    *source = (int64_t)d->at - (int64_t)offset;
}

static void match(struct plain *d) {
    int64_t source;
    size_t length;
    if (d->level == 3)
        take_match_by_offset(d, &source, &length);
    else
        take_match_by_table(d, &source, &length);
    if (d->failed)
        return;
    bool source_good = source >= 0 && source < (int64_t)d->at - 2;
    bool length_good = length >= 3 && d->at + length + 4 <= d->size;
    if (!source_good || !length_good) {
        d->failed = true;
        return;
    }
    size_t start = d->at;
    for (size_t i = 0; i < length; i++)
        d->out[d->at++] = d->out[(size_t)source + i];
    enter_through(d, start);
    d->cursor = d->at;
}

static void decode_items(struct plain *d) {
    uint32_t control = 1;
    while (d->at < d->size && !d->failed) {
        if (control == 1)
            control = take(d, 4);
        if (d->failed)
            return;
        if (control & 1) {
            control >>= 1;
            match(d);
        } else if (d->at + 11 >= d->size) {
            break;
        } else {
            control >>= 1;
            literal(d);
            if (d->at >= 3)
                enter_through(d, d->at - 3);
        }
    }
    // The rest is literals; control words among them say nothing.
    while (d->at < d->size && !d->failed) {
        if (control == 1) {
            take(d, 4);
            control = UINT32_C(1) << 31;
        }
        control >>= 1;
        literal(d);
    }
}

bool quicklz_plain_decode(const uint8_t *packet, size_t packet_size, uint8_t *out, size_t size) {
    struct plain *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    d->in = packet;
    d->in_size = packet_size;
    d->out = out;
    d->size = size;
    for (size_t i = 0; i < 4096; i++)
        d->slot1[i] = EMPTY;
    for (size_t i = 0; i < 2048; i++)
        for (size_t place = 0; place < 4; place++)
            d->slot2[i][place] = EMPTY;

    uint32_t flags = take(d, 1);
    size_t width = flags & 2 ? 4 : 1;
    uint32_t stored_size = take(d, width);
    uint32_t decoded_size = take(d, width);
    d->level = (int)(flags >> 2 & 3);
    if (d->level == 0 || flags >> 4 != 4 || stored_size != packet_size || decoded_size != size)
        d->failed = true;
    else if (flags & 1)
        decode_items(d);
    else if (packet_size - d->in_at != size)
        d->failed = true;
    else
        while (d->at < size)
            literal(d);
    bool good = !d->failed;
    free(d);
    return good;
}
