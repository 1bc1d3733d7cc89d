// SPDX-License-Identifier: Apache-2.0
// The encryption context of a wrapped key: names and values that must be the same as at wrapping.
#ifndef XBPIPE_KMS_CONTEXT_H
#define XBPIPE_KMS_CONTEXT_H

#include "base/diag.h"

#include <jansson.h>
#include <stddef.h>

// Makes the context of `count` arguments, each "NAME=VALUE" (the first '=' divides) or "@FILE" with
// a JSON object of strings. Returns 0 and *context (NULL for no arguments), which the caller frees
// with json_decref; or -1: EX_USAGE (no '=', or a repeated name), EX_NOINPUT, EX_NOPERM, EX_IOERR,
// EX_DATAERR, EX_OSERR.
int kms_context_load(json_t **context, const char *const *arguments, size_t count, struct fault *f);

#endif
