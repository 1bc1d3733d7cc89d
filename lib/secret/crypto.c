// SPDX-License-Identifier: Apache-2.0
#include "secret/crypto.h"

#include "secret/wiped.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

int crypto_start(struct fault *f) {
    // If the allocation of its default context fails, OpenSSL reports nothing and crashes later.
    return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1 &&
                   OSSL_LIB_CTX_get0_global_default() != NULL
               ? 0
               : diag_fault(f, EX_OSERR, "cannot start OpenSSL");
}

bool crypto_error_is_memory(void) {
    // OpenSSL's decoders of keys drop the reasons of their failed attempts.
    bool found = wiped_exhausted();
    for (unsigned long error; (error = ERR_get_error()) != 0;)
        found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return found;
}
