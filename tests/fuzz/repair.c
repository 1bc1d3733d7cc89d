// SPDX-License-Identifier: Apache-2.0
#include "repair.h"

#include "base/byteorder.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void magic(uint8_t *p, const char *text, size_t size, unsigned seed) {
    if ((seed & REPAIR_NOT_HEADERS) != REPAIR_NOT_HEADERS)
        memcpy(p, text, size);
}

// ---- xbstream: where each member's next chunk has to continue.

enum { MEMBERS_MAX = 16 };
struct member {
    const uint8_t *name;
    size_t size;
    uint64_t offset;
};

static struct member *find(struct member *members, const uint8_t *name, size_t size) {
    struct member *m = members;
    for (; m < members + MEMBERS_MAX - 1 && m->name != NULL; m++)
        if (m->size == size && memcmp(m->name, name, size) == 0)
            return m;
    *m = (struct member){.name = name, .size = size};
    return m;
}

void repair_xbstream(uint8_t *data, size_t size, unsigned seed) {
    struct member members[MEMBERS_MAX] = {{.name = NULL}};
    enum { PATH = 14, TAIL = 20 };
    while (size >= PATH) {
        magic(data, "XBSTCK01", 8, seed);
        char type = (char)data[9];
        size_t path_size = le32_get(data + 10);
        size_t map = type == 'S' ? 4 : 0;
        size_t tail = type == 'E' || type == 'D' ? 0 : type == 'R' ? 4 : map + TAIL;
        if (path_size == 0 || path_size > 511) {
            if (seed & REPAIR_NOT_SIZES)
                return;
            path_size = 1 + path_size % 8;
            le32_put(data + 10, (uint32_t)path_size);
        }
        if (path_size > size - PATH || tail > size - PATH - path_size)
            return;
        uint8_t *p = data + PATH + path_size;
        if (type == 'S' && memcmp(p + 8, "XBSTCK01", 8) == 0) { // MariaDB's seek
            find(members, data + PATH, path_size)->offset = le64_get(p);
            data = p + 8;
            size -= PATH + path_size + 8;
            continue;
        }
        struct member *m = find(members, data + PATH, path_size);
        data = p + tail;
        size -= PATH + path_size + tail;
        if (type == 'R') {
            size_t to = le32_get(p);
            if (to > size)
                return;
            data += to;
            size -= to;
        }
        if (type == 'E' || type == 'D' || type == 'R')
            continue;
        size_t entries = map > 0 ? le32_get(p) : 0;
        if (entries > size / 8) {
            if (seed & REPAIR_NOT_SIZES)
                return;
            entries = size / 8 < 4 ? size / 8 : 4;
            le32_put(p, (uint32_t)entries);
        }
        uint64_t advance = 0, sum = 0;
        for (size_t i = 0; i < entries; i++) {
            sum += le32_get(data + 8 * i + 4);
            advance += (uint64_t)le32_get(data + 8 * i) + le32_get(data + 8 * i + 4);
        }
        size -= 8 * entries;
        uint64_t payload = le64_get(p + map);
        if (map > 0 && sum <= size && !(seed & REPAIR_NOT_SIZES))
            payload = sum;
        if (payload > size) {
            if (seed & REPAIR_NOT_SIZES)
                return;
            payload = size;
        }
        le64_put(p + map, payload);
        if (!(seed & REPAIR_NOT_PLACES))
            le64_put(p + map + 8, m->offset);
        m->offset = le64_get(p + map + 8) + (map > 0 ? advance : payload);
        size_t covered = 8 * entries + (size_t)payload;
        le32_put(p + map + 16, (uint32_t)crc32_z(0, data, covered));
        data += covered;
        size -= (size_t)payload;
    }
}

// ---- xbcrypt.

