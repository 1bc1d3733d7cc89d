// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_content.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16, SUITE_ID_SIZE = 2 };

// Suite 0x0073 (115): its id is the additional data and begins the info strings of HKDF.
static const uint8_t suite_id[SUITE_ID_SIZE] = {0x00, 0x73};
static const char commit_info[] = "\x00\x73"
                                  "COMMITKEY";
static const char derive_info[] = "\x00\x73"
                                  "DERIVEKEY";

struct s3_content_stream {
    EVP_CIPHER_CTX *cipher;
    bool encrypt;
    bool gcm;
    bool has_length;
    uint64_t length; // of the plaintext, according to the metadata
    bool has_body_size;
    uint64_t body_size; // according to the client that gave the metadata
    const char *body_size_name;
    uint64_t in; // bytes pushed
    uint64_t out;
    uint8_t tail[S3_TAG_SIZE]; // decrypting GCM: the last bytes pushed, which may be the tag
    size_t tail_size;
};

static int cipher_fault(struct fault *f) {
    return diag_fault(f, EX_SOFTWARE, "the cipher library failed");
}

// HKDF with SHA-512: salt is the message id.
static int derive(const struct secret *data_key, const uint8_t salt[S3_COMMITMENT_SIZE],
                  const char *info, size_t info_size, uint8_t *out, size_t size, struct fault *f) {
    // OSSL_PARAM has pointers that are not const; HKDF does not change the data.
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA512"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, data_key->data, data_key->size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt,
                                          S3_COMMITMENT_SIZE),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_size),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *context = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    int ok = context != NULL && EVP_KDF_derive(context, out, size, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return ok ? 0 : cipher_fault(f);
}

static int set_cipher(struct s3_content_stream *s, const uint8_t *key, const uint8_t *iv,
                      bool commits, struct fault *f) {
    const EVP_CIPHER *cipher = s->gcm ? EVP_aes_256_gcm() : EVP_aes_256_cbc();
    int unused;
    if (EVP_CipherInit_ex2(s->cipher, cipher, key, iv, s->encrypt, NULL) != 1 ||
        (commits && EVP_CipherUpdate(s->cipher, NULL, &unused, suite_id, sizeof suite_id) != 1))
        return cipher_fault(f);
    return 0;
}

// Derives the content key, and when decrypting compares the commitment first.
static int set_committed_cipher(struct s3_content_stream *s, const struct s3_envelope *e,
                                const struct secret *data_key, struct fault *f) {
    uint8_t iv[S3_GCM_IV_SIZE], commitment[S3_COMMITMENT_SIZE];
    memset(iv, 1, sizeof iv);
    if (derive(data_key, e->message_id, commit_info, sizeof commit_info - 1, commitment,
               sizeof commitment, f) < 0)
        return -1;
    if (CRYPTO_memcmp(commitment, e->commitment, sizeof commitment) != 0)
        return diag_fault(f, EX_DATAERR,
                          "the key commitment does not match: the data key is not the one of this "
                          "envelope, or the envelope was changed; nothing was decrypted");
    struct secret key;
    if (secret_new(&key, S3_DATA_KEY_SIZE, f) < 0)
        return -1;
    int result = derive(data_key, e->message_id, derive_info, sizeof derive_info - 1, key.data,
                        S3_DATA_KEY_SIZE, f);
    if (result == 0)
        result = set_cipher(s, key.data, iv, true, f);
    secret_free(&key);
    return result;
}

static int begin(struct s3_content_stream **out, const struct s3_envelope *e,
                 const struct secret *data_key, bool encrypt, struct fault *f) {
    *out = NULL;
    if (data_key->size != S3_DATA_KEY_SIZE)
        return diag_fault(f, EX_SOFTWARE, "a data key of %zu bytes", data_key->size);
    struct s3_content_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return diag_fault_memory(f);
    s->encrypt = encrypt;
    s->gcm = e->content != S3_CONTENT_CBC;
    s->has_length = e->has_length;
    s->length = e->length;
    s->has_body_size = e->has_body_size;
    s->body_size = e->body_size;
    s->body_size_name = e->body_size_name;
    s->cipher = EVP_CIPHER_CTX_new();
    int result = s->cipher == NULL                 ? diag_fault_memory(f)
                 : e->content == S3_CONTENT_COMMIT ? set_committed_cipher(s, e, data_key, f)
                                                   : set_cipher(s, data_key->data, e->iv, false, f);
    if (result < 0)
        s3_content_free(s);
    else
        *out = s;
    return result;
}

