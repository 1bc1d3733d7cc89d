// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <libdeflate.h>
#include <zlib.h>
#ifdef XBPIPE_ISAL
#include <isa-l/crc.h>
#endif
#if defined(XBPIPE_ISAL) && defined(__x86_64__)
#include <immintrin.h>

// ISA-L leaves the upper halves of the vector registers in use, which doubles the time of the SHA
// instructions that come next.
__attribute__((target("avx"))) static void clear_upper(void) {
    _mm256_zeroupper();
}
#endif

uint32_t checksum_crc32(uint32_t crc, const void *data, size_t size) {
#ifdef XBPIPE_ISAL
    crc = crc32_gzip_refl(crc, data, size);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx"))
        clear_upper();
#endif
    return crc;
#else
    return libdeflate_crc32(crc, data, size);
#endif
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
