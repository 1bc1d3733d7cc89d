// SPDX-License-Identifier: Apache-2.0
#include "base/sha256_lanes.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

// The compiler accepts these instructions only if the attribute of the function names them.
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define HAVE_X86 1
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&                         \
    (!defined(__clang__) || defined(__ARM_FEATURE_SHA2))
#include <arm_neon.h>
#include <sys/auxv.h>
#define HAVE_ARM 1
#endif

enum { LANES = SHA256_LANES, BLOCK = SHA256_LANES_BLOCK, HASH = SHA256_LANES_HASH };

#if defined(HAVE_X86) || defined(HAVE_ARM)
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
#endif

#if defined(HAVE_X86)
// The bit for SHA is in leaf 7, EBX. The function also uses SSSE3 and SSE4.1: leaf 1, ECX.
static bool has_x86(void) {
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0)
        return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

// Each step does four rounds. The steps of the two lanes alternate: while the instructions of one
// wait for results, those of the other run. The instructions keep the state as (A B E F) and (C D G
// H).
__attribute__((target("sha,ssse3,sse4.1"))) static void compress_x86(
    uint32_t state[LANES][8], const uint8_t *const data[LANES], size_t blocks) {
    const __m128i bytes_of_words = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef[LANES], cdgh[LANES];
    for (int l = 0; l < LANES; l++) {
        __m128i dcba = _mm_loadu_si128((const __m128i *)&state[l][0]);
        __m128i hgfe = _mm_loadu_si128((const __m128i *)&state[l][4]);
        __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
        abef[l] = _mm_alignr_epi8(cdab, efgh, 8);
        cdgh[l] = _mm_blend_epi16(efgh, cdab, 0xf0);
    }
    for (size_t at = 0; at < blocks * BLOCK; at += BLOCK) {
        __m128i before_abef[LANES], before_cdgh[LANES], w[LANES][4];
        for (int l = 0; l < LANES; l++) {
            before_abef[l] = abef[l];
            before_cdgh[l] = cdgh[l];
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i k = _mm_load_si128((const __m128i *)&constants[4 * i]);
#pragma GCC unroll 2
            for (int l = 0; l < LANES; l++) {
                __m128i *now = &w[l][i & 3], *last = &w[l][(i + 3) & 3], *next = &w[l][(i + 1) & 3];
                if (i < 4)
                    *now = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data[l] + at) + i),
                                            bytes_of_words);
                __m128i sum = _mm_add_epi32(*now, k);
                cdgh[l] = _mm_sha256rnds2_epu32(cdgh[l], abef[l], sum);
                if (i >= 3 && i < 15)
                    *next = _mm_sha256msg2_epu32(
                        _mm_add_epi32(*next, _mm_alignr_epi8(*now, *last, 4)), *now);
                abef[l] = _mm_sha256rnds2_epu32(abef[l], cdgh[l], _mm_shuffle_epi32(sum, 0x0e));
                if (i >= 1 && i < 13)
                    *last = _mm_sha256msg1_epu32(*last, *now);
            }
        }
        for (int l = 0; l < LANES; l++) {
            abef[l] = _mm_add_epi32(abef[l], before_abef[l]);
            cdgh[l] = _mm_add_epi32(cdgh[l], before_cdgh[l]);
        }
    }
    for (int l = 0; l < LANES; l++) {
        __m128i feba = _mm_shuffle_epi32(abef[l], 0x1b), dchg = _mm_shuffle_epi32(cdgh[l], 0xb1);
        _mm_storeu_si128((__m128i *)&state[l][0], _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i *)&state[l][4], _mm_alignr_epi8(dchg, feba, 8));
    }
}

static const struct sha256_lanes_path x86 = {"two lanes of x86 SHA", has_x86, compress_x86};
#endif

#if defined(HAVE_ARM)
static bool has_arm(void) {
    enum { SHA2 = 1 << 6 }; // HWCAP_SHA2
    return (getauxval(AT_HWCAP) & SHA2) != 0;
}

