// SPDX-License-Identifier: Apache-2.0
// The last stage: a descriptor. Writing is done by the pool's threads; small pieces that are
// waiting go out in one call.
#ifndef XBPIPE_SINK_H
#define XBPIPE_SINK_H

#include "stage.h"

// A sink that writes to fd, which stays open. `name` stands for it in messages. `seekable`: a
// regular file that the sink has for itself from offset 0; pieces are then written side by side at
// their offsets, holes are left out, and units may be placed out of order. Otherwise bytes go out
// one after the other. When the end has been delivered, `done` (which may be NULL) is called once
// with `context`; the sink may not be freed from inside it. A failed write ends in EX_IOERR (for a
// pipe whose reader went away without a message). NULL if memory could not be had.
struct stage *sink_new(struct ordered *o, int fd, const char *name, bool seekable,
                       void (*done)(void *context), void *context);

// Bytes the sink has been given so far.
uint64_t sink_size(const struct stage *sink);

#endif