int s3_content_decrypt(struct s3_content_stream **s, const struct s3_envelope *e,
                       const struct secret *data_key, struct fault *f) {
    return begin(s, e, data_key, false, f);
}

int s3_content_encrypt(struct s3_content_stream **s, struct s3_envelope *e,
                       const struct secret *data_key, struct fault *f) {
    *s = NULL;
    bool commits = e->content == S3_CONTENT_COMMIT;
    e->format = commits ? 3 : 2;
    e->iv_size = commits ? 0 : e->content == S3_CONTENT_CBC ? S3_CBC_IV_SIZE : S3_GCM_IV_SIZE;
    if ((commits && RAND_bytes(e->message_id, sizeof e->message_id) != 1) ||
        (!commits && RAND_bytes(e->iv, (int)e->iv_size) != 1))
        return diag_fault(f, EX_OSERR, "cannot get random bytes");
    if (commits && derive(data_key, e->message_id, commit_info, sizeof commit_info - 1,
                          e->commitment, sizeof e->commitment, f) < 0)
        return -1;
    return begin(s, e, data_key, true, f);
}

void s3_content_free(struct s3_content_stream *s) {
    if (s == NULL)
        return;
    EVP_CIPHER_CTX_free(s->cipher); // overwrites its keys
    free(s);
}

uint64_t s3_content_plain_size(const struct s3_content_stream *s) {
    return s->encrypt ? s->in : s->out;
}

// Runs `size` bytes through the cipher, in calls that fit its int.
static int update(struct s3_content_stream *s, const uint8_t *data, size_t size, uint8_t *out,
                  size_t *out_size, struct fault *f) {
    while (size > 0) {
        size_t piece = size < 1 << 30 ? size : 1 << 30;
        int n;
        if (EVP_CipherUpdate(s->cipher, out + *out_size, &n, data, (int)piece) != 1)
            return cipher_fault(f);
        *out_size += (size_t)n;
        s->out += (size_t)n;
        data += piece;
        size -= piece;
    }
    return 0;
}

// Decrypting GCM: passes on all but the last 16 bytes seen so far.
static int update_but_tail(struct s3_content_stream *s, const uint8_t *data, size_t size,
                           uint8_t *out, size_t *out_size, struct fault *f) {
    if (s->tail_size + size <= S3_TAG_SIZE) {
        memcpy(s->tail + s->tail_size, data, size);
        s->tail_size += size;
        return 0;
    }
    size_t ready = s->tail_size + size - S3_TAG_SIZE;
    size_t from_tail = ready < s->tail_size ? ready : s->tail_size;
    size_t from_data = ready - from_tail;
    if (update(s, s->tail, from_tail, out, out_size, f) < 0 ||
        update(s, data, from_data, out, out_size, f) < 0)
        return -1;
    memmove(s->tail, s->tail + from_tail, s->tail_size - from_tail);
    s->tail_size -= from_tail;
    memcpy(s->tail + s->tail_size, data + from_data, size - from_data);
    s->tail_size = S3_TAG_SIZE;
    return 0;
}

int s3_content_push(struct s3_content_stream *s, const void *data, size_t size, uint8_t *out,
                    size_t *out_size, struct fault *f) {
    *out_size = 0;
    if (size == 0)
        return 0;
    if (s->gcm && size > S3_GCM_PLAINTEXT_MAX + (s->encrypt ? 0 : S3_TAG_SIZE) - s->in)
        return diag_fault(f, EX_DATAERR,
                          "too long for AES-GCM: expected at most %" PRIu64 " bytes of plaintext",
                          S3_GCM_PLAINTEXT_MAX);
    s->in += size;
    if (s->gcm && !s->encrypt)
        return update_but_tail(s, data, size, out, out_size, f);
    return update(s, data, size, out, out_size, f);
}

static int finish_encrypt(struct s3_content_stream *s, uint8_t *out, size_t *out_size,
                          struct fault *f) {
    int n;
    if (EVP_EncryptFinal_ex(s->cipher, out, &n) != 1)
        return cipher_fault(f);
    *out_size = (size_t)n;
    if (s->gcm) {
        if (EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, S3_TAG_SIZE, out + n) != 1)
            return cipher_fault(f);
        *out_size += S3_TAG_SIZE;
    }
    s->out += *out_size;
    return 0;
}

