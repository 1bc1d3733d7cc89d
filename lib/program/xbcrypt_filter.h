// SPDX-License-Identifier: Apache-2.0
// Shared by xbcrypt-dec and xbcrypt-enc: their options, and the filter around a stage that needs a
// key.
#ifndef XBPIPE_XBCRYPT_FILTER_H
#define XBPIPE_XBCRYPT_FILTER_H

#include "program/filter.h"
#include "program/options.h"
#include "program/xbcrypt_keyfile.h"

struct xbcrypt_options {
    const char *input;
    struct options_output output;
    struct options_key key;
    struct options_run run;
    enum xbcrypt_algorithm algorithm;
};

// -a, and the options of the structs above, as an argp child (see options.h). Refuses operands.
extern const struct argp xbcrypt_filter_argp;

// Loads the key into *key, runs the filter (filter_files) with the stage that `make` returns for
// `context`, and frees everything. Returns 0; or -1 and *f, after which interrupt_die
// must still be called.
int xbcrypt_filter(const struct xbcrypt_options *o, struct xbcrypt_key **key,
                   struct stage *(*make)(struct ordered *o, struct stage *next, void *context),
                   void *context, struct fault *f);

#endif
