// SPDX-License-Identifier: Apache-2.0
// qpunpack: a qpress archive on standard input, its files on standard output or below a directory.
#include "base/member_name.h"
#include "engine/limit.h"
#include "file/sink.h"
#include "format/qpress_dec.h"
#include "os/counters.h"
#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/noclobber.h"
#include "program/command_line.h"
#include "program/destination.h"
#include "program/filter.h"
#include "program/options.h"
#include "program/options_set.h"
#include "program/salvage_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_OVERWRITE = 1, KEY_TEST };

struct options {
    const char *input;
    const char *const *inputs; // `input`, or the operands
    size_t input_count;
    const char *const *operands;
    size_t operand_count;
    bool decompress; // -d, with which qpress does what this program does
    bool piped;      // qpress's -i: the archive is on standard input
    struct options_run run;
    uint64_t max_chunk;
    struct destination_options to;
    struct salvage_options salvage;
    bool to_stdout;
    bool list;
    bool test;
};

// The operands are FILE..., or as in qpress -d FILE... DIR, or in qpress -di DIR.
static void take_operands(struct options *o, const struct argp_state *state) {
    size_t count = o->operand_count;
    struct stat st;
    bool elsewhere = o->to.directory != NULL || o->to_stdout || o->list || o->test;
    if (count > (o->piped ? 0 : 1) && o->decompress && !elsewhere)
        o->to.directory = o->operands[--count];
    if (count > 0 && (o->piped || o->input != NULL))
        options_refuse_operand(state, o->operands[0]);
    for (size_t i = 0; i < count; i++)
        if (stat(o->operands[i], &st) == 0 && S_ISDIR(st.st_mode))
            argp_error(state,
                       "operands are archives, and %s is a directory: to create the files below "
                       "it, use -C",
                       diag_shown(o->operands[i], 200));
    o->inputs = count > 0 ? o->operands : &o->input;
    o->input_count = count > 0 ? count : 1;
    for (size_t i = 0; i < o->input_count; i++)
        options_check_input(state, o->inputs[i], "an archive");
}

// Removes qpress's -i, which has no value, from words such as -di and -dio; alone, or before -d, -i
// is this program's own. True if it was there.
static bool take_piped(int argc, char **argv) {
    bool found = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (argv[i][0] != '-' || strspn(argv[i] + 1, "dfiovL0123456789T") != strlen(argv[i] + 1))
            continue;
        char *d = strchr(argv[i], 'd'), *piped = d != NULL ? strchr(d, 'i') : NULL;
        if (piped != NULL) {
            memmove(piped, piped + 1, strlen(piped));
            found = true;
        }
    }
    return found;
}

