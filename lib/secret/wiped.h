// SPDX-License-Identifier: Apache-2.0
// The C library's allocator with wiping: memory is overwritten before it is freed, also by a
// realloc that moves it. For libraries that keep secrets in their own memory and whose allocator
// can be replaced.
#ifndef XBPIPE_WIPED_H
#define XBPIPE_WIPED_H

#include <stdbool.h>
#include <stddef.h>

// Like the functions of <stdlib.h> and <string.h>. Free their blocks only with wiped_free.
void *wiped_malloc(size_t size);
void *wiped_calloc(size_t count, size_t size);
void *wiped_realloc(void *memory, size_t size);
char *wiped_strdup(const char *text);
void wiped_free(void *memory);

// Whether an allocation of this process by one of these functions has failed. A library that fails
// because of that does not always report it.
bool wiped_exhausted(void);

// Overwrites the part of the stack that earlier calls have used for their variables, up to 128 KiB,
// and the vector registers that the C library copies with. Call it after the work with a secret.
void wiped_finish(void);

#endif
