// SPDX-License-Identifier: Apache-2.0
// Stage: passes its input on, and computes its SHA-256. The pieces of one file are hashed one after
// the other, on any thread; different files are hashed at the same time.
// After a seek (stage.h) the sum is not known, and `done` gets NULL for it.
#ifndef XBPIPE_DIGEST_H
#define XBPIPE_DIGEST_H

#include "engine/stage.h"

#include <stdint.h>

enum { DIGEST_SIZE = 32 };

// A stage before `next`; holes count as zeros. When everything has been hashed, and before `next`
// is finished, it calls `done` with `context`, in order. `done` returns 0; or -1 and *f, which
// breaks the stage, so that `next` is never finished. NULL if the allocation failed. Other
// failures: EX_SOFTWARE (OpenSSL), EX_TEMPFAIL without a text (interrupt.h).
struct stage *digest_new(struct ordered *o, struct stage *next,
                         int (*done)(void *context, const uint8_t *sha256, struct fault *f),
                         void *context);

// Any thread: computes the SHA-256 of the whole file open at fd. Returns 0; or -1 and *f: EX_IOERR,
// EX_OSERR, EX_SOFTWARE, EX_TEMPFAIL without a text.
int digest_file(int fd, uint8_t sha256[static DIGEST_SIZE], struct fault *f);

#endif
