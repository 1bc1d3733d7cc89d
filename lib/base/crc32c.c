// SPDX-License-Identifier: Apache-2.0
#include "base/crc32c.h"

#include "base/byteorder.h"

#include <pthread.h>
#include <stdbool.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC_TARGET __attribute__((target("sse4.2")))
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifdef __clang__ // clang 14's arm_acle.h has these only if the whole file is compiled for CRC
#define CRC_TARGET __attribute__((target("crc")))
#define CRC32CX __builtin_arm_crc32cd
#define CRC32CB __builtin_arm_crc32cb
#else
#define CRC_TARGET __attribute__((target("+crc")))
#define CRC32CX __builtin_aarch64_crc32cx
#define CRC32CB __builtin_aarch64_crc32cb
#endif
#endif

enum {
    POLYNOMIAL = (int)0x82f63b78, // its bits in reversed order
    SLICES = 8,
    LANE = 1024, // bytes in each of the three runs that are processed at once
    LINE = 64    // of the cache
};

struct tables {
    uint32_t bytes[SLICES][256]; // [k][b]: the CRC of the byte b and k bytes of zeros
    uint32_t lane[4][256];       // [k][b]: byte k of a CRC, LANE bytes of zeros later
    bool fast;                   // the processor has an instruction
};
static struct tables tables;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint32_t step(uint32_t crc) {
    return crc >> 8 ^ tables.bytes[0][crc & 0xff];
}

#ifdef CRC_TARGET

#if defined(__x86_64__)
static bool has_instruction(void) {
    return __builtin_cpu_supports("sse4.2");
}

CRC_TARGET static inline uint32_t take8(uint32_t crc, const uint8_t *p) {
    return (uint32_t)_mm_crc32_u64(crc, le64_get(p));
}

CRC_TARGET static inline uint32_t take1(uint32_t crc, uint8_t byte) {
    return _mm_crc32_u8(crc, byte);
}
#else
enum { HAS_CRC32 = 1 << 7 }; // of AT_HWCAP

static bool has_instruction(void) {
    return (getauxval(AT_HWCAP) & HAS_CRC32) != 0;
}

CRC_TARGET static inline uint32_t take8(uint32_t crc, const uint8_t *p) {
    return CRC32CX(crc, le64_get(p));
}

CRC_TARGET static inline uint32_t take1(uint32_t crc, uint8_t byte) {
    return CRC32CB(crc, byte);
}
#endif

// The CRC after LANE more bytes of zeros. A CRC is linear, so this is the sum (XOR) of the results
// for its four bytes.
static uint32_t skip_lane(uint32_t crc) {
    return tables.lane[0][crc & 0xff] ^ tables.lane[1][crc >> 8 & 0xff] ^
           tables.lane[2][crc >> 16 & 0xff] ^ tables.lane[3][crc >> 24];
}

// The instruction takes three cycles, but a new one can begin in each cycle, so three runs of data
// are hashed at once. The runs are too short for the processor's own prefetching, so this
// prefetches the next three, which makes it half as fast again for data that is not in the cache.
CRC_TARGET static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t size) {
    for (; size >= (size_t)3 * LANE; p += (size_t)3 * LANE, size -= (size_t)3 * LANE) {
        uint32_t second = 0, third = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            if (i % LINE == 0)
                for (size_t lane = 3; lane < 6; lane++)
                    __builtin_prefetch(p + lane * LANE + i);
            crc = take8(crc, p + i);
            second = take8(second, p + LANE + i);
            third = take8(third, p + (size_t)2 * LANE + i);
        }
        crc = skip_lane(skip_lane(crc) ^ second) ^ third;
    }
    for (; size >= 8; p += 8, size -= 8)
        crc = take8(crc, p);
    for (; size > 0; p++, size--)
        crc = take1(crc, *p);
    return crc;
}

#else

static bool has_instruction(void) {
    return false;
}

static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t size) {
    (void)p, (void)size;
    return crc;
}

#endif

static uint32_t by_tables(uint32_t crc, const uint8_t *p, size_t size) {
    for (; size >= SLICES; p += SLICES, size -= SLICES) {
        uint64_t word = le64_get(p) ^ crc;
        crc = 0;
        for (unsigned i = 0; i < SLICES; i++)
            crc ^= tables.bytes[SLICES - 1 - i][word >> (8 * i) & 0xff];
    }
    for (; size > 0; p++, size--)
        crc = step(crc ^ *p);
    return crc;
}

static uint32_t after_zeros(uint32_t crc) {
    for (unsigned i = 0; i < LANE; i++)
        crc = step(crc);
    return crc;
}

static void make_tables(void) {
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (unsigned i = 0; i < 8; i++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? (uint32_t)POLYNOMIAL : 0);
        tables.bytes[0][b] = crc;
    }
    for (unsigned k = 1; k < SLICES; k++)
        for (unsigned b = 0; b < 256; b++)
            tables.bytes[k][b] = step(tables.bytes[k - 1][b]);
    for (unsigned k = 0; k < 4; k++)
        for (uint32_t b = 0; b < 256; b++)
            tables.lane[k][b] = after_zeros(b << (8 * k));
    tables.fast = has_instruction();
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size) {
    pthread_once(&once, make_tables);
    return ~(tables.fast ? by_instruction : by_tables)(~crc, data, size);
}

uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t size) {
    pthread_once(&once, make_tables);
    return ~by_tables(~crc, data, size);
}
