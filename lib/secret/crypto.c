// SPDX-License-Identifier: Apache-2.0
#include "secret/crypto.h"

#include "secret/wiped.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

// A configuration may name modules of the system's own OpenSSL, which a static executable cannot
// load without a second C library.
#ifdef XBPIPE_STATIC
enum { CONFIGURATION = OPENSSL_INIT_NO_LOAD_CONFIG };
#else
enum { CONFIGURATION = OPENSSL_INIT_LOAD_CONFIG };
#endif

int crypto_start(struct fault *f) {
    // If the allocation of its default context fails, OpenSSL reports nothing and crashes later.
    return OPENSSL_init_crypto(CONFIGURATION, NULL) == 1 &&
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
