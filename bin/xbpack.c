// SPDX-License-Identifier: Apache-2.0
// xbpack: files below a directory, as an xbstream on standard output.
#include "archive/pack.h"
#include "file/outfile.h"
#include "file/sink.h"
#include "format/lz4_enc.h"
#include "format/zstd_enc.h"
#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/path.h"
#include "os/terminal.h"
#include "program/command_line.h"
#include "program/options.h"
#include "program/xbcrypt_keyfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_COMPRESS = 1, KEY_ENCRYPT, KEY_THREADS, KEY_BUFFER };

struct options {
    struct options_output output;
    struct options_key key;
    struct options_run run;
    const char *directory;
    const char *files_from;
    bool null;
    bool sparse;
    bool encrypt;
    enum xbcrypt_algorithm algorithm;
    const struct frames_enc_codec *compress; // NULL: none
    int level;
    char *const *operands;
    int operand_count;
};

static void parse_compress(struct options *o, const char *arg, const struct argp_state *state) {
    static const struct {
        const char *name;
        const struct frames_enc_codec *codec;
    } codecs[] = {{"lz4", &lz4_enc_codec}, {"zstd", &zstd_enc_codec}};
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        const struct frames_enc_codec *codec = codecs[i].codec;
        size_t size = strlen(codecs[i].name);
        uint64_t level = (uint64_t)codec->level_default;
        if (strncmp(arg, codecs[i].name, size) != 0 || (arg[size] != '\0' && arg[size] != ':'))
            continue;
        if (arg[size] == ':' && !options_parse_size(arg + size + 1, (uint64_t)codec->level_min,
                                                    (uint64_t)codec->level_max, &level))
            argp_error(state, "--compress=%s: expected a level from %d to %d",
                       options_parse_shown(arg), codec->level_min, codec->level_max);
        o->compress = codec;
        o->level = (int)level;
        return;
    }
    argp_error(state, "--compress=%s: expected lz4 or zstd, and a level: zstd:9",
               options_parse_shown(arg));
}

