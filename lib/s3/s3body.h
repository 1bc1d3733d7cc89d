// SPDX-License-Identifier: Apache-2.0
// The body of an object from a descriptor to a descriptor, through a stream of s3_content.h.
#ifndef XBPIPE_S3BODY_H
#define XBPIPE_S3BODY_H

#include "file/input.h"
#include "s3/s3_content.h"

enum { S3_BODY_HEAD_SIZE = 8 };

struct s3_body {
    // Called once, with the first bytes of the input (at least one), before anything is written.
    // May be NULL.
    void (*first)(const uint8_t *data, size_t size);
    unsigned threads;                // 2 or more: a regular input is got ahead
    bool own_file;                   // the output is a regular file, written from its start
    uint64_t written;                // bytes, also after an error
    uint8_t head[S3_BODY_HEAD_SIZE]; // the first bytes written, head_size of them
    size_t head_size;
};

// Reads *in to its end, writes what comes out to out_fd (`out_name` in messages), and finishes the
// stream. Memory does not depend on the length. Returns 0; or -1 and in *f what s3_content_push and
// _finish give, what input_next gives, or EX_IOERR for the output (without a text where a reader
// went away).
int s3_body_run(struct s3_body *body, struct s3_content_stream *s, struct input *in, int out_fd,
                const char *out_name, struct fault *f);

#endif
