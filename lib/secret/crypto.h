// SPDX-License-Identifier: Apache-2.0
// Starts OpenSSL, and finds out why a call failed.
#ifndef XBPIPE_CRYPTO_H
#define XBPIPE_CRYPTO_H

#include "base/diag.h"

#include <stdbool.h>

// Initialises OpenSSL. Call it before sandbox_enter: OpenSSL reads its configuration file when it
// is first used, which the sandbox does not allow. (With XBPIPE_STATIC defined it reads none.) Call
// it after secret_start, if the program calls that. It costs half a millisecond the first time.
// Returns 0; or -1 and EX_OSERR.
int crypto_start(struct fault *f);

// Empties this thread's queue of OpenSSL's errors. Returns whether a failed allocation was one of
// them or, after secret_start, whether any allocation of OpenSSL's has failed: if not, the input of
// the call that failed was wrong.
bool crypto_error_is_memory(void);

#endif
