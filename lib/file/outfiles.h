// SPDX-License-Identifier: Apache-2.0
// The files of one archive, each with its sink. In a directory, a file gets its name when all its
// bytes have been written; without a directory it is only verified.
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
    bool sync; // each file is synced to the disk before it gets its name, and all folders at the
               // end
    // The digests of complete files are added here. NULL: not wanted.
    struct manifest *digests;
    // The expected digests, sorted; the entries of files that are found are marked. NULL: none. A
    // file gets its name only with the digest that the list has for it; a file that has another, or
    // is not in the list, is reported and removed at the end.
    struct manifest *expected;
    const char *expected_name; // of the list, printable
    bool partial;              // the list may have files that the archive lacks
    // For the message if two files of the archive get one name: what to do; NULL: nothing.
    const char *same_name_hint;
    // Called at the end, on the main thread, with a line of text for each such file, and for each
    // file of the list that was not met.
    void (*report)(const char *text);
};

// Returns 0 and *files; or -1 and EX_OSERR in *f. The settings and what they name outlive it.
int outfiles_new(struct outfiles **files, struct ordered *o,
                 const struct outfiles_settings *settings, struct fault *f);

// Begins the file `name` (`size` bytes and a terminator; hostile; clean: member_name.h), whose name
// in the archive is `stored` (printable; NULL: the same). If possible, call it while the stream is
// being read, not delivered (it may wait for files in flight). *sink takes its bytes and belongs to
// `files`. If its salvage scope (struct stage) has losses when everything has been written, the
// file gets the name of a damaged one (outfile_damaged_name), which no other file of the archive
// has; it is neither added to nor compared with a list of digests. The sink is freed some time
// after `done` (may be NULL; called with `context` when the file has its name, or would have).
// *file (NULL: not wanted) is for the functions of restored.h, and lives as long as `files`.
// Returns 0; or -1 and *f: EX_DATAERR (the name is refused, or the archive had a file or a folder
// of that name before), EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outfiles_begin(struct outfiles *files, const char *name, size_t size, const char *stored,
                   void (*done)(void *context), void *context, struct stage **sink,
                   struct restored_file **file, struct fault *f);

// Creates a folder of the archive, with a hostile name as above; it may exist already. Returns 0;
// or -1 and *f: the same, but names of folders may repeat.
int outfiles_make_folder(struct outfiles *files, const char *name, size_t size, struct fault *f);

// Such a folder, which is empty, no longer belongs to the archive. It is removed at the end if the
// run created it. Returns 0; or -1 and EX_OSERR.
int outfiles_remove_folder(struct outfiles *files, const char *name, size_t size, struct fault *f);

// Call it once everything has been delivered without a failure; some files get their names only now
// (restored.h), and the manifest is filled. Returns 0; or -1 and *f: the files differ from the list
// (EX_DATAERR), a file cannot get its name, a folder cannot be synced (EX_IOERR).
int outfiles_finish(struct outfiles *files, struct fault *f);

// Removes the files that are not complete, and frees. Nothing may be in flight. NULL is allowed.
void outfiles_free(struct outfiles *files);

#endif
