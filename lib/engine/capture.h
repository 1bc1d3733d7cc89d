// SPDX-License-Identifier: Apache-2.0
// Stage: passes its input on and keeps a copy of the first bytes.
#ifndef XBPIPE_CAPTURE_H
#define XBPIPE_CAPTURE_H

#include "engine/stage.h"

// A stage that pushes into `next`. At the end it calls `done` with `context` and the first bytes of
// the input, at most `max`, which are valid until `done` returns. NULL if the allocation failed.
struct stage *capture_new(struct ordered *o, size_t max, struct stage *next,
                          void (*done)(void *context, const char *data, size_t size),
                          void *context);

#endif
