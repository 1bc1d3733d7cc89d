// SPDX-License-Identifier: Apache-2.0
// Writes an S3 envelope for S3, or for people. Nothing in it is secret.
#ifndef XBPIPE_S3_ENVELOPE_PRINT_H
#define XBPIPE_S3_ENVELOPE_PRINT_H

#include "s3/s3_envelope.h"

#include <jansson.h>

// Calls `line` for each line for people ("name: value", without a newline).
void s3_envelope_print_words(const struct s3_envelope *e, void (*line)(const char *text));

// The envelope as the JSON map that `aws s3api put-object --metadata file://` takes, with a newline
// at its end; formats 2 and 3 with the two KMS wraps only. It needs format, content, wrap, wrapped,
// context and the values of the format; wrapped_base64 is not used. Returns 0 and *text (the caller
// frees it); or -1 and *f: EX_DATAERR if names and values do not fit into the 2048 bytes that S3
// allows, or the context is not UTF-8 (other characters than ASCII are escaped); EX_OSERR;
// EX_SOFTWARE for an envelope that cannot be written.
int s3_envelope_print_json(const struct s3_envelope *e, char **text, struct fault *f);

// The context as a JSON object, for a key service. Returns 0 and *context (NULL for none), which
// the caller releases by json_decref; or -1 and EX_OSERR.
int s3_envelope_print_context(json_t **context, const struct s3_envelope *e, struct fault *f);

#endif
