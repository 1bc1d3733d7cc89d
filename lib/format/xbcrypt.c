// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt.h"

#include "base/byteorder.h"
#include "base/checksum.h"
#include "base/sha256_lanes.h"
#include "format/foreign.h"
#include "secret/crypto.h"
#include "secret/key_hint.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

// Checksum, cipher and hash alternate on pieces of this size, small enough for the nearest caches
// and large enough that the cost of a library call does not matter.
enum { PIECE = 16 << 10 };

// The state of a thread. PIECE fits the int of EVP's calls.
struct context {
    EVP_CIPHER_CTX *cipher[XBCRYPT_PAIR]; // NULL: no encryption
    struct sha256_lanes *hash;
};

struct xbcrypt_key {
    const char *algorithm;
    const char *wrong_hint; // if the hash is wrong: what the key looks like; static
    const struct sha256_lanes_path *path, *wrong_path;
    unsigned threads;
    struct context contexts[];
};

_Static_assert((int)XBCRYPT_PAIR == (int)SHA256_LANES &&
                   (int)XBCRYPT_HASH == (int)SHA256_LANES_HASH,
               "a chunk a lane");

// A chunk's fields, at these offsets of its header.
enum {
    AT_MAGIC = 0,
    AT_ORIGINAL_SIZE = 16,
    AT_ENCRYPTED_SIZE = 24,
    AT_CRC = 32,
    AT_IV_SIZE = 36,
    AT_IV = 44
};
static const char magic[] = XBCRYPT_MAGIC;

static int parse_sizes(const uint8_t *head, uint64_t max_chunk, const struct place *place,
                       struct xbcrypt_header *h, struct fault *f) {
    uint64_t original = le64_get(head + AT_ORIGINAL_SIZE);
    uint64_t encrypted = le64_get(head + AT_ENCRYPTED_SIZE);
    if (original != encrypted)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk: sizes %s differ: original size %" PRIu64
                          ", encrypted size %" PRIu64,
                          place_text(place, AT_ORIGINAL_SIZE), original, encrypted);
    if (encrypted > max_chunk)
        return diag_fault(f, EX_DATAERR,
                          "xbcrypt chunk size %s too large: expected at most %" PRIu64
                          ", found %" PRIu64 "; if the file is sound, use a larger --max-chunk",
                          place_text(place, AT_ENCRYPTED_SIZE), max_chunk, encrypted);
    size_t hash = h->version == 3 ? XBCRYPT_HASH : 0;
    if (encrypted < hash)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk: size %s: expected at least %zu, found %" PRIu64,
                          place_text(place, AT_ENCRYPTED_SIZE), hash, encrypted);
    h->payload_size = (size_t)encrypted;
    h->data_size = h->payload_size - hash;
    h->crc = le32_get(head + AT_CRC);
    return 0;
}

int xbcrypt_parse(const uint8_t *head, size_t have, uint64_t max_chunk, const struct place *place,
                  struct xbcrypt_header *h, size_t *need, struct fault *f) {
    enum { MAGIC_SIZE = 8 };
    if (have < MAGIC_SIZE) {
        *need = MAGIC_SIZE;
        return 0;
    }
    unsigned version = (unsigned)head[MAGIC_SIZE - 1] - '0';
    if (memcmp(head, magic, MAGIC_SIZE - 1) != 0 || version < 1 || version > 3) {
        char hint[FOREIGN_HINT_SIZE] = "";
        if (place->position == 0 && sniff(head, have) != SNIFF_XBCRYPT)
            foreign_hint(head, have, hint);
        return diag_fault(f, EX_DATAERR,
                          "not an xbcrypt chunk %s: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, "
                          "found \"%s\"%s",
                          place_text(place, 0),
                          diag_shown_name(head, MAGIC_SIZE, 4 * MAGIC_SIZE + 4), hint);
    }
    *need = version == 1 ? XBCRYPT_HEAD_V1 : XBCRYPT_HEAD;
    if (have < *need)
        return 0;
    *h = (struct xbcrypt_header){.version = version};
    if (parse_sizes(head, max_chunk, place, h, f) < 0)
        return -1;
    if (version == 1)
        return 1;
    uint64_t iv_size = le64_get(head + AT_IV_SIZE);
    if (iv_size != XBCRYPT_IV)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk: IV size %s: expected %d, found %" PRIu64,
                          place_text(place, AT_IV_SIZE), XBCRYPT_IV, iv_size);
    memcpy(h->iv, head + AT_IV, XBCRYPT_IV);
    return 1;
}

