// SPDX-License-Identifier: Apache-2.0
// Usage: generate [-q] [-e] [-x VERSION] [-f KEYFILE] SIZE > STREAM
//        generate -a [-l LEVEL] SIZE > ARCHIVE
// The benchmark's data: an xbstream (or a qpress archive of one file, -a, of QuickLZ level 1, or
// LEVEL) that holds SIZE bytes of database-like pages, the same for the same arguments everywhere.
// -q: the members are compressed (.qp, QuickLZ level 1); -e: encrypted (.xbcrypt, version 3; after
// -q); -x 2 or 3: the stream as a whole is encrypted as xbcrypt does in that version. KEYFILE holds
// the 32 bytes of an AES-256 key.
//
// The stream is what two threads of a backup send: one large table, half of the data, beside eight
// of a sixteenth each, in chunks of up to 10 MiB. The pages repeat after 64 MiB, farther than any
// of the compressors looks back.
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/checksum.h"
#include "quicklz_encode.h"

enum {
    PAGE = 16384,
    BLOCK = 65536,     // of a qpress archive
    POOL = 1024,       // blocks that differ
    UNIT = 16 * BLOCK, // SIZE is rounded up to it
    SMALL_MEMBERS = 8, // half of the data; the other half is one member
    STREAM_CHUNK = 10 << 20,
    CRYPT_CHUNK = 65536,
    CRYPT_HEAD = 60,
    HASH = 32,
    IV = 16,
    KEY = 32,
    HEAD_ROOM = 600,
    QPRESS_HEAD = 20 // of a block
};

static void fail(const char *why) {
    fprintf(stderr, "generate: %s\n", why);
    exit(EXIT_FAILURE);
}

static int quicklz_level = 1;

static void *allocate(size_t size) {
    void *p = malloc(size);
    if (p == NULL)
        fail("no memory");
    return p;
}

// --- Pages ---

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t limit) {
    return (uint32_t)((next_random(state) >> 32) * limit >> 32);
}

static uint8_t *put_be(uint8_t *p, uint64_t value, int size) {
    for (int i = size - 1; i >= 0; i--)
        *p++ = (uint8_t)(value >> (8 * i));
    return p;
}

static const char *const phrases[] = {"ironic theodolites sleep ",
                                      "carefully final requests ",
                                      "pending deposits haggle ",
                                      "quickly above the ",
                                      "regular accounts ",
                                      "silent platelets ",
                                      "DELIVER IN PERSON",
                                      "COLLECT COD",
                                      "express packages use ",
                                      "furiously even ideas ",
                                      "1-URGENT",
                                      "4-NOT SPECIFIED"};
enum { PHRASES = sizeof phrases / sizeof *phrases };

static uint8_t *put_text(uint8_t *p, const char *text) {
    size_t size = strlen(text);
    memcpy(p, text, size);
    return p + size;
}

// What the rows of a page share.
struct page_state {
    uint32_t id;
    uint64_t transaction, roll;
    uint32_t day;
};

// A row in InnoDB's compact format, at most RECORD_MAX bytes.
enum { RECORD_MAX = 400 };

static uint8_t *put_record(uint8_t *p, uint64_t *r, struct page_state *s, uint32_t heap_number) {
    uint8_t *lengths = p;
    p += 2;
    *p++ = 0; // no column is NULL
    uint8_t *header = p;
    p += 5;
    if (below(r, 4) == 0) {
        s->transaction += below(r, 40);
        s->roll += 0x10000;
    }
    s->roll += 0x20 + below(r, 4);
    s->day += below(r, 8) == 0;
    p = put_be(p, UINT32_C(0x80000000) | s->id++, 4);
    p = put_be(p, s->transaction, 6);
    p = put_be(p, s->roll, 7);
    p = put_be(p, UINT32_C(0x80000000) | below(r, 1 << 20), 4);                // a foreign key
    p = put_be(p, UINT64_C(0x99b2000000) | s->day << 17 | below(r, 86400), 5); // DATETIME
    p = put_be(p, UINT64_C(0x8000000000) | below(r, 1 << 20), 5);              // DECIMAL(15,2)
    p = put_be(p, UINT32_C(0x80000000) | below(r, 250), 4);                    // a quantity
    p = put_be(p, next_random(r), 4);                                          // FLOAT
    p = put_be(p, UINT32_C(0x80000000) | below(r, 250), 4);
    p = put_be(p, next_random(r), 8); // a hash: what no compressor shortens
    uint8_t *comment = p;
    for (uint32_t i = 1 + below(r, 3); i > 0; i--)
        p = put_text(p, phrases[below(r, PHRASES)]);
    lengths[0] = (uint8_t)(p - comment);
    lengths[1] = (uint8_t)below(r, 4);
    p = put_text(p, "                "); // CHAR(16), empty
    header[0] = 0;
    put_be(header + 1, heap_number << 3, 2);
    put_be(header + 3, (uint64_t)(p - header), 2);
    return p;
}

