// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_data_key.h"

#include "base/base64.h"
#include "base/hex.h"
#include "secret/crypto.h"
#include "secret/json_secret.h"
#include "secret/key_hint.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_FILE_MAX = (16 << 10) - 1, // bytes, of secure memory; an RSA key of 4096 bits takes 3300
    BASE64_KEY_SIZE = 44,          // characters
    HEX_KEY_SIZE = 2 * S3_DATA_KEY_SIZE, // digits
    WRAPPED_MAX = 6144,                  // bytes; the most that AWS KMS makes
    TAG_SIZE = 16,
    BLOCK_SIZE = 16,
};

// The size of the text without one newline at its end.
static size_t without_newline(const struct secret *text) {
    size_t size = text->size;
    if (size > 0 && text->data[size - 1] == '\n')
        size--;
    if (size > 0 && size < text->size && text->data[size - 1] == '\r')
        size--;
    return size;
}

// Decodes 44 characters into key, which has room for 32 bytes.
static bool decode_base64_key(const uint8_t *text, struct secret *key) {
    struct fault unused;
    uint8_t bytes[BASE64_DECODED_MAX(BASE64_KEY_SIZE)];
    size_t size;
    bool ok = base64_decode(text, BASE64_KEY_SIZE, BASE64_PADDED, bytes, &size, &unused) == 0 &&
              size == S3_DATA_KEY_SIZE;
    if (ok) {
        memcpy(key->data, bytes, size);
        key->size = size;
    }
    explicit_bzero(bytes, sizeof bytes);
    return ok;
}

static bool decode_hex_key(const uint8_t *text, struct secret *key) {
    struct fault unused;
    struct hex_decoder d = {.offset = 0};
    bool ok = hex_decode_push(&d, text, HEX_KEY_SIZE, key->data, &key->size, &unused) == 0 &&
              hex_decode_finish(&d, &unused) == 0 && key->size == S3_DATA_KEY_SIZE;
    explicit_bzero(&d, sizeof d);
    return ok;
}

static int data_key_fault(const struct secret *text, struct fault *f) {
    if (text->size == 0)
        return diag_fault(f, EX_DATAERR,
                          "the data key file is empty: the command that should have written the "
                          "key has failed");
    return diag_fault(f, EX_DATAERR,
                      "wrong size or form of the data key: expected %d bytes, or %d characters of "
                      "base64, found %zu bytes%s",
                      S3_DATA_KEY_SIZE, BASE64_KEY_SIZE, text->size, key_hint_content(text));
}

int s3_data_key_read(struct secret *key, const char *path, struct fault *f) {
    *key = SECRET_NONE;
    struct secret text;
    if (secret_read_file(&text, path, KEY_FILE_MAX, "data key file", f) < 0)
        return -1;
    int result = secret_new(key, S3_DATA_KEY_SIZE, f);
    key->exposed = text.exposed;
    if (result == 0) {
        if (text.size == S3_DATA_KEY_SIZE) {
            memcpy(key->data, text.data, text.size);
            key->size = text.size;
        } else if (without_newline(&text) != BASE64_KEY_SIZE ||
                   !decode_base64_key(text.data, key)) {
            result = data_key_fault(&text, f);
        }
    }
    secret_free(&text);
    if (result < 0)
        secret_free(key);
    return result;
}

// ---- Unwrapping

static int unwrap_fault(const struct s3_envelope *e, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "cannot unwrap the data key by %s: wrong wrapping key, or the envelope is "
                      "damaged",
                      s3_envelope_wrap_name(e->wrap));
}

static int form_fault(const struct s3_envelope *e, const char *expected, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "the wrapping key file does not fit the key wrap %s: expected %s",
                      s3_envelope_wrap_name(e->wrap), expected);
}

static int read_aes_key(struct secret *key, const struct secret *text, const struct s3_envelope *e,
                        struct fault *f) {
    if (secret_new(key, S3_DATA_KEY_SIZE, f) < 0)
        return -1;
    size_t size = without_newline(text);
    if (text->size == 16 || text->size == 24 || text->size == 32) {
        memcpy(key->data, text->data, text->size);
        key->size = text->size;
        return 0;
    }
    if ((size == BASE64_KEY_SIZE && decode_base64_key(text->data, key)) ||
        (size == HEX_KEY_SIZE && decode_hex_key(text->data, key)))
        return 0;
    return form_fault(
        e, "an AES key of 16, 24 or 32 bytes, or one of 32 bytes in hexadecimal or base64", f);
}

// The cipher of a mode for the size of the key.
static const EVP_CIPHER *pick(size_t key_size, const EVP_CIPHER *for_16, const EVP_CIPHER *for_24,
                              const EVP_CIPHER *for_32) {
    return key_size == 16 ? for_16 : key_size == 24 ? for_24 : for_32;
}

// The result of unwrapping.
enum outcome {
    UNWRAPPED,
    REFUSED, // the wrapped key is damaged, or was wrapped with another key
    FAILED   // OpenSSL failed, whatever the key is
};

