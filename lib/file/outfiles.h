// SPDX-License-Identifier: Apache-2.0
// The files of one archive, each a sink. Below a directory a file gets its name when all its bytes
// have been written; without a directory it is only verified.
#ifndef XBPIPE_OUTFILES_H
#define XBPIPE_OUTFILES_H

#include "engine/limit.h"
#include "engine/stage.h"
#include "file/manifest.h"
#include "file/outdir.h"
#include "file/sink.h"

#include <stddef.h>

struct outfiles;

struct outfiles_settings {
    struct outdir *dir;    // NULL: files are only verified
    struct limits *limits; // of their sizes; NULL: none
    enum sink_holes holes;
    bool sync; // each file is on the disk before it gets its name, and at the end all folders
    // Where the digests of the files are added as they are complete. NULL: not wanted.
    struct manifest *digests;
    // What the files' digests must be, sorted; the entries of files that are met are marked as
    // found. NULL: not known. A file whose digest differs fails its stage (EX_DATAERR), and one
    // that is not in the list is verified but not created.
    struct manifest *expected;
    const char *expected_name; // of the list, printable
    bool partial;              // the list may have files that are not met
    // Called at the end, on the main thread, with a line of text for each such file, and for each
    // file of the list that was not met.
    void (*report)(const char *text);
};

// Returns 0 and *files; or -1 and EX_OSERR in *f. The settings and what they name outlive it.
int outfiles_new(struct outfiles **files, struct ordered *o,
                 const struct outfiles_settings *settings, struct fault *f);

// Begins the file called `name` (`size` bytes and a terminator; hostile). Call it while the stream
// is read, not delivered, if possible (it may wait for files in flight). *sink takes its bytes and
// belongs to `files`; with a salvage scope (struct stage) that has losses when all has been
// written, the file gets the name of a damaged one (outfile_damaged), its digest is neither listed
// nor checked, and a file whose digest differs is noted as damaged, too. The sink is freed some
// time after `done` (may be NULL; called with `context` when the file has its name, or would have
// it). Returns 0; or -1 and *f: EX_DATAERR (the name is refused, or the archive had a file or a
// folder of that name before), EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outfiles_begin(struct outfiles *files, const char *name, size_t size,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct fault *f);

// The file of that name and scope, which may be complete, turns out not to be whole, and the scope
// has that loss: it gets, or will get, the name of a damaged one. Returns 0; or -1 and *f:
// EX_CANTCREAT, EX_OSERR.
int outfiles_retract(struct outfiles *files, const char *name, size_t size,
                     struct salvage_scope *scope, struct fault *f);

// A folder of the archive, under a hostile name as above; one that is there already is fine.
// Returns 0; or -1 and *f: the same, but that names of folders may repeat.
int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f);

// To be called once all has been delivered without a failure. Returns 0; or -1 and *f: files and
// list are not the same (EX_DATAERR), a folder cannot be synced (EX_IOERR).
int outfiles_finish(struct outfiles *files, struct fault *f);

// Removes the files that are not complete, and frees. Nothing may be in flight. NULL is allowed.
void outfiles_free(struct outfiles *files);

#endif