static const struct options_setting simple[] = {
    OPTIONS_SET('C', struct options, to.directory),
    OPTIONS_SET('o', struct options, to_stdout),
    OPTIONS_SET('t', struct options, list),
    OPTIONS_SET('d', struct options, decompress),
    OPTIONS_SET(KEY_TEST, struct options, test),
    OPTIONS_SET('f', struct options, to.overwrite),
    OPTIONS_SET(KEY_OVERWRITE, struct options, to.overwrite),
    OPTIONS_SET_IGNORED('L'),
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    if (options_set(simple, o, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->run;
        state->child_inputs[2] = &o->max_chunk;
        state->child_inputs[3] = &o->to;
        state->child_inputs[4] = &o->salvage;
        return 0;
    case 'T':
        options_raise_threads(&o->run, arg, state);
        return 0;
    case ARGP_KEY_ARGS:
        o->operands = (const char *const *)state->argv + state->next;
        o->operand_count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        take_operands(o, state);
        if ((o->to.directory != NULL) + o->to_stdout + o->list + o->test > 1)
            argp_error(state, "choose one of -o, -C, -t and --test");
        destination_check(&o->to, o->to.directory != NULL || o->test, state);
        if (o->salvage.report != NULL && strcmp(o->salvage.report, "-") == 0 &&
            ((o->to.directory == NULL && !o->test) || destination_to_stdout(&o->to)))
            argp_error(state, "--report=-: standard output is not free for it; give a file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {NULL, 0, NULL, 0, "Input, and where the files go:", OPTIONS_GROUP_DATA},
    {"to-stdout", 'o', NULL, 0,
     "Write the files to standard output one after the other (the default)", OPTIONS_GROUP_DATA},
    {"directory", 'C', "DIR", 0, "Create the files and folders below DIR", OPTIONS_GROUP_DATA},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "With -C, replace files that exist", OPTIONS_GROUP_DATA},
    {NULL, 0, NULL, 0, "Instead of writing files:", OPTIONS_GROUP_INSTEAD},
    {"list", 't', NULL, 0, "List the files' names on standard output", OPTIONS_GROUP_INSTEAD},
    {"test", KEY_TEST, NULL, 0, "Decompress and verify everything, and write nothing",
     OPTIONS_GROUP_INSTEAD},
    {NULL, 0, NULL, 0, "Checks, damage and limits:", OPTIONS_GROUP_CHECK},
    {NULL, 0, NULL, 0, "Running:", OPTIONS_GROUP_RUN},
    {NULL, 0, NULL, 0, "Accepted for scripts that call qpress:", OPTIONS_GROUP_ORIGINAL},
    {"decompress", 'd', NULL, 0,
     "Decompress; of several operands the last is DIR, and -di reads standard input",
     OPTIONS_GROUP_ORIGINAL},
    {"force", 'f', NULL, 0, "Replace files that exist, as --overwrite does",
     OPTIONS_GROUP_ORIGINAL},
    {"qpress-threads", 'T', "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"level", 'L', "N", 0, "Has no effect", OPTIONS_GROUP_ORIGINAL},
    {0}};

static const struct argp_child children[] = {{&options_input_argp, 0, NULL, OPTIONS_GROUP_DATA},
                                             {&options_run_argp, 0, NULL, OPTIONS_GROUP_RUN},
                                             {&options_limit_argp, 0, NULL, OPTIONS_GROUP_CHECK},
                                             {&destination_argp, 0, NULL, OPTIONS_GROUP_CHECK},
                                             {&salvage_report_argp, 0, NULL, OPTIONS_GROUP_CHECK},
                                             {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[FILE...]",
    .doc = "Decompress qpress archives (.qp, _xb.qp): FILEs, or standard input.\v"
           "Examples:\n"
           "  qpunpack backup_xb.qp | xbunpack -C restored\n"
           "  qpunpack -C restored t1.ibd.qp t2.ibd.qp",
    .children = children};

// Where the archive's files go.
struct unpacker {
    struct ordered *ordered;
    bool verbose;
    struct stage *sink;  // of standard output; NULL: there is none
    struct stage *limit; // before it
    struct limits limits;
    struct destination to;         // with -C and --test
    struct salvage_scope *salvage; // of the archive; NULL: damage stops the program
    bool absolute_warned;
    bool last; // this is the last archive
};

static void name_file(const struct unpacker *u, const char *path, size_t size) {
    const char *shown = diag_shown_name(path, size, 2048);
    counters_set_member(shown);
    if (u->verbose)
        diag_note("%s", shown);
}

static int stream_file(void *context, const char *path, size_t size, struct stage **next,
                       struct fault *f) {
    (void)f;
    struct unpacker *u = context;
    name_file(u, path, size);
    *next = u->limit;
    return 0;
}

static void stream_file_end(void *context, struct stage *next) {
    (void)context;
    limit_next_file(next);
}

static void stream_end(void *context) {
    struct unpacker *u = context;
    if (u->last)
        stage_finish(u->limit);
}

static int list_file(void *context, const char *path, size_t size, struct stage **next,
                     struct fault *f) {
    (void)context, (void)f;
    *next = NULL;
    if (size > 0) // a file whose name is not lost
        puts(diag_shown_name(path, size, 2048));
    return 0;
}

static void nothing_left(void *context) {
    (void)context;
}

static int make_folder(void *context, const char *path, size_t size, struct fault *f) {
    struct unpacker *u = context;
    struct member_name clean;
    if (member_name_clean(&clean, path, size, f) < 0)
        return -1;
    if (clean.size == 0) // the directory itself
        return 0;
    if (outfiles_make_folder(u->to.files, clean.bytes, clean.size, f) < 0)
        return -1;
    member_name_warn(&clean, path, size, &u->absolute_warned);
    name_file(u, path, size);
    return 0;
}

static int make_file(void *context, const char *path, size_t size, struct stage **next,
                     struct fault *f) {
    struct unpacker *u = context;
    struct member_name clean;
    const char *shown = diag_shown_name(path, size, 256);
    if (member_name_clean_file(&clean, path, size, f) < 0 ||
        outfiles_begin(u->to.files, clean.bytes, clean.size, shown, NULL, NULL, next, NULL, f) < 0)
        return -1;
    member_name_warn(&clean, path, size, &u->absolute_warned);
    if (u->salvage != NULL) {
        (*next)->salvage = salvage_member(u->salvage->record, path, size);
        if ((*next)->salvage == NULL)
            return diag_fault_memory(f);
    }
    name_file(u, path, size);
    return 0;
}

static void file_written(void *context, struct stage *next) {
    (void)context;
    stage_finish(next);
}

static struct qpress_target target_for(const struct options *o, struct unpacker *u) {
    if (o->list)
        return (struct qpress_target){.file = list_file, .end = nothing_left, .context = u};
    if (o->to.directory == NULL && !o->test)
        return (struct qpress_target){
            .file = stream_file, .file_end = stream_file_end, .end = stream_end, .context = u};
    return (struct qpress_target){.folder = make_folder,
                                  .file = make_file,
                                  .file_end = file_written,
                                  .end = nothing_left,
                                  .context = u};
}

// Opens the destination of the files, enters the sandbox with it, and starts the threads. Returns
// 0, or -1 and *f.
static int prepare(struct unpacker *u, const struct options *o, struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    unsigned threads = options_threads(&o->run);
    bool stream = o->to.directory == NULL && !o->test;
    if ((o->list || stream) && noclobber_claim(STDOUT_FILENO, "standard output", f) < 0)
        return -1;
    if (!o->list && !stream) {
        interrupt_catch();
        if (destination_open(&u->to, &o->to, diag_error_text, f) < 0)
            return -1;
        destination_allow(&u->to, &rules);
    }
    if (options_confine(o->run.no_sandbox, o->run.verbose, &rules, f) < 0 ||
        progress_begin(&o->run.progress, f) < 0 || ordered_new(&u->ordered, threads, f) < 0)
        return -1;
    if (o->list)
        return 0;
    if (!stream)
        return destination_begin(&u->to, u->ordered, f);
    u->sink = sink_new(u->ordered, STDOUT_FILENO, "standard output", false, NULL, NULL);
    if (u->sink != NULL)
        u->limit = limit_new(u->ordered, u->sink, &u->limits, "the file");
    return u->limit != NULL ? 0 : diag_fault_memory(f);
}

static int decode(struct input *in, const struct options *o, struct unpacker *u, struct fault *f) {
    struct stage *decoder = qpress_dec_new(u->ordered, o->max_chunk, target_for(o, u));
    if (decoder != NULL)
        decoder->salvage = u->salvage;
    int result = decoder != NULL ? filter_run(in, u->ordered, decoder, f) : diag_fault_memory(f);
    ordered_drop(u->ordered);
    stage_free(decoder);
    return result;
}

// Opens all inputs, because none can be opened in the sandbox. Returns their number, for
// close_inputs; the last one failed if *f was set.
static size_t open_inputs(struct input *in, const struct options *o, struct fault *f) {
    uint64_t size = 0;
    size_t count = 0;
    if (o->input_count > 1)
        fdio_allow_many();
    while (count < o->input_count && input_open(&in[count], o->inputs[count], f) == 0) {
        size = in[count].size <= UINT64_MAX - size ? size + in[count].size : UINT64_MAX;
        count++;
    }
    if (o->input_count > 1)
        counters_expect(size);
    return count;
}

// Decodes all archives, one after the other. Returns 0, or -1 and *f.
static int decode_all(struct input *in, const struct options *o, struct unpacker *u,
                      struct fault *f) {
    int result = 0;
    for (size_t i = 0; i < o->input_count && result == 0; i++) {
        u->last = i + 1 == o->input_count;
        result = decode(&in[i], o, u, f);
        if (result < 0 && o->input_count > 1) {
            diag_prefix(f, diag_shown(in[i].name, 256));
        }
    }
    return result;
}

static void close_inputs(struct input *in, size_t count) {
    for (size_t i = 0; i < count; i++)
        input_close(&in[i]);
    free(in);
}

static int unpack(const struct options *o, struct salvage_scope *salvage, struct fault *f) {
    struct unpacker u = {.verbose = o->run.verbose, .limits = o->to.limits, .salvage = salvage};
    struct input *in = calloc(o->input_count, sizeof *in);
    if (in == NULL)
        return diag_fault_memory(f);
    size_t opened = open_inputs(in, o, f);
    int result = opened == o->input_count ? prepare(&u, o, f) : -1;
    if (result == 0)
        result = decode_all(in, o, &u, f);
    if (result == 0 && u.to.files != NULL)
        result = destination_finish(&u.to, f);
    if (o->run.verbose)
        destination_say_removed(&u.to);
    destination_close(&u.to, result < 0);
    stage_free(u.limit);
    stage_free(u.sink);
    ordered_free(u.ordered);
    close_inputs(in, opened);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct fault f;
    diag_start();
    o.piped = take_piped(argc, argv);
    command_line_parse(&parser, argc, argv, &o);
    struct salvage_report report_file;
    int result = salvage_report_begin(&report_file, &o.salvage, o.to.overwrite, &f);
    if (result == 0)
        result = unpack(&o, salvage_report_scope(&report_file), &f);
    result = salvage_report_end(&report_file, result, &f);
    progress_end(result == 0);
    destination_interrupted(&o.to);
    interrupt_die();
    return result < 0 ? diag_print(&f) : 0;
}
