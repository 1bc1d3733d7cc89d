// SPDX-License-Identifier: Apache-2.0
#include "program/xbcrypt_filter.h"

enum { KEY_BUFFER = 'r', KEY_THREADS = 't' };

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct xbcrypt_options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->output;
        state->child_inputs[2] = &o->key;
        state->child_inputs[3] = &o->run;
        return 0;
    case 'a':
        if (!xbcrypt_keyfile_algorithm(arg, &o->algorithm))
            argp_error(state, "-a %s: expected AES128, AES192, AES256 or NONE",
                       options_parse_shown(arg));
        return 0;
    case KEY_THREADS:
        options_raise_threads(&o->run, arg, state);
        return 0;
    case KEY_BUFFER:
        return 0;
    case ARGP_KEY_ARG:
        options_take_operand(state, arg, &o->input);
        return 0;
    case ARGP_KEY_END:
        options_check_input(state, o->input, "data to read");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {NULL, 0, NULL, 0, "Input and output:", OPTIONS_GROUP_DATA},
    {NULL, 0, NULL, 0, "The key:", OPTIONS_GROUP_DECODE},
    {"encrypt-algo", 'a', "ALGO", 0,
     "Check that the key is for AES128, AES192 or AES256; NONE: the chunks are not encrypted",
     OPTIONS_GROUP_DECODE},
    {NULL, 0, NULL, 0, "Running:", OPTIONS_GROUP_RUN},
    {NULL, 0, NULL, 0, "Accepted for scripts that call xbcrypt:", OPTIONS_GROUP_ORIGINAL},
    {"encrypt-threads", KEY_THREADS, "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"read-buffer-size", KEY_BUFFER, "SIZE", 0, "Has no effect", OPTIONS_GROUP_ORIGINAL},
    {0}};

static const struct argp_child children[] = {{&options_input_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_output_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_key_argp, 0, NULL, OPTIONS_GROUP_DECODE},
                                             {&options_run_argp, 0, NULL, OPTIONS_GROUP_RUN},
                                             {0}};

const struct argp xbcrypt_filter_argp = {
    .options = option_list, .parser = parse_option, .children = children};

int xbcrypt_filter(const struct xbcrypt_options *o, struct xbcrypt_key **key,
                   struct stage *(*make)(struct ordered *o, struct stage *next, void *context),
                   void *context, struct fault *f) {
    struct options_run run = o->run;
    run.threads = options_threads(&o->run);
    int result =
        xbcrypt_keyfile_load(key, o->key.file, o->algorithm, run.threads, o->run.verbose, f);
    if (result == 0)
        result = filter_files(o->input, &o->output, &run, make, context, f);
    xbcrypt_key_free(*key);
    slab_trim();
    return result;
}
