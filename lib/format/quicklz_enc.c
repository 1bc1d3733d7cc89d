// SPDX-License-Identifier: Apache-2.0
#include "format/quicklz_enc.h"

#include "base/byteorder.h"

#include <assert.h>
#include <endian.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATCH_MIN = 3,
    MATCH_MAX = 255,        // levels 1 and 2
    MATCH_MAX_3 = 258,      // level 3
    OUTPUT_AFTER_MATCH = 4, // at least
    LITERALS_ONLY_FROM =
        11, // from this many bytes before the end on, a literal means that only literals follow
    LITERALS_FIRST = 3, // the first bytes are always literals
    PACKET_MIN = 9,     // readers read this many bytes before they know the size
    LONG_FROM = 216,    // bytes of data from which on the header has long sizes
    LEVEL1_SLOTS = 4096,
    LEVEL2_BUCKETS = 2048,
    LEVEL2_PLACES = 4,
    LEVEL3_HASHES = 1 << 14,
    LEVEL3_DEPTH = 12,  // candidates that are tried
    LEVEL3_ENOUGH = 64, // a match this long is used without looking for a better one
    COPY = 16,          // bytes that are copied at a time
    LITERAL_COST = 9,   // bits, with the one in the control word
    USUAL_COST = 6      // bits that a byte of common data takes on average
};

static_assert((size_t)QUICKLZ_ENC_SIZE_MAX - 1 == UINT16_MAX, "positions have 16 bits");

// Levels 1 and 2 keep the same table as the decoder, because a match names a slot of it. A position
// is entered when the decoder knows its three bytes: three positions later, or with the match that
// begins after it. The table has one slot more, which is never read: positions that must not be
// entered are written there.
struct quicklz_enc {
    int level;
    union {
        uint16_t slots[LEVEL1_SLOTS + 1];
        struct {
            uint16_t places[LEVEL2_BUCKETS + 1][LEVEL2_PLACES];
            uint8_t inserted[LEVEL2_BUCKETS + 1];
        } buckets;
        struct {
            uint16_t head[LEVEL3_HASHES];            // the newest position, plus 1; 0: none
            uint16_t previous[QUICKLZ_ENC_SIZE_MAX]; // position → the one before, plus 1
        } chains;
    };
};

struct match {
    size_t length;   // 0: none
    uint32_t source; // level 2: the place in its bucket; level 3: the distance
};

// What has been written of a packet. Bits enter the control word at the top; its end mark
// reaches the bottom after 31 items.
struct writer {
    uint8_t *at;
    uint8_t *word; // where the control word goes
    uint32_t control;
};

#define SPECIALISED static inline __attribute__((always_inline))
#define CONTROL_BEGIN (UINT32_C(1) << 31)

static inline uint32_t load32(const uint8_t *b) {
    uint32_t v;
    memcpy(&v, b, sizeof v);
    return le32toh(v);
}

static inline uint64_t load64(const uint8_t *b) {
    uint64_t v;
    memcpy(&v, b, sizeof v);
    return le64toh(v);
}

SPECIALISED uint32_t slot_of(uint32_t x) {
    return (x ^ x >> 12) & (LEVEL1_SLOTS - 1);
}

// Only the three low bytes matter.
SPECIALISED uint32_t bucket_of(uint32_t x) {
    x &= 0xffffff;
    return (x >> 9 ^ x >> 13 ^ x) & (LEVEL2_BUCKETS - 1);
}

SPECIALISED bool same_three(uint32_t a, uint32_t b) {
    return (a ^ b) << 8 == 0;
}

// How many bytes at `at` and `from` are the same, at most `max`. At least three are known to be,
// and eight bytes can be read at both.
SPECIALISED size_t match_length(const uint8_t *at, const uint8_t *from, size_t max) {
    size_t n = 0;
    while (n + 8 <= max) {
        uint64_t differ = load64(at + n) ^ load64(from + n);
        if (differ != 0)
            return n + (unsigned)__builtin_ctzll(differ) / 8;
        n += 8;
    }
    while (n < max && at[n] == from[n])
        n++;
    return n;
}

static inline size_t match_max(size_t at, size_t size, size_t longest) {
    size_t max = size - OUTPUT_AFTER_MATCH - at;
    return max < longest ? max : longest;
}

// Before each item: ends the control word if it is full.
SPECIALISED void begin_item(struct writer *w) {
    if ((w->control & 1) == 0)
        return;
    le32_put(w->word, w->control >> 1 | CONTROL_BEGIN);
    w->word = w->at;
    w->at += 4;
    w->control = CONTROL_BEGIN;
}

