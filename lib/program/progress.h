// SPDX-License-Identifier: Apache-2.0
// Reports progress to people and to programs: a line on standard error once a second (rewritten in
// place on a terminal), a line of JSON once a second on a descriptor, and a line for each SIGUSR1,
// as dd prints one. It has its own thread, so that lines appear even if everything else waits; the
// numbers are counters to which the data path only adds (counters.h).
#ifndef XBPIPE_PROGRESS_H
#define XBPIPE_PROGRESS_H

#include "base/diag.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct progress_options {
    bool wanted, unwanted; // both false: on a terminal
    int json;              // descriptor; -1: none
};

// Blocks SIGUSR1 and puts it into *usr1: one that arrives before progress_begin is answered then
// and does not end the program.
void progress_block_signal(sigset_t *usr1);

// Starts the thread. Without --progress or --no-progress it prints lines if standard error is a
// terminal, standard output is not a pipe (the last program of a pipeline shows its progress), and
// the work takes longer than a second. Call it once, on the main thread, before there are other
// threads (SIGUSR1 is blocked in all of them) and after sandbox_enter: Landlock does not confine an
// older thread, and all threads share their memory. The descriptor of JSON is claimed
// (noclobber.h). Returns 0; or -1 and *f: EX_OSERR, or what noclobber_claim gives.
int progress_begin(const struct progress_options *o, struct fault *f);

// Prints the last lines, with the totals and whether the program succeeded, and ends the thread.
// Does nothing if the thread was not begun, or has ended.
void progress_end(bool ok);

#endif
