// SPDX-License-Identifier: Apache-2.0
// Envelopes of the Amazon S3 encryption clients: the metadata that says how the body of an object
// is encrypted and holds its data key, wrapped. Formats 1, 2 and 3 after the names of the public
// specification of the S3 Encryption Client; man/s3-envelope.5 describes them.
//
// None of it is signed: a parsed envelope is complete and consistent, no more.
#ifndef XBPIPE_S3_ENVELOPE_H
#define XBPIPE_S3_ENVELOPE_H

#include "s3/s3_metadata.h"

enum {
    S3_DATA_KEY_SIZE = 32,   // every suite uses AES-256
    S3_COMMITMENT_SIZE = 28, // also the size of a message id
    S3_CBC_IV_SIZE = 16,
    S3_GCM_IV_SIZE = 12,
    S3_WRAPPED_MAX = 8 << 10, // bytes of a wrapped key; a KMS blob has at most 6144
};

enum s3_content {
    S3_CONTENT_CBC,    // AES/CBC/PKCS5Padding: not authenticated
    S3_CONTENT_GCM,    // AES/GCM/NoPadding
    S3_CONTENT_COMMIT, // 115: GCM under a key derived and committed to by HKDF-SHA512
};

enum s3_wrap {
    S3_WRAP_KMS,             // "kms": nothing binds the content algorithm to the key
    S3_WRAP_KMS_CONTEXT,     // "kms+context", 12
    S3_WRAP_AES_GCM,         // "AES/GCM", 02
    S3_WRAP_RSA_OAEP_SHA1,   // "RSA-OAEP-SHA1", 22
    S3_WRAP_AES_KEY_WRAP,    // "AESWrap": RFC 3394
    S3_WRAP_RSA_OAEP_SHA256, // "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"
    S3_WRAP_AES_ECB,         // format 1, 48 bytes
    S3_WRAP_RSA_PKCS1,       // format 1, longer
};

struct s3_pair {
    char *name;
    char *value;
};

struct s3_envelope {
    int format; // 1, 2 or 3
    enum s3_content content;
    enum s3_wrap wrap;
    char *wrapped_base64; // the wrapped data key as stored, which is valid base64
    uint8_t *wrapped;     // and decoded
    size_t wrapped_size;
    // With the two KMS wraps the encryption context, to be sent unchanged; with the others a
    // material description, which no cipher uses.
    struct s3_pair *context;
    size_t context_count;
    uint8_t iv[S3_CBC_IV_SIZE]; // formats 1 and 2
    size_t iv_size;
    uint8_t message_id[S3_COMMITMENT_SIZE]; // format 3
    uint8_t commitment[S3_COMMITMENT_SIZE];
    bool has_length;
    uint64_t length; // of the plaintext, in bytes
    // The size of the body, if the metadata came with it. Not a part of the envelope, but it shows
    // whether a download was cut short.
    bool has_body_size;
    uint64_t body_size;
    const char *body_size_name; // as in struct s3_metadata
};

// Makes the envelope of one source, or of two: object metadata and instruction file, in any order.
// Every rule about the envelope alone is checked here: mixed formats, missing keys, unsupported
// algorithms, lengths of all binary values, agreement of aws:x-amz-cek-alg with the content.
// Returns 1; 0 if no source has a key of an envelope, so that no client encrypted the body (or its
// instruction file was not given; then has_length is often set); or -1 and EX_DATAERR or EX_OSERR
// in *f. The caller frees *e after any result.
int s3_envelope_make(struct s3_envelope *e, const struct s3_metadata *sources, size_t count,
                     struct fault *f);

// The two steps above on the files at `paths` ("-": standard input), one or two. Returns what
// s3_envelope_make does, or -1 and in *f also EX_NOINPUT, EX_NOPERM or EX_IOERR.
int s3_envelope_load(struct s3_envelope *e, const char *const *paths, size_t count,
                     struct fault *f);

// Frees the envelope; *e becomes all zero, which is allowed here, too.
void s3_envelope_free(struct s3_envelope *e);

// The names that metadata uses: "AES/CBC/PKCS5Padding", "AES/GCM/NoPadding", "115".
const char *s3_envelope_content_name(enum s3_content content);
// "kms+context" and so on, the names of format 2; for the wraps of format 1, which has no names, a
// description.
const char *s3_envelope_wrap_name(enum s3_wrap wrap);
// "12" and so on, the names of format 3; NULL for a wrap that format 3 does not have.
const char *s3_envelope_wrap_code(enum s3_wrap wrap);
// Whether a KMS unwraps it, rather than a key of the user.
bool s3_envelope_wrap_by_kms(enum s3_wrap wrap);
// Whether the content carries an authentication tag.
bool s3_envelope_authenticated(enum s3_content content);

#endif
