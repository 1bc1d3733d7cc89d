// SPDX-License-Identifier: Apache-2.0
// The vectors of tests/fixtures/s3, made by five real client libraries, for the tests of s3*.
#ifndef XBPIPE_TESTS_S3VECTORS_H
#define XBPIPE_TESTS_S3VECTORS_H

#include "s3/s3_envelope.h"

#include <jansson.h>

// The list "vectors" of a JSON file of the fixtures; the caller drops the reference.
json_t *s3vectors_load(const char *file);

// A file of the fixtures, whole; the caller frees it.
uint8_t *s3vectors_read(const char *file, size_t *size);

const char *s3vectors_string(const json_t *vector, const char *member);

// The envelope of a vector, from its object metadata and, if it has one, its instruction file. What
// s3_envelope_make returns.
int s3vectors_envelope(struct s3_envelope *e, json_t *vector, struct fault *f);

// The bytes of a hexadecimal member.
void s3vectors_hex(const json_t *vector, const char *member, uint8_t *out, size_t size);

#endif