SPECIALISED void put_literal(struct writer *w, uint8_t byte) {
    begin_item(w);
    w->control >>= 1;
    *w->at++ = byte;
}

// Writes the data from `from` to `to` as literals; the data ends at `end`.
SPECIALISED void put_literals(struct writer *w, const uint8_t *from, const uint8_t *to,
                              const uint8_t *end) {
    if (end - to < COPY) {
        while (from < to)
            put_literal(w, *from++);
        return;
    }
    for (size_t left = (size_t)(to - from); left > 0;) {
        begin_item(w);
        size_t room = (unsigned)__builtin_ctz(w->control), n = left < room ? left : room;
        memcpy(w->at, from, COPY);
        if (n > COPY)
            memcpy(w->at + COPY, from + COPY, COPY);
        w->control >>= n;
        w->at += n;
        from += n;
        left -= n;
    }
}

// Writes the item of a match, which has `bytes` ≤ 4 bytes.
SPECIALISED void put_match(struct writer *w, uint32_t item, size_t bytes) {
    w->control = w->control >> 1 | CONTROL_BEGIN;
    le32_put(w->at, item);
    w->at += bytes;
}

struct level1_match {
    uint32_t slot;
    size_t source;
    uint64_t differ; // XOR of the eight bytes at both places; the three lowest are 0
};

// Looks for a match at `at`, after entering the position three before it, whose slot is *waiting.
// If there is no match, *waiting becomes the slot of `at`.
SPECIALISED bool level1_look(struct quicklz_enc *e, const uint8_t *data, size_t at,
                             uint32_t *waiting, struct level1_match *m) {
    uint64_t x = load64(data + at);
    m->slot = slot_of((uint32_t)x);
    e->slots[*waiting] = (uint16_t)(at - 3);
    // An empty slot also holds 0. That does no harm: if the three bytes at position 0 are the same,
    // they have this slot, so position 0 has been entered in it.
    m->source = e->slots[m->slot];
    m->differ = x ^ load64(data + m->source);
    if (same_three((uint32_t)m->differ, 0))
        return true;
    *waiting = m->slot;
    return false;
}

SPECIALISED void level1(struct quicklz_enc *e, const uint8_t *data, size_t size, struct writer *w) {
    memset(e->slots, 0, sizeof e->slots);
    uint32_t a = slot_of(load32(data)), b = slot_of(load32(data + 1)),
             c = slot_of(load32(data + 2));
    size_t at = LITERALS_FIRST, run = 0, end = size - LITERALS_ONLY_FROM;
    struct level1_match m;
    // Each turn looks at three positions, so that the waiting slots stay in their variables. A
    // match less than a turn from the end would gain little.
    for (;;) {
        bool found = false;
        uint32_t before2 = 0, before1 = 0; // slots of the two positions before the match
        for (; at + 2 < end; at += 3) {
            if (level1_look(e, data, at, &a, &m)) {
                before2 = b;
                before1 = c;
                found = true;
                break;
            }
            if (level1_look(e, data, at + 1, &b, &m)) {
                at += 1;
                before2 = c;
                before1 = a;
                found = true;
                break;
            }
            if (level1_look(e, data, at + 2, &c, &m)) {
                at += 2;
                before2 = a;
                before1 = b;
                found = true;
                break;
            }
        }
        if (!found)
            break;
        put_literals(w, data + run, data + at, data + size);
        begin_item(w);
        // A match of at most seven bytes always leaves enough bytes after it.
        size_t length = m.differ != 0 ? (unsigned)__builtin_ctzll(m.differ) / 8
                                      : match_length(data + at, data + m.source,
                                                     match_max(at, size, MATCH_MAX));
        bool is_short = length <= 17;
        put_match(w, m.slot << 4 | (is_short ? (uint32_t)length - 2 : 0) | (uint32_t)length << 16,
                  is_short ? 2 : 3);
        e->slots[before2] = (uint16_t)(at - 2);
        e->slots[before1] = (uint16_t)(at - 1);
        e->slots[m.slot] = (uint16_t)at;
        at += length;
        run = at;
        a = b = c = LEVEL1_SLOTS;
    }
    put_literals(w, data + run, data + size, data + size);
}

SPECIALISED void enter2(struct quicklz_enc *e, uint32_t bucket, size_t position) {
    e->buckets.places[bucket][e->buckets.inserted[bucket]++ % LEVEL2_PLACES] = (uint16_t)position;
}

