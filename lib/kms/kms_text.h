// SPDX-License-Identifier: Apache-2.0
// What text becomes on its way from a tool to a file: base64 inside of something else.
#ifndef XBPIPE_KMS_TEXT_H
#define XBPIPE_KMS_TEXT_H

#include "secret/secret.h"

#include <stdbool.h>

// Leaves of `text`, in place, the base64 that is in it: behind NAME= or NAME:, if NAME is one of a
// ciphertext; in quotes, also as Python prints bytes; in the first of several columns; between
// lines of PEM; with %XX, with \/ and in base64url. A text of none of these forms stays as it is.
void kms_text_strip(struct secret *text);

// Whether it is bytes in hexadecimal: so many digits are no base64 by chance. Blanks, a colon
// between two bytes and 0x before all are allowed; `text` loses them if the result is true.
bool kms_text_is_hex(struct secret *text);

// What the text is, if what it stands for cannot be taken out of it, with what to do: the end of a
// message. NULL if nothing is known.
const char *kms_text_hint(const uint8_t *data, size_t size);

#endif