static void counter_mode(const void *key, size_t key_size, const uint8_t *iv, const uint8_t *in,
                         uint8_t *out, size_t size) {
    const EVP_CIPHER *cipher = key_size == 16   ? EVP_aes_128_ctr()
                               : key_size == 24 ? EVP_aes_192_ctr()
                                                : EVP_aes_256_ctr();
    int n;
    if (key_size == 0) {
        memmove(out, in, size);
        return;
    }
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (c == NULL || EVP_EncryptInit_ex(c, cipher, NULL, key, iv) != 1 ||
        EVP_EncryptUpdate(c, out, &n, in, (int)size) != 1)
        abort();
    EVP_CIPHER_CTX_free(c);
}

static void repair_hash(uint8_t *payload, size_t size, const uint8_t *iv, const void *key,
                        size_t key_size) {
    uint8_t *plain = malloc(size);
    if (plain == NULL)
        abort();
    counter_mode(key, key_size, iv, payload, plain, size);
    SHA256(plain, size - SHA256_DIGEST_LENGTH, plain + size - SHA256_DIGEST_LENGTH);
    counter_mode(key, key_size, iv, plain, payload, size);
    free(plain);
}

void repair_xbcrypt(uint8_t *data, size_t size, const void *key, size_t key_size, unsigned seed) {
    enum { HEAD_V1 = 36, HEAD = 60 };
    while (size >= HEAD) {
        magic(data, "XBCRYP0", 7, seed);
        if ((seed & REPAIR_NOT_HEADERS) != REPAIR_NOT_HEADERS)
            data[7] = (uint8_t)('1' + (data[7] - '1') % 3U);
        char version = (char)data[7];
        uint8_t *head = data;
        size_t head_size = version == '1' ? HEAD_V1 : HEAD;
        data += head_size;
        size -= head_size;
        uint64_t payload = le64_get(head + 24);
        if (payload > size) {
            if (seed & REPAIR_NOT_SIZES)
                return;
            payload = size;
        }
        le64_put(head + 16, payload);
        le64_put(head + 24, payload);
        if (version != '1')
            le64_put(head + 36, 16);
        if (version == '3' && payload >= SHA256_DIGEST_LENGTH && !(seed & REPAIR_NOT_HASHES))
            repair_hash(data, (size_t)payload, head + 44, key, key_size);
        le32_put(head + 32, (uint32_t)crc32_z(0, data, (size_t)payload));
        data += payload;
        size -= (size_t)payload;
    }
}

// ---- qpress and QuickLZ.

// Bytes of the packet, with its sizes made possible.
static size_t repair_packet(uint8_t *data, size_t size, bool sizes) {
    enum { EXPANSION = 85 };
    bool is_long = size > 0 && data[0] & 2;
    size_t head = is_long ? 9 : 3;
    if (size < head)
        return size;
    size_t stored = is_long ? le32_get(data + 1) : data[1];
    if (!sizes)
        return stored < size ? stored : size;
    if ((data[0] >> 2 & 3) == 0)
        data[0] |= 0x0c;
    data[0] = (uint8_t)(0x40 | (data[0] & 0x0f));
    if (stored > size)
        stored = size;
    if (stored < head)
        stored = head;
    uint64_t claimed = is_long ? le32_get(data + 5) : data[2];
    uint64_t payload = stored - head;
    if (!(data[0] & 1))
        claimed = payload;
    else if (claimed > EXPANSION * payload)
        claimed %= EXPANSION * payload + 1;
    else if (claimed + 400 < stored)
        claimed = stored - 400;
    if (is_long) {
        le32_put(data + 1, (uint32_t)stored);
        le32_put(data + 5, (uint32_t)claimed);
    } else {
        data[1] = (uint8_t)stored;
        data[2] = (uint8_t)claimed;
    }
    return stored;
}

void repair_quicklz(uint8_t *data, size_t size) {
    repair_packet(data, size, true);
}

static uint64_t packet_content(const uint8_t *packet, size_t size) {
    return size < 3 ? 0 : !(packet[0] & 2) ? packet[2] : size < 9 ? 0 : le32_get(packet + 5);
}

