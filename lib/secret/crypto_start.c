// SPDX-License-Identifier: Apache-2.0
#include "secret/crypto_start.h"

#include <openssl/crypto.h>

int crypto_start(struct fault *f) {
    // If there is no memory for its default context it says nothing, and crashes later.
    return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1 &&
                   OSSL_LIB_CTX_get0_global_default() != NULL
               ? 0
               : diag_fault(f, EX_OSERR, "cannot start OpenSSL");
}
