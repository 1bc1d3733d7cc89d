// SPDX-License-Identifier: Apache-2.0
#include "quicklz.h"

#include <string.h>

#include "byteorder.h"

enum {
    MATCH_MIN = 3,
    OUTPUT_AFTER_MATCH = 4,  // at least
    LITERALS_ONLY_FROM = 11, // so far before the end a literal means that only literals follow
    // No item turns its bytes into more output than the longest match of levels 1 and 2: 255 bytes
    // from 3. (Level 3: 258 from 4. A literal: 1 from 1.)
    EXPANSION_MAX = 85,
    // Encoders store data that does not get smaller as it is, behind 9 bytes of header, and pad
    // nothing beyond their buffer, which is 400 bytes larger than the data.
    OVERHEAD_MAX = 400,
    LEVEL1_SLOTS = 4096,
    LEVEL2_BUCKETS = 2048,
    LEVEL2_PLACES = 4,
};

static const char CUT_OFF[] = "QuickLZ packet that ends inside its data";
static const char EMPTY_SLOT[] = "QuickLZ match that names a table slot never filled";
static const char BAD_OFFSET[] = "QuickLZ match with an impossible offset";
static const char BAD_LENGTH[] = "QuickLZ match shorter than 3 bytes";
static const char TOO_LONG[] = "QuickLZ match that reaches into the last 4 bytes of the output";

size_t quicklz_header_size(uint8_t first_byte) {
    return first_byte & 2 ? 9 : 3;
}

const char *quicklz_parse_header(const uint8_t *packet, size_t available,
                                 struct quicklz_header *h) {
    if (available == 0 || available < quicklz_header_size(packet[0]))
        return "QuickLZ packet that ends inside its header";
    uint8_t flags = packet[0];
    if ((flags & 0xc0) != 0x40)
        return "not a QuickLZ packet";
    if ((flags & 0x30) != 0)
        return "QuickLZ packet of a streaming encoder, which is not supported";
    if ((flags >> 2 & 3) == 0)
        return "QuickLZ packet of level 0";
    h->header_size = quicklz_header_size(flags);
    h->level = flags >> 2 & 3;
    h->compressed = flags & 1;
    if (flags & 2) {
        h->stored_size = le32_get(packet + 1);
        h->size = le32_get(packet + 5);
    } else {
        h->stored_size = packet[1];
        h->size = packet[2];
    }
    if (h->stored_size < h->header_size)
        return "QuickLZ packet whose size is smaller than its header";
    size_t payload = h->stored_size - h->header_size;
    if (!h->compressed && payload != h->size)
        return "QuickLZ packet of uncompressed data whose sizes disagree";
    if (h->size / EXPANSION_MAX > payload ||
        (h->size / EXPANSION_MAX == payload && h->size % EXPANSION_MAX != 0))
        return "QuickLZ packet too small for the size that it claims";
    if (h->stored_size > OVERHEAD_MAX && h->stored_size - OVERHEAD_MAX > h->size)
        return "QuickLZ packet much larger than the data that it claims";
    return NULL;
}

// The positions by hash that the decoder rebuilds from its own output. A packet of at most 64 KiB
// takes 16-bit positions, in half the cache. EMPTY is no position: the last one to enter has at
// least 5 bytes after it.
union table {
    uint16_t narrow[LEVEL2_BUCKETS * LEVEL2_PLACES];
    uint32_t wide[LEVEL2_BUCKETS * LEVEL2_PLACES];
};

#define EMPTY(is_wide) ((is_wide) ? UINT32_MAX : UINT16_MAX)

struct decoder {
    const uint8_t *in, *in_end;
    uint8_t *out;
    size_t size;
    size_t at;        // the output position
    size_t cursor;    // the next position to enter the table
    uint32_t control; // what is left of the control word
    union table *table;
    uint8_t *inserted; // level 2: insertions into each bucket
};

