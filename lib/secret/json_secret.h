// SPDX-License-Identifier: Apache-2.0
// JSON that may hold secrets: strict, and in memory that is cleansed when it is freed.
#ifndef XBPIPE_JSON_SECRET_H
#define XBPIPE_JSON_SECRET_H

#include "base/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

// Makes jansson cleanse all memory that it frees. Call it before the first use of jansson in the
// process.
void json_secret_start(void);

// True once an allocation by jansson failed. Its results since then may be wrong or cut short: its
// parser treats a value that could not be copied whole as a shorter one.
bool json_secret_short_of_memory(void);

// Parses `size` bytes as one JSON value and nothing after it; any value, not only an object or
// array. A repeated member is refused. `what` names the text in messages, which show nothing of its
// content. Returns the value, which the caller releases by json_decref; or NULL and EX_DATAERR or
// EX_OSERR in *f.
json_t *json_secret_parse(const void *text, size_t size, const char *what, struct fault *f);

// The string of a member of an object, or NULL if it is absent or not a string.
const char *json_secret_string(const json_t *object, const char *name);

#endif