// Decrypts the wrapped key into out, which has room for the wrapped size and a block. On success,
// *size is the key's.
static enum outcome unwrap_aes(const struct s3_envelope *e, const struct secret *key,
                               EVP_CIPHER_CTX *c, uint8_t *out, size_t *size) {
    const uint8_t *data = e->wrapped, *iv = NULL;
    size_t data_size = e->wrapped_size;
    const EVP_CIPHER *cipher;
    int n;
    if (e->wrap == S3_WRAP_AES_GCM) {
        cipher = pick(key->size, EVP_aes_128_gcm(), EVP_aes_192_gcm(), EVP_aes_256_gcm());
        iv = data;
        data += S3_GCM_IV_SIZE;
        data_size -= S3_GCM_IV_SIZE + TAG_SIZE;
    } else if (e->wrap == S3_WRAP_AES_KEY_WRAP) {
        cipher = pick(key->size, EVP_aes_128_wrap(), EVP_aes_192_wrap(), EVP_aes_256_wrap());
        EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    } else {
        cipher = pick(key->size, EVP_aes_128_ecb(), EVP_aes_192_ecb(), EVP_aes_256_ecb());
    }
    if (EVP_DecryptInit_ex2(c, cipher, key->data, iv, NULL) != 1)
        return FAILED;
    if (e->wrap == S3_WRAP_AES_GCM) {
        // The name of the content algorithm is the additional data; the tag is the last 16 bytes.
        const char *aad = s3_envelope_content_name(e->content);
        if (EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) != 1 ||
            EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE,
                                e->wrapped + e->wrapped_size - TAG_SIZE) != 1)
            return FAILED;
    }
    if (EVP_DecryptUpdate(c, out, &n, data, (int)data_size) != 1)
        return e->wrap == S3_WRAP_AES_KEY_WRAP ? REFUSED : FAILED;
    *size = (size_t)n;
    if (EVP_DecryptFinal_ex(c, out + n, &n) != 1)
        return REFUSED;
    *size += (size_t)n;
    return UNWRAPPED;
}

// Never asks for a password at a terminal.
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0;
}

// Returns the key, which the caller frees; or NULL and *f.
static EVP_PKEY *read_rsa_key(const struct s3_envelope *e, const struct secret *text,
                              struct fault *f) {
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->size);
    if (bio == NULL) {
        diag_fault_memory(f);
        return NULL;
    }
    EVP_PKEY *key = text->size > 0 && text->data[0] == 0x30
                        ? d2i_PrivateKey_bio(bio, NULL) // DER: a sequence
                        : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (key != NULL && !EVP_PKEY_is_a(key, "RSA")) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    if (key == NULL && crypto_error_is_memory())
        diag_fault_memory(f);
    else if (key == NULL)
        form_fault(e, "an RSA private key, PEM or DER, without a password", f);
    return key;
}