// The functions below are compiled once for each level and position width, which are constants
// there.
#define SPECIALISED static inline __attribute__((always_inline))

SPECIALISED uint32_t table_get(const union table *t, bool is_wide, size_t i) {
    return is_wide ? t->wide[i] : t->narrow[i];
}

SPECIALISED void table_put(union table *t, bool is_wide, size_t i, size_t position) {
    if (is_wide)
        t->wide[i] = (uint32_t)position;
    else
        t->narrow[i] = (uint16_t)position;
}

SPECIALISED void enter(struct decoder *d, unsigned level, bool is_wide, size_t position) {
    const uint8_t *b = d->out + position;
    uint32_t x = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
    if (level == 1) {
        table_put(d->table, is_wide, ((x >> 12) ^ x) & (LEVEL1_SLOTS - 1), position);
    } else {
        uint32_t bucket = ((x >> 9) ^ (x >> 13) ^ x) & (LEVEL2_BUCKETS - 1);
        uint32_t place = d->inserted[bucket]++ % LEVEL2_PLACES;
        table_put(d->table, is_wide, bucket * LEVEL2_PLACES + place, position);
    }
}

// Enters every position from the cursor to the one before `end`.
SPECIALISED void enter_below(struct decoder *d, unsigned level, bool is_wide, size_t end) {
    if (level != 3)
        for (; d->cursor < end; d->cursor++)
            enter(d, level, is_wide, d->cursor);
}

// A match as the input names it; size is that of its item.
struct match {
    size_t source, length, size;
    const char *wrong;
};

// Reads the match at d->in, of which `available` > 0 bytes are there.
SPECIALISED struct match read_match(const struct decoder *d, unsigned level, bool is_wide) {
    size_t available = (size_t)(d->in_end - d->in);
    struct match m = {.wrong = CUT_OFF};
    if (level == 3) {
        uint32_t f = 0, offset;
        for (size_t i = 0; i < 4 && i < available; i++)
            f |= (uint32_t)d->in[i] << (8 * i);
        if ((f & 3) == 0) {
            m.size = 1;
            offset = f >> 2 & 63;
            m.length = 3;
        } else if ((f & 3) == 1) {
            m.size = 2;
            offset = f >> 2 & 16383;
            m.length = 3;
        } else if ((f & 3) == 2) {
            m.size = 2;
            offset = f >> 6 & 1023;
            m.length = (f >> 2 & 15) + 3;
        } else if ((f >> 2 & 31) != 0) {
            m.size = 3;
            offset = f >> 7 & 131071;
            m.length = (f >> 2 & 31) + 2;
        } else {
            m.size = 4;
            offset = f >> 15;
            m.length = (f >> 7 & 255) + 3;
        }
        if (m.size > available)
            return m;
        m.wrong = offset < MATCH_MIN || offset > d->at ? BAD_OFFSET : NULL;
        m.source = d->at - offset;
    } else {
        if (available < 2)
            return m;
        uint32_t f = (uint32_t)d->in[0] | (uint32_t)d->in[1] << 8;
        uint32_t slot = level == 1 ? f >> 4 : f >> 5 << 2 | (f & 3);
        m.length = level == 1 ? f & 15 : f >> 2 & 7;
        m.size = 2;
        if (m.length != 0) {
            m.length += 2;
        } else {
            if (available < 3)
                return m;
            m.length = d->in[2];
            m.size = 3;
        }
        uint32_t source = table_get(d->table, is_wide, slot);
        m.wrong = source == EMPTY(is_wide) ? EMPTY_SLOT : NULL;
        m.source = source;
    }
    if (m.wrong == NULL && m.length < MATCH_MIN)
        m.wrong = BAD_LENGTH;
    if (m.wrong == NULL && m.length + OUTPUT_AFTER_MATCH > d->size - d->at)
        m.wrong = TOO_LONG;
    return m;
}