static unsigned bits_of(size_t key_size) {
    return key_size == 16 || key_size == 24 || key_size == 32 ? 8 * (unsigned)key_size : 0;
}

static int make_contexts(struct xbcrypt_key *key, const char *name, const uint8_t *bytes,
                         struct fault *f) {
    EVP_CIPHER *cipher = name != NULL ? EVP_CIPHER_fetch(NULL, name, NULL) : NULL;
    bool good = name == NULL || cipher != NULL;
    for (unsigned i = 0; good && i < key->threads; i++) {
        struct context *c = &key->contexts[i];
        c->hash = sha256_lanes_new(key->path);
        good = c->hash != NULL;
        for (unsigned l = 0; good && name != NULL && l < XBCRYPT_PAIR; l++) {
            c->cipher[l] = EVP_CIPHER_CTX_new();
            // In counter mode encryption and decryption are the same operation.
            good = c->cipher[l] != NULL &&
                   EVP_EncryptInit_ex2(c->cipher[l], cipher, bytes, NULL, NULL) == 1;
        }
    }
    EVP_CIPHER_free(cipher);
    return good ? 0 : diag_fault(f, EX_OSERR, "cannot set up %s and SHA-256 in OpenSSL", name);
}

int xbcrypt_key_new(struct xbcrypt_key **out, const struct secret *secret, unsigned algorithm,
                    unsigned threads, bool *trimmed, struct fault *f) {
    *out = NULL;
    size_t size = secret != NULL ? secret->size : 0;
    bool newline =
        size > 0 && bits_of(size) == 0 && bits_of(size - 1) != 0 && secret->data[size - 1] == '\n';
    if (newline)
        size--;
    if (trimmed != NULL)
        *trimmed = newline;
    unsigned bits = bits_of(size);
    if (secret != NULL && bits == 0) {
        const char *hint = key_hint_content(secret);
        if (hint[0] == '\0' && (size == 33 || size == 34 || size == 17 || size == 18))
            hint = "; look for stray line ends in the key file";
        return diag_fault(f, EX_DATAERR,
                          "key has %zu bytes: expected 16, 24 or 32 (AES128, AES192, AES256)%s",
                          size, hint);
    }
    if (algorithm != 0 && algorithm != bits)
        return diag_fault(f, EX_USAGE, "key has %zu bytes, which is AES%u: -a says AES%u needs %u",
                          size, bits, algorithm, algorithm / 8);
    if (crypto_start(f) < 0)
        return -1;
    struct xbcrypt_key *key = calloc(1, sizeof *key + threads * sizeof key->contexts[0]);
    if (key == NULL)
        return diag_fault_memory(f);
    key->threads = threads;
    key->path = sha256_lanes_choose(sha256_lanes_paths, sha256_lanes_path_count, &key->wrong_path);
    key->wrong_hint = secret != NULL ? key_hint_wrong(secret->data, size) : "";
    const char *cipher = bits == 128   ? "AES-128-CTR"
                         : bits == 192 ? "AES-192-CTR"
                         : bits == 256 ? "AES-256-CTR"
                                       : NULL;
    key->algorithm = bits == 128   ? "AES128"
                     : bits == 192 ? "AES192"
                     : bits == 256 ? "AES256"
                                   : "NONE";
    if (make_contexts(key, cipher, secret != NULL ? secret->data : NULL, f) < 0) {
        xbcrypt_key_free(key);
        return -1;
    }
    *out = key;
    return 0;
}

void xbcrypt_key_free(struct xbcrypt_key *key) {
    if (key == NULL)
        return;
    for (unsigned i = 0; i < key->threads; i++) {
        for (unsigned l = 0; l < XBCRYPT_PAIR; l++)
            EVP_CIPHER_CTX_free(key->contexts[i].cipher[l]); // cleanses the expanded key
        sha256_lanes_free(key->contexts[i].hash);
    }
    free(key);
}

