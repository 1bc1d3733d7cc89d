// SPDX-License-Identifier: Apache-2.0
#include "format/gunzip.h"

#include "base/byteorder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef XBPIPE_ISAL
#include <isa-l/igzip_lib.h>
#endif

enum { TRAILER_SIZE = 8 }; // CRC-32 and length

struct gunzip {
    z_stream zlib;
    enum { IN_HEAD, IN_DATA, IN_TRAILER, IN_DAMAGE } state;
#ifdef XBPIPE_ISAL
    struct inflate_state isal, before; // the latter: at the beginning of a call
    uint32_t length;                   // of the content, modulo 2^32
    uint8_t trailer[TRAILER_SIZE];
    unsigned trailer_have;
#endif
};

// The texts of zlib for the trailer; of damage inside the data each library says something else.
static const char wrong_crc[] = "incorrect data check", wrong_length[] = "incorrect length check",
                  wrong_data[] = "invalid compressed data";

struct gunzip *gunzip_new(void) {
    struct gunzip *g = calloc(1, sizeof *g);
    enum { GZIP_ONLY = 16 };
    if (g != NULL && inflateInit2(&g->zlib, MAX_WBITS + GZIP_ONLY) == Z_OK)
        return g;
    free(g);
    return NULL;
}

void gunzip_free(struct gunzip *g) {
    if (g == NULL)
        return;
    inflateEnd(&g->zlib);
    free(g);
}

void gunzip_reset(struct gunzip *g) {
    (void)inflateReset(&g->zlib); // it fails only if there is no state
    g->state = IN_HEAD;
}

// The head of a member; without ISA-L, the rest of it, too.
static enum gunzip_result run_zlib(struct gunzip *g, const uint8_t *in, size_t *size, uint8_t *out,
                                   size_t *room, const char **why) {
    static uint8_t none;
    enum { HEAD_ENDS = 128 }; // in data_type
    z_stream *z = &g->zlib;
    z->next_in = *size > 0 ? (Bytef *)(uintptr_t)in : &none;
    z->avail_in = (uInt)*size;
    z->next_out = out;
    z->avail_out = (uInt)*room;
    int result = inflate(z, g->state == IN_HEAD ? Z_BLOCK : Z_NO_FLUSH);
    *size = z->avail_in;
    *room = z->avail_out;
    switch (result) {
    case Z_STREAM_END:
        return GUNZIP_END;
    case Z_OK:
        if (g->state == IN_HEAD && (z->data_type & HEAD_ENDS) != 0)
            g->state = IN_DATA;
        return GUNZIP_MORE;
    case Z_BUF_ERROR:
        return GUNZIP_INPUT;
    case Z_MEM_ERROR:
        return GUNZIP_MEMORY;
    default:
        *why = wrong_data;
        if (z->msg != NULL && (g->state == IN_HEAD || strcmp(z->msg, wrong_crc) == 0 ||
                               strcmp(z->msg, wrong_length) == 0))
            *why = z->msg;
        return GUNZIP_BAD;
    }
}

#ifdef XBPIPE_ISAL
static void begin_data(struct gunzip *g) {
    isal_inflate_reset(&g->isal);
    g->isal.crc_flag = ISAL_GZIP_NO_HDR; // compute it, and leave the trailer alone
    g->length = 0;
    g->trailer_have = 0;
}

// ISA-L reads ahead, by no more than the trailer: what it has read of that.
static void take_back(struct gunzip *g) {
    struct inflate_state *s = &g->isal;
    uint64_t bits = s->read_in >> (s->read_in_length % 8);
    for (; s->read_in_length >= 8 && g->trailer_have < TRAILER_SIZE; s->read_in_length -= 8) {
        g->trailer[g->trailer_have++] = (uint8_t)bits;
        bits >>= 8;
    }
}

// Gives ISA-L input and room, and takes back what it has left of them.
static int decode(struct gunzip *g, const uint8_t *in, size_t *size, uint8_t *out, size_t *room) {
    struct inflate_state *s = &g->isal;
    s->next_in = (uint8_t *)(uintptr_t)in;
    s->avail_in = (uint32_t)*size;
    s->next_out = out;
    s->avail_out = (uint32_t)*room;
    int result = isal_inflate(s);
    *size = s->avail_in;
    *room = s->avail_out;
    return result;
}

