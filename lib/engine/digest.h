// SPDX-License-Identifier: Apache-2.0
// Stage: passes on what it is given, and computes its SHA-256 on the way. The pieces of one file
// are hashed one after the other by any thread, those of different files side by side.
// After a seek (stage.h) `done` gets NULL for the sum, which is then not known.
#ifndef XBPIPE_DIGEST_H
#define XBPIPE_DIGEST_H

#include "engine/stage.h"

#include <stdint.h>

enum { DIGEST_SIZE = 32 };

// A stage before `next`; holes count as zeros. In order, when all has been hashed and before `next`
// is finished, calls `done` with `context`, which returns 0; or -1 and *f, which breaks the stage,
// so that `next` is never finished. NULL if memory could not be had. Failures besides that:
// EX_SOFTWARE (of OpenSSL), EX_TEMPFAIL without a text (interrupt.h).
struct stage *digest_new(struct ordered *o, struct stage *next,
                         int (*done)(void *context, const uint8_t *sha256, struct fault *f),
                         void *context);

#endif
