// SPDX-License-Identifier: Apache-2.0
// The forms in which programs exchange keys: base64, hexadecimal, or the raw bytes.
#ifndef XBPIPE_KEYTEXT_H
#define XBPIPE_KEYTEXT_H

#include "base/diag.h"
#include "secret/secret.h"

#include <stdbool.h>
#include <stddef.h>

enum { KEYTEXT_MAX = 64 << 10 }; // bytes of text; far more than a key service's blobs and replies

enum keytext_format {
    KEYTEXT_BASE64, // with a newline
    KEYTEXT_HEX,    // lower case, with a newline
    KEYTEXT_RAW     // the bytes, no newline
};

// "base64", "hex" or "raw". Returns false for anything else.
bool keytext_parse_format(const char *name, enum keytext_format *format);

// Reads all of fd, at most KEYTEXT_MAX bytes. `expected` says in messages what should be there;
// `name` is the input's name. Returns 0 and *text, which the caller frees; or -1 with *text
// SECRET_NONE: EX_DATAERR (empty, only white space, or too long), EX_IOERR, EX_OSERR.
int keytext_read(struct secret *text, int fd, const char *name, const char *expected,
                 struct fault *f);

// Decodes base64 as the key services do: white space is skipped, the padding is correct or missing.
// Returns 0 and *bytes (at least one byte), which the caller frees; or -1 with *bytes SECRET_NONE:
// EX_DATAERR, EX_OSERR. The fault names no content.
int keytext_decode(struct secret *bytes, const void *text, size_t size, struct fault *f);

// Writes the bytes to standard output in the format. Returns 0; or -1 and EX_IOERR (without a text
// if the reader went away).
int keytext_write(enum keytext_format format, const void *data, size_t size, struct fault *f);

#endif