static void check(const struct options *o, const struct argp_state *state) {
    if (o->key.file != NULL && !o->encrypt)
        argp_error(state, "-f is for --encrypt, which is not given");
    if (o->null && o->files_from == NULL)
        argp_error(state, "-0 is for -T, which is not given");
    if (o->sparse && (o->encrypt || o->compress != NULL))
        argp_error(state, "-S does not go with --encrypt or --compress: holes are data to them");
}

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->output;
        state->child_inputs[1] = &o->key;
        state->child_inputs[2] = &o->run;
        return 0;
    case 'C':
        o->directory = arg;
        return 0;
    case 'T':
        o->files_from = arg;
        return 0;
    case '0':
        o->null = true;
        return 0;
    case 'S':
        o->sparse = true;
        return 0;
    case 'c':
        return 0;
    case 'x':
        argp_failure(state, EX_USAGE, 0, "-x: this program packs; xbunpack unpacks");
        return 0;
    case 'p':
    case KEY_THREADS:
        options_raise_threads(&o->run, arg, state);
        return 0;
    case KEY_BUFFER:
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
    case ARGP_KEY_ARGS:
        o->operands = state->argv + state->next;
        o->operand_count = state->argc - state->next;
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
    {"directory", 'C', "DIR", 0, "Pack what is below DIR (default: the current directory)",
     OPTIONS_GROUP_DATA},
    {"files-from", 'T', "FILE", 0,
     "Pack the files and folders that FILE (-: standard input) names, one a line",
     OPTIONS_GROUP_DATA},
    {"null", '0', NULL, 0, "The names in the file of -T end in NUL, as find -print0 writes them",
     OPTIONS_GROUP_DATA},
    {"sparse", 'S', NULL, 0, "Store holes as such, which xbstream reads and mbstream does not",
     OPTIONS_GROUP_DATA},
    {NULL, 0, NULL, 0, "Compressing and encrypting:", OPTIONS_GROUP_DECODE},
    {"compress", KEY_COMPRESS, "FORM[:LEVEL]", 0,
     "Compress each member as lz4 (LEVEL 1 to 12, default 1) or zstd (1 to 19, default 3)",
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
    {"read-buffer-size", KEY_BUFFER, "SIZE", 0, "Means nothing here", OPTIONS_GROUP_ORIGINAL},
    {"extract", 'x', NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct argp_child children[] = {{&options_output_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_key_argp, 0, NULL, OPTIONS_GROUP_DECODE},
                                             {&options_run_argp, 0, NULL, OPTIONS_GROUP_RUN},
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

static struct {
    unsigned long count;
    char first[300]; // printable
} empty_folders;

static void name_empty_folder(const char *shown) {
    diag_warn("%s: left out: an xbstream cannot hold an empty folder", shown);
}

static void count_empty_folder(const char *shown) {
    if (empty_folders.count++ == 0)
        snprintf(empty_folders.first, sizeof empty_folders.first, "%.*s", diag_cut(shown, 299),
                 shown);
}

static void warn_of_empty_folders(void) {
    char more[60] = "";
    if (empty_folders.count > 1)
        snprintf(more, sizeof more, " and %lu more (-v names them)", empty_folders.count - 1);
    if (empty_folders.count > 0)
        diag_warn("%s%s: left out: an xbstream cannot hold an empty folder; a server may need it "
                  "after a restore",
                  empty_folders.first, more);
}

static void warn_of_output(const char *shown) {
    diag_warn("%s: left out: it is the output", shown);
}

static int list_files(struct filelist *list, const struct options *o, struct fault *f) {
    for (int i = 0; i < o->operand_count; i++)
        if (filelist_add(list, o->operands[i], strlen(o->operands[i]), f) < 0)
            return -1;
    if (o->files_from != NULL)
        terminal_announce(o->files_from, "names of files");
    if (o->files_from != NULL && filelist_add_from(list, o->files_from, o->null, f) < 0)
        return -1;
    if (o->files_from == NULL && o->operand_count == 0 && filelist_add(list, ".", 1, f) < 0)
        return -1;
    if (filelist_count(list) == 0)
        return diag_fault(f, EX_NOINPUT, "there is no file to pack");
    return 0;
}

// Finds the file that the output goes to, or will take the place of.
static void find_output(const struct options *o, struct stat *st, struct pack_settings *settings) {
    bool named = o->output.path != NULL && strcmp(o->output.path, "-") != 0;
    int fd = named ? path_descriptor(o->output.path) : STDOUT_FILENO;
    if ((fd >= 0 ? fstat(fd, st) : lstat(o->output.path, st)) < 0 || !S_ISREG(st->st_mode))
        return;
    settings->output = st;
    // The shell has made it, or emptied it. What is named is still whole.
    settings->left_out = fd >= 0 ? warn_of_output : NULL;
}

// Shuts the program in with the directory, and starts its threads.
static int confine(const struct options *o, const struct indir *dir, struct ordered **ordered,
                   struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    unsigned threads = options_threads(&o->run);
    sandbox_allow(&rules, indir_fd(dir), SANDBOX_READ);
    return options_confine(o->run.no_sandbox, o->run.verbose, &rules, f) < 0 ||
                   progress_begin(&o->run.progress, f) < 0
               ? -1
               : ordered_new(ordered, threads, f);
}

static int write_stream(const struct options *o, struct pack_settings *settings, struct fault *f) {
    struct outfile *out;
    struct ordered *ordered = NULL;
    struct stat st;
    find_output(o, &st, settings);
    if (outfile_begin(&out, o->output.path, o->output.overwrite, f) < 0)
        return -1;
    if (outfile_seekable(out))
        interrupt_catch();
    else
        fdio_enlarge_pipe(outfile_fd(out));
    struct stage *sink = NULL;
    int result = confine(o, settings->dir, &ordered, f);
    if (result == 0)
        sink = sink_new(ordered, outfile_fd(out), outfile_shown(out), outfile_seekable(out), NULL,
                        NULL);
    if (result == 0)
        result = sink != NULL ? pack_run(ordered, settings, sink, f) : diag_fault_memory(f);
    stage_free(sink);
    ordered_free(ordered);
    if (result == 0)
        return options_commit_output(&o->output, out, f);
    outfile_discard(out);
    return -1;
}

static int pack(const struct options *o, struct fault *f) {
    unsigned threads = options_threads(&o->run);
    char suffix[32];
    snprintf(suffix, sizeof suffix, "%s%s", o->compress != NULL ? o->compress->suffix : "",
             o->encrypt ? ".xbcrypt" : "");
    struct pack_settings settings = {
        .suffix = suffix, .sparse = o->sparse, .member = o->run.verbose ? diag_note_text : NULL};
    struct filelist_settings listing = {
        .suffix = suffix, .empty_folder = o->run.verbose ? name_empty_folder : count_empty_folder};
    struct indir *dir = NULL;
    struct filelist *files = NULL;
    int result = 0;
    if (o->encrypt)
        result = xbcrypt_keyfile_load(&settings.key, o->key.file, o->algorithm, threads,
                                      o->run.verbose, f);
    if (result == 0 && o->compress != NULL)
        result = frames_enc_encoder_new(&settings.compress, o->compress, o->level, threads, f);
    if (result == 0)
        result = indir_open(&dir, o->directory != NULL ? o->directory : ".", f);
    listing.dir = settings.dir = dir;
    if (result == 0)
        result = filelist_new(&files, &listing, f);
    if (result == 0)
        result = list_files(files, o, f);
    warn_of_empty_folders();
    settings.files = files;
    if (result == 0)
        result = write_stream(o, &settings, f);
    filelist_free(files);
    indir_close(dir);
    frames_enc_encoder_free(settings.compress);
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
    progress_end(result == 0);
    interrupt_say();
    interrupt_die();
    return result < 0 ? diag_print(&f) : 0;
}