static void fill_page(uint8_t *page, uint32_t number, uint64_t *r) {
    static const uint8_t ends[] = "\x01\x00\x02\x00\x1einfimum\x00\x05\x00\x0b\x00\x00supremum";
    struct page_state s = {.id = number * 90,
                           .transaction = 0x1a2b00 + number,
                           .roll = UINT64_C(0x82000001340110) + (uint64_t)number * 0x1000,
                           .day = number / 4 % 32};
    memset(page, 0, PAGE);
    uint64_t lsn = UINT64_C(0x1f4d00000) + next_random(r) % 0x100000;
    uint8_t *p = put_be(page, next_random(r), 4); // the page's checksum
    p = put_be(p, number, 4);
    p = put_be(p, number - 1, 4);
    p = put_be(p, number + 1, 4);
    p = put_be(p, lsn, 8);
    p = put_be(p, 0x45bf, 2); // a node of an index
    p += 8;
    p = put_be(p, 57, 4);
    uint8_t *index_header = p;
    p += 56;
    memcpy(p, ends, sizeof ends - 1);
    p += sizeof ends - 1;
    uint32_t records = 0;
    const uint8_t *full = page + PAGE - (below(r, 8) == 0 ? PAGE / 2 : PAGE / 12);
    uint8_t *slot = page + PAGE - 8;
    while (p < full - RECORD_MAX) {
        if (records % 6 == 0) {
            slot -= 2;
            put_be(slot, (uint64_t)(p - page), 2);
        }
        p = put_record(p, r, &s, 2 + records++);
    }
    put_be(index_header, (uint64_t)(page + PAGE - 8 - slot) / 2, 2);
    put_be(index_header + 2, (uint64_t)(p - page), 2);
    put_be(index_header + 4, 0x8000 | records, 2);
    put_be(index_header + 16, records, 2);
    memcpy(page + PAGE - 8, page, 4);
    put_be(page + PAGE - 4, lsn, 4);
}

struct block {
    uint8_t *data;   // BLOCK bytes
    uint8_t *packet; // the same as a QuickLZ packet
    size_t packet_size;
    uint32_t adler;
};

static struct block pool[POOL];

static const struct block *block_at(uint64_t index, bool compressed) {
    struct block *b = &pool[index % POOL];
    if (b->data == NULL) {
        uint64_t random = index % POOL;
        b->data = allocate(BLOCK);
        for (uint32_t i = 0; i < BLOCK / PAGE; i++)
            fill_page(b->data + (size_t)i * PAGE, (uint32_t)(index % POOL) * (BLOCK / PAGE) + i + 4,
                      &random);
    }
    if (compressed && b->packet == NULL) {
        b->packet = allocate(BLOCK + 400);
        b->packet_size = quicklz_encode(quicklz_level, b->data, BLOCK, b->packet);
        b->adler = checksum_adler32(b->packet, b->packet_size);
    }
    return b;
}

// --- Encryption ---

static EVP_CIPHER_CTX *cipher;
static EVP_MD *sha256;

static void start_cipher(const char *key_file) {
    uint8_t key[KEY];
    if (key_file == NULL)
        fail("-e and -x need -f KEYFILE");
    FILE *file = fopen(key_file, "rb");
    if (file == NULL || fread(key, 1, KEY, file) != KEY)
        fail("cannot read the key");
    fclose(file);
    cipher = EVP_CIPHER_CTX_new();
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (cipher == NULL || sha256 == NULL ||
        EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), NULL, key, NULL) != 1)
        fail("no AES-256-CTR or SHA-256");
}

// Writes `size` bytes as a chunk of xbcrypt to `out`, CRYPT_HEAD + size + HASH bytes or, for
// version 2, HASH fewer. Returns its size. The data is not kept.
static size_t put_crypt_chunk(uint8_t *out, int version, uint8_t *data, size_t size) {
    static uint64_t chunks;
    static const uint8_t zeros[IV];
    int n;
    size_t payload = size + (version == 3 ? HASH : 0);
    memcpy(out, version == 3 ? "XBCRYP03" : "XBCRYP02", 8);
    le64_put(out + 8, 0);
    le64_put(out + 16, payload);
    le64_put(out + 24, payload);
    le64_put(out + 36, IV);
    le64_put(out + 44, ++chunks * UINT64_C(0x9e3779b97f4a7c15));
    le64_put(out + 52, 0);
    const uint8_t *counter = version == 3 ? out + 44 : zeros;
    uint8_t *body = out + CRYPT_HEAD;
    if (version == 3 && EVP_Digest(data, size, data + size, NULL, sha256, NULL) != 1)
        fail("SHA-256 failed");
    if (EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, counter) != 1 ||
        EVP_EncryptUpdate(cipher, body, &n, data, (int)payload) != 1)
        fail("AES-256-CTR failed");
    le32_put(out + 32, checksum_crc32(0, body, payload));
    return CRYPT_HEAD + payload;
}

