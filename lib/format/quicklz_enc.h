// SPDX-License-Identifier: Apache-2.0
// Data → a QuickLZ packet of level 1, 2 or 3 (quicklz.h has the format). Written from the format's
// description and judged by two decoders. The same data gives the same packet everywhere.
#ifndef XBPIPE_QUICKLZ_ENC_H
#define XBPIPE_QUICKLZ_ENC_H

#include <stddef.h>
#include <stdint.h>

enum {
    QUICKLZ_ENC_LEVEL_MAX = 3,
    QUICKLZ_ENC_SIZE_MAX = 1 << 16, // bytes of data a packet
    // Bytes that the output must have beyond the data's size: while a packet is made, it may be
    // larger than it is at the end.
    QUICKLZ_ENC_SLACK = QUICKLZ_ENC_SIZE_MAX / 31 * 4 + 64
};

// The tables of one thread for one level.
struct quicklz_enc;

// NULL if the allocation failed. The level is 1 (fast), 2 or 3 (small, and fast to decode).
struct quicklz_enc *quicklz_enc_new(int level);

// NULL is allowed.
void quicklz_enc_free(struct quicklz_enc *e);

// Writes `size` bytes at `data` (1 to QUICKLZ_ENC_SIZE_MAX) as one packet to `out`, which has room
// for size + QUICKLZ_ENC_SLACK bytes and does not overlap the data. Data that does not get smaller
// is stored uncompressed. Returns the packet's size with its header, at least 9 and at most the
// larger of size + 9 and 12. Cannot fail. One thread at a time may use an encoder.
size_t quicklz_enc_packet(struct quicklz_enc *e, const uint8_t *data, size_t size, uint8_t *out);

#endif