const char *xbcrypt_key_algorithm(const struct xbcrypt_key *key) {
    return key->algorithm;
}

const char *xbcrypt_key_hash(const struct xbcrypt_key *key, const char **wrong) {
    *wrong = key->wrong_path != NULL ? key->wrong_path->name : NULL;
    return key->path->name;
}

static bool set_counter(EVP_CIPHER_CTX *c, const uint8_t *counter) {
    return c == NULL || EVP_EncryptInit_ex2(c, NULL, NULL, counter, NULL) == 1;
}

static bool apply_cipher(EVP_CIPHER_CTX *c, const uint8_t *in, uint8_t *out, size_t size) {
    if (c == NULL) {
        if (in != out)
            memcpy(out, in, size);
        return true;
    }
    int written;
    return EVP_EncryptUpdate(c, out, &written, in, (int)size) == 1;
}

// The size of the piece that begins at `done` of `size` bytes.
static size_t piece_of(size_t size, size_t done) {
    return done >= size ? 0 : size - done < PIECE ? size - done : PIECE;
}

static int library_fault(struct fault *f) {
    return diag_fault(f, EX_SOFTWARE, "OpenSSL failed in AES or SHA-256");
}

static int hash_fault(const struct xbcrypt_key *key, const struct place *place, struct fault *f) {
    const char *hint = key->contexts[0].cipher[0] == NULL ? "; the chunk is encrypted or damaged"
                       : key->wrong_hint[0] != '\0'
                           ? key->wrong_hint
                           : "; most likely this is not the key the backup was encrypted with";
    return diag_fault(f, EX_DATAERR, "SHA-256 of xbcrypt chunk %s does not match%s",
                      place_text(place, 0), hint);
}

// Decrypts all chunks; gives their checksums and hashes. Returns false if OpenSSL failed.
static bool decrypt_pieces(struct context *c, struct xbcrypt_chunk *const *chunks, unsigned count,
                           uint32_t crc[XBCRYPT_PAIR], uint8_t hash[XBCRYPT_PAIR][XBCRYPT_HASH]) {
    static const uint8_t zero[XBCRYPT_IV];
    size_t longest = 0;
    bool good = sha256_lanes_begin(c->hash);
    for (unsigned l = 0; good && l < count; l++) {
        const struct xbcrypt_header *h = chunks[l]->header;
        good = set_counter(c->cipher[l], h->version == 3 ? h->iv : zero);
        if (h->payload_size > longest)
            longest = h->payload_size;
        crc[l] = 0;
    }
    for (size_t done = 0; good && done < longest; done += PIECE) {
        const uint8_t *data[XBCRYPT_PAIR] = {0};
        size_t size[XBCRYPT_PAIR] = {0};
        for (unsigned l = 0; good && l < count; l++) {
            const struct xbcrypt_chunk *chunk = chunks[l];
            size_t n = piece_of(chunk->header->payload_size, done);
            if (n == 0)
                continue;
            crc[l] = checksum_crc32(crc[l], chunk->payload + done, n);
            good = apply_cipher(c->cipher[l], chunk->payload + done, chunk->out + done, n);
            data[l] = chunk->out + done;
            size[l] = chunk->header->version == 3 ? piece_of(chunk->header->data_size, done) : 0;
        }
        good = good && sha256_lanes_update(c->hash, data, size);
    }
    return good && sha256_lanes_finish(c->hash, hash);
}

static int judge(const struct xbcrypt_key *key, const struct xbcrypt_chunk *chunk, uint32_t crc,
                 const uint8_t hash[XBCRYPT_HASH], struct fault *f) {
    const struct xbcrypt_header *h = chunk->header;
    if (crc != h->crc)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk %s: CRC-32: expected 0x%08" PRIx32
                          ", found 0x%08" PRIx32 "; fetch the backup again",
                          place_text(&chunk->place, 0), h->crc, crc);
    if (h->version == 3 && CRYPTO_memcmp(hash, chunk->out + h->data_size, XBCRYPT_HASH) != 0)
        return hash_fault(key, &chunk->place, f);
    return 0;
}