// Takes the first of equally long matches. An empty place holds 0, as if it were position 0, and
// the real position 0 is in a place before it.
SPECIALISED struct match find2(const struct quicklz_enc *e, const uint8_t *data, size_t size,
                               size_t at, uint64_t x, uint32_t bucket) {
    const uint16_t *places = e->buckets.places[bucket];
    struct match best = {0};
    for (uint32_t place = 0; place < LEVEL2_PLACES; place++) {
        uint64_t differ = load64(data + places[place]) ^ x;
        // Eight equal bytes count as 7 here: matches of 7 and more are measured below.
        size_t length = (unsigned)__builtin_ctzll(differ | UINT64_C(1) << 63) / 8;
        bool better = length > best.length;
        best.length = better ? length : best.length;
        best.source = better ? place : best.source;
    }
    if (best.length < 7)
        return best;
    size_t max = match_max(at, size, MATCH_MAX);
    best.length = 0;
    for (uint32_t place = 0; place < LEVEL2_PLACES; place++) {
        size_t length = match_length(data + at, data + places[place], max);
        if (length > best.length)
            best = (struct match){.length = length, .source = place};
    }
    return best;
}

SPECIALISED void level2(struct quicklz_enc *e, const uint8_t *data, size_t size, struct writer *w) {
    memset(&e->buckets, 0, sizeof e->buckets);
    uint32_t b3 = bucket_of(load32(data)), b2 = bucket_of(load32(data + 1)),
             b1 = bucket_of(load32(data + 2));
    size_t at = LITERALS_FIRST, run = 0, end = size - LITERALS_ONLY_FROM;
    for (;;) {
        uint32_t bucket = 0;
        struct match m = {0};
        for (; at < end; at++) {
            uint64_t x = load64(data + at);
            bucket = bucket_of((uint32_t)x);
            enter2(e, b3, at - 3);
            m = find2(e, data, size, at, x, bucket);
            if (m.length >= MATCH_MIN)
                break;
            b3 = b2;
            b2 = b1;
            b1 = bucket;
        }
        if (at >= end)
            break;
        put_literals(w, data + run, data + at, data + size);
        begin_item(w);
        bool is_short = m.length <= 9;
        put_match(w,
                  bucket << 5 | (is_short ? (uint32_t)m.length - 2 : 0) << 2 | m.source |
                      (uint32_t)m.length << 16,
                  is_short ? 2 : 3);
        enter2(e, b2, at - 2);
        enter2(e, b1, at - 1);
        enter2(e, bucket, at);
        at += m.length;
        run = at;
        b3 = b2 = b1 = LEVEL2_BUCKETS;
    }
    put_literals(w, data + run, data + size, data + size);
}

SPECIALISED uint32_t hash3(uint32_t x) {
    return (x << 8) * UINT32_C(2654435761) >> (32 - 14);
}

// How many bytes the item of a match has.
SPECIALISED size_t item_size3(size_t length, size_t distance) {
    if (length == 3 && distance < 1 << 6)
        return 1;
    if ((length == 3 && distance < 1 << 14) || (length <= 18 && distance < 1 << 10))
        return 2;
    return length <= 33 ? 3 : 4;
}

// How many bits a match saves, compared with what its bytes usually take.
SPECIALISED int gain3(size_t length, size_t distance) {
    return (int)length * USUAL_COST - (int)(8 * item_size3(length, distance) + 1);
}

static void put3(struct writer *w, const struct match *m) {
    uint32_t distance = m->source, length = (uint32_t)m->length;
    switch (item_size3(length, distance)) {
    case 1:
        put_match(w, distance << 2, 1);
        return;
    case 2:
        put_match(w, length == 3 ? distance << 2 | 1 : distance << 6 | (length - 3) << 2 | 2, 2);
        return;
    case 3:
        put_match(w, distance << 7 | (length - 2) << 2 | 3, 3);
        return;
    default:
        put_match(w, distance << 15 | (length - 3) << 7 | 3, 4);
        return;
    }
}

