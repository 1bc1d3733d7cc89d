// SPDX-License-Identifier: Apache-2.0
// Stage: passes its input on, and keeps the beginning of it.
#ifndef XBPIPE_CAPTURE_H
#define XBPIPE_CAPTURE_H

#include "engine/stage.h"

// A stage that pushes into `next`. When its end has come, `done` is called with `context` and the
// first bytes of the input, at most `max`; they are its own. NULL if memory could not be had.
struct stage *capture_new(struct ordered *o, size_t max, struct stage *next,
                          void (*done)(void *context, const char *data, size_t size),
                          void *context);

#endif
