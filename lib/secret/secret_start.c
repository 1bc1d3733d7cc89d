// SPDX-License-Identifier: Apache-2.0
#include "secret/secret_start.h"

#include "secret/json_secret.h"
#include "secret/secret.h"
#include "secret/wiped.h"

#include <openssl/crypto.h>
#include <string.h>

static void *allocate(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return size != 0 ? wiped_malloc(size) : NULL;
}

static void *reallocate(void *memory, size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    if (size != 0)
        return wiped_realloc(memory, size);
    wiped_free(memory);
    return NULL;
}

static void release(void *memory, const char *file, int line) {
    (void)file;
    (void)line;
    wiped_free(memory);
}

void secret_start(void) {
    json_secret_start();
    // OpenSSL refuses this once it has allocated memory; it cleanses at least keys by itself.
    (void)CRYPTO_set_mem_functions(allocate, reallocate, release);
    secret_forbid_core_dumps();
}
