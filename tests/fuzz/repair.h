// SPDX-License-Identifier: Apache-2.0
// Repairs in place what a mutation broke, so that a fuzzer gets past checksums and sizes. Each
// function follows an archive from its start as far as possible, whatever it holds; the bits of
// `seed` (REPAIR_*) choose what is not repaired.
#ifndef XBPIPE_TESTS_REPAIR_H
#define XBPIPE_TESTS_REPAIR_H

#include <stddef.h>
#include <stdint.h>

enum {
    REPAIR_NOT_SIZES = 1,   // sizes that reach beyond the end
    REPAIR_NOT_PLACES = 2,  // offsets of chunks, recovery information of blocks
    REPAIR_NOT_HASHES = 4,  // inner checksums: SHA-256 in xbcrypt chunks
    REPAIR_NOT_HEADERS = 24 // both bits: magics, versions
};

// Chunks' sizes, offsets and CRCs.
void repair_xbstream(uint8_t *data, size_t size, unsigned seed);

// Chunks' sizes, hashes (under the key; key_size 0: not encrypted) and CRCs.
void repair_xbcrypt(uint8_t *data, size_t size, const void *key, size_t key_size, unsigned seed);

// Blocks' recovery information, packets' sizes and Adler-32s.
void repair_qpress(uint8_t *data, size_t size, unsigned seed);

// One QuickLZ packet's sizes.
void repair_quicklz(uint8_t *data, size_t size);

// CRC-32 and length of gzip members without options in their heads.
void repair_gzip(uint8_t *data, size_t size);

// Takes the flags for checksums of content out of the first LZ4 frame's head, and makes the head's
// own checksum right.
void repair_lz4(uint8_t *data, size_t size);

#endif
