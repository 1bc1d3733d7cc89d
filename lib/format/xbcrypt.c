// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt.h"

#include "base/byteorder.h"
#include "base/checksum.h"
#include "format/sniff.h"
#include "secret/crypto.h"
#include "secret/key_hint.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

// Checksum, cipher and hash take turns on pieces of this size, so that each finds its data in the
// nearest caches, and the library's cost a call does not count.
enum { PIECE = 32 << 10 };

// Pieces of EVP's calls fit its int.
struct context {
    EVP_CIPHER_CTX *cipher; // NULL: no encryption
    EVP_MD_CTX *digest;
};

struct xbcrypt_key {
    const char *algorithm;
    const char *wrong_hint; // if the hash is wrong: what the key looks like; static
    EVP_MD *sha256;
    unsigned threads;
    struct context contexts[];
};

// A chunk's fields, at these offsets of its head.
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
    char where[PLACE_TEXT_SIZE];
    uint64_t original = le64_get(head + AT_ORIGINAL_SIZE);
    uint64_t encrypted = le64_get(head + AT_ENCRYPTED_SIZE);
    if (original != encrypted)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk: sizes %s differ: original size %" PRIu64
                          ", encrypted size %" PRIu64,
                          place_text(place, AT_ORIGINAL_SIZE, where), original, encrypted);
    if (encrypted > max_chunk)
        return diag_fault(f, EX_DATAERR,
                          "xbcrypt chunk size %s too large: expected at most %" PRIu64
                          ", found %" PRIu64 "; if the file is sound, use a larger --max-chunk",
                          place_text(place, AT_ENCRYPTED_SIZE, where), max_chunk, encrypted);
    size_t hash = h->version == 3 ? XBCRYPT_HASH : 0;
    if (encrypted < hash)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk: size %s: expected at least %zu, found %" PRIu64,
                          place_text(place, AT_ENCRYPTED_SIZE, where), hash, encrypted);
    h->payload_size = (size_t)encrypted;
    h->data_size = h->payload_size - hash;
    h->crc = le32_get(head + AT_CRC);
    return 0;
}

int xbcrypt_parse(const uint8_t *head, size_t have, uint64_t max_chunk, const struct place *place,
                  struct xbcrypt_header *h, size_t *need, struct fault *f) {
    char where[PLACE_TEXT_SIZE];
    enum { MAGIC_SIZE = 8 };
    if (have < MAGIC_SIZE) {
        *need = MAGIC_SIZE;
        return 0;
    }
    unsigned version = (unsigned)head[MAGIC_SIZE - 1] - '0';
    if (memcmp(head, magic, MAGIC_SIZE - 1) != 0 || version < 1 || version > 3) {
        char found[4 * MAGIC_SIZE + 4], hint[SNIFF_HINT_SIZE] = "";
        if (place->position == 0 && sniff(head, have) != SNIFF_XBCRYPT)
            sniff_hint(head, have, hint);
        return diag_fault(f, EX_DATAERR,
                          "not an xbcrypt chunk %s: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, "
                          "found \"%s\"%s",
                          place_text(place, 0, where),
                          diag_name(head, MAGIC_SIZE, found, sizeof found), hint);
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
                          place_text(place, AT_IV_SIZE, where), XBCRYPT_IV, iv_size);
    memcpy(h->iv, head + AT_IV, XBCRYPT_IV);
    return 1;
}

static unsigned bits_of(size_t key_size) {
    return key_size == 16 || key_size == 24 || key_size == 32 ? 8 * (unsigned)key_size : 0;
}

static int make_contexts(struct xbcrypt_key *key, const char *name, const uint8_t *bytes,
                         struct fault *f) {
    key->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_CIPHER *cipher = name != NULL ? EVP_CIPHER_fetch(NULL, name, NULL) : NULL;
    bool good = key->sha256 != NULL && (name == NULL || cipher != NULL);
    for (unsigned i = 0; good && i < key->threads; i++) {
        struct context *c = &key->contexts[i];
        c->digest = EVP_MD_CTX_new();
        good = c->digest != NULL && EVP_DigestInit_ex2(c->digest, key->sha256, NULL) == 1;
        if (!good || name == NULL)
            continue;
        c->cipher = EVP_CIPHER_CTX_new();
        // In counter mode encryption and decryption are the same operation.
        good = c->cipher != NULL && EVP_EncryptInit_ex2(c->cipher, cipher, bytes, NULL, NULL) == 1;
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
        EVP_CIPHER_CTX_free(key->contexts[i].cipher); // cleanses the expanded key
        EVP_MD_CTX_free(key->contexts[i].digest);
    }
    EVP_MD_free(key->sha256);
    free(key);
}

const char *xbcrypt_key_algorithm(const struct xbcrypt_key *key) {
    return key->algorithm;
}

static bool set_counter(struct context *c, const uint8_t *counter) {
    return c->cipher == NULL || EVP_EncryptInit_ex2(c->cipher, NULL, NULL, counter, NULL) == 1;
}

