// SPDX-License-Identifier: Apache-2.0
// Encoded words (RFC 2047), in which S3 returns metadata that is not ASCII: "=?UTF-8?B?...?=" or
// "=?UTF-8?Q?...?=".
#ifndef XBPIPE_S3_ENCODED_WORD_H
#define XBPIPE_S3_ENCODED_WORD_H

#include "base/diag.h"

#include <stddef.h>

// Decodes the encoded words of a text. Blanks between two words are dropped; everything else is
// unchanged. S3 treats each byte of a stored value as a character and encodes that: if undoing this
// gives UTF-8 again, it is undone. Returns 0 and *out, a text with a NUL at its end, which the
// caller frees; or -1 with *out NULL: EX_DATAERR (a word that is damaged, or of another character
// set than UTF-8 and US-ASCII), EX_OSERR.
int s3_encoded_word_decode(char **out, const char *text, size_t size, struct fault *f);

#endif
