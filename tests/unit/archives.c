// SPDX-License-Identifier: Apache-2.0
#include "archives.h"

#include "qp_walk.h"
#include "quicklz_encode.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void *grow(struct bytes *b, size_t size) {
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->data = realloc(b->data, b->room);
        if (b->data == NULL)
            abort();
    }
    b->size += size;
    return b->data + b->size - size;
}

void bytes_add(struct bytes *b, const void *data, size_t size) {
    if (size > 0)
        memcpy(grow(b, size), data, size);
}

void bytes_zeros(struct bytes *b, size_t size) {
    if (size > 0)
        memset(grow(b, size), 0, size);
}

void bytes_text(struct bytes *b, const char *text) {
    bytes_add(b, text, strlen(text));
}

void bytes_little(struct bytes *b, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        bytes_add(b, &byte, 1);
    }
}

void bytes_free(struct bytes *b) {
    free(b->data);
    *b = (struct bytes){0};
}

void bytes_load(struct bytes *b, const char *path) {
    *b = (struct bytes){0};
    b->data = qp_read_file(path, &b->size);
    b->room = b->size;
}

void bytes_noise(struct bytes *b, size_t size, unsigned seed) {
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    uint8_t *to = grow(b, size);
    for (size_t i = 0; i < size; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        to[i] = (uint8_t)(state >> 56);
    }
}

static void xbs_head(struct bytes *b, char type, uint8_t flags, const void *name,
                     size_t name_size) {
    bytes_text(b, "XBSTCK01");
    bytes_add(b, &flags, 1);
    bytes_add(b, &type, 1);
    bytes_little(b, name_size, 4);
    bytes_add(b, name, name_size);
}

void xbs_any(struct bytes *b, char type, uint8_t flags, const void *name, size_t name_size,
             uint64_t offset, const void *payload, size_t size) {
    xbs_head(b, type, flags, name, name_size);
    bytes_little(b, size, 8);
    bytes_little(b, offset, 8);
    bytes_little(b, crc32_z(0, payload, size), 4);
    bytes_add(b, payload, size);
}

void xbs_payload(struct bytes *b, const char *name, uint64_t offset, const char *payload) {
    xbs_any(b, 'P', 0, name, strlen(name), offset, payload, strlen(payload));
}

void xbs_sparse(struct bytes *b, const char *name, uint64_t offset, const uint32_t (*map)[2],
                size_t entries, const void *payload, size_t size) {
    struct bytes coded = {0};
    for (size_t i = 0; i < entries; i++) {
        bytes_little(&coded, map[i][0], 4);
        bytes_little(&coded, map[i][1], 4);
    }
    xbs_head(b, 'S', 0, name, strlen(name));
    bytes_little(b, entries, 4);
    bytes_little(b, size, 8);
    bytes_little(b, offset, 8);
    uLong crc = crc32_z(0, coded.data, coded.size);
    bytes_little(b, size > 0 ? crc32_z(crc, payload, size) : crc, 4);
    bytes_add(b, coded.data, coded.size);
    bytes_add(b, payload, size);
    bytes_free(&coded);
}

void xbs_end(struct bytes *b, const char *name) {
    xbs_head(b, 'E', 0, name, strlen(name));
}

void xbs_rename(struct bytes *b, const char *from, const char *to) {
    xbs_head(b, 'R', 0, from, strlen(from));
    bytes_little(b, strlen(to), 4);
    bytes_text(b, to);
}

void xbs_remove(struct bytes *b, const char *name) {
    xbs_head(b, 'D', 0, name, strlen(name));
}

void xbs_seek(struct bytes *b, const char *name, uint64_t offset) {
    xbs_head(b, 'S', 0, name, strlen(name));
    bytes_little(b, offset, 8);
}

void xbs_rewrite(struct bytes *b, const char *name, const char *payload) {
    xbs_any(b, 'P', 2, name, strlen(name), 0, payload, strlen(payload));
    xbs_end(b, name);
}

void xbs_member(struct bytes *b, const char *name, const void *data, size_t size) {
    xbs_any(b, 'P', 0, name, strlen(name), 0, data, size);
    xbs_end(b, name);
}

