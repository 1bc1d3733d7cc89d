// SPDX-License-Identifier: Apache-2.0
// Why a call of OpenSSL failed, where a failure may say that its input is wrong.
#ifndef XBPIPE_CRYPTO_ERROR_H
#define XBPIPE_CRYPTO_ERROR_H

#include <stdbool.h>

// Empties this thread's queue of OpenSSL's errors. Returns whether a lack of memory was one of
// them, or, after wiped_start, whether OpenSSL has asked for memory in vain.
bool crypto_error_is_memory(void);

#endif
