// SPDX-License-Identifier: Apache-2.0
// xbcrypt-enc: plaintext on standard input, xbcrypt version 3 chunks on standard output.
#include "filter.h"
#include "options.h"
#include "xbcrypt_enc.h"
#include "xbcrypt_keyfile.h"

struct options {
    const char *input;
    struct options_output output;
    struct options_key key;
    struct options_run run;
    enum xbcrypt_algorithm algorithm;
    uint64_t chunk_size;
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
        argp_failure(state, EX_USAGE, 0, "-d: this program encrypts; xbcrypt-dec decrypts");
        return 0;
    case 's':
        if (!options_parse_size(arg, XBCRYPT_CHUNK_MIN, XBCRYPT_CHUNK_MAX, &o->chunk_size))
            argp_error(state, "-s %s: expected a size from 1K to 64M", arg);
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
     "Check that the key is for AES128, AES192 or AES256; NONE: write chunks that are not "
     "encrypted",
     0},
    {"encrypt-chunk-size", 's', "SIZE", 0, "Plaintext bytes a chunk, 1K to 64M (default 64K)", 0},
    {"decrypt", 'd', NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct argp_child children[] = {{&options_input_argp, 0, NULL, 0},
                                             {&options_output_argp, 0, NULL, 0},
                                             {&options_key_argp, 0, NULL, 0},
                                             {&options_run_argp, 0, NULL, 0},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .doc = "Encrypt standard input to standard output in Percona XtraBackup's xbcrypt format, "
           "version 3.",
    .children = children};

struct encoder {
    struct xbcrypt_key *key;
    size_t chunk_size;
};

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    const struct encoder *e = context;
    return xbcrypt_enc_new(o, e->key, e->chunk_size, next);
}

static int run(const struct options *o, struct fault *f) {
    unsigned threads = options_threads(&o->run);
    struct encoder encoder = {.chunk_size = (size_t)o->chunk_size};
    struct ordered *ordered = NULL;
    int result =
        xbcrypt_keyfile_load(&encoder.key, o->key.file, o->algorithm, threads, o->run.verbose, f);
    if (result == 0)
        result = ordered_new(&ordered, threads, f);
    if (result == 0)
        result = filter_files(o->input, &o->output, ordered, make_stage, &encoder, f);
    ordered_free(ordered);
    xbcrypt_key_free(encoder.key);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {.chunk_size = XBCRYPT_CHUNK_DEFAULT};
    struct fault f;
    diag_start();
    argp_parse(&parser, argc, argv, 0, NULL, &o);
    return run(&o, &f) < 0 ? diag_print(&f) : 0;
}
