// SPDX-License-Identifier: Apache-2.0
// The checksums of the formats, by libdeflate and zlib, and by ISA-L, which is some times faster,
// if xbpipe was built with it.
#ifndef XBPIPE_CHECKSUM_H
#define XBPIPE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// Continues a CRC-32 (ISO 3309, as zlib's) with the data; start with 0.
uint32_t checksum_crc32(uint32_t crc, const void *data, size_t size);

// The CRC-32 of A followed by B, computed from the CRC-32 of A, the CRC-32 of B, and the size of B.
uint32_t checksum_crc32_join(uint32_t crc_a, uint32_t crc_b, uint64_t size_b);

// Adler-32 (zlib's, initial value 1).
uint32_t checksum_adler32(const void *data, size_t size);

// Continues an Adler-32 with the data.
uint32_t checksum_adler32_on(uint32_t adler, const void *data, size_t size);

#endif