// The fault for a body whose size differs from that of `by`.
static int size_fault(uint64_t expected, const char *by, uint64_t size, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "the object %s: expected %" PRIu64 " bytes by %s, found %" PRIu64 "; %s",
                      size < expected ? "is cut short" : "is too long", expected, by, size,
                      size < expected ? "fetch it again" : "check that the metadata belong to it");
}

static int check_gcm_size(uint64_t size, struct fault *f) {
    if (size >= S3_TAG_SIZE)
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "the object is cut short: expected at least the %d bytes of the tag, found "
                      "%" PRIu64,
                      S3_TAG_SIZE, size);
}

// AES-CBC that was cut at a block looks whole if the last byte happens to look like padding.
static int check_cbc_size(uint64_t size, struct fault *f) {
    if (size > 0 && size % BLOCK_SIZE == 0)
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "the object is cut short or damaged: expected a length that is a multiple of "
                      "%d and not 0, found %" PRIu64 " bytes",
                      BLOCK_SIZE, size);
}

// The tag is wrong: if a length explains it, the message does not blame the key.
static int tag_fault(const struct s3_content_stream *s, struct fault *f) {
    if (s->has_length && s->in == s->length)
        return diag_fault(f, EX_DATAERR,
                          "the object has no tag: expected %" PRIu64
                          " bytes (x-amz-unencrypted-content-length and %d of the tag), found "
                          "%" PRIu64 "; its end is missing, or the client left the tag out",
                          s->length + S3_TAG_SIZE, S3_TAG_SIZE, s->in);
    if (s->has_length && s->in != s->length + S3_TAG_SIZE)
        return size_fault(s->length + S3_TAG_SIZE, "x-amz-unencrypted-content-length and the tag",
                          s->in, f);
    return diag_fault(f, EX_DATAERR,
                      "authentication failed at input offset %" PRIu64
                      ": the tag does not match: wrong key, or the object or its envelope is "
                      "damaged or was changed",
                      s->in - S3_TAG_SIZE);
}

static int finish_gcm(struct s3_content_stream *s, uint8_t *out, struct fault *f) {
    if (check_gcm_size(s->in, f) < 0)
        return -1;
    int n;
    if (EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, S3_TAG_SIZE, s->tail) != 1)
        return cipher_fault(f);
    return EVP_DecryptFinal_ex(s->cipher, out, &n) == 1 ? 0 : tag_fault(s, f);
}

static int finish_cbc(struct s3_content_stream *s, uint8_t *out, size_t *out_size,
                      struct fault *f) {
    if (check_cbc_size(s->in, f) < 0)
        return -1;
    int n;
    if (EVP_DecryptFinal_ex(s->cipher, out, &n) != 1)
        return diag_fault(f, EX_DATAERR,
                          "bad padding at input offset %" PRIu64
                          ": wrong key, wrong IV or damaged object",
                          s->in - BLOCK_SIZE);
    s->out += (size_t)n;
    if (s->has_length && s->out != s->length)
        return diag_fault(f, EX_DATAERR,
                          "wrong length of the plaintext: expected %" PRIu64
                          " bytes by x-amz-unencrypted-content-length, found %" PRIu64,
                          s->length, s->out);
    *out_size = (size_t)n;
    return 0;
}

int s3_content_finish(struct s3_content_stream *s, uint8_t *out, size_t *out_size,
                      struct fault *f) {
    *out_size = 0;
    if (s->encrypt)
        return finish_encrypt(s, out, out_size, f);
    if (s->has_body_size && s->in != s->body_size)
        return size_fault(s->body_size, s->body_size_name, s->in, f);
    return s->gcm ? finish_gcm(s, out, f) : finish_cbc(s, out, out_size, f);
}

int s3_content_check_size(const struct s3_envelope *e, uint64_t size, struct fault *f) {
    if (e->has_body_size && size != e->body_size)
        return size_fault(e->body_size, e->body_size_name, size, f);
    if (e->content != S3_CONTENT_CBC)
        return check_gcm_size(size, f);
    if (check_cbc_size(size, f) < 0)
        return -1;
    uint64_t expected = e->length / BLOCK_SIZE * BLOCK_SIZE + BLOCK_SIZE;
    return e->has_length && size != expected
               ? size_fault(expected, "x-amz-unencrypted-content-length", size, f)
               : 0;
}
