// SPDX-License-Identifier: Apache-2.0
// AES key wrap with padding (RFC 5649): encrypts a key of any length with a master key; with an
// integrity check, and without a random part.
#ifndef XBPIPE_KEYWRAP_H
#define XBPIPE_KEYWRAP_H

#include "base/diag.h"
#include "secret/secret.h"

#include <stddef.h>
#include <stdint.h>

// The size of the wrapped form of `size` bytes.
#define KEYWRAP_SIZE(size) (((size) + 7) / 8 * 8 + 8)

// Reads a master key from the file: 16, 24 or 32 bytes; one newline at its end is removed if it
// then has such a size. Returns 0 and *key, which the caller frees; or -1 with *key SECRET_NONE:
// EX_NOINPUT, EX_NOPERM, EX_IOERR, EX_OSERR, or EX_DATAERR for another size.
int keywrap_read_master_key(struct secret *key, const char *path, struct fault *f);

// Wraps `size` bytes, at least one, into out, which has room for KEYWRAP_SIZE(size). Returns 0; or
// -1 and EX_OSERR or EX_SOFTWARE in *f.
int keywrap_wrap(const struct secret *master_key, const void *data, size_t size, uint8_t *out,
                 struct fault *f);

// Unwraps. Returns 0 and *key, which the caller frees; or -1 with *key SECRET_NONE: EX_DATAERR for
// a size that no wrapped key has, and if the check fails (another master key, or damage: these
// cannot be distinguished); EX_OSERR; EX_SOFTWARE.
int keywrap_unwrap(const struct secret *master_key, const void *wrapped, size_t size,
                   struct secret *key, struct fault *f);

#endif
