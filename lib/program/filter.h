// SPDX-License-Identifier: Apache-2.0
// The outermost loop of every program that reads a stream: input → stage, until the end has been
// delivered or something has failed.
#ifndef XBPIPE_FILTER_H
#define XBPIPE_FILTER_H

#include "engine/stage.h"
#include "file/input.h"
#include "file/outfile.h"
#include "program/options.h"

// Pushes all of the input into `first`, finishes it, and delivers everything. Returns 0; or -1 and
// *f, in which case everything before the failure in the order has been delivered.
int filter_run(struct input *in, struct ordered *o, struct stage *first, struct fault *f);

// Runs the stage that `make` returns (from its `context`; NULL: memory ran out) between an open
// input and an open output, on `threads` threads, and frees it; if there are losses in the scope
// that `make` has given to `next` (salvage.h), the output becomes a damaged one. `path` is the
// output's. On a signal that asks the program to stop, a temporary output is removed; the program
// is to call interrupt_die then. Returns 0; or -1 and *f. Both stay open.
int filter_into(struct input *in, struct outfile *out, const char *path, unsigned threads,
                struct stage *(*make)(struct ordered *o, struct stage *next, void *context),
                void *context, struct fault *f);

// A filter's whole work once its options are read: opens input and output, enters the sandbox
// (options_confine) with only these allowed, runs the stage between them (filter_into), and gives
// the output its name. Returns 0; or -1 and *f.
int filter_files(const char *input, const struct options_output *output,
                 const struct options_run *run,
                 struct stage *(*make)(struct ordered *o, struct stage *next, void *context),
                 void *context, struct fault *f);

// What main ends with: ends the progress, dies of the signal that asked the program to stop, if one
// did, or prints the failure. Returns the exit status of a run with this result.
int filter_end(int result, const struct fault *f);

#endif
