// SPDX-License-Identifier: Apache-2.0
// The metadata of an object in S3 as clients print it: the values of the keys that an S3 encryption
// client wrote (man/s3-envelope.5), and the object's size.
#ifndef XBPIPE_S3_METADATA_H
#define XBPIPE_S3_METADATA_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { S3_METADATA_MAX = 64 << 10 }; // bytes of text; S3 itself allows 2 KiB of user metadata

// The keys that matter; all others are ignored, because clients disagree about them.
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

// What one file held: the values of the keys above, NULL if absent. Its strings belong to it.
struct s3_metadata {
    char shown[160]; // the file's name for messages, printable
    char *value[S3_KEY_COUNT];
    bool has_body_size;
    uint64_t body_size;         // of the object, in bytes, if the client gave it with the metadata
    const char *body_size_name; // what the client calls it: "ContentLength"
};

// Reads `size` bytes of metadata in any of these forms: the JSON that `aws s3api head-object` or
// `get-object`, `mc stat --json` or `rclone lsjson --metadata` prints for one object, the bare JSON
// map (also an instruction file), HTTP header lines, the text of `s3cmd info`, the table of the
// S3 console as a browser copies it, or any other text in which names of the keys stand with their
// values (s3_scan.h); in UTF-8, or in UTF-16 with a byte order mark. Names are compared ignoring
// case, with or without the prefix x-amz-meta-; encoded words (s3_encoded_word.h) are decoded.
// `name` is the file's name. Returns 0; or -1 and *m empty, and in *f EX_OSERR or EX_DATAERR, also
// for text that is not the metadata of an object (a list, an error) and so proves nothing about it.
// The caller frees *m.
int s3_metadata_parse(struct s3_metadata *m, const void *text, size_t size, const char *name,
                      struct fault *f);
void s3_metadata_free(struct s3_metadata *m);

// The name of a key, without the prefix x-amz-meta-.
const char *s3_metadata_key_name(enum s3_metadata_key key);

#endif
