// SPDX-License-Identifier: Apache-2.0
// Encrypts and decrypts the body of an object of an S3 encryption client, in memory: bytes are
// pushed in pieces of any size. Decrypted bytes are not verified before the end: with AES-GCM the
// tag is the last 16 bytes of the object, and AES-CBC has only its padding.
#ifndef XBPIPE_S3_CONTENT_H
#define XBPIPE_S3_CONTENT_H

#include "s3/s3_envelope.h"
#include "secret/secret.h"

enum {
    S3_TAG_SIZE = 16,
    S3_CONTENT_SLACK = 32, // room for output beyond the size of a piece, also at the end
};

// A plaintext under AES-GCM has at most this many bytes (NIST SP 800-38D, 5.2.1.1).
#define S3_GCM_PLAINTEXT_MAX ((UINT64_C(1) << 36) - 32)

struct s3_content_stream;

// Begins decryption of the body that *e describes, under the data key (S3_DATA_KEY_SIZE bytes).
// With content 115 the key commitment is compared here, in constant time, before anything can be
// decrypted. Returns 0; or -1 with *s NULL and EX_DATAERR (the key is not the one committed to),
// EX_OSERR or EX_SOFTWARE in *f.
int s3_content_decrypt(struct s3_content_stream **s, const struct s3_envelope *e,
                       const struct secret *data_key, struct fault *f);

// Begins encryption by e->content. Puts a new random IV, or message id and commitment, and the
// format into *e. The same errors.
int s3_content_encrypt(struct s3_content_stream **s, struct s3_envelope *e,
                       const struct secret *data_key, struct fault *f);

// Takes `size` bytes and puts the result into out, which has room for size + S3_CONTENT_SLACK and
// does not overlap them. Returns 0; or -1 and EX_DATAERR (longer than AES-GCM allows) or
// EX_SOFTWARE in *f.
int s3_content_push(struct s3_content_stream *s, const void *data, size_t size, uint8_t *out,
                    size_t *out_size, struct fault *f);

// Ends the input: checks the size that came with the metadata, then the tag, or the padding and the
// lengths in the metadata. The result has up to S3_CONTENT_SLACK bytes. Returns 0; or -1 and
// EX_DATAERR or EX_SOFTWARE in *f: then no output of the stream may be used.
int s3_content_finish(struct s3_content_stream *s, uint8_t *out, size_t *out_size, struct fault *f);

// Bytes of plaintext so far.
uint64_t s3_content_plain_size(const struct s3_content_stream *s);

// Checks the size of a body, if it is known before it is read: EX_DATAERR for an impossible size,
// one that differs from the size that came with the metadata, or, with AES-CBC, one that
// contradicts x-amz-unencrypted-content-length. With AES-GCM the tag is better evidence for the
// length than metadata that anyone may change.
int s3_content_check_size(const struct s3_envelope *e, uint64_t size, struct fault *f);

// Overwrites the keys and frees everything. NULL is allowed.
void s3_content_free(struct s3_content_stream *s);

#endif
