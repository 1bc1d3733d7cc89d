// SPDX-License-Identifier: Apache-2.0
// Stage: gzip data (RFC 1952), one or more members → its content. A member's checksum is at its
// end, so content is passed on while it is decoded, and the checksum decides whether the stream
// succeeds. Zero bytes after the last member are padding, as in gzip(1); anything else there is an
// error.
//
// A decoder that salvages (struct stage) loses everything from the first damage on.
#ifndef XBPIPE_GZIP_DEC_H
#define XBPIPE_GZIP_DEC_H

#include "engine/stage.h"

#define GZIP_DEC_MAGIC "\x1f\x8b\x08" // the first bytes of every member: RFC 1952, deflate

// A decoder that pushes into `next`. NULL if the allocation failed. Failures: EX_DATAERR (what
// gunzip.h refuses, a wrong CRC-32 or length, input that ends inside a member or is empty, other
// data after the end), EX_OSERR.
struct stage *gzip_dec_new(struct ordered *o, struct stage *next);

#endif
