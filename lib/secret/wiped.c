// SPDX-License-Identifier: Apache-2.0
#include "secret/wiped.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Each block's size is stored in front of it.
enum { HEADER = alignof(max_align_t) };

static atomic_bool exhausted;

static size_t size_of(const void *memory) {
    size_t size;
    memcpy(&size, (const char *)memory - HEADER, sizeof size);
    return size;
}

void *wiped_malloc(size_t size) {
    char *block = size <= SIZE_MAX - HEADER ? malloc(HEADER + size) : NULL;
    if (block == NULL) {
        exhausted = true;
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + HEADER;
}

void *wiped_calloc(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *memory = wiped_malloc(total);
    if (memory != NULL)
        memset(memory, 0, total);
    return memory;
}

void *wiped_realloc(void *memory, size_t size) {
    if (memory == NULL)
        return wiped_malloc(size);
    void *other = wiped_malloc(size);
    if (other == NULL)
        return NULL;
    size_t old = size_of(memory);
    memcpy(other, memory, old < size ? old : size);
    wiped_free(memory);
    return other;
}

char *wiped_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = wiped_malloc(size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void wiped_free(void *memory) {
    if (memory == NULL)
        return;
    char *block = (char *)memory - HEADER;
    explicit_bzero(block, HEADER + size_of(memory));
    free(block);
}

bool wiped_exhausted(void) {
    return exhausted;
}

__attribute__((noinline)) void wiped_finish(void) {
    // The C library's copies leave their last bytes in vector registers, which the dynamic linker
    // saves on the stack when it binds a function. Copies of zeros of every size overwrite them.
    enum { BELOW = 128 << 10, COPIES = 1 << 10 };
    char below[BELOW];
    explicit_bzero(below, sizeof below);
    for (volatile size_t size = 1; size < COPIES; size++) {
        memmove(below + COPIES, below, size);
        __asm__ volatile("" : : "r"(below) : "memory"); // keeps the compiler from dropping the copy
    }
}