// --- The stream ---

static void put_out(const void *data, size_t size) {
    if (fwrite(data, 1, size, stdout) != size)
        fail("cannot write");
}

struct stream {
    int version; // of xbcrypt, for the whole stream; 0: clear
    uint8_t *plain;
    size_t filled;
};

static void stream_flush(struct stream *s) {
    static uint8_t chunk[CRYPT_HEAD + CRYPT_CHUNK + HASH];
    if (s->filled > 0)
        put_out(chunk, put_crypt_chunk(chunk, s->version, s->plain, s->filled));
    s->filled = 0;
}

static void stream_write(struct stream *s, const uint8_t *data, size_t size) {
    if (s->version == 0) {
        put_out(data, size);
        return;
    }
    while (size > 0) {
        size_t n = CRYPT_CHUNK - s->filled;
        if (n > size)
            n = size;
        memcpy(s->plain + s->filled, data, n);
        s->filled += n;
        data += n;
        size -= n;
        if (s->filled == CRYPT_CHUNK)
            stream_flush(s);
    }
}

struct member {
    struct stream *stream;
    char name[64];
    uint64_t first_block, blocks, done;
    bool compressed, encrypted;
    uint8_t *chunk; // gathered for the stream
    size_t filled;
    uint64_t sent;
    uint8_t *plain; // gathered for a chunk of xbcrypt
    size_t plain_filled;
};

static void write_chunk(struct member *m, char type) {
    uint8_t head[HEAD_ROOM];
    size_t name = strlen(m->name), size = 14 + name;
    memcpy(head, "XBSTCK01", 9);
    head[9] = (uint8_t)type;
    le32_put(head + 10, (uint32_t)name);
    memcpy(head + 14, m->name, name);
    if (type == 'P') {
        le64_put(head + size, m->filled);
        le64_put(head + size + 8, m->sent);
        le32_put(head + size + 16, checksum_crc32(0, m->chunk, m->filled));
        size += 20;
    }
    stream_write(m->stream, head, size);
    if (type == 'P')
        stream_write(m->stream, m->chunk, m->filled);
    m->sent += m->filled;
    m->filled = 0;
}

// As the backup's writer does: what does not fit goes to the next chunk.
static uint8_t *chunk_room(struct member *m, size_t size) {
    if (m->filled + size > STREAM_CHUNK)
        write_chunk(m, 'P');
    return m->chunk + m->filled;
}

static void encrypt_pending(struct member *m) {
    uint8_t *out = chunk_room(m, CRYPT_HEAD + CRYPT_CHUNK + HASH);
    m->filled += put_crypt_chunk(out, 3, m->plain, m->plain_filled);
    m->plain_filled = 0;
}

static void member_write(struct member *m, const uint8_t *data, size_t size) {
    if (!m->encrypted) {
        memcpy(chunk_room(m, size), data, size);
        m->filled += size;
        return;
    }
    while (size > 0) {
        size_t n = CRYPT_CHUNK - m->plain_filled;
        if (n > size)
            n = size;
        memcpy(m->plain + m->plain_filled, data, n);
        m->plain_filled += n;
        data += n;
        size -= n;
        if (m->plain_filled == CRYPT_CHUNK)
            encrypt_pending(m);
    }
}

// --- qpress ---

static size_t put_archive_head(uint8_t *out, const char *name) {
    size_t size = strlen(name);
    memcpy(out, "qpress10", 8);
    le64_put(out + 8, BLOCK);
    out[16] = 'F';
    le32_put(out + 17, (uint32_t)size);
    memcpy(out + 21, name, size + 1);
    return 22 + size;
}

static void put_block_head(uint8_t *out, const struct block *b, uint64_t before) {
    memcpy(out, "NEWBNEWB", 8);
    le64_put(out + 8, before);
    le32_put(out + 16, b->adler);
}

static const uint8_t archive_end[] = "ENDSENDS\0\0\0\0\0\0\0";

