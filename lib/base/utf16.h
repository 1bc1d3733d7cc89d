// SPDX-License-Identifier: Apache-2.0
// Text as Windows PowerShell's > writes it: UTF-16 with a byte order mark.
#ifndef XBPIPE_UTF16_H
#define XBPIPE_UTF16_H

#include <stdbool.h>
#include <stddef.h>

// The most bytes that `size` bytes of UTF-16 give as UTF-8.
#define UTF16_UTF8_MAX(size) ((size) / 2 * 3)

// Whether a text begins with a byte order mark of UTF-16, of either order.
bool utf16_has_mark(const void *text, size_t size);

// Converts a text that has a mark to UTF-8 without it. `out` has room for UTF16_UTF8_MAX(size)
// bytes, and may not overlap the text. Returns false if it is not UTF-16: an odd number of bytes,
// or half a surrogate pair.
bool utf16_decode(const void *text, size_t size, void *out, size_t *out_size);

#endif
