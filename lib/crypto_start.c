// SPDX-License-Identifier: Apache-2.0
#include "crypto_start.h"

#include <openssl/crypto.h>

int crypto_start(struct fault *f) {
    return OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1
               ? 0
               : diag_fault(f, EX_OSERR, "cannot start OpenSSL");
}
