// SPDX-License-Identifier: Apache-2.0
#include "secret/crypto_error.h"

#include "secret/wiped.h"

#include <openssl/err.h>

bool crypto_error_is_memory(void) {
    // OpenSSL's decoders of keys drop the reason of what they tried in vain.
    bool found = wiped_exhausted();
    for (unsigned long error; (error = ERR_get_error()) != 0;)
        found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}
