// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 section 4), decoded strictly: space, tab, CR and LF are skipped; any other
// character outside the alphabet, wrong or missing padding, bits after the last byte that are not
// zero, and anything after the padding are errors. No allocation, no secret in any message.
#ifndef XBPIPE_BASE64_H
#define XBPIPE_BASE64_H

#include "base/diag.h"

#include <stddef.h>
#include <stdint.h>

enum base64_padding {
    BASE64_PADDED,          // the last group must be filled up with '='
    BASE64_PADDING_OPTIONAL // it may also be left short; padding that is there must be right
};

// The most bytes that one push, or the one-shot function, produces from `size` characters; and the
// most characters from `size` bytes.
#define BASE64_DECODED_MAX(size) (((size) + 3) / 4 * 3)
#define BASE64_ENCODED_MAX(size) (((size) + 2) / 3 * 4)

// A decoder fed in pieces of any size. All zero is a BASE64_PADDED decoder at its start. It holds
// up to 18 bits of the data: the caller wipes it if they are secret.
struct base64_decoder {
    enum base64_padding padding;
    uint64_t offset;      // characters taken so far, white space included
    uint64_t last_offset; // of the last character of the alphabet
    uint32_t bits;        // of the group begun
    unsigned held;        // characters of the unfinished group, 0 to 3
    unsigned pads;        // '=' seen
    bool ended;           // the padding is complete
};

// Decodes `size` characters of text and puts the completed bytes into out, which has room for
// BASE64_DECODED_MAX(size) and does not overlap the text. Returns 0; or -1 and EX_DATAERR in *f,
// with the offset from the decoder's start. *out_size is set in both cases; after an error it
// counts the bytes of the groups before the error, and the decoder must not be used again.
int base64_decode_push(struct base64_decoder *d, const void *text, size_t size, uint8_t *out,
                       size_t *out_size, struct fault *f);

// Ends the text. Up to 2 bytes can come out (BASE64_PADDING_OPTIONAL). Returns 0; or -1 and
// EX_DATAERR in *f for a group that is not complete.
int base64_decode_finish(struct base64_decoder *d, uint8_t out[2], size_t *out_size,
                         struct fault *f);

// Decodes a whole text; out has room for BASE64_DECODED_MAX(size). An empty text gives no bytes.
// After an error *out_size is 0, and out has been wiped.
int base64_decode(const void *text, size_t size, enum base64_padding padding, uint8_t *out,
                  size_t *out_size, struct fault *f);

// An encoder fed in pieces of any size; all zero is its start. Holds up to 2 bytes of the data.
// No line breaks are made and no terminating NUL is written.
struct base64_encoder {
    uint8_t held[2];
    unsigned count;
};

// Takes `size` bytes, puts the characters of whole groups into out (room for
// BASE64_ENCODED_MAX(size)), which does not overlap the data. Returns their number.
size_t base64_encode_push(struct base64_encoder *e, const void *data, size_t size, char *out);

// Puts the last group with its padding into out, if one was begun. Returns 0 or 4.
size_t base64_encode_finish(struct base64_encoder *e, char out[4]);

// Encodes a whole text. Returns the number of characters.
size_t base64_encode(const void *data, size_t size, char *out);

#endif