static void decode_fast(struct decoder *d);
// Decodes item by item from any state to the end of the packet, checking each.
SPECIALISED const char *decode_carefully(struct decoder *d, unsigned level, bool is_wide,
                                         bool fast) {
    if (fast)
        decode_fast(d);
    while (d->at < d->size) {
        if (d->control == 1) {
            if (d->in_end - d->in < 4)
                return CUT_OFF;
            d->control = le32_get(d->in);
            d->in += 4;
        }
        if (d->control & 1) {
            struct match m = read_match(d, level, is_wide);
            if (m.wrong != NULL)
                return m.wrong;
            for (size_t i = 0; i < m.length; i++)
                d->out[d->at + i] = d->out[m.source + i];
            enter_below(d, level, is_wide, d->at + 1);
            d->in += m.size;
            d->at += m.length;
            d->cursor = d->at;
            if (fast) {
                d->control >>= 1;
                decode_fast(d);
                continue;
            }
        } else {
            if (d->at + LITERALS_ONLY_FROM >= d->size)
                break;
            if (d->in == d->in_end)
                return CUT_OFF;
            d->out[d->at++] = *d->in++;
            if (d->at >= MATCH_MIN)
                enter_below(d, level, is_wide, d->at - MATCH_MIN + 1);
        }
        d->control >>= 1;
    }
    while (d->at < d->size) {
        if (d->control == 1) {
            if (d->in_end - d->in < 4)
                return CUT_OFF;
            d->in += 4;
            d->control = UINT32_C(1) << 31;
        }
        if (d->in == d->in_end)
            return CUT_OFF;
        d->out[d->at++] = *d->in++;
        d->control >>= 1;
    }
    return NULL;
}

// ---- level 1, the fast way ----

typedef uint8_t u8x8 __attribute__((vector_size(8)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));

enum {
    FAST_IN = 64,   // bytes of input that a step may look at
    FAST_OUT = 320, // bytes of output that a step may write, and the 4 after a match
    FAST_RUN = 16,  // literals that a step may take
};

static inline void copy16(uint8_t *to, const uint8_t *from) {
    memcpy(to, from, 16);
}

static inline u16x8 load_bytes(const uint8_t *b) {
    u8x8 v;
    memcpy(&v, b, sizeof v);
    return __builtin_convertvector(v, u16x8);
}

static inline void hash8(const uint8_t *b, uint16_t *hash) {
    u16x8 b0 = load_bytes(b), b1 = load_bytes(b + 1), b2 = load_bytes(b + 2);
    u16x8 h = ((b0 | b1 << 8) ^ (b1 >> 4 | b2 << 4)) & 4095;
    memcpy(hash, &h, sizeof h);
}

static inline uint32_t load32(const uint8_t *b) {
    return le32_get(b);
}

