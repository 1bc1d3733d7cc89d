// SPDX-License-Identifier: Apache-2.0
// The command line options that several programs share, as argp children, and parsers for the
// values of options. A program lists the children that it needs in its struct argp and passes each
// its struct in ARGP_KEY_INIT (state->child_inputs[i]). A mistake ends the program with EX_USAGE.
//
// --help lists them by the groups below, in this order; see command_line.h.
#ifndef XBPIPE_OPTIONS_H
#define XBPIPE_OPTIONS_H

#include "os/sandbox.h"
#include "program/options_parse.h"
#include "program/options_progress.h"
#include "program/options_sandbox.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

enum options_group {
    OPTIONS_GROUP_DATA = 1, // where the data come from and go to
    OPTIONS_GROUP_DECODE,   // the key, and how the data are decoded
    OPTIONS_GROUP_INSTEAD,  // what else the program can do
    OPTIONS_GROUP_WHICH,    // of what
    OPTIONS_GROUP_CHECK,    // verifying and limiting
    OPTIONS_GROUP_RUN,
    OPTIONS_GROUP_ORIGINAL // options of the original program, accepted for compatibility
};

// -i FILE. Input: const char **, unchanged (NULL: standard input) if the option is not given.
extern const struct argp options_input_argp;

// Ends with EX_USAGE: there is an input already. An operand that looks like a key is not shown.
void options_refuse_operand(const struct argp_state *state, const char *operand);

// Takes an operand as the input; ends with EX_USAGE if there is an input already, with EX_NOINPUT
// if there is no such file, and the operand looks like a key.
void options_take_operand(const struct argp_state *state, const char *operand, const char **input);

// Ends with EX_USAGE if the input is standard input and that is a terminal: nobody types `expected`
// ("an archive") there.
void options_check_input(const struct argp_state *state, const char *input, const char *expected);

// Ends with EX_USAGE if the file of a key is "-", because no program reads a key from standard
// input.
void options_check_key_file(const struct argp_state *state, const char *file);

// -o FILE, --overwrite, --fsync.
struct options_output {
    const char *path; // NULL: standard output
    bool overwrite;
    bool fsync; // use outfile_commit_synced
};
extern const struct argp options_output_argp;

// Gives the output its name: outfile_commit_synced with --fsync, otherwise outfile_commit.
struct outfile;
int options_commit_output(const struct options_output *output, struct outfile *out,
                          struct fault *f);

// -f FILE; -k and --encrypt-key are refused, with the reason and the alternative.
struct options_key {
    const char *file; // NULL: not given
};
extern const struct argp options_key_argp;

// -j N, -v, --progress, --json-progress=FD, and --no-sandbox.
struct options_run {
    unsigned threads; // 0 until set; options_threads() gives the default
    bool verbose;
    bool no_sandbox;
    struct progress_options progress;
};
extern const struct argp options_run_argp;

// --max-chunk=SIZE. Input: uint64_t *, set to the default at the start.
extern const struct argp options_limit_argp;

enum { OPTIONS_THREADS_MAX = 1024 };
#define OPTIONS_MAX_CHUNK_DEFAULT (UINT64_C(256) << 20)

// Takes the value of an original's option for the threads of one of its steps: the largest counts.
void options_raise_threads(struct options_run *run, const char *arg, struct argp_state *state);

// The number of threads to use: that of -j, or the processors that this process may use (its
// affinity mask and the CPU limit of its control groups).
unsigned options_threads(const struct options_run *run);

// Allows what outfile_begin(path) needs; NULL and "-", which are standard output, need nothing.
void options_allow_output(struct sandbox_rules *rules, const char *path);

// Unless no_sandbox, calls outfile_allow_all and sandbox_enter with the rules; with `verbose`, says
// what this kernel lacks for it. Returns 0; or -1 and EX_OSERR.
int options_confine(bool no_sandbox, bool verbose, const struct sandbox_rules *rules,
                    struct fault *f);

#endif
