// SPDX-License-Identifier: Apache-2.0
// xbpack: files below a directory, as an xbstream on standard output.
#include "format/lz4_enc.h"
#include "format/zstd_enc.h"
#include "program/command_line.h"
#include "program/filter.h"
#include "program/options.h"
#include "program/options_set.h"
#include "program/packing.h"
#include "program/xbcrypt_keyfile.h"

#include <stdio.h>
#include <string.h>

enum { KEY_COMPRESS = 1, KEY_ENCRYPT, KEY_THREADS, KEY_BUFFER };

struct options {
    struct options_output output;
    struct options_key key;
    struct options_run run;
    struct packing_options packing;
    bool sparse;
    bool encrypt;
    enum xbcrypt_algorithm algorithm;
    const struct frames_enc_codec *compress; // NULL: none
    bool qpress;
    int level;
};

static void parse_compress(struct options *o, const char *arg, const struct argp_state *state) {
    const struct form {
        const char *name;
        const struct frames_enc_codec *codec; // NULL: qpress
        int min, max, level;
    } forms[] = {{"lz4", &lz4_enc_codec, lz4_enc_codec.level_min, lz4_enc_codec.level_max,
                  lz4_enc_codec.level_default},
                 {"zstd", &zstd_enc_codec, zstd_enc_codec.level_min, zstd_enc_codec.level_max,
                  zstd_enc_codec.level_default},
                 {"qp", NULL, 1, QPRESS_ENC_LEVEL_MAX, QPRESS_ENC_LEVEL_DEFAULT}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *form = &forms[i];
        size_t size = strlen(form->name);
        uint64_t level = (uint64_t)form->level;
        if (strncmp(arg, form->name, size) != 0 || (arg[size] != '\0' && arg[size] != ':'))
            continue;
        if (arg[size] == ':' &&
            !options_parse_size(arg + size + 1, (uint64_t)form->min, (uint64_t)form->max, &level))
            argp_error(state, "--compress=%s: expected a level from %d to %d",
                       options_parse_shown(arg), form->min, form->max);
        o->compress = form->codec;
        o->qpress = form->codec == NULL;
        o->level = (int)level;
        return;
    }
    argp_error(state, "--compress=%s: expected lz4, zstd or qp, and a level: zstd:9",
               options_parse_shown(arg));
}

static void check(const struct options *o, const struct argp_state *state) {
    if (o->key.file != NULL && !o->encrypt)
        argp_error(state, "-f is for --encrypt, which is not given");
    if (o->sparse && (o->encrypt || o->compress != NULL || o->qpress))
        argp_error(state, "-S does not go with --encrypt or --compress: holes are data to them");
}

static const struct options_setting simple[] = {OPTIONS_SET('S', struct options, sparse),
                                                OPTIONS_SET_IGNORED('c'),
                                                OPTIONS_SET_IGNORED(KEY_BUFFER),
                                                {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    if (options_set(simple, o, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->output;
        state->child_inputs[1] = &o->key;
        state->child_inputs[2] = &o->run;
        state->child_inputs[3] = &o->packing;
        return 0;
    case 'x':
        argp_failure(state, EX_USAGE, 0, "-x: this program packs; xbunpack unpacks");
        return 0;
    case 'p':
    case KEY_THREADS:
        options_raise_threads(&o->run, arg, state);
        return 0;
    case KEY_COMPRESS:
        parse_compress(o, arg, state);
        return 0;
    case KEY_ENCRYPT:
        o->encrypt = true;
        if (arg != NULL && !xbcrypt_keyfile_algorithm(arg, &o->algorithm))
            argp_error(state, "--encrypt=%s: expected AES128, AES192, AES256 or NONE",
                       options_parse_shown(arg));
        return 0;
    case ARGP_KEY_END:
        check(o, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {NULL, 0, NULL, 0, "What to pack, and where to:", OPTIONS_GROUP_DATA},
    {"sparse", 'S', NULL, 0, "Store holes as holes, which xbstream reads and mbstream does not",
     OPTIONS_GROUP_DATA},
    {NULL, 0, NULL, 0, "Compressing and encrypting:", OPTIONS_GROUP_DECODE},
    {"compress", KEY_COMPRESS, "FORM[:LEVEL]", 0,
     "Compress each member as lz4 (LEVEL 1 to 12, default 1), zstd (1 to 19, default 3), or qp "
     "(qpress; 1 to 3, default 1)",
     OPTIONS_GROUP_DECODE},
    {"encrypt", KEY_ENCRYPT, "ALGO", OPTION_ARG_OPTIONAL,
     "Encrypt each member as xbcrypt version 3; ALGO (AES128, AES192, AES256) checks the key, NONE "
     "is for chunks that are not encrypted",
     OPTIONS_GROUP_DECODE},
    {NULL, 0, NULL, 0, "Running:", OPTIONS_GROUP_RUN},
    {NULL, 0, NULL, 0, "Accepted for scripts that call xbstream:", OPTIONS_GROUP_ORIGINAL},
    {"create", 'c', NULL, 0, "This is what the program does", OPTIONS_GROUP_ORIGINAL},
    {"parallel", 'p', "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"encrypt-threads", KEY_THREADS, "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"read-buffer-size", KEY_BUFFER, "SIZE", 0, "Has no effect", OPTIONS_GROUP_ORIGINAL},
    {"extract", 'x', NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct argp_child children[] = {{&options_output_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_key_argp, 0, NULL, OPTIONS_GROUP_DECODE},
                                             {&options_run_argp, 0, NULL, OPTIONS_GROUP_RUN},
                                             {&packing_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[NAME...]",
    .doc = "Pack files, and what is in folders, into an xbstream archive (Percona XtraBackup, "
           "MariaDB Backup) on standard output, compressing and encrypting each on the way. "
           "Without NAMEs and -T: all of DIR.\v"
           "Example:\n"
           "  xbpack -C restored --compress=zstd --encrypt -f key -o backup.xb",
    .children = children};

static int pack(const struct options *o, struct fault *f) {
    unsigned threads = options_threads(&o->run);
    char suffix[32];
    snprintf(suffix, sizeof suffix, "%s%s",
             o->compress != NULL ? o->compress->suffix
             : o->qpress         ? ".qp"
                                 : "",
             o->encrypt ? ".xbcrypt" : "");
    struct pack_settings settings = {.suffix = suffix, .sparse = o->sparse};
    int result = 0;
    if (o->encrypt)
        result = xbcrypt_keyfile_load(&settings.key, o->key.file, o->algorithm, threads,
                                      o->run.verbose, f);
    if (result == 0 && o->compress != NULL)
        result = frames_enc_encoder_new(&settings.compress, o->compress, o->level, threads, f);
    if (result == 0 && o->qpress)
        result = qpress_enc_new(&settings.qpress, o->level, threads, f);
    if (result == 0)
        result = packing_run(&o->packing, &o->output, &o->run, &settings, f);
    frames_enc_encoder_free(settings.compress);
    qpress_enc_free(settings.qpress);
    xbcrypt_key_free(settings.key);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct fault f;
    diag_start();
    command_line_parse(&parser, argc, argv, &o);
    int result = pack(&o, &f);
    return filter_end(result, &f);
}