static bool apply_cipher(struct context *c, const uint8_t *in, uint8_t *out, size_t size) {
    if (c->cipher == NULL) {
        if (in != out)
            memcpy(out, in, size);
        return true;
    }
    int written;
    return EVP_EncryptUpdate(c->cipher, out, &written, in, (int)size) == 1;
}

static bool begin_hash(const struct xbcrypt_key *key, struct context *c) {
    return EVP_DigestInit_ex2(c->digest, key->sha256, NULL) == 1;
}

static int library_fault(struct fault *f) {
    return diag_fault(f, EX_SOFTWARE, "OpenSSL failed in AES or SHA-256");
}

static int hash_fault(const struct xbcrypt_key *key, const struct place *place, struct fault *f) {
    char where[PLACE_TEXT_SIZE];
    const char *hint = key->contexts[0].cipher == NULL ? "; the chunk is encrypted or damaged"
                       : key->wrong_hint[0] != '\0'
                           ? key->wrong_hint
                           : "; most likely this is not the key the backup was encrypted with";
    return diag_fault(f, EX_DATAERR, "SHA-256 of xbcrypt chunk %s does not match%s",
                      place_text(place, 0, where), hint);
}

int xbcrypt_decrypt(struct xbcrypt_key *key, unsigned thread, const struct xbcrypt_header *h,
                    const uint8_t *payload, uint8_t *out, const struct place *place,
                    struct fault *f) {
    static const uint8_t zero[XBCRYPT_IV];
    struct context *c = &key->contexts[thread];
    bool hashed = h->version == 3;
    if (!set_counter(c, hashed ? h->iv : zero) || (hashed && !begin_hash(key, c)))
        return library_fault(f);
    uint32_t crc = 0;
    for (size_t done = 0; done < h->payload_size;) {
        size_t n = h->payload_size - done < PIECE ? h->payload_size - done : PIECE;
        crc = checksum_crc32(crc, payload + done, n);
        if (!apply_cipher(c, payload + done, out + done, n))
            return library_fault(f);
        size_t data = done >= h->data_size ? 0 : h->data_size - done < n ? h->data_size - done : n;
        if (hashed && EVP_DigestUpdate(c->digest, out + done, data) != 1)
            return library_fault(f);
        done += n;
    }
    char where[PLACE_TEXT_SIZE];
    if (crc != h->crc)
        return diag_fault(f, EX_DATAERR,
                          "damaged xbcrypt chunk %s: CRC-32: expected 0x%08" PRIx32
                          ", found 0x%08" PRIx32 "; fetch the backup again",
                          place_text(place, 0, where), h->crc, crc);
    if (!hashed)
        return 0;
    uint8_t hash[XBCRYPT_HASH];
    if (EVP_DigestFinal_ex(c->digest, hash, NULL) != 1)
        return library_fault(f);
    if (CRYPTO_memcmp(hash, out + h->data_size, XBCRYPT_HASH) != 0)
        return hash_fault(key, place, f);
    return 0;
}

bool xbcrypt_is_really_version3(struct xbcrypt_key *key, unsigned thread,
                                const struct xbcrypt_header *h, const uint8_t *payload,
                                uint8_t *scratch) {
    if (h->payload_size < XBCRYPT_HASH)
        return false;
    struct xbcrypt_header as3 = *h;
    as3.version = 3;
    as3.data_size = h->payload_size - XBCRYPT_HASH;
    struct fault ignored;
    static const struct place nowhere;
    return xbcrypt_decrypt(key, thread, &as3, payload, scratch, &nowhere, &ignored) == 0;
}

int xbcrypt_encrypt(struct xbcrypt_key *key, unsigned thread, const uint8_t *data, size_t size,
                    uint8_t *out, struct fault *f) {
    struct context *c = &key->contexts[thread];
    uint8_t *iv = out + AT_IV, *payload = out + XBCRYPT_HEAD;
    if (RAND_bytes(iv, XBCRYPT_IV) != 1 || !set_counter(c, iv) || !begin_hash(key, c))
        return library_fault(f);
    uint32_t crc = 0;
    for (size_t done = 0; done < size;) {
        size_t n = size - done < PIECE ? size - done : PIECE;
        if (EVP_DigestUpdate(c->digest, data + done, n) != 1 ||
            !apply_cipher(c, data + done, payload + done, n))
            return library_fault(f);
        crc = checksum_crc32(crc, payload + done, n);
        done += n;
    }
    uint8_t hash[XBCRYPT_HASH];
    if (EVP_DigestFinal_ex(c->digest, hash, NULL) != 1 ||
        !apply_cipher(c, hash, payload + size, XBCRYPT_HASH))
        return library_fault(f);
    crc = checksum_crc32(crc, payload + size, XBCRYPT_HASH);

    memcpy(out + AT_MAGIC, XBCRYPT_MAGIC "3", 8);
    le64_put(out + 8, 0); // reserved
    le64_put(out + AT_ORIGINAL_SIZE, size + XBCRYPT_HASH);
    le64_put(out + AT_ENCRYPTED_SIZE, size + XBCRYPT_HASH);
    le32_put(out + AT_CRC, crc);
    le64_put(out + AT_IV_SIZE, XBCRYPT_IV);
    return 0;
}
