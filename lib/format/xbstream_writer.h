// SPDX-License-Identifier: Apache-2.0
// Stage: the bytes of one file → its chunks of an xbstream. Chunks have XBSTREAM_CHUNK_SIZE bytes
// of payload, as in xbstream and mbstream, so the same files give the same stream. Holes become
// sparse chunks, which MariaDB's mbstream does not support: to pack for it, do not push holes.
// Every entry of a sparse map has data, at least a zero byte: readers differ in how they treat an
// entry without data.
#ifndef XBPIPE_XBSTREAM_WRITER_H
#define XBPIPE_XBSTREAM_WRITER_H

#include "engine/stage.h"

enum { XBSTREAM_CHUNK_SIZE = 10 << 20 };

// A writer for the file called `name` (1 to MEMBER_NAME_MAX bytes, copied; the other rules for
// names are in outdir.h) that pushes into `next`, and never finishes it: further files may follow.
// When the file's last chunk has been pushed, `done` is called once with `context`; `done` must not
// free the stage. NULL if the allocation failed. Failures: EX_OSERR.
struct stage *xbstream_writer_new(struct ordered *o, const char *name, size_t size,
                                  struct stage *next, void (*done)(void *context), void *context);

// For a stream that ends in a failure, when nothing is in flight: pushes an empty payload chunk, so
// that the file has begun but does not end, which shows a reader that the stream is not whole. If
// the allocation fails it does nothing.
void xbstream_writer_leave_open(struct stage *writer);

#endif
