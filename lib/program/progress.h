// SPDX-License-Identifier: Apache-2.0
// Reports progress to people and to programs: a line on standard error once a second (rewritten in
// place on a terminal), a line of JSON once a second on a descriptor, and a line for each SIGUSR1,
// as dd prints one. It has a thread of its own, so that lines appear even if everything else waits;
// the numbers are counters that the data path only adds to (counters.h).
#ifndef XBPIPE_PROGRESS_H
#define XBPIPE_PROGRESS_H

#include "base/diag.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

// --progress, --no-progress, --json-progress=FD. Input: struct progress_options *, set to none of
// them at the start. SIGUSR1 is blocked from then on: one that comes before progress_begin is
// answered by that.
struct progress_options {
    bool wanted, unwanted; // both false: on a terminal
    int json;              // descriptor; -1: none
};
extern const struct argp progress_argp;

// Starts the thread. Without --progress or --no-progress there are lines if standard error is a
// terminal, standard output is no pipe (of a pipeline the last program shows its progress), and the
// work takes longer than a second. To be called once, on the main thread, before there are others
// (SIGUSR1 is blocked in all of them) and after sandbox_enter: a thread that was there before is
// outside Landlock, and all threads have the same memory. The descriptor of JSON is claimed
// (noclobber.h). Returns 0; or -1 and *f: EX_OSERR, or what noclobber_claim gives.
int progress_begin(const struct progress_options *o, struct fault *f);

// Prints the last lines, with the totals and whether all went well, and ends the thread. Does
// nothing if it was not begun, or has ended.
void progress_end(bool ok);

#endif
