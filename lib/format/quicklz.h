// SPDX-License-Identifier: Apache-2.0
// QuickLZ packets, levels 1 to 3, as qpress archives hold them: one packet is one block, decoded
// independently of all others. The outline of the format:
//
//     byte 0    bit 0 compressed, bit 1 long sizes, bits 2-3 level, bits 4-5 streaming (0 here),
//               bit 6 set, bit 7 clear
//     sizes     stored, header included, then decompressed; 4 bytes each if long, else 1 byte each
//     the rest  the data as it is, or 32-bit control words among literals and matches
//
// Only the header says where a packet ends: unused bytes may follow the data in it.
#ifndef XBPIPE_QUICKLZ_H
#define XBPIPE_QUICKLZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// QUICKLZ_SLACK: bytes past the end of the output that quicklz_decode may write (and leave
// undefined). QUICKLZ_HEADER_MAX: the size of the larger header.
enum { QUICKLZ_SLACK = 64, QUICKLZ_HEADER_MAX = 9 };

struct quicklz_header {
    size_t header_size; // 3 or 9
    size_t stored_size; // of the packet, header included
    size_t size;        // decompressed
    unsigned level;     // 1 to 3
    bool compressed;    // false: the rest of the packet is the data itself
};

// The size of the header that begins with this byte: 3 or 9. Only one bit decides, so a byte that
// cannot begin a packet has a result, too; quicklz_parse_header refuses it.
size_t quicklz_header_size(uint8_t first_byte);

// Reads a packet's header from the first `available` bytes of a packet, of which it needs
// quicklz_header_size. Returns NULL and *h, in which every value is possible: 3 ≤ header_size ≤
// stored_size ≤ size + 400, and size at most what stored_size bytes can produce (85 times as much),
// so it is safe to allocate h->size bytes once h->stored_size bytes have arrived. Otherwise returns
// a static text that says what is wrong, for "what is wrong at input offset N", and leaves *h
// undefined.
const char *quicklz_parse_header(const uint8_t *packet, size_t available, struct quicklz_header *h);

// Decodes the whole packet: h->stored_size bytes at `packet`, *h from quicklz_parse_header of the
// same bytes. `out` has room for h->size + QUICKLZ_SLACK bytes and does not overlap the packet.
// Reads nothing outside the packet and writes nothing outside that room, whatever the packet holds.
// Returns NULL with the first h->size bytes of `out` filled; or a static text that says what is
// wrong, with *at the offset within the packet of the item or control word where it was found (or
// where the packet ended too early), and `out` undefined. Thread-safe; allocates nothing; takes up
// to 40 KiB of stack.
const char *quicklz_decode(const struct quicklz_header *h, const uint8_t *packet, uint8_t *out,
                           size_t *at);

#endif
