// SPDX-License-Identifier: Apache-2.0
// The files of one archive on their way to where they go: each is a sink. Below a directory a file
// gets its name when all its bytes have been written; nowhere, it is only verified.
#ifndef XBPIPE_OUTFILES_H
#define XBPIPE_OUTFILES_H

#include "outdir.h"
#include "stage.h"

#include <stddef.h>

struct outfiles;

struct outfiles_settings {
    struct outdir *dir; // NULL: nowhere
};

// Returns 0 and *files; or -1 and EX_OSERR in *f. The settings and what they name outlive it.
int outfiles_new(struct outfiles **files, struct ordered *o,
                 const struct outfiles_settings *settings, struct fault *f);

// Begins the file called `name` (`size` bytes and a terminator; hostile), at a time when the stream
// is being read, not delivered, where that can be (it may wait for files in flight). *sink takes
// its bytes and belongs to `files`, which frees it some time after `done` (may be NULL; called with
// `context` when the file has its name, or would have). Returns 0; or -1 and *f: EX_DATAERR (the
// name is refused, or the archive had a file of that name before), EX_CANTCREAT, EX_NOPERM,
// EX_OSERR.
int outfiles_begin(struct outfiles *files, const char *name, size_t size,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct fault *f);

// A folder of the archive, under a hostile name as above; one that is there already is fine.
// Returns 0; or -1 and *f: the same but that names may repeat.
int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f);

// Removes the files that are not complete, and frees. Nothing may be in flight. NULL is allowed.
void outfiles_free(struct outfiles *files);

#endif
