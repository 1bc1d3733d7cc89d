// SPDX-License-Identifier: Apache-2.0
// The option --no-sandbox, and entering the sandbox. Separate from options.h, so that a program
// that writes no files does not link the code that does.
#ifndef XBPIPE_OPTIONS_SANDBOX_H
#define XBPIPE_OPTIONS_SANDBOX_H

#include "base/diag.h"
#include "os/sandbox.h"

#include <argp.h>
#include <stdbool.h>

// --no-sandbox. Input: bool *, set if the option is given.
extern const struct argp options_sandbox_argp;

// Unless no_sandbox, calls sandbox_enter with the rules. If verbose, says what this kernel lacks
// for it. Returns 0; or -1 and EX_OSERR.
int options_sandbox_enter(bool no_sandbox, bool verbose, const struct sandbox_rules *rules,
                          struct fault *f);

#endif
