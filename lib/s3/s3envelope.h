// SPDX-License-Identifier: Apache-2.0
// Envelopes of the Amazon S3 encryption clients: the metadata that says how the body of an object
// is encrypted and holds its data key, wrapped. Formats 1, 2 and 3 after the names of the public
// specification of the S3 Encryption Client; man/s3-envelope.5 describes them.
//
// All of it is input that nobody has signed: a parsed envelope is complete and consistent, no more.
#ifndef XBPIPE_S3ENVELOPE_H
#define XBPIPE_S3ENVELOPE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    S3_DATA_KEY_SIZE = 32,   // every suite uses AES-256
    S3_COMMITMENT_SIZE = 28, // also the size of a message id
    S3_CBC_IV_SIZE = 16,
    S3_GCM_IV_SIZE = 12,
    S3_METADATA_MAX = 64 << 10, // bytes; S3 itself allows 2 KiB of user metadata
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

// The keys that matter; all others are ignored, since clients disagree about them.
enum s3_metadata_key {
    S3_KEY_WRAPPED_1,   // x-amz-key
    S3_KEY_WRAPPED_2,   // x-amz-key-v2
    S3_KEY_WRAPPED_3,   // x-amz-3
    S3_KEY_IV,          // x-amz-iv
    S3_KEY_MATDESC,     // x-amz-matdesc
    S3_KEY_WRAP_ALG,    // x-amz-wrap-alg
    S3_KEY_CEK_ALG,     // x-amz-cek-alg
    S3_KEY_TAG_LEN,     // x-amz-tag-len
    S3_KEY_LENGTH,      // x-amz-unencrypted-content-length
    S3_KEY_CONTENT,     // x-amz-c
    S3_KEY_WRAP,        // x-amz-w
    S3_KEY_CONTEXT,     // x-amz-t
    S3_KEY_DESCRIPTION, // x-amz-m
    S3_KEY_MESSAGE_ID,  // x-amz-i
    S3_KEY_COMMITMENT,  // x-amz-d
    S3_KEY_COUNT
};

// What one file held: the values of the keys above, NULL where absent. Its strings belong to it.
struct s3_metadata {
    char shown[160]; // the file's name for messages, printable
    char *value[S3_KEY_COUNT];
    bool has_body_size;
    uint64_t body_size; // ContentLength of the object, in bytes
};

struct s3_pair {
    char *name;
    char *value;
};

struct s3_envelope {
    int format; // 1, 2 or 3
    enum s3_content content;
    enum s3_wrap wrap;
    char *wrapped_base64; // the wrapped data key as stored, checked to be base64
    uint8_t *wrapped;     // and decoded
    size_t wrapped_size;
    // The encryption context with the two KMS wraps, to be sent as it is; a material description,
    // which no cipher uses, with the others.
    struct s3_pair *context;
    size_t context_count;
    uint8_t iv[S3_CBC_IV_SIZE]; // formats 1 and 2
    size_t iv_size;
    uint8_t message_id[S3_COMMITMENT_SIZE]; // format 3
    uint8_t commitment[S3_COMMITMENT_SIZE];
    bool has_length;
    uint64_t length; // of the plaintext, in bytes
    // Of the body, where the metadata came with the object's ContentLength. No part of the
    // envelope, but what tells a download that was cut.
    bool has_body_size;
    uint64_t body_size;
};

// Reads `size` bytes of metadata in any of these forms: the JSON that `aws s3api head-object` or
// `get-object` prints, the bare JSON map (also an instruction file), or HTTP header lines. Names
// are compared without case and with or without the prefix x-amz-meta-. `name` is the file's name.
// Returns 0; or -1 and EX_DATAERR or EX_OSERR in *f, and *m empty. The caller frees *m.
int s3_metadata_parse(struct s3_metadata *m, const void *text, size_t size, const char *name,
                      struct fault *f);
void s3_metadata_free(struct s3_metadata *m);

// Makes the envelope of one source, or of two: object metadata and instruction file, in any order.
// Every rule about the envelope alone is checked here: mixed formats, missing keys, unsupported
// algorithms, lengths of all binary values, agreement of aws:x-amz-cek-alg with the content.
// Returns 1; 0 if no source has a key of an envelope, so that the body is not encrypted by a client
// (or its instruction file was not given; then has_length is often set); or -1 and EX_DATAERR or
// EX_OSERR in *f. The caller frees *e after any result.
int s3_envelope_make(struct s3_envelope *e, const struct s3_metadata *sources, size_t count,
                     struct fault *f);

// The two steps above on the files at `paths` ("-": standard input), one or two. Returns what
// s3_envelope_make does, or -1 and in *f also EX_NOINPUT, EX_NOPERM or EX_IOERR.
int s3_envelope_load(struct s3_envelope *e, const char *const *paths, size_t count,
                     struct fault *f);

// Cleans up; *e becomes all zero, which is allowed here too.
void s3_envelope_free(struct s3_envelope *e);

// The envelope as the JSON map that `aws s3api put-object --metadata file://` takes, with a newline
// at its end; formats 2 and 3 with the two KMS wraps only. It needs format, content, wrap, wrapped,
// context and the values of the format; wrapped_base64 is not used. Returns 0 and *text (the caller
// frees it); or -1 and *f: EX_DATAERR where names and values do not fit into the 2048 bytes that S3
// allows, or the context is not UTF-8 (other characters than ASCII are escaped); EX_OSERR;
// EX_SOFTWARE for an envelope that cannot be written.
int s3_envelope_print(const struct s3_envelope *e, char **text, struct fault *f);

// The names that metadata uses: "AES/CBC/PKCS5Padding", "AES/GCM/NoPadding", "115".
const char *s3_content_name(enum s3_content content);
// "kms+context" and so on, the names of format 2; for the wraps of format 1, that have none, a
// description.
const char *s3_wrap_name(enum s3_wrap wrap);
// Whether a KMS unwraps it, rather than a key of the user.
bool s3_wrap_by_kms(enum s3_wrap wrap);
// Whether the content carries an authentication tag.
bool s3_content_authenticated(enum s3_content content);

#endif
