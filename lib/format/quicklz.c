// SPDX-License-Identifier: Apache-2.0
#include "format/quicklz.h"

#include <endian.h>
#include <string.h>

#include "base/byteorder.h"

enum {
    MATCH_MIN = 3,
    OUTPUT_AFTER_MATCH = 4,  // at least
    LITERALS_ONLY_FROM = 11, // this close to the end a literal means that only literals follow
    // No item turns its bytes into more output than the longest match of levels 1 and 2: 255 bytes
    // from 3. (Level 3: 258 from 4. A literal: 1 from 1.)
    EXPANSION_MAX = 85,
    // Encoders store data that does not get smaller uncompressed, after a header of 9 bytes, and
    // never exceed their buffer, which is 400 bytes larger than the data.
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
// takes 16-bit positions, in half the cache. EMPTY is not a position: the last position that enters
// has at least 5 bytes after it.
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
    uint32_t control; // the rest of the control word
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

// The slot of three bytes, little-endian; higher bits are ignored.
static inline size_t level1_slot(uint32_t x) {
    return (x ^ x >> 12) & (LEVEL1_SLOTS - 1);
}

SPECIALISED void enter(struct decoder *d, unsigned level, bool is_wide, size_t position) {
    const uint8_t *b = d->out + position;
    uint32_t x = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16;
    if (level == 1) {
        table_put(d->table, is_wide, level1_slot(x), position);
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

// The five kinds of match of level 3: where in its 4 bytes, little-endian, offset and length are.
struct level3_kind {
    uint8_t size, offset_shift, length_shift, length_mask, length_add;
    uint32_t offset_mask;
};
static const struct level3_kind level3_kinds[] = {{1, 2, 0, 0, 3, 63},
                                                  {2, 2, 0, 0, 3, 16383},
                                                  {2, 6, 2, 15, 3, 1023},
                                                  {3, 7, 2, 31, 2, 131071},
                                                  {4, 15, 7, 255, 3, 131071}};

SPECIALISED const struct level3_kind *level3_kind(uint32_t f) {
    return &level3_kinds[(f & 3) + ((f & 127) == 3)];
}

// A match as the input describes it; `size` is its item's.
struct match {
    size_t source, length, size;
    const char *wrong;
};

// Reads the match at d->in, of which `available` > 0 bytes are there.
SPECIALISED struct match read_match(const struct decoder *d, unsigned level, bool is_wide) {
    size_t available = (size_t)(d->in_end - d->in);
    struct match m = {.wrong = CUT_OFF};
    if (level == 3) {
        uint32_t f = 0;
        for (size_t i = 0; i < 4 && i < available; i++)
            f |= (uint32_t)d->in[i] << (8 * i);
        const struct level3_kind *kind = level3_kind(f);
        size_t offset = f >> kind->offset_shift & kind->offset_mask;
        m.size = kind->size;
        m.length = (f >> kind->length_shift & kind->length_mask) + kind->length_add;
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

// Copies a match of `length` bytes to `to` from `distance` ≥ 3 bytes before it, 16 bytes at a time:
// up to 15 more are written; the output's slack has room for them.
static inline void copy_match(uint8_t *to, size_t distance, size_t length) {
    const uint8_t *from = to - distance;
    if (distance >= 16) {
        for (size_t i = 0; i < length; i += 16)
            memcpy(to + i, from + i, 16);
        return;
    }
    // The bytes repeat after `distance`, and so after any multiple of it.
    uint8_t period[16];
    for (size_t i = 0; i < 16; i++)
        to[i] = from[i];
    memcpy(period, to, 16);
    size_t step = 16 - 16 % distance;
    for (size_t i = step; i < length; i += step)
        memcpy(to + i, period, 16);
}

// ---- level 1, a run of literals and the match after it as one step ----
//
// Mispredicted branches cost the most time: the lengths of runs and matches are close to random. So
// a step does the same for every run of up to 6 literals and every match of up to 16 bytes: it
// copies 16 bytes, and enters four positions of the run and the two before the match. If a run is
// shorter, the surplus positions go to a slot that is never read.

enum {
    STEP_LITERALS_MAX = 32,
    STEP_IN = 192,  // bytes of input that the rest of a word and all of the next may need
    STEP_OUT = 320, // bytes of output that one step may write, with the 4 after its match
    LANES = 4,      // positions of a run that every step enters
    SHORT_RUN = LANES + 2,
    NO_SLOT = LEVEL1_SLOTS, // the slot that is never read; a table has room for it
};

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));

static inline u8x16 load16(const uint8_t *b) {
    u8x16 v;
    memcpy(&v, b, sizeof v);
    return v;
}

static inline uint32_t load_le16(const uint8_t *b) {
    uint16_t v;
    memcpy(&v, b, sizeof v);
    return le16toh(v);
}

static inline uint32_t load_le32(const uint8_t *b) {
    uint32_t v;
    memcpy(&v, b, sizeof v);
    return le32toh(v);
}

// Number i is low[i] | high[i] << 8.
static inline u16x8 pair_bytes(u8x16 low, u8x16 high) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    u8x16 first = high, second = low;
#else
    u8x16 first = low, second = high;
#endif
    return (u16x8)__builtin_shufflevector(first, second, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                          6, 22, 7, 23);
}

// The slots of a run's positions, by its length: slot & keep | other, for a position that enters
// before the match is looked up (`early`), and for the last two of the run.
struct run_slots {
    u16x8 early_keep, early_other;
    uint32_t last_but_one_keep, last_but_one_other, last_keep, last_other;
};

#define KEEP(enters) ((enters) ? LEVEL1_SLOTS - 1 : 0)
#define OTHER(enters) ((enters) ? 0 : NO_SLOT)
#define RUN(n)                                                                                     \
    {                                                                                              \
        {KEEP((n) > 2), KEEP((n) > 3), KEEP((n) > 4), KEEP((n) > 5)},                              \
            {OTHER((n) > 2), OTHER((n) > 3), OTHER((n) > 4), OTHER((n) > 5)}, KEEP((n) > 1),       \
            OTHER((n) > 1), KEEP((n) > 0), OTHER((n) > 0)                                          \
    }

static const struct run_slots run_slots[SHORT_RUN + 1] = {RUN(0), RUN(1), RUN(2), RUN(3),
                                                          RUN(4), RUN(5), RUN(6)};

// Takes steps until an end is near, each from a state right after a match (or at the start) to the
// next, and leaves rare and wrong cases to decode_carefully: it stops before such a step, and has
// then entered only positions that decode_carefully would enter at once.
SPECIALISED void decode_steps(struct decoder *d, bool is_wide) {
    if (d->in_end - d->in < STEP_IN || d->size < STEP_OUT || d->control == 0)
        return;
    const uint8_t *in = d->in, *in_end = d->in_end;
    uint8_t *const out = d->out;
    size_t at = d->at, at_last = d->size - STEP_OUT;
    uint32_t control = d->control;
    union table *table = d->table;
    while (at <= at_last) {
        // The run goes to the next 1 of the control word, which is a match or the end mark.
        uint8_t joined[16 + 3 * STEP_LITERALS_MAX];
        size_t n = (unsigned)__builtin_ctz(control);
        uint32_t rest = control >> n;
        const uint8_t *literals = in, *token = in + n;
        if (rest == 1) {
            // The end mark: the run continues in the next word. Join its parts, with room before
            // them, because the two bytes before a run are needed, too.
            if (in_end - in < STEP_IN)
                break;
            rest = load_le32(token);
            if (rest >> 31 == 0)
                break;
            token += 4;
            literals = joined + 16;
            memcpy(joined + 16, in, STEP_LITERALS_MAX);
            memcpy(joined + 16 + n, token, STEP_LITERALS_MAX);
            size_t more = (unsigned)__builtin_ctz(rest);
            n += more;
            token += more;
            rest >>= more;
            if (rest == 1)
                break;
        }
        memcpy(out + at, literals, 16);
        const struct run_slots *run = &run_slots[SHORT_RUN];
        if (n <= SHORT_RUN) {
            run = &run_slots[n];
            u8x16 b0 = load16(literals), b1 = load16(literals + 1), b2 = load16(literals + 2);
            // Bits 12 to 23 of three bytes are bits 4 to 15 of the last two.
            u16x8 slots = pair_bytes(b0, b1) ^ pair_bytes(b1, b2) >> 4;
            slots = (slots & run->early_keep) | run->early_other;
            table_put(table, is_wide, slots[0], at);
            table_put(table, is_wide, slots[1], at + 1);
            table_put(table, is_wide, slots[2], at + 2);
            table_put(table, is_wide, slots[3], at + 3);
        } else {
            if (n > STEP_LITERALS_MAX)
                break;
            memcpy(out + at + 16, literals + 16, 16);
            for (size_t i = 0; i < n - 2; i++)
                table_put(table, is_wide, level1_slot(load_le32(literals + i)), at + i);
        }

        size_t start = at + n, f = load_le16(token), slot = f >> 4, length = (f & 15) + 2;
        size_t position = table_get(table, is_wide, slot);
        int64_t distance = (int64_t)start - (int64_t)position; // EMPTY: negative
        token += 2;
        if (length - MATCH_MIN <= 16 - MATCH_MIN && distance >= 16) {
            memcpy(out + start, out + position, 16);
        } else {
            if (position == EMPTY(is_wide))
                break;
            if (length == 2)
                length = *token++;
            if (length < MATCH_MIN)
                break;
            copy_match(out + start, (size_t)distance, length);
        }

        // The three bytes of the two positions before the match reach into it. The bytes at its
        // start equal those of its source, so they have the same slot.
        uint32_t x = load_le16(literals + n - 2) | load_le16(out + position) << 16;
        x ^= x >> 12;
        table_put(table, is_wide, (x & run->last_but_one_keep) | run->last_but_one_other,
                  start - 2);
        table_put(table, is_wide, (x >> 8 & run->last_keep) | run->last_other, start - 1);
        table_put(table, is_wide, slot, start);
        at = start + length;
        in = token;
        control = rest >> 1;
    }
    d->control = control;
    d->in = in;
    d->at = at;
    d->cursor = at;
}

// ---- level 3, a run of literals and the match after it as one step ----

// As decode_steps. There is no table, so it may stop before any item.
static void decode_steps3(struct decoder *d) {
    if (d->control == 0)
        return;
    const uint8_t *in = d->in, *in_end = d->in_end;
    uint8_t *const out = d->out;
    size_t at = d->at, size = d->size;
    uint32_t control = d->control;
    while (in_end - in >= STEP_IN && at + STEP_OUT <= size) {
        if (control == 1) {
            uint32_t next = load_le32(in);
            if (next >> 31 == 0)
                break;
            control = next;
            in += 4;
        }
        // Literals go to the next 1 of the control word, which is a match or the end mark.
        size_t n = (unsigned)__builtin_ctz(control);
        memcpy(out + at, in, 16);
        if (n > 16)
            memcpy(out + at + 16, in + 16, 16);
        control >>= n;
        in += n;
        at += n;
        if (control == 1)
            continue;
        uint32_t f = load_le32(in);
        const struct level3_kind *kind = level3_kind(f);
        size_t offset = f >> kind->offset_shift & kind->offset_mask;
        size_t length = (f >> kind->length_shift & kind->length_mask) + kind->length_add;
        if (offset < MATCH_MIN || offset > at)
            break;
        if (offset >= 16 && length <= 16)
            memcpy(out + at, out + at - offset, 16);
        else
            copy_match(out + at, offset, length);
        control >>= 1;
        in += kind->size;
        at += length;
    }
    d->control = control;
    d->in = in;
    d->at = at;
}

// ---- any level, item by item ----

// Decodes from any state to the end of the packet, checking each item.
SPECIALISED const char *decode_carefully(struct decoder *d, unsigned level, bool is_wide) {
    while (d->at < d->size) {
        if (level == 1 && d->cursor == d->at)
            decode_steps(d, is_wide);
        if (level == 3 && d->control == 1)
            decode_steps3(d);
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
            copy_match(d->out + d->at, d->at - m.source, m.length);
            enter_below(d, level, is_wide, d->at + 1);
            d->control >>= 1;
            d->in += m.size;
            d->at += m.length;
            d->cursor = d->at;
        } else {
            if (d->at + LITERALS_ONLY_FROM >= d->size)
                break;
            if (d->in == d->in_end)
                return CUT_OFF;
            d->control >>= 1;
            d->out[d->at++] = *d->in++;
            if (d->at >= MATCH_MIN)
                enter_below(d, level, is_wide, d->at - MATCH_MIN + 1);
        }
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

#define DECODE(level, is_wide)                                                                     \
    static const char *decode_##level##_##is_wide(struct decoder *d) {                             \
        return decode_carefully(d, level, is_wide);                                                \
    }

DECODE(1, false)
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
