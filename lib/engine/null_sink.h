// SPDX-License-Identifier: Apache-2.0
// The last stage of a chain whose result is only verified: it drops its input.
#ifndef XBPIPE_NULL_SINK_H
#define XBPIPE_NULL_SINK_H

#include "engine/stage.h"

#include <stdint.h>

// A sink that takes bytes in any order and keeps none. When the end has been delivered, it calls
// `done` (may be NULL) once with `context`; `done` must not free the sink. NULL if the allocation
// failed.
struct stage *null_sink_new(struct ordered *o, void (*done)(void *context), void *context);

// The number of bytes that such a sink has received so far, holes included.
uint64_t null_sink_size(const struct stage *stage);

#endif
