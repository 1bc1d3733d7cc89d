// SPDX-License-Identifier: Apache-2.0
// Encoded words (RFC 2047), in which S3 hands back metadata that holds other characters than ASCII:
// "=?UTF-8?B?...?=" or "=?UTF-8?Q?...?=".
#ifndef XBPIPE_S3_ENCODED_WORD_H
#define XBPIPE_S3_ENCODED_WORD_H

#include "base/diag.h"

#include <stddef.h>

// Decodes the encoded words of a text. Blanks between two words fall away; all else stays as it is.
// S3 takes each byte of a stored value for a character of its own and encodes that: if what comes
// out is UTF-8 once more after this is undone, it is undone. Returns 0 and *out, a text with a NUL
// at its end, which the caller frees; or -1 with *out NULL: EX_DATAERR (a word that is damaged, or
// of another character set than UTF-8 and US-ASCII), EX_OSERR.
int s3_encoded_word_decode(char **out, const char *text, size_t size, struct fault *f);

#endif
