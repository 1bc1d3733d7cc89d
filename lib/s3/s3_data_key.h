// SPDX-License-Identifier: Apache-2.0
// The data key of an S3 envelope: read from a file, from the reply of a KMS that made it, or from
// the envelope itself, unwrapped with an AES or RSA key of the user.
#ifndef XBPIPE_S3_DATA_KEY_H
#define XBPIPE_S3_DATA_KEY_H

#include "s3/s3_envelope.h"
#include "secret/secret.h"

// Reads a data key from the file at `path`: 32 bytes, or their base64 text with an optional newline
// as kmsunwrap prints it. Returns 0; or -1 with *key SECRET_NONE and *f as secret_read_file, and
// EX_DATAERR for anything else. The caller frees *key. Here and below, `exposed` of the key
// describes the file.
int s3_data_key_read(struct secret *key, const char *path, struct fault *f);

// Unwraps the data key of *e with the AES or RSA key in the file at `path`. An AES key is 16, 24 or
// 32 bytes, or 32 bytes as 64 hexadecimal digits or 44 characters of base64 with an optional
// newline; an RSA key is a private key, PEM or DER, without a password. Returns 0; or -1 with *key
// SECRET_NONE and in *f the faults of secret_read_file, and EX_DATAERR: a file without such a key,
// a data key that this key does not unwrap, an envelope whose key a KMS wrapped.
int s3_data_key_unwrap(struct secret *key, const struct s3_envelope *e, const char *path,
                       struct fault *f);

// A reply of GenerateDataKey: JSON from a KMS or kmswrap --generate.
struct s3_generated_key {
    struct secret plaintext; // 32 bytes
    uint8_t *wrapped;        // CiphertextBlob, decoded
    size_t wrapped_size;
    char *key_id; // KeyId; NULL if the reply has none
};

// Reads one from the file at `path`. The same errors. The caller frees *k.
int s3_data_key_read_generated(struct s3_generated_key *k, const char *path, struct fault *f);
void s3_data_key_free_generated(struct s3_generated_key *k);

#endif
