// SPDX-License-Identifier: Apache-2.0
#include "program/packing.h"

#include "file/outfile.h"
#include "file/sink.h"
#include "os/fdio.h"
#include "os/interrupt.h"
#include "os/path.h"
#include "os/terminal.h"
#include "program/options_set.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEY_FILES_FROM = 1 };

static const struct options_setting simple[] = {
    OPTIONS_SET('C', struct packing_options, directory),
    OPTIONS_SET('T', struct packing_options, files_from),
    OPTIONS_SET(KEY_FILES_FROM, struct packing_options, files_from),
    OPTIONS_SET('0', struct packing_options, null),
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct packing_options *o = state->input;
    if (options_set(simple, o, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_ARGS:
        o->operands = state->argv + state->next;
        o->operand_count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (o->null && o->files_from == NULL)
            argp_error(state, "-0 is for --files-from, which is not given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// clang-format off
#define OPTIONS(files_from) { \
    {"directory", 'C', "DIR", 0, "Pack what is below DIR (default: the current directory)", \
     OPTIONS_GROUP_DATA}, \
    {"files-from", (files_from), "FILE", 0, \
     "Pack the files and folders that FILE (-: standard input) names, one a line", \
     OPTIONS_GROUP_DATA}, \
    {"null", '0', NULL, 0, \
     "The names in the file of --files-from end in NUL, as find -print0 writes them", \
     OPTIONS_GROUP_DATA}, \
    {0}}
// clang-format on

static const struct argp_option with_short[] = OPTIONS('T'), long_only[] = OPTIONS(KEY_FILES_FROM);

const struct argp packing_argp = {.options = with_short, .parser = parse_option};
const struct argp packing_long_argp = {.options = long_only, .parser = parse_option};

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

static int list_files(struct filelist *list, const struct packing_options *o, struct fault *f) {
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

// Finds the file that the output goes to, or will replace.
static void find_output(const struct options_output *output, struct stat *st,
                        struct pack_settings *settings) {
    bool named = output->path != NULL && strcmp(output->path, "-") != 0;
    int fd = named ? path_descriptor(output->path) : STDOUT_FILENO;
    if ((fd >= 0 ? fstat(fd, st) : lstat(output->path, st)) < 0 || !S_ISREG(st->st_mode))
        return;
    settings->output = st;
    // The shell has created or emptied the file of standard output; the file of -o is still whole.
    settings->left_out = fd >= 0 ? warn_of_output : NULL;
}

// Enters the sandbox with the directory, and starts the threads.
static int confine(const struct options_run *run, const struct indir *dir, struct ordered **ordered,
                   struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    unsigned threads = options_threads(run);
    sandbox_allow(&rules, indir_fd(dir), SANDBOX_READ);
    return options_confine(run->no_sandbox, run->verbose, &rules, f) < 0 ||
                   progress_begin(&run->progress, f) < 0
               ? -1
               : ordered_new(ordered, threads, f);
}

static int write_archive(const struct options_output *output, const struct options_run *run,
                         struct pack_settings *settings, struct fault *f) {
    struct outfile *out;
    struct ordered *ordered = NULL;
    struct stat st;
    find_output(output, &st, settings);
    if (outfile_begin(&out, output->path, output->overwrite, f) < 0)
        return -1;
    if (outfile_seekable(out))
        interrupt_catch();
    else
        fdio_enlarge_pipe(outfile_fd(out));
    struct stage *sink = NULL;
    int result = confine(run, settings->dir, &ordered, f);
    if (result == 0)
        sink = sink_new(ordered, outfile_fd(out), outfile_shown(out), outfile_seekable(out), NULL,
                        NULL);
    if (result == 0)
        result = sink != NULL ? pack_run(ordered, settings, sink, f) : diag_fault_memory(f);
    stage_free(sink);
    ordered_free(ordered);
    if (result == 0)
        return options_commit_output(output, out, f);
    outfile_discard(out);
    return -1;
}

int packing_run(const struct packing_options *o, const struct options_output *output,
                const struct options_run *run, struct pack_settings *settings, struct fault *f) {
    struct filelist_settings listing = {
        .suffix = settings->qpress_archive ? "" : settings->suffix,
        .archive = settings->qpress_archive ? "a qpress archive" : "an xbstream",
        .folders = settings->qpress_archive,
        .empty_folder = run->verbose ? name_empty_folder : count_empty_folder};
    struct indir *dir = NULL;
    struct filelist *files = NULL;
    settings->member = run->verbose ? diag_note_text : NULL;
    int result = indir_open(&dir, o->directory != NULL ? o->directory : ".", f);
    listing.dir = settings->dir = dir;
    if (result == 0)
        result = filelist_new(&files, &listing, f);
    if (result == 0)
        result = list_files(files, o, f);
    warn_of_empty_folders();
    settings->files = files;
    if (result == 0)
        result = write_archive(output, run, settings, f);
    filelist_free(files);
    indir_close(dir);
    return result;
}
