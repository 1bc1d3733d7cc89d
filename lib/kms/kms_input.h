// SPDX-License-Identifier: Apache-2.0
// Reads ciphertexts and replies in the forms that users have.
#ifndef XBPIPE_KMS_INPUT_H
#define XBPIPE_KMS_INPUT_H

#include "base/diag.h"
#include "secret/secret.h"

#include <stdbool.h>

// The kind of a text, by its beginning.
enum kms_input {
    KMS_INPUT_REPLY,      // with a Plaintext, or a client's error
    KMS_INPUT_CIPHERTEXT, // JSON with a CiphertextBlob, or binary as AWS KMS makes it
    KMS_INPUT_OTHER       // one line of base64, which may be either, or something else
};

// Converts a text that PowerShell wrote to UTF-8 without a byte order mark. Returns 0; or -1 and
// EX_OSERR.
int kms_input_clean(struct secret *text, struct fault *f);

// Whether bytes look like a ciphertext of AWS KMS: long, and with its first bytes.
bool kms_input_is_aws_blob(const struct secret *bytes);

enum kms_input kms_input_kind(const struct secret *text);

// Converts a ciphertext to one line of base64; it may be binary, base64 with blanks and line ends,
// in quotes, encoded twice or as kms_text.h says, hexadecimal, or JSON with a CiphertextBlob.
// `path` is the file from which it was read, for messages; NULL: standard input. Returns 0 and
// *line, with a NUL after its `size` characters, which the caller frees; or -1: for an error reply
// the fault of kms_refusal_fault; EX_DATAERR for anything else, with the right command if it is
// known; EX_OSERR.
int kms_input_ciphertext(struct secret *line, const char *path, const struct secret *input,
                         struct fault *f);

// The same, decoded.
int kms_input_blob(struct secret *bytes, const char *path, const struct secret *input,
                   struct fault *f);

#endif