// slots has one more at its end.
static void decode_fast(struct decoder *d) {
    if (d->in_end - d->in < FAST_IN || d->size - d->at < FAST_OUT)
        return;
    const uint8_t *in = d->in, *in_last = d->in_end - FAST_IN;
    uint8_t *out = d->out, *op = out + d->at, *op_last = out + d->size - FAST_OUT;
    uint16_t *slots = d->table->narrow;
    uint32_t control = d->control;
    if (control == 0)
        return;
    while (in <= in_last && op <= op_last) {
        uint8_t joined[64];
        uint32_t n = (uint32_t)__builtin_ctz(control), rest = control;
        const uint8_t *literals = in, *token = in + n;
        if ((control & (control - 1)) == 0) {
            rest = load32(token);
            if (!(rest >> 31))
                break;
            token += 4;
            memcpy(joined, in, 32);
            copy16(joined + n, token);
            literals = joined;
            uint32_t more = (uint32_t)__builtin_ctz(rest);
            n += more;
            token += more;
            rest >>= more;
        } else {
            rest >>= n;
        }
        if (n > FAST_RUN || rest == 1)
            break;
        copy16(op, literals);
        uint8_t *start = op + n;
        size_t at = (size_t)(op - out);
        if (n >= 3) {
            uint16_t h[16];
            hash8(literals, h);
            if (n > 10)
                hash8(literals + 8, h + 8);
            for (uint32_t i = 0; i < n - 2; i++)
                slots[h[i]] = (uint16_t)(at + i);
        }
        uint32_t f = load32(token);
        uint32_t slot = f >> 4 & 4095;
        size_t position = slots[slot];
        if (position == UINT16_MAX)
            break;
        const uint8_t *source = out + position;
        size_t length = f & 15, distance = (size_t)(start - source);
        if (length != 0 && distance >= 17) {
            length += 2;
            token += 2;
            copy16(start, source);
            start[16] = source[16];
        } else {
            if (length != 0) {
                length += 2;
                token += 2;
            } else {
                length = f >> 16 & 255;
                token += 3;
                if (length < 3)
                    break;
            }
            if (distance >= 16) {
                for (size_t i = 0; i < length; i += 16)
                    copy16(start + i, source + i);
            } else {
                for (size_t i = 0; i < 16; i++)
                    start[i] = source[i];
                size_t step = 16 - 16 % distance;
                for (size_t i = 0; i < length; i += step)
                    copy16(start + i, start);
            }
        }
        // The two positions before the match: their three bytes reach into it.
        uint32_t b0 = n >= 2 ? literals[n - 2] : 0, b1 = n >= 1 ? literals[n - 1] : 0;
        uint32_t x = b0 | b1 << 8 | (uint32_t)source[0] << 16 | (uint32_t)source[1] << 24;
        uint32_t h2 = n >= 2 ? ((x >> 12) ^ x) & 4095 : LEVEL1_SLOTS;
        x >>= 8;
        uint32_t h1 = n >= 1 ? ((x >> 12) ^ x) & 4095 : LEVEL1_SLOTS;
        at += n;
        slots[h2] = (uint16_t)(at - 2);
        slots[h1] = (uint16_t)(at - 1);
        slots[slot] = (uint16_t)at;
        op = start + length;
        in = token;
        control = rest >> 1;
    }
    d->control = control;
    d->in = in;
    d->at = (size_t)(op - out);
    d->cursor = d->at;
}

#define DECODE(level, is_wide)                                                                     \
    static const char *decode_##level##_##is_wide(struct decoder *d) {                             \
        return decode_carefully(d, level, is_wide, 0);                                             \
    }

static const char *decode_1_false(struct decoder *d) {
    return decode_carefully(d, 1, false, true);
}
DECODE(1, true)
DECODE(2, false)
DECODE(2, true)
DECODE(3, false)

const char *quicklz_decode(const struct quicklz_header *h, const uint8_t *packet, uint8_t *out,
                           size_t *at) {
    if (!h->compressed) {
        memcpy(out, packet + h->header_size, h->size);
        return NULL;
    }
    union table table;
    uint8_t inserted[LEVEL2_BUCKETS];
    bool is_wide = h->size > UINT16_MAX + 1;
    struct decoder d = {
        .in = packet + h->header_size,
        .in_end = packet + h->stored_size,
        .out = out,
        .size = h->size,
        .control = 1,
        .table = &table,
        .inserted = inserted,
    };
    if (h->level == 2)
        memset(inserted, 0, sizeof inserted);
    if (h->level != 3) {
        size_t slots = h->level == 1 ? LEVEL1_SLOTS : LEVEL2_BUCKETS * LEVEL2_PLACES;
        memset(&table, 0xff, slots * (is_wide ? sizeof table.wide[0] : sizeof table.narrow[0]));
    }
    const char *wrong;
    if (h->level == 1)
        wrong = is_wide ? decode_1_true(&d) : decode_1_false(&d);
    else if (h->level == 2)
        wrong = is_wide ? decode_2_true(&d) : decode_2_false(&d);
    else
        wrong = decode_3_false(&d);
    if (wrong != NULL)
        *at = (size_t)(d.in - packet);
    return wrong;
}