static bool set_padding(EVP_PKEY_CTX *c, enum s3_wrap wrap) {
    if (EVP_PKEY_decrypt_init(c) != 1)
        return false;
    if (wrap == S3_WRAP_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1;
    // Java's name says SHA-256, and its default for MGF1 is SHA-1.
    return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(c, wrap == S3_WRAP_RSA_OAEP_SHA256 ? EVP_sha256()
                                                                           : EVP_sha1()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_sha1()) == 1;
}

// RSA-OAEP-SHA1 wraps the key's length, the key, and the name of the content algorithm. Takes the
// key out of it.
static bool open_named_key(const struct s3_envelope *e, uint8_t *out, size_t *size) {
    const char *name = s3_envelope_content_name(e->content);
    if (*size != 1 + S3_DATA_KEY_SIZE + strlen(name) || out[0] != S3_DATA_KEY_SIZE ||
        memcmp(out + 1 + S3_DATA_KEY_SIZE, name, strlen(name)) != 0)
        return false;
    memmove(out, out + 1, S3_DATA_KEY_SIZE);
    *size = S3_DATA_KEY_SIZE;
    return true;
}

static enum outcome unwrap_rsa(const struct s3_envelope *e, EVP_PKEY *key, struct secret *out) {
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    size_t size = out->capacity;
    bool ready = c != NULL && set_padding(c, e->wrap);
    bool ok = ready && EVP_PKEY_decrypt(c, out->data, &size, e->wrapped, e->wrapped_size) == 1;
    EVP_PKEY_CTX_free(c);
    if (ok && e->wrap == S3_WRAP_RSA_OAEP_SHA1)
        ok = open_named_key(e, out->data, &size);
    out->size = size;
    return ok ? UNWRAPPED : ready ? REFUSED : FAILED;
}

// Returns 0; or -1 and *f.
static int judge(enum outcome outcome, const struct s3_envelope *e, struct fault *f) {
    if (outcome == UNWRAPPED)
        return 0;
    if (crypto_error_is_memory())
        return diag_fault_memory(f);
    return outcome == REFUSED
               ? unwrap_fault(e, f)
               : diag_fault(f, EX_SOFTWARE, "cannot unwrap the data key by %s: OpenSSL failed",
                            s3_envelope_wrap_name(e->wrap));
}

static int unwrap_by_aes(struct secret *out, const struct s3_envelope *e, const struct secret *text,
                         struct fault *f) {
    struct secret key;
    if (read_aes_key(&key, text, e, f) < 0) {
        secret_free(&key);
        return -1;
    }
    int result;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (c == NULL || secret_new(out, e->wrapped_size + BLOCK_SIZE, f) < 0)
        result = diag_fault_memory(f);
    else
        result = judge(unwrap_aes(e, &key, c, out->data, &out->size), e, f);
    EVP_CIPHER_CTX_free(c);
    secret_free(&key);
    return result;
}

static int unwrap_by_rsa(struct secret *out, const struct s3_envelope *e, const struct secret *text,
                         struct fault *f) {
    EVP_PKEY *key = read_rsa_key(e, text, f);
    if (key == NULL)
        return -1;
    int result = secret_new(out, (size_t)EVP_PKEY_get_size(key), f);
    if (result == 0)
        result = judge(unwrap_rsa(e, key, out), e, f);
    EVP_PKEY_free(key);
    return result;
}

int s3_data_key_unwrap(struct secret *key, const struct s3_envelope *e, const char *path,
                       struct fault *f) {
    *key = SECRET_NONE;
    if (s3_envelope_wrap_by_kms(e->wrap))
        return diag_fault(f, EX_DATAERR,
                          "the data key is wrapped by a KMS (%s), not by a key of yours: have "
                          "kmsunwrap --envelope unwrap it, and give its output by -f",
                          s3_envelope_wrap_name(e->wrap));
    struct secret text;
    if (secret_read_file(&text, path, KEY_FILE_MAX, "wrapping key file", f) < 0)
        return -1;
    bool aes =
        e->wrap == S3_WRAP_AES_GCM || e->wrap == S3_WRAP_AES_KEY_WRAP || e->wrap == S3_WRAP_AES_ECB;
    int result = aes ? unwrap_by_aes(key, e, &text, f) : unwrap_by_rsa(key, e, &text, f);
    if (result == 0 && key->size != S3_DATA_KEY_SIZE)
        result = unwrap_fault(e, f);
    key->exposed = text.exposed;
    secret_free(&text);
    if (result < 0)
        secret_free(key);
    return result;
}

// ---- Generated keys

static int take_reply(struct s3_generated_key *k, const json_t *reply, struct fault *f) {
    const char *plaintext = json_secret_string(reply, "Plaintext");
    const char *blob = json_secret_string(reply, "CiphertextBlob");
    const char *key_id = json_secret_string(reply, "KeyId");
    if (plaintext == NULL || blob == NULL)
        return diag_fault(
            f, EX_DATAERR,
            "the data key file is no reply of GenerateDataKey: expected JSON with the "
            "strings Plaintext and CiphertextBlob, as kmswrap --generate prints it");
    if (secret_new(&k->plaintext, S3_DATA_KEY_SIZE, f) < 0)
        return -1;
    if (strlen(plaintext) != BASE64_KEY_SIZE ||
        !decode_base64_key((const uint8_t *)plaintext, &k->plaintext))
        return diag_fault(f, EX_DATAERR,
                          "Plaintext in the data key file: expected the base64 of %d bytes; "
                          "generate an AES_256 key",
                          S3_DATA_KEY_SIZE);
    size_t size = strlen(blob);
    k->wrapped = malloc(BASE64_DECODED_MAX(size) + 1);
    if (k->wrapped == NULL)
        return diag_fault_memory(f);
    if (base64_decode(blob, size, BASE64_PADDED, k->wrapped, &k->wrapped_size, f) < 0) {
        diag_prefix(f, "CiphertextBlob in the data key file");
        return -1;
    }
    if (k->wrapped_size == 0 || k->wrapped_size > WRAPPED_MAX)
        return diag_fault(f, EX_DATAERR,
                          "CiphertextBlob in the data key file: expected 1 to %d bytes, found %zu",
                          WRAPPED_MAX, k->wrapped_size);
    if (key_id != NULL) {
        k->key_id = strdup(key_id);
        if (k->key_id == NULL)
            return diag_fault_memory(f);
    }
    return 0;
}

int s3_data_key_read_generated(struct s3_generated_key *k, const char *path, struct fault *f) {
    *k = (struct s3_generated_key){.plaintext = SECRET_NONE};
    struct secret text;
    if (secret_read_file(&text, path, KEY_FILE_MAX, "data key file", f) < 0)
        return -1;
    int result;
    if (text.size == 0) {
        result = data_key_fault(&text, f);
    } else {
        json_t *reply = json_secret_parse(text.data, text.size, "data key file", f);
        result = reply == NULL ? -1 : take_reply(k, reply, f);
        json_decref(reply);
    }
    k->plaintext.exposed = text.exposed;
    secret_free(&text);
    if (result < 0)
        s3_data_key_free_generated(k);
    return result;
}

void s3_data_key_free_generated(struct s3_generated_key *k) {
    secret_free(&k->plaintext);
    free(k->wrapped);
    free(k->key_id);
    *k = (struct s3_generated_key){.plaintext = SECRET_NONE};
}