// ISA-L's fast loop counts bytes that it has not written when it meets some kinds of damage, and
// holds back what the last bytes of its input make. So bytes at the end of the input, and damaged
// ones, are decoded one by one: what comes out then does not depend on where the input was cut into
// pieces.
static enum gunzip_result run_data(struct gunzip *g, const uint8_t *in, size_t *size, uint8_t *out,
                                   size_t *room) {
    enum { SLOW = 64, FAST_MIN = 1024 };
    struct inflate_state *s = &g->isal;
    size_t had = *size, space = *room, fast = had >= FAST_MIN ? had - SLOW : 0;
    int result = ISAL_DECOMP_OK;
    if (fast > 0) {
        size_t left = fast;
        g->before = *s;
        result = decode(g, in, &left, out, room);
        *size -= fast - left;
        if (result != ISAL_DECOMP_OK) {
            *s = g->before;
            *size = had;
            *room = space;
            result = ISAL_DECOMP_OK;
        }
    }
    bool decoding = *size == had || *size <= SLOW;
    while (decoding && result == ISAL_DECOMP_OK && s->block_state != ISAL_BLOCK_FINISH) {
        size_t one = *size > 0, given = one, before = *room;
        result = decode(g, in + (had - *size), &one, out + (space - *room), room);
        *size -= given - one;
        decoding = one < given || *room < before;
    }
    g->length += (uint32_t)(space - *room);
    if (result != ISAL_DECOMP_OK) {
        g->state = IN_DAMAGE;
        return GUNZIP_MORE;
    }
    if (s->block_state != ISAL_BLOCK_FINISH)
        return *size < had || *room < space ? GUNZIP_MORE : GUNZIP_INPUT;
    take_back(g);
    g->state = IN_TRAILER;
    return GUNZIP_MORE;
}

// What ISA-L had decoded before the damage, and had no room for.
static enum gunzip_result run_damage(struct gunzip *g, uint8_t *out, size_t *room,
                                     const char **why) {
    struct inflate_state *s = &g->isal;
    size_t left = (size_t)(s->tmp_out_valid - s->tmp_out_processed),
           n = left < *room ? left : *room;
    memcpy(out, s->tmp_out_buffer + s->tmp_out_processed, n);
    s->tmp_out_processed += (int32_t)n;
    *room -= n;
    *why = wrong_data;
    return n < left ? GUNZIP_MORE : GUNZIP_BAD;
}

static enum gunzip_result run_trailer(struct gunzip *g, const uint8_t *in, size_t *size,
                                      const char **why) {
    while (*size > 0 && g->trailer_have < TRAILER_SIZE) {
        g->trailer[g->trailer_have++] = *in++;
        --*size;
    }
    if (g->trailer_have >= 4 && le32_get(g->trailer) != g->isal.crc) {
        *why = wrong_crc;
        return GUNZIP_BAD;
    }
    if (g->trailer_have < TRAILER_SIZE)
        return GUNZIP_INPUT;
    if (le32_get(g->trailer + 4) == g->length)
        return GUNZIP_END;
    *why = wrong_length;
    return GUNZIP_BAD;
}

enum gunzip_result gunzip_run(struct gunzip *g, const uint8_t *in, size_t *size, uint8_t *out,
                              size_t *room, const char **why) {
    if (g->state == IN_TRAILER)
        return run_trailer(g, in, size, why);
    if (g->state == IN_DAMAGE)
        return run_damage(g, out, room, why);
    if (g->state == IN_DATA)
        return run_data(g, in, size, out, room);
    enum gunzip_result result = run_zlib(g, in, size, out, room, why);
    if (g->state == IN_DATA)
        begin_data(g);
    return result;
}
#else
enum gunzip_result gunzip_run(struct gunzip *g, const uint8_t *in, size_t *size, uint8_t *out,
                              size_t *room, const char **why) {
    return run_zlib(g, in, size, out, room, why);
}
#endif
