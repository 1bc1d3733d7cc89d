// SPDX-License-Identifier: Apache-2.0
#include "wiped_start.h"

#include "json_secret.h"
#include "secret.h"
#include "wiped.h"

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

void wiped_start(void) {
    json_secret_start();
    // It is refused once OpenSSL has allocated; then its own habits must do, which cleanse keys.
    (void)CRYPTO_set_mem_functions(allocate, reallocate, release);
    secret_forbid_core_dumps();
}

__attribute__((noinline)) void wiped_finish(void) {
    // The C library's copies leave their last bytes in vector registers, which the dynamic linker
    // saves on the stack when it binds a function. Copies of zeros of every size take their place.
    enum { BELOW = 128 << 10, COPIES = 1 << 10 };
    char below[BELOW];
    explicit_bzero(below, sizeof below);
    for (volatile size_t size = 1; size < COPIES; size++) {
        memmove(below + COPIES, below, size);
        __asm__ volatile("" : : "r"(below) : "memory"); // the copy is not to be left out
    }
}
