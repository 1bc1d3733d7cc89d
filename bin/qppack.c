// SPDX-License-Identifier: Apache-2.0
// qppack: files below a directory, or standard input, as a qpress archive on standard output.
#include "program/command_line.h"
#include "program/filter.h"
#include "program/options.h"
#include "program/options_set.h"
#include "program/packing.h"

#include <string.h>
#include <unistd.h>

enum { KEY_BLOCK = 'K', KEY_THREADS = 'T' };

struct options {
    struct packing_options packing;
    struct options_output output;
    struct options_run run;
    uint64_t level;
    bool piped; // pack standard input
};

static void check(struct options *o, const struct argp_state *state) {
    const struct packing_options *p = &o->packing;
    if (o->piped && p->operand_count > 1)
        argp_error(state, "-i is for one NAME, and a second operand is given");
    if (p->operand_count == 0 && p->files_from == NULL && p->directory == NULL)
        o->piped = true;
    if (!o->piped)
        return;
    if (p->directory != NULL || p->files_from != NULL)
        argp_error(state, "-i packs standard input: -C and --files-from do not go with it");
    if (isatty(STDIN_FILENO))
        argp_error(state, "standard input is a terminal: expected data to pack; name the files to "
                          "pack, or use <FILE");
}

// Removes the o from qpress's -io: there it has no value, unlike our -o FILE.
static void take_to_stdout(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char *o = strchr(argv[i], 'o');
        if (o != NULL && argv[i][0] == '-' && memchr(argv[i], 'i', (size_t)(o - argv[i])) != NULL &&
            strspn(argv[i] + 1, "fiorvLT0123456789") == strlen(argv[i] + 1))
            memmove(o, o + 1, strlen(o));
    }
}

static const struct options_setting simple[] = {OPTIONS_SET('i', struct options, piped),
                                                OPTIONS_SET('f', struct options, output.overwrite),
                                                OPTIONS_SET_IGNORED('r'),
                                                {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    uint64_t ignored;
    if (options_set(simple, o, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->packing;
        state->child_inputs[1] = &o->output;
        state->child_inputs[2] = &o->run;
        return 0;
    case 'L':
        if (!options_parse_size(arg, 1, QPRESS_ENC_LEVEL_MAX, &o->level))
            argp_error(state, "-L %s: expected a level from 1 to %d", options_parse_shown(arg),
                       QPRESS_ENC_LEVEL_MAX);
        return 0;
    case KEY_BLOCK:
        if (!options_parse_size(arg, 1, UINT32_MAX, &ignored))
            argp_error(state, "-K %s: expected a size in KiB", options_parse_shown(arg));
        return 0;
    case KEY_THREADS:
        options_raise_threads(&o->run, arg, state);
        return 0;
    case 'd':
        argp_failure(state, EX_USAGE, 0, "-d: this program packs; qpunpack unpacks");
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
    {"stdin", 'i', NULL, 0, "Pack standard input, as the file NAME", OPTIONS_GROUP_DATA},
    {NULL, 0, NULL, 0, "Compressing:", OPTIONS_GROUP_DECODE},
    {"level", 'L', "N", 0, "Compress at level 1 (fast, the default), 2 or 3 (small)",
     OPTIONS_GROUP_DECODE},
    {NULL, 0, NULL, 0, "Running:", OPTIONS_GROUP_RUN},
    {NULL, 0, NULL, 0, "Accepted for scripts that call qpress:", OPTIONS_GROUP_ORIGINAL},
    {"force", 'f', NULL, 0, "Replace a file that exists, as --overwrite does",
     OPTIONS_GROUP_ORIGINAL},
    {"recursive", 'r', NULL, 0, "This is what the program does", OPTIONS_GROUP_ORIGINAL},
    {"qpress-threads", KEY_THREADS, "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"block-size", KEY_BLOCK, "KIB", 0, "Has no effect: blocks have 64 KiB",
     OPTIONS_GROUP_ORIGINAL},
    {"decompress", 'd', NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct argp_child children[] = {{&packing_long_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_output_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_run_argp, 0, NULL, OPTIONS_GROUP_RUN},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[NAME...]",
    .doc = "Pack files, and folders with what is in them, into a qpress archive (.qp, _xb.qp) on "
           "standard output. Without NAMEs, -C and --files-from: standard input.\v"
           "Examples:\n"
           "  qppack -C restored -o restored.qp\n"
           "  qppack -L3 -i backup.xb <backup.xb >backup_xb.qp",
    .children = children};

struct encoder {
    struct qpress_enc *qpress;
    struct qpress_enc_items items;
    struct stage *file;
};

static struct stage *make_stage(struct ordered *o, struct stage *next, void *context) {
    struct encoder *e = context;
    e->file = qpress_enc_file_new(o, &e->items, next, NULL, NULL);
    return e->file != NULL ? qpress_enc_blocks_new(o, e->qpress, e->file) : NULL;
}

// Gives standard input its name in the archive: the operand (as qpress does), or that of the output
// file without .qp (as in XtraBackup's archives), or "stdin".
static int name_input(struct encoder *e, const struct options *o, struct fault *f) {
    const char *name = "stdin";
    size_t size = strlen(name);
    bool named = o->packing.operand_count > 0;
    if (named || (o->output.path != NULL && strcmp(o->output.path, "-") != 0)) {
        const char *path = named ? o->packing.operands[0] : o->output.path;
        const char *slash = strrchr(path, '/');
        name = slash != NULL ? slash + 1 : path;
        size = strlen(name);
        if (!named && size > 3 && strcmp(name + size - 3, ".qp") == 0)
            size -= 3;
        if (member_name_check(name, size, f) < 0)
            return -1;
    }
    if (qpress_enc_items_archive(&e->items) < 0 || qpress_enc_items_file(&e->items, name, size) < 0)
        return diag_fault_memory(f);
    return 0;
}

static int pack_input(const struct options *o, struct qpress_enc *qpress, struct fault *f) {
    struct encoder e = {.qpress = qpress};
    int result = name_input(&e, o, f);
    if (result == 0)
        result = filter_files(NULL, &o->output, &o->run, make_stage, &e, f);
    stage_free(e.file);
    qpress_enc_items_free(&e.items);
    return result;
}

static int pack(const struct options *o, struct fault *f) {
    struct pack_settings settings = {.qpress_archive = true};
    if (qpress_enc_new(&settings.qpress, (int)o->level, options_threads(&o->run), f) < 0)
        return -1;
    int result = o->piped ? pack_input(o, settings.qpress, f)
                          : packing_run(&o->packing, &o->output, &o->run, &settings, f);
    qpress_enc_free(settings.qpress);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {.level = QPRESS_ENC_LEVEL_DEFAULT};
    struct fault f;
    diag_start();
    take_to_stdout(argc, argv);
    command_line_parse(&parser, argc, argv, &o);
    int result = pack(&o, &f);
    return filter_end(result, &f);
}