void ustar_sum(struct bytes *b, size_t at) {
    unsigned sum = 0;
    char text[8];
    memset(b->data + at + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += b->data[at + i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(b->data + at + 148, text, 7);
}

void ustar_header(struct bytes *b, const char *magic, char type, const char *name, uint64_t size) {
    size_t at = b->size;
    bytes_zeros(b, 512);
    uint8_t *h = b->data + at;
    memcpy(h, name, strnlen(name, 100));
    char text[16];
    snprintf(text, sizeof text, "%011llo", (unsigned long long)size);
    memcpy(h + 124, text, 11);
    h[156] = (uint8_t)type;
    if (magic != NULL)
        memcpy(h + 257, magic, 8);
    ustar_sum(b, at);
}

void ustar_pad(struct bytes *b) {
    bytes_zeros(b, (512 - b->size % 512) % 512);
}

void ustar_entry(struct bytes *b, const char *magic, char type, const char *name, const void *data,
                 size_t size) {
    ustar_header(b, magic, type, name, size);
    bytes_add(b, data, size);
    ustar_pad(b);
}

void ustar_record(struct bytes *b, const char *key, const char *value) {
    char record[700];
    // The length counts its own digits.
    size_t rest = strlen(key) + strlen(value) + 3, length = rest + 1;
    while ((size_t)snprintf(record, sizeof record, "%zu", length) + rest != length)
        length++;
    bytes_add(b, record,
              (size_t)snprintf(record, sizeof record, "%zu %s=%s\n", length, key, value));
}

void ustar_end(struct bytes *b) {
    bytes_zeros(b, 1024);
}

void qp_archive(struct bytes *b, uint64_t block_size) {
    bytes_text(b, "qpress10");
    bytes_little(b, block_size, 8);
}

static void qp_named(struct bytes *b, const char *kind, const char *name) {
    bytes_text(b, kind);
    bytes_little(b, strlen(name), 4);
    bytes_add(b, name, strlen(name) + 1);
}

void qp_enter(struct bytes *b, const char *name) {
    qp_named(b, "D", name);
}

void qp_leave(struct bytes *b) {
    bytes_text(b, "U");
}

void qp_file(struct bytes *b, const char *name) {
    qp_named(b, "F", name);
}

void qp_block(struct bytes *b, int level, uint64_t recovery, const void *data, size_t size) {
    struct bytes packet = {0};
    if (level > 0) {
        uint8_t *out = malloc(size + 400);
        if (out == NULL)
            abort();
        bytes_add(&packet, out, quicklz_encode(level, data, size, out));
        free(out);
    } else {
        bytes_little(&packet, 0x4e, 1); // stored, long sizes, level 3
        bytes_little(&packet, 9 + size, 4);
        bytes_little(&packet, size, 4);
        bytes_add(&packet, data, size);
    }
    bytes_text(b, "NEWBNEWB");
    bytes_little(b, recovery, 8);
    bytes_little(b, adler32_z(1, packet.data, packet.size), 4);
    bytes_add(b, packet.data, packet.size);
    bytes_free(&packet);
}

void qp_file_end(struct bytes *b) {
    bytes_text(b, "ENDSENDS");
    bytes_little(b, 0, 8);
}

void qp_single(struct bytes *b, const char *name, size_t block_size, const void *data,
               size_t size) {
    qp_archive(b, block_size);
    qp_file(b, name);
    for (size_t at = 0; at < size; at += block_size)
        qp_block(b, 3, at, (const uint8_t *)data + at,
                 size - at < block_size ? size - at : block_size);
    qp_file_end(b);
}

// AES in counter mode, made of single blocks, so that nothing depends on the mode's own code.
static void counter_mode(const void *key, size_t key_size, const uint8_t counter[16], uint8_t *data,
                         size_t size) {
    const EVP_CIPHER *cipher = key_size == 16   ? EVP_aes_128_ecb()
                               : key_size == 24 ? EVP_aes_192_ecb()
                                                : EVP_aes_256_ecb();
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t block[16], stream[32];
    memcpy(block, counter, sizeof block);
    if (c == NULL || EVP_EncryptInit_ex(c, cipher, NULL, key, NULL) != 1)
        abort();
    for (size_t at = 0; at < size; at++) {
        int n;
        if (at % 16 == 0) {
            if (EVP_EncryptUpdate(c, stream, &n, block, sizeof block) != 1)
                abort();
            for (int i = 15; i >= 0 && ++block[i] == 0; i--)
                ;
        }
        data[at] ^= stream[at % 16];
    }
    EVP_CIPHER_CTX_free(c);
}

void xbc_chunk(struct bytes *b, unsigned version, const void *key, size_t key_size,
               const void *data, size_t size, const uint8_t iv[16]) {
    struct bytes payload = {0};
    static const uint8_t zero[16];
    bytes_add(&payload, data, size);
    if (version == 3) {
        uint8_t hash[32];
        SHA256(data, size, hash);
        bytes_add(&payload, hash, sizeof hash);
    }
    if (key_size > 0)
        counter_mode(key, key_size, version == 3 ? iv : zero, payload.data, payload.size);
    bytes_text(b, "XBCRYP0");
    bytes_little(b, '0' + version, 1);
    bytes_little(b, 0, 8);
    bytes_little(b, payload.size, 8);
    bytes_little(b, payload.size, 8);
    bytes_little(b, crc32_z(0, payload.data, payload.size), 4);
    if (version > 1) {
        bytes_little(b, 16, 8);
        bytes_add(b, iv, 16);
    }
    bytes_add(b, payload.data, payload.size);
    bytes_free(&payload);
}
