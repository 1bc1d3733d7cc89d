// SPDX-License-Identifier: Apache-2.0
// xbcrypt-dec: xbcrypt chunks on standard input, plaintext on standard output.
#include "filter.h"
#include "options.h"
#include "xbcrypt_dec.h"
#include "xbcrypt_keyfile.h"

enum { KEY_STRICT = 1 };

struct options {
    const char *input;
    struct options_output output;
    struct options_key key;
    struct options_run run;
    enum xbcrypt_algorithm algorithm;
    bool strict;
};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->output;
        state->child_inputs[2] = &o->key;
        state->child_inputs[3] = &o->run;
        return 0;
    case 'a':
        if (!xbcrypt_algorithm_parse(arg, &o->algorithm))
            argp_error(state, "-a %s: expected AES128, AES192, AES256 or NONE", arg);
        return 0;
    case 'd':
        return 0;
    case KEY_STRICT:
        o->strict = true;
        return 0;
    case ARGP_KEY_ARG:
        options_no_operand(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"encrypt-algo", 'a', "ALGO", 0,
     "Check that the key is for AES128, AES192 or AES256; NONE: the chunks are not encrypted", 0},
    {"decrypt", 'd', NULL, 0, "Accepted for scripts that call xbcrypt -d: this is all it does", 0},
    {"strict", KEY_STRICT, NULL, 0,
     "Versions 1 and 2: fail, before any output, where the key looks wrong", 0},
    {0}};

static const struct argp_child children[] = {{&options_input_argp, 0, NULL, 0},
                                             {&options_output_argp, 0, NULL, 0},
                                             {&options_key_argp, 0, NULL, 0},
                                             {&options_run_argp, 0, NULL, 0},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .doc = "Decrypt Percona XtraBackup's xbcrypt format, versions 1 to 3, from standard input to "
           "standard output.",
    .children = children};

static void warn(const char *text) {
    diag_warn("%s", text);
}

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    return xbcrypt_dec_new(o, context, NULL, next);
}

static int run(const struct options *o, struct fault *f) {
    unsigned threads = options_threads(&o->run);
    struct xbcrypt_dec_settings settings = {
        .max_chunk = o->run.max_chunk, .strict = o->strict, .warn = warn};
    struct ordered *ordered = NULL;
    int result =
        xbcrypt_keyfile_load(&settings.key, o->key.file, o->algorithm, threads, o->run.verbose, f);
    if (result == 0)
        result = ordered_new(&ordered, threads, f);
    if (result == 0)
        result = filter_files(o->input, &o->output, ordered, make_stage, &settings, f);
    ordered_free(ordered);
    xbcrypt_key_free(settings.key);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct fault f;
    diag_start();
    argp_parse(&parser, argc, argv, 0, NULL, &o);
    return run(&o, &f) < 0 ? diag_print(&f) : 0;
}
