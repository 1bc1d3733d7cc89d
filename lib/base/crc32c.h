// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), as InnoDB's checksums use it: by the processor's instruction for it (x86
// with SSE 4.2, ARMv8 with CRC), or by tables.
#ifndef XBPIPE_CRC32C_H
#define XBPIPE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

// Continues a CRC-32C with the data; start with 0. Any thread.
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

// The same, always by tables: for tests of the code that is used without the instruction.
uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t size);

#endif