// Enters `at`, and finds the best match for it.
static inline struct match find3(struct quicklz_enc *e, const uint8_t *data, size_t size, size_t at,
                                 int *gain) {
    struct match best = {0};
    size_t max = match_max(at, size, MATCH_MAX_3);
    uint32_t x = load32(data + at), h = hash3(x);
    size_t source = e->chains.head[h];
    e->chains.previous[at] = (uint16_t)source;
    e->chains.head[h] = (uint16_t)(at + 1);
    *gain = INT_MIN;
    for (unsigned depth = LEVEL3_DEPTH; source-- != 0 && depth > 0;
         source = e->chains.previous[source], depth--) {
        if (!same_three(x, load32(data + source)) || at - source < MATCH_MIN ||
            (best.length > 0 && best.length < max &&
             data[source + best.length] != data[at + best.length]))
            continue;
        size_t length = match_length(data + at, data + source, max);
        int found = gain3(length, at - source);
        if (found > *gain) {
            *gain = found;
            best = (struct match){.length = length, .source = (uint32_t)(at - source)};
            if (length == max)
                break;
        }
    }
    return best;
}

static void enter3(struct quicklz_enc *e, const uint8_t *data, size_t at) {
    uint32_t h = hash3(load32(data + at));
    e->chains.previous[at] = e->chains.head[h];
    e->chains.head[h] = (uint16_t)(at + 1);
}

static void level3(struct quicklz_enc *e, const uint8_t *data, size_t size, struct writer *w) {
    memset(e->chains.head, 0, sizeof e->chains.head);
    for (size_t i = 0; i < LITERALS_FIRST; i++)
        enter3(e, data, i);
    for (size_t i = 0; i < LITERALS_FIRST; i++)
        put_literal(w, data[i]);
    size_t at = LITERALS_FIRST, end = size - LITERALS_ONLY_FROM;
    int gain = 0;
    struct match m = find3(e, data, size, at, &gain);
    while (at < end) {
        begin_item(w);
        struct match next = {0};
        int next_gain = 0;
        if (m.length < LEVEL3_ENOUGH && at + 1 < end)
            next = find3(e, data, size, at + 1, &next_gain);
        // Write a literal first if the match after it is better by more than the literal costs.
        if (m.length == 0 || (next.length > 0 && next_gain > gain + LITERAL_COST - USUAL_COST)) {
            w->control >>= 1;
            *w->at++ = data[at++];
            m = next;
            gain = next_gain;
            continue;
        }
        put3(w, &m);
        size_t after = at + m.length;
        for (at += m.length < LEVEL3_ENOUGH ? 2 : 1; at < after && at < end; at++)
            enter3(e, data, at);
        at = after;
        if (at < end)
            m = find3(e, data, size, at, &gain);
    }
    for (; at < size; at++)
        put_literal(w, data[at]);
}

// Writes the items to `out`. Returns where they end.
static uint8_t *put_items(struct quicklz_enc *e, const uint8_t *data, size_t size, uint8_t *out) {
    struct writer w = {.at = out + 4, .word = out, .control = CONTROL_BEGIN};
    if (size <= LITERALS_FIRST + LITERALS_ONLY_FROM) {
        for (size_t i = 0; i < size; i++)
            put_literal(&w, data[i]);
    } else {
        if (e->level == 1)
            level1(e, data, size, &w);
        else if (e->level == 2)
            level2(e, data, size, &w);
        else
            level3(e, data, size, &w);
    }
    // Shift until the end mark is the lowest bit, as it is after 31 items.
    while ((w.control & 1) == 0)
        w.control >>= 1;
    le32_put(w.word, w.control >> 1 | CONTROL_BEGIN);
    return w.at;
}

size_t quicklz_enc_packet(struct quicklz_enc *e, const uint8_t *data, size_t size, uint8_t *out) {
    bool is_long = size >= LONG_FROM;
    size_t header = is_long ? 9 : 3;
    size_t stored = (size_t)(put_items(e, data, size, out + header) - out);
    // Uncompressed data cannot be padded to PACKET_MIN, so short data keeps its items.
    bool compressed = stored < header + size || header + size < PACKET_MIN;
    if (!compressed) {
        memcpy(out + header, data, size);
        stored = header + size;
    }
    for (; stored < PACKET_MIN; stored++)
        out[stored] = 0;
    out[0] = (uint8_t)(0x40 | e->level << 2 | (is_long ? 2 : 0) | (compressed ? 1 : 0));
    if (is_long) {
        le32_put(out + 1, (uint32_t)stored);
        le32_put(out + 5, (uint32_t)size);
    } else {
        out[1] = (uint8_t)stored;
        out[2] = (uint8_t)size;
    }
    return stored;
}

struct quicklz_enc *quicklz_enc_new(int level) {
    struct quicklz_enc *e = malloc(sizeof *e);
    if (e != NULL)
        e->level = level;
    return e;
}

void quicklz_enc_free(struct quicklz_enc *e) {
    free(e);
}