// As compress_x86. The instructions keep the state as (A B C D) and (E F G H).
#if !defined(__clang__)
__attribute__((target("+crypto")))
#endif
static void
compress_arm(uint32_t state[LANES][8], const uint8_t *const data[LANES], size_t blocks) {
    uint32x4_t abcd[LANES], efgh[LANES];
    for (int l = 0; l < LANES; l++) {
        abcd[l] = vld1q_u32(&state[l][0]);
        efgh[l] = vld1q_u32(&state[l][4]);
    }
    for (size_t at = 0; at < blocks * BLOCK; at += BLOCK) {
        uint32x4_t before_abcd[LANES], before_efgh[LANES], w[LANES][4];
        for (int l = 0; l < LANES; l++) {
            before_abcd[l] = abcd[l];
            before_efgh[l] = efgh[l];
            for (int i = 0; i < 4; i++)
                w[l][i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data[l] + at + 16 * i)));
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            uint32x4_t k = vld1q_u32(&constants[4 * i]);
#pragma GCC unroll 2
            for (int l = 0; l < LANES; l++) {
                uint32x4_t *now = &w[l][i & 3];
                uint32x4_t sum = vaddq_u32(*now, k), old = abcd[l];
                abcd[l] = vsha256hq_u32(abcd[l], efgh[l], sum);
                efgh[l] = vsha256h2q_u32(efgh[l], old, sum);
                if (i < 12)
                    *now = vsha256su1q_u32(vsha256su0q_u32(*now, w[l][(i + 1) & 3]),
                                           w[l][(i + 2) & 3], w[l][(i + 3) & 3]);
            }
        }
        for (int l = 0; l < LANES; l++) {
            abcd[l] = vaddq_u32(abcd[l], before_abcd[l]);
            efgh[l] = vaddq_u32(efgh[l], before_efgh[l]);
        }
    }
    for (int l = 0; l < LANES; l++) {
        vst1q_u32(&state[l][0], abcd[l]);
        vst1q_u32(&state[l][4], efgh[l]);
    }
}

static const struct sha256_lanes_path arm = {"two lanes of ARMv8 SHA2", has_arm, compress_arm};
#endif

static bool always(void) {
    return true;
}

static const struct sha256_lanes_path openssl = {"OpenSSL", always, NULL};

const struct sha256_lanes_path *const sha256_lanes_paths[] = {
#if defined(HAVE_X86)
    &x86,
#endif
#if defined(HAVE_ARM)
    &arm,
#endif
    &openssl};
const size_t sha256_lanes_path_count = sizeof sha256_lanes_paths / sizeof sha256_lanes_paths[0];

struct lane {
    size_t have; // bytes in the block
    uint64_t size;
    uint8_t block[BLOCK];
};

struct sha256_lanes {
    const struct sha256_lanes_path *path;
    // If the path has a function:
    uint32_t state[LANES][8];
    struct lane lanes[LANES];
    // Else:
    EVP_MD *method;
    EVP_MD_CTX *contexts[LANES];
};

struct sha256_lanes *sha256_lanes_new(const struct sha256_lanes_path *path) {
    struct sha256_lanes *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->path = path;
    if (path->compress != NULL)
        return s;
    s->method = EVP_MD_fetch(NULL, "SHA256", NULL);
    bool good = s->method != NULL;
    for (int l = 0; l < LANES; l++)
        good = (s->contexts[l] = EVP_MD_CTX_new()) != NULL && good;
    if (good && sha256_lanes_begin(s))
        return s;
    sha256_lanes_free(s);
    return NULL;
}

void sha256_lanes_free(struct sha256_lanes *s) {
    if (s == NULL)
        return;
    for (int l = 0; l < LANES; l++)
        EVP_MD_CTX_free(s->contexts[l]);
    EVP_MD_free(s->method);
    free(s);
}

bool sha256_lanes_begin(struct sha256_lanes *s) {
    static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    bool good = true;
    for (int l = 0; l < LANES; l++) {
        memcpy(s->state[l], initial, sizeof initial);
        s->lanes[l].have = 0;
        s->lanes[l].size = 0;
        if (s->path->compress == NULL)
            good = EVP_DigestInit_ex2(s->contexts[l], s->method, NULL) == 1 && good;
    }
    return good;
}

// Hashes blocks of one lane only. The other lane gets the same bytes and a state that is then
// dropped, which costs almost nothing.
static void compress_alone(struct sha256_lanes *s, int lane, const uint8_t *data, size_t blocks) {
    uint32_t state[LANES][8];
    memcpy(state[0], s->state[lane], sizeof state[0]);
    memcpy(state[1], s->state[lane], sizeof state[1]);
    s->path->compress(state, (const uint8_t *const[LANES]){data, data}, blocks);
    memcpy(s->state[lane], state[0], sizeof state[0]);
}

// Fills up the lane's block, if it has begun one.
static void fill_block(struct sha256_lanes *s, int lane, const uint8_t **data, size_t *size) {
    struct lane *l = &s->lanes[lane];
    if (l->have == 0)
        return;
    size_t n = BLOCK - l->have < *size ? BLOCK - l->have : *size;
    if (n > 0)
        memcpy(l->block + l->have, *data, n);
    *data += n;
    *size -= n;
    l->have += n;
    if (l->have == BLOCK) {
        compress_alone(s, lane, l->block, 1);
        l->have = 0;
    }
}

