// SPDX-License-Identifier: Apache-2.0
// What an S3 envelope says, in words for people. Nothing in it is secret.
#ifndef XBPIPE_S3DESCRIBE_H
#define XBPIPE_S3DESCRIBE_H

#include "s3/s3envelope.h"

// Hands the lines ("name: value", without newlines) to `line` one by one.
void s3_describe(const struct s3_envelope *e, void (*line)(const char *text));

// Whether a file that begins so is a SQL Server backup: "TAPE" (not compressed) or "MSSQLBAK"
// (compressed). Returns which of the two it is, or NULL.
const char *s3_backup_magic(const uint8_t *data, size_t size);

#endif
