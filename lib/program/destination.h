// SPDX-License-Identifier: Apache-2.0
// The writing side of a program that restores an archive's files: its options, and everything that
// they do, from before the first byte is read until success may be reported.
#ifndef XBPIPE_DESTINATION_H
#define XBPIPE_DESTINATION_H

#include "file/outfiles.h"
#include "os/sandbox.h"

#include <argp.h>
#include <stdbool.h>

// The program's own options set the first four.
struct destination_options {
    const char *directory; // NULL: nowhere
    bool empty_only;       // it is an error if the directory holds anything
    bool overwrite;
    bool partial;         // not all of the archive is restored
    const char *manifest; // NULL: none; "-": standard output
    const char *verify;   // NULL: none
    bool fsync;
    const char *sparse; // its value; NULL: not given
    enum sink_holes holes;
    struct limits limits; // also for standard output
};

// --manifest, --verify, --fsync, --max-size, --max-total, --sparse. Input: struct
// destination_options *.
extern const struct argp destination_argp;

// Ends the program with EX_USAGE if an option was given that has no effect in this run.
// `restoring`: files are restored or tested.
void destination_check(const struct destination_options *o, bool restoring,
                       struct argp_state *state);

// True if the options send something to standard output: the manifest.
bool destination_to_stdout(const struct destination_options *o);

// Zero before destination_open.
struct destination {
    struct outfiles_settings settings;
    struct limits limits;
    struct outfiles *files;
    struct manifest digests;
    struct manifest expected;
    char expected_name[200];
    struct outfile *manifest;
    const char *manifest_name;
    char *made; // the directory, if it is new; otherwise NULL
};

// Prints the number of temporary files of earlier runs that have been removed, if there were any.
void destination_say_removed(const struct destination *d);

// Reads and opens everything that the options name, so that a missing file is reported before any
// work is done. `report` as in outfiles.h. Returns 0, or -1 and *f: what outdir_open, outfile_begin
// and manifest_read may give, EX_OSERR, EX_USAGE (the directory is not empty). In both cases
// destination_close is to be called.
int destination_open(struct destination *d, const struct destination_options *options,
                     void (*report)(const char *text), struct fault *f);

// Allows the directory in the sandbox.
void destination_allow(const struct destination *d, struct sandbox_rules *rules);

// Makes d->files. Call it once, between destination_open and the first file. Returns 0; or -1
// and EX_OSERR.
int destination_begin(struct destination *d, struct ordered *o, struct fault *f);

// Call it once everything has been delivered without a failure. Does the checks that are only
// possible at the end, and writes the manifest. Returns 0; or -1 and *f, and then there is no
// manifest.
int destination_finish(struct destination *d, struct fault *f);

// If a signal asks the program to stop, says that the directory does not hold the backup. Call it
// before interrupt_die.
void destination_interrupted(const struct destination_options *options);

// Removes incomplete files, and, if the run has failed, the directory if this run created it and it
// has no files. Nothing may be in flight.
void destination_close(struct destination *d, bool failed);

#endif