bool sha256_lanes_update(struct sha256_lanes *s, const uint8_t *const data[LANES],
                         const size_t size[LANES]) {
    if (s->path->compress == NULL) {
        bool good = true;
        for (int l = 0; l < LANES; l++)
            if (size[l] > 0)
                good = EVP_DigestUpdate(s->contexts[l], data[l], size[l]) == 1 && good;
        return good;
    }
    const uint8_t *at[LANES];
    size_t left[LANES];
    for (int l = 0; l < LANES; l++) {
        at[l] = data[l];
        left[l] = size[l];
        s->lanes[l].size += size[l];
        if (left[l] > 0)
            fill_block(s, l, &at[l], &left[l]);
    }
    size_t both = (left[0] < left[1] ? left[0] : left[1]) / BLOCK;
    if (both > 0)
        s->path->compress(s->state, at, both);
    for (int l = 0; l < LANES; l++) {
        size_t done = both * BLOCK, rest = (left[l] - done) / BLOCK;
        if (rest > 0)
            compress_alone(s, l, at[l] + done, rest);
        done += rest * BLOCK;
        if (left[l] > done) {
            s->lanes[l].have = left[l] - done;
            memcpy(s->lanes[l].block, at[l] + done, left[l] - done);
        }
    }
    return true;
}

static void put_big(uint8_t *to, int size, uint64_t value) {
    for (int i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

bool sha256_lanes_finish(struct sha256_lanes *s, uint8_t hash[LANES][HASH]) {
    bool good = true;
    for (int l = 0; l < LANES; l++) {
        if (s->path->compress == NULL) {
            good = EVP_DigestFinal_ex(s->contexts[l], hash[l], NULL) == 1 && good;
            continue;
        }
        // The padding of SHA-256: a 1 bit, zeros, and the size in bits as a block's last eight
        // bytes.
        struct lane *lane = &s->lanes[l];
        uint8_t end[2 * BLOCK] = {0};
        memcpy(end, lane->block, lane->have);
        end[lane->have] = 0x80;
        size_t blocks = lane->have + 1 + 8 <= BLOCK ? 1 : 2;
        put_big(end + blocks * BLOCK - 8, 8, 8 * lane->size);
        compress_alone(s, l, end, blocks);
        for (int i = 0; i < 8; i++)
            put_big(hash[l] + 4 * i, 4, s->state[l][i]);
    }
    return good;
}

bool sha256_lanes_is_right(const struct sha256_lanes_path *path) {
    // The hashes of two inputs of 200 bytes (i = 0 to 199): 7 i, and 11 i + 1, modulo 256. From
    // Python's hashlib.
    static const uint8_t expected[LANES][HASH] = {
        {0xb5, 0x31, 0xab, 0xd8, 0xda, 0xe7, 0x23, 0x2c, 0x86, 0x1a, 0xc9,
         0xf5, 0x0a, 0xff, 0x99, 0x52, 0xd2, 0x9c, 0x8d, 0x4c, 0x37, 0x72,
         0x55, 0x1c, 0xc5, 0xbc, 0xe5, 0xd3, 0x9d, 0x2c, 0xd0, 0x8d},
        {0xcc, 0x9d, 0x4c, 0xca, 0x44, 0xe2, 0xed, 0x31, 0x73, 0x5f, 0x66,
         0xc4, 0xa9, 0xd5, 0x32, 0xa4, 0xce, 0x66, 0xe0, 0x06, 0xda, 0xcd,
         0xb3, 0x5d, 0x2b, 0x81, 0xbc, 0x10, 0x48, 0xd5, 0x25, 0xf1}};
    uint8_t data[LANES][200], hash[LANES][HASH];
    for (unsigned i = 0; i < sizeof data[0]; i++) {
        data[0][i] = (uint8_t)(7 * i);
        data[1][i] = (uint8_t)(11 * i + 1);
    }
    struct sha256_lanes *s = sha256_lanes_new(path);
    bool right = s != NULL && sha256_lanes_begin(s) &&
                 sha256_lanes_update(s, (const uint8_t *const[LANES]){data[0], data[1]},
                                     (const size_t[LANES]){sizeof data[0], sizeof data[1]}) &&
                 sha256_lanes_finish(s, hash) && memcmp(hash, expected, sizeof hash) == 0;
    sha256_lanes_free(s);
    return right;
}

const struct sha256_lanes_path *sha256_lanes_choose(const struct sha256_lanes_path *const *paths,
                                                    size_t count,
                                                    const struct sha256_lanes_path **wrong) {
    *wrong = NULL;
    for (size_t i = 0; i + 1 < count; i++) {
        if (!paths[i]->supported())
            continue;
        if (sha256_lanes_is_right(paths[i]))
            return paths[i];
        if (*wrong == NULL)
            *wrong = paths[i];
    }
    return paths[count - 1];
}
