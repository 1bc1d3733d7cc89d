// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <libdeflate.h>
#include <zlib.h>

uint32_t checksum_crc32(uint32_t crc, const void *data, size_t size) {
    return libdeflate_crc32(crc, data, size);
}

uint32_t checksum_crc32_join(uint32_t crc_a, uint32_t crc_b, uint64_t size_b) {
    return (uint32_t)crc32_combine(crc_a, crc_b, (z_off_t)size_b);
}

uint32_t checksum_adler32(const void *data, size_t size) {
    return libdeflate_adler32(1, data, size);
}

uint32_t checksum_adler32_on(uint32_t adler, const void *data, size_t size) {
    return libdeflate_adler32(adler, data, size);
}
