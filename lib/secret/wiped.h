// SPDX-License-Identifier: Apache-2.0
// The C library's allocator with cleansing: what is freed, or left behind by a realloc, is
// overwritten first. For libraries that keep secrets in memory of their own and let their
// allocator be replaced.
#ifndef XBPIPE_WIPED_H
#define XBPIPE_WIPED_H

#include <stdbool.h>
#include <stddef.h>

// As the functions of <stdlib.h> and <string.h>. A block of one of these is released by
// wiped_free only.
void *wiped_malloc(size_t size);
void *wiped_calloc(size_t count, size_t size);
void *wiped_realloc(void *memory, size_t size);
char *wiped_strdup(const char *text);
void wiped_free(void *memory);

// Whether an allocation of this process by one of these functions has failed. A library that fails
// for lack of memory does not always say that this was the reason.
bool wiped_exhausted(void);

// Overwrites the part of the stack that the functions called before have used, up to 128 KiB: what
// they computed with; and the vector registers that the C library copies with. To be called once
// the work with a secret is done.
void wiped_finish(void);

#endif
