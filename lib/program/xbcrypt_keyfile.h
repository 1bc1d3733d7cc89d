// SPDX-License-Identifier: Apache-2.0
// Loads the key of xbcrypt data from a file, or from the original tools' environment variable.
#ifndef XBPIPE_XBCRYPT_KEYFILE_H
#define XBPIPE_XBCRYPT_KEYFILE_H

#include "format/xbcrypt.h"

#include <stdbool.h>

#define XBCRYPT_KEY_VARIABLE "XBCRYPT_ENCRYPTION_KEY"

enum xbcrypt_algorithm {
    XBCRYPT_ANY, // as the size of the key says
    XBCRYPT_NONE,
    XBCRYPT_AES128 = 128,
    XBCRYPT_AES192 = 192,
    XBCRYPT_AES256 = 256
};

// "AES128", "AES192", "AES256" or "NONE" in any case. Returns false for anything else.
bool xbcrypt_keyfile_algorithm(const char *text, enum xbcrypt_algorithm *algorithm);

// Loads the key from `file` or, if that is NULL, from the variable. With XBCRYPT_NONE there is no
// key to load. With `verbose` says what was done; warns if others can read the file. Returns 0 and
// *key; or -1 and *f: EX_USAGE (no
// key was given; the size is not the algorithm's; the file is standard input's "-"), EX_NOINPUT,
// EX_NOPERM, EX_IOERR, EX_DATAERR (not a valid size), EX_OSERR.
int xbcrypt_keyfile_load(struct xbcrypt_key **key, const char *file,
                         enum xbcrypt_algorithm algorithm, unsigned threads, bool verbose,
                         struct fault *f);

#endif
