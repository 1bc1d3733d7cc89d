// SPDX-License-Identifier: Apache-2.0
// xbunpack: an xbstream on standard input, its members as files below a directory.
#include "extract.h"
#include "filter.h"
#include "interrupt.h"
#include "options.h"
#include "xbcrypt_keyfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_DECRYPT = 1, KEY_DECOMPRESS, KEY_STRICT, KEY_NO_STRICT, KEY_OVERWRITE, KEY_TEST };

struct options {
    const char *input;
    struct options_key key;
    struct options_run run;
    uint64_t max_chunk;
    const char *directory;
    bool list;
    bool test;
    bool overwrite;
    bool decrypt;
    bool decompress;
    bool accept_random;
    enum xbcrypt_algorithm algorithm;
};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->key;
        state->child_inputs[2] = &o->run;
        state->child_inputs[3] = &o->max_chunk;
        return 0;
    case 'C':
        o->directory = arg;
        return 0;
    case 't':
        o->list = true;
        return 0;
    case 'x':
        return 0;
    case 'p':
        options_parse_threads(&o->run, arg, state);
        return 0;
    case KEY_TEST:
        o->test = true;
        return 0;
    case KEY_OVERWRITE:
        o->overwrite = true;
        return 0;
    case KEY_DECRYPT:
        o->decrypt = true;
        if (arg != NULL && !xbcrypt_algorithm_parse(arg, &o->algorithm))
            argp_error(state, "--decrypt=%s: expected AES128, AES192, AES256 or NONE", arg);
        return 0;
    case KEY_DECOMPRESS:
        o->decompress = true;
        return 0;
    case KEY_STRICT:
        o->accept_random = false;
        return 0;
    case KEY_NO_STRICT:
        o->accept_random = true;
        return 0;
    case ARGP_KEY_ARG:
        options_no_operand(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (o->key.file != NULL && !o->decrypt)
            argp_error(state, "-f is for --decrypt, which is not given");
        if ((o->directory != NULL) + o->test + o->list > 1)
            argp_error(state, "choose one of -C, -t and --test");
        if (o->list && (o->decrypt || o->decompress))
            argp_error(state, "-t lists the members as they are stored: it does not go with "
                              "--decrypt or --decompress");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"directory", 'C', "DIR", 0, "Create the files below DIR (default: the current directory)", 0},
    {"extract", 'x', NULL, 0, "Accepted for scripts that call xbstream -x: this is what it does",
     0},
    {"list", 't', NULL, 0, "List the members' names on standard output, write no file", 0},
    {"test", KEY_TEST, NULL, 0,
     "Decrypt, decompress and verify everything as for -C, write nothing", 0},
    {"decrypt", KEY_DECRYPT, "ALGO", OPTION_ARG_OPTIONAL,
     "Decrypt members that end in .xbcrypt; ALGO (AES128, AES192, AES256) checks the key, NONE is "
     "for chunks that are not encrypted",
     0},
    {"decompress", KEY_DECOMPRESS, NULL, 0, "Decompress members that end in .qp, .lz4 or .zst", 0},
    {"strict", KEY_STRICT, NULL, 0,
     "Fail on members encrypted as xbcrypt version 1 or 2 that the key looks wrong for (the "
     "default)",
     0},
    {"no-strict", KEY_NO_STRICT, NULL, 0,
     "Only warn of such members; for data that is random by nature", 0},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace files that exist", 0},
    {"parallel", 'p', "N", 0, "The same as -j, as xbstream calls it", 0},
    {0}};

static const struct argp_child children[] = {{&options_input_argp, 0, NULL, 0},
                                             {&options_key_argp, 0, NULL, 0},
                                             {&options_run_argp, 0, NULL, 0},
                                             {&options_limit_argp, 0, NULL, 0},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .doc = "Unpack an xbstream archive (Percona XtraBackup, MariaDB Backup) from standard input, "
           "decrypting and decompressing its members on the way.",
    .children = children};

static void warn(const char *text) {
    diag_warn("%s", text);
}

static void list_member(const char *stored, const char *restored) {
    (void)restored;
    puts(stored);
}

static void name_member(const char *stored, const char *restored) {
    if (strcmp(stored, restored) == 0)
        diag_note("%s", restored);
    else
        diag_note("%s -> %s", stored, restored);
}

static void report_unfinished(const char *stored) {
    diag_error("%s: unfinished: the stream ended before it; its file was not created", stored);
}

static void report_untested(const char *stored) {
    diag_error("%s: unfinished: the stream ended before it", stored);
}

static int extract(struct input *in, const struct options *o, struct ordered *ordered,
                   const struct extract_settings *settings, struct fault *f) {
    struct extract *e;
    if (extract_new(&e, ordered, settings, f) < 0)
        return -1;
    int result = filter_run(in, ordered, extract_stage(e), f);
    unsigned left = extract_left_encrypted(e);
    ordered_drop(ordered);
    extract_free(e);
    if (result == 0 && left > 0 && o->decompress)
        diag_warn("%u member%s ending in .xbcrypt stayed encrypted: use --decrypt -f FILE", left,
                  left == 1 ? "" : "s");
    return result;
}

static int unpack(const struct options *o, struct fault *f) {
    unsigned threads = options_threads(&o->run);
    struct xbcrypt_dec_settings decrypt = {
        .max_chunk = o->max_chunk, .accept_random = o->accept_random, .warn = warn};
    struct extract_settings settings = {.decrypt = o->decrypt ? &decrypt : NULL,
                                        .decompress = o->decompress,
                                        .max_chunk = o->max_chunk,
                                        .member = o->list          ? list_member
                                                  : o->run.verbose ? name_member
                                                                   : NULL,
                                        .unfinished =
                                            o->test ? report_untested : report_unfinished};
    struct outfiles_settings writing = {0};
    struct ordered *ordered = NULL;
    struct input in = {.fd = -1};
    int result = 0;
    if (o->decrypt)
        result = xbcrypt_keyfile_load(&decrypt.key, o->key.file, o->algorithm, threads,
                                      o->run.verbose, f);
    if (result == 0)
        result = input_open(&in, o->input, f);
    if (result == 0 && !o->list && !o->test)
        result =
            outdir_open(&writing.dir, o->directory != NULL ? o->directory : ".", o->overwrite, f);
    if (result == 0)
        result = ordered_new(&ordered, threads, f);
    if (result == 0 && !o->list)
        result = outfiles_new(&settings.files, ordered, &writing, f);
    if (result == 0)
        result = extract(&in, o, ordered, &settings, f);
    outfiles_free(settings.files);
    ordered_free(ordered);
    outdir_close(writing.dir);
    input_close(&in);
    xbcrypt_key_free(decrypt.key);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct fault f;
    diag_start();
    argp_parse(&parser, argc, argv, 0, NULL, &o);
    interrupt_catch();
    int result = unpack(&o, &f);
    interrupt_die();
    return result < 0 ? diag_print(&f) : 0;
}
