// SPDX-License-Identifier: Apache-2.0
#include "quicklz_encode.h"

#include <stdbool.h>
#include <string.h>

#include "base/byteorder.h"

enum {
    MATCH_MIN = 3,
    MATCH_MAX = 255,         // levels 1 and 2; level 3 goes on to 258
    OUTPUT_AFTER_MATCH = 4,  // at least
    LITERALS_ONLY_FROM = 11, // so far before the end a literal means that only literals follow
    ITEMS_PER_WORD = 31,
};

#define NOWHERE UINT32_MAX

struct match {
    size_t source, length; // length 0: none found
    uint32_t slot;         // levels 1 and 2: what names the source; level 3: its offset
};

// The same table as the decoder's, so that a slot means the same to both. Level 3 names no slots;
// it keeps the newest position of each hash to find matches.
struct table {
    uint32_t position[8192];
    uint8_t inserted[2048]; // level 2
    size_t cursor;
};

static uint32_t hash_at(int level, const uint8_t *b) {
    uint32_t x = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
    return level == 2 ? ((x >> 9) ^ (x >> 13) ^ x) & 2047 : ((x >> 12) ^ x) & 4095;
}

static void enter_below(struct table *t, int level, const uint8_t *data, size_t end) {
    for (; t->cursor < end; t->cursor++) {
        uint32_t h = hash_at(level, data + t->cursor);
        if (level == 2)
            t->position[4 * h + (t->inserted[h]++ & 3)] = (uint32_t)t->cursor;
        else
            t->position[h] = (uint32_t)t->cursor;
    }
}

static size_t common_length(const uint8_t *a, const uint8_t *b, size_t max) {
    size_t n = 0;
    while (n < max && a[n] == b[n])
        n++;
    return n;
}

static struct match find_match(const struct table *t, int level, const uint8_t *data, size_t size,
                               size_t at) {
    struct match best = {0};
    if (at + MATCH_MIN + OUTPUT_AFTER_MATCH > size)
        return best;
    size_t max = size - OUTPUT_AFTER_MATCH - at;
    size_t longest = level == 3 ? MATCH_MAX + 3 : MATCH_MAX;
    if (max > longest)
        max = longest;
    uint32_t h = hash_at(level, data + at);
    uint32_t places = level == 2 ? 4 : 1;
    for (uint32_t place = 0; place < places; place++) {
        uint32_t source = t->position[places * h + place];
        if (source == NOWHERE || (level == 3 && at - source >= UINT32_C(1) << 17))
            continue;
        size_t length = common_length(data + source, data + at, max);
        if (length >= MATCH_MIN && length > best.length)
            best = (struct match){source, length, level == 2 ? h << 3 | place : h};
    }
    return best;
}

static uint8_t *put_bytes(uint8_t *o, uint32_t value, int n) {
    for (int i = 0; i < n; i++)
        *o++ = (uint8_t)(value >> (8 * i));
    return o;
}

static uint8_t *put_by_slot(uint8_t *o, int level, const struct match *m) {
    uint32_t short_max = level == 1 ? 15 : 7;
    bool is_short = m->length - 2 <= short_max;
    uint32_t short_length = is_short ? (uint32_t)m->length - 2 : 0;
    if (level == 1)
        o = put_bytes(o, m->slot << 4 | short_length, 2);
    else
        o = put_bytes(o, (m->slot >> 3) << 5 | short_length << 2 | (m->slot & 3), 2);
    return is_short ? o : put_bytes(o, (uint32_t)m->length, 1);
}

static uint8_t *put_by_offset(uint8_t *o, uint32_t offset, uint32_t length) {
    if (length == 3 && offset < 1 << 6)
        return put_bytes(o, offset << 2, 1);
    if (length == 3 && offset < 1 << 14)
        return put_bytes(o, offset << 2 | 1, 2);
    if (length <= 18 && offset < 1 << 10)
        return put_bytes(o, offset << 6 | (length - 3) << 2 | 2, 2);
    if (length <= 33)
        return put_bytes(o, offset << 7 | (length - 2) << 2 | 3, 3);
    return put_bytes(o, offset << 15 | (length - 3) << 7 | 3, 4);
}

// Encodes the items to `out`, at most `room` + 8 bytes. Returns the end, or NULL if that is not
// enough.
static uint8_t *encode_items(int level, const uint8_t *data, size_t size, uint8_t *out,
                             size_t room) {
    struct table t = {.cursor = 0};
    memset(t.position, 0xff, sizeof t.position);
    uint8_t *word = out, *o = out + 4;
    uint32_t control = 0;
    int items = 0;
    bool literals_only = false;
    for (size_t at = 0; at < size; items++) {
        if ((size_t)(o - out) > room)
            return NULL;
        if (items == ITEMS_PER_WORD) {
            le32_put(word, control | UINT32_C(1) << 31);
            word = o;
            o += 4;
            control = 0;
            items = 0;
        }
        // The decoder knows three bytes of a position that is three before its own.
        if (at >= 3)
            enter_below(&t, level, data, at - 2);
        struct match m = {0};
        if (!literals_only)
            m = find_match(&t, level, data, size, at);
        if (m.length != 0) {
            control |= UINT32_C(1) << items;
            if (level == 3)
                o = put_by_offset(o, (uint32_t)(at - m.source), (uint32_t)m.length);
            else
                o = put_by_slot(o, level, &m);
            enter_below(&t, level, data, at + 1);
            at += m.length;
            t.cursor = at;
        } else {
            literals_only = literals_only || at + LITERALS_ONLY_FROM >= size;
            *o++ = data[at++];
        }
    }
    le32_put(word, control | UINT32_C(1) << 31);
    return o;
}

size_t quicklz_encode(int level, const uint8_t *data, size_t size, uint8_t *out) {
    bool wide = size >= 216;
    size_t header = wide ? 9 : 3;
    uint8_t *end = encode_items(level, data, size, out + header, size);
    bool compressed = end != NULL && (size_t)(end - out) < size + header;
    if (!compressed) {
        memcpy(out + header, data, size);
        end = out + header + size;
    }
    size_t stored = (size_t)(end - out);
    out[0] = (uint8_t)(0x40 | level << 2 | (wide ? 2 : 0) | (compressed ? 1 : 0));
    if (wide) {
        le32_put(out + 1, (uint32_t)stored);
        le32_put(out + 5, (uint32_t)size);
    } else {
        out[1] = (uint8_t)stored;
        out[2] = (uint8_t)size;
    }
    return stored;
}
