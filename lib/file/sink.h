// SPDX-License-Identifier: Apache-2.0
// The last stage: a descriptor. The pool's threads write; small pieces that are waiting are written
// in one call.
#ifndef XBPIPE_SINK_H
#define XBPIPE_SINK_H

#include "engine/stage.h"

#include <sys/types.h>

// A sink that writes to fd, which stays open. Messages call it `name`. `seekable`: an empty regular
// file that only the sink uses; holes are then left out, and units may be placed out of order.
// Pushed data is written in order, on any thread. When the
// end has been delivered, `done` (which may be NULL) is called once with `context`; `done`
// must not free the sink. A failed write ends in EX_IOERR (for a pipe whose reader went away
// without a message; EX_TEMPFAIL without one if a signal came while a hole was being filled:
// interrupt.h), and nothing is written after it. NULL if the allocation failed.
struct stage *sink_new(struct ordered *o, int fd, const char *name, bool seekable,
                       void (*done)(void *context), void *context);

// Which parts of a seekable sink's file become holes.
enum sink_holes {
    SINK_HOLES_MARKED, // only pushed holes; the default
    // Also blocks of zeros, once the file turns out to have holes: a hole was pushed, or a page
    // that InnoDB has compressed (innodb_page.h).
    SINK_HOLES_AUTO,
    SINK_HOLES_ALWAYS, // every block of zeros
    SINK_HOLES_NEVER   // nothing: zeros are written
};

// Call it before anything is pushed. A block is one of the file system; `block_size` is st_blksize
// (stat(2)), which is not believed if it is no power of two or out of range.
void sink_set_holes(struct stage *sink, enum sink_holes holes, blksize_t block_size);

#endif
