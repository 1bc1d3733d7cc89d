// SPDX-License-Identifier: Apache-2.0
// The files of one archive while they are written below a directory: each is a sink that gets its
// name when all its bytes have been written.
#ifndef XBPIPE_OUTFILES_H
#define XBPIPE_OUTFILES_H

#include "outdir.h"
#include "stage.h"

#include <stddef.h>

struct outfiles;

// Returns 0 and *files; or -1 and EX_OSERR in *f. The directory outlives it.
int outfiles_new(struct outfiles **files, struct ordered *o, struct outdir *dir, struct fault *f);

// Begins the file called `name` (`size` bytes and a terminator; hostile), at a time when the stream
// is being read, not delivered, where that can be (it may wait for files in flight). *sink takes
// its bytes and belongs to `files`, which frees it some time after `done` (may be NULL; called with
// `context` when the file has its name). Returns 0; or -1 and *f: EX_DATAERR (the name is refused,
// or the archive had a file of that name before), EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outfiles_begin(struct outfiles *files, const char *name, size_t size,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct fault *f);

// Removes the files that are not complete, and frees. Nothing may be in flight. NULL is allowed.
void outfiles_free(struct outfiles *files);

#endif
