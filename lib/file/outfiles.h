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
struct restored_file;

struct outfiles_settings {
    struct outdir *dir;    // NULL: files are only verified
    struct limits *limits; // of their sizes; NULL: none
    enum sink_holes holes;
    bool sync; // each file is on the disk before it gets its name, and at the end all folders
    // Where the digests of the files are added as they are complete. NULL: not wanted.
    struct manifest *digests;
    // What the files' digests must be, sorted; the entries of files that are met are marked as
    // found. NULL: not known. A file gets its name only with the digest that the list has for it;
    // that it has another, or is not in the list, shows in the end, when it is removed.
    struct manifest *expected;
    const char *expected_name; // of the list, printable
    bool partial;              // the list may have files that are not met
    // What to do if two files of the archive get one name, for the message; NULL: nothing.
    const char *same_name_hint;
    // Called at the end, on the main thread, with a line of text for each such file, and for each
    // file of the list that was not met.
    void (*report)(const char *text);
};

// Returns 0 and *files; or -1 and EX_OSERR in *f. The settings and what they name outlive it.
int outfiles_new(struct outfiles **files, struct ordered *o,
                 const struct outfiles_settings *settings, struct fault *f);

// Begins the file called `name` (`size` bytes and a terminator; hostile; clean: member_name.h),
// which the archive has as `stored` (printable; NULL: the same), at a time when the stream is being
// read, not delivered, where that can be (it may wait for files in flight). *sink takes its bytes
// and belongs to `files`; with a salvage scope (struct stage) that has losses when all has been
// written, the file gets the name of a damaged one (outfile_damaged_name), which no other file of
// the archive has, is in no list of digests and held against none. It is freed some time after
// `done` (may be NULL; called with `context` when the file has its name, or would have). *file
// (NULL: not wanted) is for the functions of restored.h, and lives as long as `files`. Returns 0;
// or -1 and *f: EX_DATAERR (the name is refused, or the archive had a file or a folder of that name
// before), EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outfiles_begin(struct outfiles *files, const char *name, size_t size, const char *stored,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct restored_file **file, struct fault *f);

// A folder of the archive, under a hostile name as above; one that is there already is fine.
// Returns 0; or -1 and *f: the same, but that names of folders may repeat.
int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f);

// Such a folder, which is empty, is no part of the archive any more. It is removed in the end if
// the run made it. Returns 0; or -1 and EX_OSERR.
int outfiles_remove_folder(struct outfiles *files, const char *name, size_t size, struct fault *f);

// To be called once all has been delivered without a failure; some files have their names only then
// (restored.h), and the manifest is filled. Returns 0; or -1 and *f: files and list are not the
// same (EX_DATAERR), a file cannot get its name, a folder cannot be synced (EX_IOERR).
int outfiles_finish(struct outfiles *files, struct fault *f);

// Removes the files that are not complete, and frees. Nothing may be in flight. NULL is allowed.
void outfiles_free(struct outfiles *files);

#endif
