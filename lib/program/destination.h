// SPDX-License-Identifier: Apache-2.0
// The writing side of a program that restores an archive's files: its options, and their work from
// before the first byte is read until success may be reported.
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
    struct limits limits; // also for what goes to standard output
};

// --manifest, --verify, --fsync, --max-size, --max-total, --sparse. Input: struct
// destination_options *.
extern const struct argp destination_argp;

// Ends the program with EX_USAGE if an option was given that has no meaning for what it does:
// `restoring`, files are restored, if only to be tested.
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
    char *made; // the directory, if it was not there before; else NULL
};

// How many temporary files of earlier runs have been removed.
unsigned destination_removed(const struct destination *d);

// Reads and opens all that the options name, so that a missing file is reported before any work is
// done. `report` as in outfiles.h. Returns 0, or -1 and *f: what outdir_open, outfile_begin and
// manifest_read may give, EX_OSERR, EX_USAGE (the directory is not empty). In both cases
// destination_close is to be called.
int destination_open(struct destination *d, const struct destination_options *options,
                     void (*report)(const char *text), struct fault *f);

// Grants the sandbox the directory.
void destination_allow(const struct destination *d, struct sandbox_rules *rules);

// Makes d->files. Call it once, between destination_open and the first file. Returns 0; or -1
// and EX_OSERR.
int destination_begin(struct destination *d, struct ordered *o, struct fault *f);

// Call it once all has been delivered without a failure. Checks what can only be checked at the
// end, and writes the manifest. Returns 0; or -1 and *f, and no manifest is there.
int destination_finish(struct destination *d, struct fault *f);

// Says that the directory does not hold the backup, if a signal asks the program to stop. To be
// called before interrupt_die.
void destination_interrupted(const struct destination_options *options);

// Removes what is not complete, and if the run has failed the directory, if this run has made it
// and there is no file in it. Nothing may be in flight.
void destination_close(struct destination *d, bool failed);

#endif
