// SPDX-License-Identifier: Apache-2.0
#include "secret/keywrap.h"

#include "secret/crypto.h"
#include "secret/key_hint.h"

#include <openssl/err.h>
#include <openssl/evp.h>

static const EVP_CIPHER *cipher_for(size_t key_size) {
    switch (key_size) {
    case 16:
        return EVP_aes_128_wrap_pad();
    case 24:
        return EVP_aes_192_wrap_pad();
    case 32:
        return EVP_aes_256_wrap_pad();
    default:
        return NULL;
    }
}

int keywrap_read_master_key(struct secret *key, const char *path, struct fault *f) {
    // More than any valid size, so that the message can give the size of a wrong key.
    if (secret_read_file(key, path, 1024, "master key file", f) < 0)
        return -1;
    if (cipher_for(key->size) == NULL && key->size > 0 && key->data[key->size - 1] == '\n' &&
        cipher_for(key->size - 1) != NULL)
        key->size--;
    if (cipher_for(key->size) != NULL)
        return 0;
    diag_fault(f, EX_DATAERR,
               "master key file: expected 16, 24 or 32 bytes (raw, not base64 or hexadecimal), "
               "found %zu%s",
               key->size, key_hint_content(key));
    secret_free(key);
    return -1;
}

// A context ready for one wrap or unwrap, or NULL.
static EVP_CIPHER_CTX *start(const struct secret *master_key, int encrypt) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL)
        return NULL;
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    // The default initial value is the RFC's.
    if (EVP_CipherInit_ex2(context, cipher_for(master_key->size), master_key->data, NULL, encrypt,
                           NULL) != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

static int fault_library(struct fault *f) {
    unsigned long error = ERR_get_error();
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
        return diag_fault_memory(f);
    char reason[160];
    ERR_error_string_n(error, reason, sizeof reason);
    return diag_fault(f, EX_SOFTWARE, "AES key wrap failed: %s", reason);
}

int keywrap_wrap(const struct secret *master_key, const void *data, size_t size, uint8_t *out,
                 struct fault *f) {
    EVP_CIPHER_CTX *context = start(master_key, 1);
    if (context == NULL)
        return fault_library(f);
    int length = 0;
    int good = EVP_EncryptUpdate(context, out, &length, data, (int)size);
    EVP_CIPHER_CTX_free(context);
    if (good != 1 || (size_t)length != KEYWRAP_SIZE(size))
        return fault_library(f);
    return 0;
}

int keywrap_unwrap(const struct secret *master_key, const void *wrapped, size_t size,
                   struct secret *key, struct fault *f) {
    *key = SECRET_NONE;
    if (size < 16 || size % 8 != 0)
        return diag_fault(f, EX_DATAERR,
                          "wrapped key: expected a multiple of 8 bytes, at least 16, found %zu; it "
                          "is cut, or was not wrapped by kmswrap --provider=file",
                          size);
    if (secret_new(key, size, f) < 0)
        return -1;
    EVP_CIPHER_CTX *context = start(master_key, 0);
    if (context == NULL) {
        secret_free(key);
        return fault_library(f);
    }
    int length = 0;
    int good = EVP_DecryptUpdate(context, key->data, &length, wrapped, (int)size);
    EVP_CIPHER_CTX_free(context);
    if (good != 1 || length <= 0) {
        bool exhausted = crypto_error_is_memory();
        secret_free(key);
        if (exhausted)
            return diag_fault_memory(f);
        return diag_fault(f, EX_DATAERR,
                          "the wrapped key fails its integrity check: expected one wrapped under "
                          "this master key; the master key is another one, or the text is damaged");
    }
    key->size = (size_t)length;
    return 0;
}
