// SPDX-License-Identifier: Apache-2.0
// Makes OpenSSL ready before the program is shut in (sandbox.h): it reads its configuration when it
// is first used, which would be too late.
#ifndef XBPIPE_CRYPTO_START_H
#define XBPIPE_CRYPTO_START_H

#include "base/diag.h"

// To be called by what will use OpenSSL, after wiped_start if there is one. It costs half a
// millisecond the first time. Returns 0; or -1 and EX_OSERR.
int crypto_start(struct fault *f);

#endif
