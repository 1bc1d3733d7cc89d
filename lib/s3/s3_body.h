// SPDX-License-Identifier: Apache-2.0
// Stage: the body of an object, through a stream of s3_content.h. Pieces are processed one after
// the other, on any thread: a cipher's state needs the piece before. Decrypted data is passed on
// before it is verified, which happens at the end (s3_content.h); the caller must handle that.
#ifndef XBPIPE_S3_BODY_H
#define XBPIPE_S3_BODY_H

#include "engine/stage.h"
#include "s3/s3_content.h"

enum { S3_BODY_HEAD_SIZE = 8 };

// What the stage needs, and what it reports about its data; outlives the stage.
struct s3_body {
    struct s3_content_stream *stream;
    // Called once, with the first bytes of the input (at least one), before anything is passed on.
    // May be NULL.
    void (*first)(const uint8_t *data, size_t size);
    uint64_t size;                   // bytes passed on, also after an error
    uint8_t head[S3_BODY_HEAD_SIZE]; // the first of them, head_size of them
    size_t head_size;
};

// A stage that pushes into `next`, for filter_into. `body` points to a struct s3_body, zero but for
// `stream` and `first`; it belongs to the caller and outlives the stage. NULL if memory ran out.
// Failures: those of s3_content_push and s3_content_finish, EX_OSERR.
struct stage *s3_body_new(struct ordered *o, struct stage *next, void *body);

#endif
