// SPDX-License-Identifier: Apache-2.0
// xbcrypt-enc: plaintext on standard input, xbcrypt version 3 chunks on standard output.
#include "format/xbcrypt_enc.h"
#include "program/command_line.h"
#include "program/xbcrypt_filter.h"

struct options {
    struct xbcrypt_options common;
    uint64_t chunk_size;
};

// xbcrypt accepts any chunk size, down to one byte.
static void raise_chunk_size(struct options *o) {
    if (o->chunk_size >= XBCRYPT_CHUNK_MIN)
        return;
    diag_note("-s: a chunk of %u bytes is too small, and %u are used", (unsigned)o->chunk_size,
              (unsigned)XBCRYPT_CHUNK_MIN);
    o->chunk_size = XBCRYPT_CHUNK_MIN;
}

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        return 0;
    case 'd':
        argp_failure(state, EX_USAGE, 0, "-d: this program encrypts; xbcrypt-dec decrypts");
        return 0;
    case 's':
        if (!options_parse_size(arg, 1, XBCRYPT_CHUNK_MAX, &o->chunk_size))
            argp_error(state, "-s %s: expected a size from 1K to 64M", options_parse_shown(arg));
        return 0;
    case ARGP_KEY_END:
        raise_chunk_size(o);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"encrypt-chunk-size", 's', "SIZE", 0, "Plaintext bytes in each chunk, 1K to 64M (default 64K)",
     OPTIONS_GROUP_DATA},
    {"decrypt", 'd', NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct argp_child children[] = {{&xbcrypt_filter_argp, 0, NULL, 0}, {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[FILE]",
    .doc = "Encrypt FILE or standard input to standard output in Percona XtraBackup's xbcrypt "
           "format, version 3.\v"
           "Example:\n"
           "  xbcrypt-enc -f key -i t1.ibd -o t1.ibd.xbcrypt",
    .children = children};

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    return xbcrypt_enc_new(o, context, next);
}

int main(int argc, char **argv) {
    struct options o = {.chunk_size = XBCRYPT_CHUNK_DEFAULT};
    struct fault f;
    diag_start();
    command_line_parse(&parser, argc, argv, &o);
    struct xbcrypt_enc_settings settings = {.chunk_size = (size_t)o.chunk_size};
    int result = xbcrypt_filter(&o.common, &settings.key, make_stage, &settings, &f);
    return filter_end(result, &f);
}
