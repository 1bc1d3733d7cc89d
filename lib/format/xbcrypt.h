// SPDX-License-Identifier: Apache-2.0
// The chunks of xbcrypt, Percona XtraBackup's encrypted container, versions 1 to 3: xbcrypt(5).
// Formats from the sources of XtraBackup 2.2 and 8.0 and files written by 2.2.10.
#ifndef XBPIPE_XBCRYPT_H
#define XBPIPE_XBCRYPT_H

#include "base/diag.h"
#include "base/place.h"
#include "engine/stage.h"
#include "secret/secret.h"

#include <stddef.h>
#include <stdint.h>

#define XBCRYPT_MAGIC "XBCRYP0" // the first bytes of every chunk; the digit of the version follows

enum {
    XBCRYPT_HEAD_V1 = 36,
    XBCRYPT_HEAD = 60, // versions 2 and 3
    XBCRYPT_IV = 16,
    XBCRYPT_HASH = 32, // SHA-256, version 3
    XBCRYPT_KEY_MAX = 32
};

struct xbcrypt_header {
    unsigned version;    // 1 to 3
    size_t payload_size; // bytes that follow the head
    size_t data_size;    // plaintext bytes, hash not counted
    uint32_t crc;        // CRC-32 of the payload as stored
    // Versions 2 and 3. The initial counter block of version 3; version 2 stores it but never uses
    // it: its counter starts at zero, as in version 1.
    uint8_t iv[XBCRYPT_IV];
};

// Parses the header of a chunk of which `have` bytes are at `head` (at `place`, for messages).
// Returns 1 and *h; 0 and *need, the bytes that must be there for the next call; or -1 and *f
// (EX_DATAERR): unknown magic, sizes that differ or exceed max_chunk, version 3 shorter than its
// hash, an IV size other than 16.
int xbcrypt_parse(const uint8_t *head, size_t have, uint64_t max_chunk, const struct place *place,
                  struct xbcrypt_header *h, size_t *need, struct fault *f);

// A key with a cipher context for each thread of the process.
struct xbcrypt_key;

// Makes *key from the bytes of a key file or variable: 16, 24 or 32 bytes choose AES-128, -192,
// -256; one trailing newline is removed if only that gives such a size (*trimmed then says so; it
// may be NULL). `secret` NULL: no encryption (-a NONE). algorithm: bits expected (128, 192, 256), 0
// for any. The caller frees the key. Returns 0; or -1 and EX_USAGE (the size is not the
// algorithm's), EX_DATAERR (no valid size), EX_OSERR.
int xbcrypt_key_new(struct xbcrypt_key **key, const struct secret *secret, unsigned algorithm,
                    unsigned threads, bool *trimmed, struct fault *f);

// Overwrites everything derived from the key, and frees it. NULL is allowed.
void xbcrypt_key_free(struct xbcrypt_key *key);

// "AES256" and so on, or "NONE".
const char *xbcrypt_key_algorithm(const struct xbcrypt_key *key);

// How version 3's SHA-256 is computed, for messages: "two lanes of x86 SHA". *wrong: a faster way
// that is not used, as it gave a wrong answer on this machine; NULL: none.
const char *xbcrypt_key_hash(const struct xbcrypt_key *key, const char **wrong);

// Chunks that are decrypted or encrypted at once: their hashes take hardly longer than that of one.
// Chunks of more than XBCRYPT_PAIR_MAX bytes are better taken one by one, for the sake of memory.
enum { XBCRYPT_PAIR = 2, XBCRYPT_PAIR_MAX = 1 << 20 };

// A chunk to be decrypted, and whether that has failed.
struct xbcrypt_chunk {
    const struct xbcrypt_header *header;
    const uint8_t *payload; // header->payload_size bytes
    // Room for as many bytes; the first header->data_size become the plaintext. It may be the
    // payload itself.
    uint8_t *out;
    struct place place;
    bool failed;
    struct fault
        fault; // if it failed: EX_DATAERR (CRC, hash) or EX_SOFTWARE; out is not to be used
};

// Verifies and decrypts 1 to XBCRYPT_PAIR chunks. Any thread; `thread` as in pool.h.
void xbcrypt_decrypt(struct xbcrypt_key *key, unsigned thread, struct xbcrypt_chunk *const *chunks,
                     unsigned count);

// Whether a chunk that claims version 2 is a version 3 chunk with a damaged magic (no checksum
// covers that): decrypted as version 3, its hash is right. `scratch` is h->payload_size bytes. Any
// thread.
bool xbcrypt_is_really_version3(struct xbcrypt_key *key, unsigned thread,
                                const struct xbcrypt_header *h, const uint8_t *payload,
                                uint8_t *scratch);

// The size of a version 3 chunk with `size` plaintext bytes.
static inline size_t xbcrypt_chunk_size(size_t size) {
    return XBCRYPT_HEAD + size + XBCRYPT_HASH;
}

// Writes version 3 chunks, each with a fresh random IV, of the size[0] bytes at `data` and, unless
// size[1] is 0, of the size[1] bytes after them, to out (xbcrypt_chunk_size(size) bytes each). Any
// thread. Returns 0; or -1 and EX_SOFTWARE in *f.
int xbcrypt_encrypt(struct xbcrypt_key *key, unsigned thread, const uint8_t *data,
                    const size_t size[XBCRYPT_PAIR], uint8_t *out, struct fault *f);

#endif