static void write_archive(uint64_t blocks) {
    uint8_t head[HEAD_ROOM];
    put_out(head, put_archive_head(head, "backup.xb"));
    for (uint64_t i = 0; i < blocks; i++) {
        const struct block *b = block_at(i, true);
        put_block_head(head, b, i * BLOCK);
        put_out(head, QPRESS_HEAD);
        put_out(b->packet, b->packet_size);
    }
    put_out(archive_end, sizeof archive_end);
}

// --- Members ---

static void start_member(struct member *m, const char *name, uint64_t first, uint64_t blocks) {
    uint8_t head[HEAD_ROOM];
    snprintf(m->name, sizeof m->name, "shop/%s.ibd%s%s", name, m->compressed ? ".qp" : "",
             m->encrypted ? ".xbcrypt" : "");
    m->first_block = first;
    m->blocks = blocks;
    m->done = 0;
    m->sent = 0;
    if (m->compressed) {
        char inner[40];
        snprintf(inner, sizeof inner, "%s.ibd", name);
        member_write(m, head, put_archive_head(head, inner));
    }
}

static void step_member(struct member *m) {
    uint8_t head[QPRESS_HEAD];
    const struct block *b = block_at(m->first_block + m->done, m->compressed);
    if (m->compressed) {
        put_block_head(head, b, m->done * BLOCK);
        member_write(m, head, sizeof head);
        member_write(m, b->packet, b->packet_size);
    } else {
        member_write(m, b->data, BLOCK);
    }
    m->done++;
}

static void end_member(struct member *m) {
    if (m->compressed)
        member_write(m, archive_end, sizeof archive_end);
    if (m->plain_filled > 0)
        encrypt_pending(m);
    if (m->filled > 0)
        write_chunk(m, 'P');
    write_chunk(m, 'E');
}

static void write_stream(uint64_t blocks, bool compressed, bool encrypted, int version) {
    struct stream s = {.version = version, .plain = allocate(CRYPT_CHUNK + HASH)};
    struct member pair[2];
    for (int i = 0; i < 2; i++)
        pair[i] = (struct member){.stream = &s,
                                  .compressed = compressed,
                                  .encrypted = encrypted,
                                  .chunk = allocate(STREAM_CHUNK),
                                  .plain = allocate(CRYPT_CHUNK + HASH)};
    uint64_t half = blocks / 2, each = half / SMALL_MEMBERS;
    start_member(&pair[0], "lineitem", 0, half);
    for (uint64_t i = 0; i < half; i++) {
        if (i % each == 0) {
            char name[16];
            snprintf(name, sizeof name, "orders%d", (int)(i / each));
            start_member(&pair[1], name, half + i, each);
        }
        step_member(&pair[0]);
        step_member(&pair[1]);
        if (pair[1].done == each)
            end_member(&pair[1]);
    }
    end_member(&pair[0]);
    stream_flush(&s);
    for (int i = 0; i < 2; i++) {
        free(pair[i].chunk);
        free(pair[i].plain);
    }
    free(s.plain);
}

int main(int argc, char **argv) {
    bool archive = false, compressed = false, encrypted = false;
    int version = 0, option;
    const char *key_file = NULL;
    while ((option = getopt(argc, argv, "aqex:f:l:")) != -1) {
        if (option == 'a')
            archive = true;
        else if (option == 'q')
            compressed = true;
        else if (option == 'e')
            encrypted = true;
        else if (option == 'x')
            version = atoi(optarg);
        else if (option == 'l')
            quicklz_level = atoi(optarg);
        else if (option == 'f')
            key_file = optarg;
        else
            return EXIT_FAILURE;
    }
    uint64_t size = optind + 1 == argc ? strtoull(argv[optind], NULL, 10) : 0;
    if (size == 0 || quicklz_level < 1 || quicklz_level > 3 ||
        (version != 0 && version != 2 && version != 3))
        fail("usage: generate [-a] [-l 1|2|3] [-q] [-e] [-x 2|3] [-f KEYFILE] SIZE");
    uint64_t blocks = (size + UNIT - 1) / UNIT * (UNIT / BLOCK);
    if (encrypted || version != 0)
        start_cipher(key_file);
    if (archive)
        write_archive(blocks);
    else
        write_stream(blocks, compressed, encrypted, version);
    if (fclose(stdout) != 0)
        fail("cannot write");
    EVP_CIPHER_CTX_free(cipher);
    EVP_MD_free(sha256);
    for (size_t i = 0; i < POOL; i++) {
        free(pool[i].data);
        free(pool[i].packet);
    }
    return EXIT_SUCCESS;
}