void repair_qpress(uint8_t *data, size_t size, unsigned seed) {
    enum { ARCHIVE = 16, BLOCK = 20 };
    if (size < ARCHIVE)
        return;
    magic(data, "qpress10", 8, seed);
    data += ARCHIVE;
    size -= ARCHIVE;
    uint64_t recovery = 0;
    while (size > 0) {
        size_t item = 1;
        if (data[0] == 'F' || data[0] == 'D') {
            if (size < 6)
                return;
            size_t name = le32_get(data + 1);
            if (name > size - 6) {
                if (seed & REPAIR_NOT_SIZES)
                    return;
                name = (size - 6) % 8;
                le32_put(data + 1, (uint32_t)name);
            }
            data[5 + name] = 0;
            item = 6 + name;
            recovery = 0;
        } else if (size >= ARCHIVE && memcmp(data, "ENDSENDS", 8) == 0) {
            item = ARCHIVE;
        } else if (size > BLOCK && data[0] == 'N') {
            magic(data, "NEWBNEWB", 8, seed);
            if (!(seed & REPAIR_NOT_PLACES))
                le64_put(data + 8, recovery);
            size_t packet =
                repair_packet(data + BLOCK, size - BLOCK, (seed & REPAIR_NOT_SIZES) == 0);
            le32_put(data + 16, (uint32_t)adler32_z(1, data + BLOCK, packet));
            recovery += packet_content(data + BLOCK, packet);
            item = BLOCK + packet;
        }
        data += item;
        size -= item;
    }
}

// ---- LZ4. The frame format's XXH32, for less than 16 bytes.

static uint32_t rotated(uint32_t x, unsigned by) {
    return x << by | x >> (32 - by);
}

static uint32_t xxh32(const uint8_t *data, size_t size) {
    static const uint32_t prime[] = {2654435761, 2246822519, 3266489917, 668265263, 374761393};
    uint32_t h = prime[4] + (uint32_t)size;
    for (; size >= 4; size -= 4, data += 4)
        h = rotated(h + le32_get(data) * prime[2], 17) * prime[3];
    for (; size > 0; size--, data++)
        h = rotated(h + *data * prime[4], 11) * prime[0];
    h = (h ^ h >> 15) * prime[1];
    h = (h ^ h >> 13) * prime[2];
    return h ^ h >> 16;
}

void repair_lz4(uint8_t *data, size_t size) {
    enum { MAGIC = 4, HAS_BLOCK_SUM = 0x10, HAS_SIZE = 8, HAS_SUM = 4, HAS_DICTIONARY = 1 };
    if (size < MAGIC + 2)
        return;
    le32_put(data, 0x184d2204);
    uint8_t flags = (uint8_t)(0x40 | (data[MAGIC] & 0x3d & ~(HAS_BLOCK_SUM | HAS_SUM)));
    data[MAGIC] = flags;
    data[MAGIC + 1] = (uint8_t)((4 + (data[MAGIC + 1] >> 4) % 4) << 4);
    size_t head = 2U + (flags & HAS_SIZE ? 8 : 0) + (flags & HAS_DICTIONARY ? 4 : 0);
    if (size > MAGIC + head)
        data[MAGIC + head] = (uint8_t)(xxh32(data + MAGIC, head) >> 8);
}

// ---- gzip.

void repair_gzip(uint8_t *data, size_t size) {
    enum { HEAD = 10, TRAILER = 8, CONTENT_MOST = 1 << 20 };
    static uint8_t content[CONTENT_MOST];
    while (size > HEAD) {
        z_stream z = {.next_in = data + HEAD,
                      .avail_in = (uInt)(size - HEAD),
                      .next_out = content,
                      .avail_out = CONTENT_MOST};
        memcpy(data, "\x1f\x8b\x08\0", 4);
        if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
            abort();
        int result = inflate(&z, Z_FINISH);
        size_t left = z.avail_in, made = CONTENT_MOST - z.avail_out;
        inflateEnd(&z);
        if (result != Z_STREAM_END || left < TRAILER)
            return;
        data += size - left;
        le32_put(data, (uint32_t)crc32_z(0, content, made));
        le32_put(data + 4, (uint32_t)made);
        data += TRAILER;
        size = left - TRAILER;
    }
}
