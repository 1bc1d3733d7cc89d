// SPDX-License-Identifier: Apache-2.0
// The options --progress, --no-progress and --json-progress=FD.
#ifndef XBPIPE_OPTIONS_PROGRESS_H
#define XBPIPE_OPTIONS_PROGRESS_H

#include "program/progress.h"

#include <argp.h>

// Input: struct progress_options *, set to none of them at the start. SIGUSR1 is blocked from then
// on (progress_block_signal).
extern const struct argp options_progress_argp;

#endif
