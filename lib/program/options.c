// SPDX-License-Identifier: Apache-2.0
#include "program/options.h"

#include "base/diag.h"
#include "file/outfile.h"
#include "os/cpus.h"
#include "secret/key_hint.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_OVERWRITE = 0x4001, KEY_FSYNC, KEY_MAX_CHUNK };

unsigned options_threads(const struct options_run *run) {
    return run->threads != 0 ? run->threads : cpus_available();
}

// Whether an operand may be a key that was typed there, and must not be shown.
static bool may_be_key(const char *operand) {
    return access(operand, F_OK) < 0 && key_hint_is_key(operand);
}

void options_refuse_operand(const struct argp_state *state, const char *operand) {
    if (may_be_key(operand))
        argp_error(state, "unexpected operand, which is not shown here since it looks like a key: "
                          "there is one input, and it is given already");
    argp_error(state, "unexpected operand '%s': there is one input, and it is given already",
               diag_shown(operand, 200));
}

void options_take_operand(const struct argp_state *state, const char *operand, const char **input) {
    if (*input != NULL)
        options_refuse_operand(state, operand);
    if (may_be_key(operand))
        argp_failure(state, EX_NOINPUT, 0,
                     "there is no file of the name given as input, which is not shown here since "
                     "it looks like a key; write a key into a file, and give its name with -f");
    *input = operand;
}

void options_check_input(const struct argp_state *state, const char *input, const char *expected) {
    if ((input == NULL || strcmp(input, "-") == 0) && isatty(STDIN_FILENO))
        argp_error(state, "standard input is a terminal: expected %s; use -i FILE or <FILE",
                   expected);
}

void options_check_key_file(const struct argp_state *state, const char *file) {
    if (strcmp(file, "-") == 0)
        argp_error(state, "the file of the key is -: with -i FILE, standard input is /dev/stdin");
}

static error_t parse_input(int key, char *arg, struct argp_state *state) {
    if (key != 'i')
        return ARGP_ERR_UNKNOWN;
    *(const char **)state->input = arg;
    return 0;
}

static const struct argp_option input_options[] = {
    {"input", 'i', "FILE", 0, "Read FILE (default or -: standard input)", 0}, {0}};
const struct argp options_input_argp = {.options = input_options, .parser = parse_input};

static error_t parse_output(int key, char *arg, struct argp_state *state) {
    struct options_output *output = state->input;
    switch (key) {
    case 'o':
        output->path = arg;
        return 0;
    case KEY_OVERWRITE:
        output->overwrite = true;
        return 0;
    case KEY_FSYNC:
        output->fsync = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option output_options[] = {
    {"output", 'o', "FILE", 0,
     "Write FILE, which appears once it is complete (default or -: standard output)", 0},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace FILE if it exists", 0},
    {"fsync", KEY_FSYNC, NULL, 0, "End with success only once the output is on the disk", 0},
    {0}};
const struct argp options_output_argp = {.options = output_options, .parser = parse_output};

int options_commit_output(const struct options_output *output, struct outfile *out,
                          struct fault *f) {
    return output->fsync ? outfile_commit_synced(out, f) : outfile_commit(out, f);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
    struct options_key *options = state->input;
    switch (key) {
    case 'f':
        options->file = arg;
        return 0;
    case 'k':
        if (arg != NULL)
            OPENSSL_cleanse(arg, strlen(arg));
        argp_failure(
            state, EX_USAGE, 0,
            "-k, --encrypt-key: a key on the command line can be read by every user of the "
            "machine; use -f FILE, -f /dev/fd/N, or the environment variable "
            "XBCRYPT_ENCRYPTION_KEY");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option key_options[] = {
    {"encrypt-key-file", 'f', "FILE", 0,
     "Read the key from FILE: 16, 24 or 32 bytes (default: the environment variable "
     "XBCRYPT_ENCRYPTION_KEY)",
     0},
    {"encrypt-key", 'k', "KEY", OPTION_ARG_OPTIONAL | OPTION_HIDDEN, NULL, 0},
    // Abbreviations, which would otherwise be refused as ambiguous with a message that shows the
    // key.
    {"encrypt-k", 'k', "KEY", OPTION_ARG_OPTIONAL | OPTION_HIDDEN, NULL, 0},
    {"encrypt-ke", 'k', "KEY", OPTION_ARG_OPTIONAL | OPTION_HIDDEN, NULL, 0},
    {0}};
const struct argp options_key_argp = {.options = key_options, .parser = parse_key};

static void parse_threads(struct options_run *run, const char *arg, struct argp_state *state) {
    uint64_t value;
    if (!options_parse_size(arg, 1, OPTIONS_THREADS_MAX, &value))
        argp_error(state, "%s: expected a number of threads from 1 to %d", options_parse_shown(arg),
                   OPTIONS_THREADS_MAX);
    run->threads = (unsigned)value;
}

void options_raise_threads(struct options_run *run, const char *arg, struct argp_state *state) {
    unsigned before = run->threads;
    parse_threads(run, arg, state);
    if (run->threads < before)
        run->threads = before;
}

void options_allow_output(struct sandbox_rules *rules, const char *path) {
    struct stat st;
    if (path == NULL || strcmp(path, "-") == 0)
        return;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        sandbox_allow_path(rules, path, SANDBOX_WRITE); // a device or a pipe
    else
        sandbox_allow_parent(rules, path, SANDBOX_WRITE);
}

int options_confine(bool no_sandbox, bool verbose, const struct sandbox_rules *rules,
                    struct fault *f) {
    struct sandbox_rules all = *rules;
    outfile_allow_all(&all);
    return options_sandbox_enter(no_sandbox, verbose, &all, f);
}

static error_t parse_run(int key, char *arg, struct argp_state *state) {
    struct options_run *run = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &run->progress;
        state->child_inputs[1] = &run->no_sandbox;
        return 0;
    case 'j':
        parse_threads(run, arg, state);
        return 0;
    case 'v':
        run->verbose = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option run_options[] = {
    {"verbose", 'v', NULL, 0, "Print on standard error what is done to which file", 0},
    {"threads", 'j', "N", 0, "Use N threads (default: the processors available)", 0},
    {0}};
static const struct argp_child run_children[] = {
    {&options_progress_argp, 0, NULL, 0}, {&options_sandbox_argp, 0, NULL, 0}, {0}};
const struct argp options_run_argp = {
    .options = run_options, .parser = parse_run, .children = run_children};

static error_t parse_limit(int key, char *arg, struct argp_state *state) {
    uint64_t *max_chunk = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        *max_chunk = OPTIONS_MAX_CHUNK_DEFAULT;
        return 0;
    case KEY_MAX_CHUNK:
        if (!options_parse_size(arg, 1024, UINT64_C(1) << 40, max_chunk))
            argp_error(state, "--max-chunk=%s: expected a size from 1K to 1024G",
                       options_parse_shown(arg));
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option limit_options[] = {
    {"max-chunk", KEY_MAX_CHUNK, "SIZE", 0,
     "Refuse input that claims a chunk larger than SIZE (default 256M)", 0},
    {0}};
const struct argp options_limit_argp = {.options = limit_options, .parser = parse_limit};
