// SPDX-License-Identifier: Apache-2.0
// Hexadecimal text. Decoded strictly: letters of either case; space, tab, CR and LF are skipped;
// anything else, and an odd number of digits, is an error. No secret is in any message.
#ifndef XBPIPE_HEX_H
#define XBPIPE_HEX_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Puts 2 * size digits into out, without a terminating NUL.
void hex_encode(const void *data, size_t size, bool upper, char *out);

// A decoder fed in pieces of any size; all zero is its start. Holds up to 4 bits of the data: the
// caller wipes it if they are secret.
struct hex_decoder {
    uint64_t offset; // characters taken so far, white space included
    unsigned digits; // since the start of the byte: 0 or 1
    uint8_t high;    // the first digit's value
};

// Decodes `size` characters of text and puts the completed bytes into out, which has room for (size
// + 1) / 2. Returns 0; or -1 and EX_DATAERR in *f, with the offset from the decoder's start.
// *out_size is set in both cases.
int hex_decode_push(struct hex_decoder *d, const void *text, size_t size, uint8_t *out,
                    size_t *out_size, struct fault *f);

// Ends the text. Returns 0; or -1 and EX_DATAERR in *f for half a byte left over.
int hex_decode_finish(const struct hex_decoder *d, struct fault *f);

#endif