void xbcrypt_decrypt(struct xbcrypt_key *key, unsigned thread, struct xbcrypt_chunk *const *chunks,
                     unsigned count) {
    uint32_t crc[XBCRYPT_PAIR];
    uint8_t hash[XBCRYPT_PAIR][XBCRYPT_HASH];
    bool good = decrypt_pieces(&key->contexts[thread], chunks, count, crc, hash);
    for (unsigned l = 0; l < count; l++) {
        struct xbcrypt_chunk *c = chunks[l];
        c->failed =
            (good ? judge(key, c, crc[l], hash[l], &c->fault) : library_fault(&c->fault)) < 0;
    }
}

bool xbcrypt_is_really_version3(struct xbcrypt_key *key, unsigned thread,
                                const struct xbcrypt_header *h, const uint8_t *payload,
                                uint8_t *scratch) {
    if (h->payload_size < XBCRYPT_HASH)
        return false;
    struct xbcrypt_header as3 = *h;
    as3.version = 3;
    as3.data_size = h->payload_size - XBCRYPT_HASH;
    struct xbcrypt_chunk chunk = {.header = &as3, .payload = payload, .out = scratch};
    xbcrypt_decrypt(key, thread, &(struct xbcrypt_chunk *){&chunk}, 1);
    return !chunk.failed;
}

// Writes the header of a chunk, except its IV, which is there already.
static void put_head(uint8_t *out, size_t size, uint32_t crc) {
    memcpy(out + AT_MAGIC, XBCRYPT_MAGIC "3", 8);
    le64_put(out + 8, 0); // reserved
    le64_put(out + AT_ORIGINAL_SIZE, size + XBCRYPT_HASH);
    le64_put(out + AT_ENCRYPTED_SIZE, size + XBCRYPT_HASH);
    le32_put(out + AT_CRC, crc);
    le64_put(out + AT_IV_SIZE, XBCRYPT_IV);
}

int xbcrypt_encrypt(struct xbcrypt_key *key, unsigned thread, const uint8_t *data,
                    const size_t size[XBCRYPT_PAIR], uint8_t *out, struct fault *f) {
    struct context *c = &key->contexts[thread];
    unsigned count = size[1] > 0 ? XBCRYPT_PAIR : 1;
    uint8_t *chunk[XBCRYPT_PAIR] = {out, out + xbcrypt_chunk_size(size[0])};
    uint32_t crc[XBCRYPT_PAIR] = {0};
    bool good = sha256_lanes_begin(c->hash);
    for (unsigned l = 0; good && l < count; l++)
        good = RAND_bytes(chunk[l] + AT_IV, XBCRYPT_IV) == 1 &&
               set_counter(c->cipher[l], chunk[l] + AT_IV);
    size_t longest = size[0] > size[1] ? size[0] : size[1];
    for (size_t done = 0; good && done < longest; done += PIECE) {
        const uint8_t *from[XBCRYPT_PAIR] = {data + done, data + size[0] + done};
        size_t n[XBCRYPT_PAIR] = {piece_of(size[0], done), piece_of(size[1], done)};
        good = sha256_lanes_update(c->hash, from, n);
        for (unsigned l = 0; good && l < count; l++) {
            uint8_t *to = chunk[l] + XBCRYPT_HEAD + done;
            good = apply_cipher(c->cipher[l], from[l], to, n[l]);
            crc[l] = checksum_crc32(crc[l], to, n[l]);
        }
    }
    uint8_t hash[XBCRYPT_PAIR][XBCRYPT_HASH];
    good = good && sha256_lanes_finish(c->hash, hash);
    for (unsigned l = 0; good && l < count; l++) {
        uint8_t *to = chunk[l] + XBCRYPT_HEAD + size[l];
        good = apply_cipher(c->cipher[l], hash[l], to, XBCRYPT_HASH);
        put_head(chunk[l], size[l], checksum_crc32(crc[l], to, XBCRYPT_HASH));
    }
    return good ? 0 : library_fault(f);
}
