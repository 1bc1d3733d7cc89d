// SPDX-License-Identifier: Apache-2.0
// The last stage: a descriptor. Writing is done by the pool's threads; small pieces that are
// waiting go out in one call.
#ifndef XBPIPE_SINK_H
#define XBPIPE_SINK_H

#include "stage.h"

// A sink that writes to fd, which stays open. `name` stands for it in messages. `seekable`: a
// regular file that the sink has for itself from offset 0; holes are then left out, and units may
// be placed out of order. What is pushed goes out one write after the other, by any thread.
// When the end has been delivered, `done` (which may be NULL) is called once with `context`; the
// sink may not be freed from inside it. A failed write ends in EX_IOERR (for a pipe whose reader
// went away without a message), and nothing is written after it. NULL if memory could not be had.
struct stage *sink_new(struct ordered *o, int fd, const char *name, bool seekable,
                       void (*done)(void *context), void *context);

#endif
