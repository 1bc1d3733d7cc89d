// SPDX-License-Identifier: Apache-2.0
// xbunpack: an xbstream or a tar archive on standard input, its members as files below a directory.
#include "archive/autodetect.h"
#include "archive/extract.h"
#include "os/interrupt.h"
#include "os/noclobber.h"
#include "program/backup_report.h"
#include "program/command_line.h"
#include "program/destination.h"
#include "program/filter.h"
#include "program/member_report.h"
#include "program/options.h"
#include "program/options_set.h"
#include "program/salvage_report.h"
#include "program/xbcrypt_keyfile.h"
#include "secret/key_hint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_DECRYPT = 1,
    KEY_DECOMPRESS,
    KEY_STRICT,
    KEY_NO_STRICT,
    KEY_OVERWRITE,
    KEY_TEST,
    KEY_TO_STDOUT,
    KEY_INFO,
    KEY_AUTO,
    KEY_INCLUDE,
    KEY_EXCLUDE,
    KEY_INCOMPLETE_OK,
    KEY_THREADS,
    KEY_BUFFER,
    KEY_ABSOLUTE
};

struct options {
    const char *input;
    struct options_key key;
    struct options_run run;
    uint64_t max_chunk;
    struct destination_options to;
    struct salvage_options salvage;
    struct selection *selection;
    bool selecting; // by operands or patterns
    char *const *operands;
    int operand_count;
    const char *file_operand; // the first that names an existing file; NULL: none
    bool extract;             // -x was given
    const char *to_stdout;    // NULL: not given
    bool list;
    bool info;
    bool automatic; // --auto
    bool check_pages;
    bool test;
    bool decrypt;
    bool decompress;
    bool accept_random;
    bool incomplete_ok;
    enum xbcrypt_algorithm algorithm;
};

static void select_members(struct options *o, enum selection_rule rule, const char *text,
                           struct argp_state *state) {
    if (text[0] == '\0')
        argp_error(state, "an empty name or pattern matches no member");
    if (selection_add(&o->selection, rule, text) < 0) {
        selection_free(o->selection);
        diag_error("out of memory"); // argp_failure itself would need memory
        exit(EX_OSERR);
    }
    o->selecting = o->selecting || rule != SELECTION_MEMBER;
}

// At a terminal, a single operand that is a file is the input: nobody types an archive. Otherwise
// operands are members.
static void take_operands(struct options *o, struct argp_state *state) {
    struct stat st;
    for (int i = o->operand_count - 1; i >= 0; i--)
        if (stat(o->operands[i], &st) == 0 && S_ISREG(st.st_mode))
            o->file_operand = o->operands[i];
    bool typed = o->input == NULL && isatty(STDIN_FILENO) && o->file_operand != NULL;
    if (typed && o->operand_count == 1) {
        o->input = o->file_operand;
        o->operand_count = 0;
    } else if (typed) {
        const char *shown = diag_shown(o->file_operand, 200);
        argp_error(state, "operands are members of the archive: to read %s, use -i %s", shown,
                   shown);
    }
    for (int i = 0; i < o->operand_count; i++)
        select_members(o, SELECTION_NAME, o->operands[i], state);
}

// Refuses options that contradict each other; sets the default directory.
static void check_options(struct options *o, struct argp_state *state) {
    take_operands(o, state);
    if ((o->to.directory != NULL) + o->test + o->list + o->info + (o->to_stdout != NULL) > 1)
        argp_error(state, "choose one of -C, -t, --test, --info and --to-stdout");
    if (o->list && !o->run.verbose && (o->decrypt || o->decompress))
        argp_error(state, "-t lists the members as they are stored: use --decrypt and --decompress "
                          "with -tv, which shows the decoded sizes");
    if (o->to_stdout != NULL && o->selecting)
        argp_error(state, "--to-stdout writes one member: it does not go with others, --include or "
                          "--exclude");
    if (o->check_pages && (o->list || o->to_stdout != NULL))
        argp_error(state, "--check-pages goes with -C, --test and --info");
    if (o->info && o->selecting)
        argp_error(state, "--info is about all of the backup: it does not go with members, "
                          "--include or --exclude");
    bool restoring = !o->list && !o->info && o->to_stdout == NULL;
    if (restoring && !o->test && o->to.directory == NULL) {
        o->to.directory = ".";
        o->to.empty_only = !o->extract;
    }
    o->to.partial = o->selecting;
    destination_check(&o->to, restoring, state);
    if (o->salvage.report != NULL && strcmp(o->salvage.report, "-") == 0 &&
        (o->list || o->info || o->to_stdout != NULL || destination_to_stdout(&o->to)))
        argp_error(state, "--report=-: standard output is not free for it; give a file");
    options_check_input(state, o->input, "an archive");
}

// The value of --decrypt, which may also be the next word, as in xbstream.
static void parse_decrypt(struct options *o, const char *arg, struct argp_state *state) {
    o->decrypt = true;
    if (arg != NULL && arg == state->argv[state->next - 1] && arg[0] == '-') { // -d -f FILE
        state->next--;
        return;
    }
    if (arg == NULL && state->next < state->argc &&
        xbcrypt_keyfile_algorithm(state->argv[state->next], &o->algorithm))
        state->next++;
    else if (arg != NULL && !xbcrypt_keyfile_algorithm(arg, &o->algorithm))
        argp_error(state, "--decrypt=%s: expected AES128, AES192, AES256 or NONE",
                   options_parse_shown(arg));
}

static void parse_decompress(struct options *o, const char *arg, struct argp_state *state) {
    static const char *const forms[] = {"qpress", "quicklz", "lz4", "zstd"};
    o->decompress = true;
    for (size_t i = 0; arg != NULL && i < sizeof forms / sizeof forms[0]; i++)
        if (strcasecmp(arg, forms[i]) == 0)
            return;
    if (arg != NULL)
        argp_error(state, "--decompress=%s: expected nothing, qpress, quicklz, lz4 or zstd",
                   options_parse_shown(arg));
}

static const struct options_setting simple[] = {
    OPTIONS_SET('C', struct options, to.directory),
    OPTIONS_SET('t', struct options, list),
    OPTIONS_SET('x', struct options, extract),
    OPTIONS_SET(KEY_TEST, struct options, test),
    OPTIONS_SET(KEY_OVERWRITE, struct options, to.overwrite),
    OPTIONS_SET(KEY_NO_STRICT, struct options, accept_random),
    OPTIONS_SET(KEY_AUTO, struct options, automatic),
    OPTIONS_SET(KEY_INCOMPLETE_OK, struct options, incomplete_ok),
    OPTIONS_SET(KEY_INFO, struct options, info),
    OPTIONS_SET_IGNORED(KEY_BUFFER),
    {0}};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct options *o = state->input;
    if (options_set(simple, o, key, arg))
        return 0;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->input;
        state->child_inputs[1] = &o->key;
        state->child_inputs[2] = &o->run;
        state->child_inputs[3] = &o->max_chunk;
        state->child_inputs[4] = &o->to;
        state->child_inputs[5] = &o->salvage;
        state->child_inputs[6] = &o->check_pages;
        return 0;
    case 'c':
        argp_failure(state, EX_USAGE, 0, "-c: this program unpacks; xbpack packs");
        return 0;
    case 'p':
    case KEY_THREADS:
        options_raise_threads(&o->run, arg, state);
        return 0;
    case KEY_ABSOLUTE:
        argp_failure(state, EX_USAGE, 0,
                     "--absolute-names: files are created below DIR only, whatever their names in "
                     "the archive; leave this option out");
        return 0;
    case 'd':
    case KEY_DECRYPT:
        parse_decrypt(o, arg, state);
        return 0;
    case KEY_DECOMPRESS:
        parse_decompress(o, arg, state);
        return 0;
    case KEY_STRICT:
        o->accept_random = false;
        return 0;
    case KEY_TO_STDOUT:
        if (o->to_stdout != NULL)
            argp_error(state, "--to-stdout: expected one member, found another: %s",
                       diag_shown(arg, 200));
        o->to_stdout = arg;
        select_members(o, SELECTION_MEMBER, arg, state);
        return 0;
    case KEY_INCLUDE:
        select_members(o, SELECTION_INCLUDE, arg, state);
        return 0;
    case KEY_EXCLUDE:
        select_members(o, SELECTION_EXCLUDE, arg, state);
        return 0;
    case ARGP_KEY_ARGS:
        o->operands = state->argv + state->next;
        o->operand_count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        check_options(o, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {NULL, 0, NULL, 0, "Input, and where the files go:", OPTIONS_GROUP_DATA},
    {"directory", 'C', "DIR", 0,
     "Create the files below DIR (default: the current directory, which must be empty)",
     OPTIONS_GROUP_DATA},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace files that exist", OPTIONS_GROUP_DATA},
    {NULL, 0, NULL, 0, "Decrypting and decompressing:", OPTIONS_GROUP_DECODE},
    {"auto", KEY_AUTO, NULL, 0,
     "Recognise what the input is packed in (gzip, qpress, xbcrypt, LZ4, Zstandard) and unpack it; "
     "accept a tar archive, too; imply --decompress, and --decrypt if there is a key",
     OPTIONS_GROUP_DECODE},
    {"decrypt", KEY_DECRYPT, "ALGO", OPTION_ARG_OPTIONAL,
     "Decrypt members that end in .xbcrypt; ALGO (AES128, AES192, AES256) checks the key, NONE is "
     "for chunks that are not encrypted",
     OPTIONS_GROUP_DECODE},
    {NULL, 'd', "ALGO", OPTION_HIDDEN, NULL, 0},
    {"decompress", KEY_DECOMPRESS, "FORM", OPTION_ARG_OPTIONAL,
     "Decompress members that end in .qp, .lz4 or .zst, whatever FORM says", OPTIONS_GROUP_DECODE},
    {"strict", KEY_STRICT, NULL, 0,
     "Fail if the key looks wrong for a member encrypted as xbcrypt version 1 or 2 (the default)",
     OPTIONS_GROUP_DECODE},
    {"no-strict", KEY_NO_STRICT, NULL, 0,
     "Only warn in that case; for data that is random by nature", OPTIONS_GROUP_DECODE},
    {NULL, 0, NULL, 0, "Instead of creating files:", OPTIONS_GROUP_INSTEAD},
    {"list", 't', NULL, 0,
     "List the members' names on standard output; with -v also their sizes and how they were "
     "transformed",
     OPTIONS_GROUP_INSTEAD},
    {"test", KEY_TEST, NULL, 0, "Decrypt, decompress and verify everything, and write nothing",
     OPTIONS_GROUP_INSTEAD},
    {"info", KEY_INFO, NULL, 0,
     "Print on standard output what made the backup, what it is, and what prepares it",
     OPTIONS_GROUP_INSTEAD},
    {"to-stdout", KEY_TO_STDOUT, "MEMBER", 0, "Write this member to standard output",
     OPTIONS_GROUP_INSTEAD},
    {NULL, 0, NULL, 0, "Which members:", OPTIONS_GROUP_WHICH},
    {"include", KEY_INCLUDE, "PATTERN", 0,
     "Only members that a shell pattern matches: NAME, FOLDER or DATABASE.TABLE",
     OPTIONS_GROUP_WHICH},
    {"exclude", KEY_EXCLUDE, "PATTERN", 0, "Leave out members that a shell pattern matches",
     OPTIONS_GROUP_WHICH},
    {NULL, 0, NULL, 0, "Checks, damage and limits:", OPTIONS_GROUP_CHECK},
    {"incomplete-ok", KEY_INCOMPLETE_OK, NULL, 0,
     "Only warn if the backup lacks what preparing it needs, such as its redo log",
     OPTIONS_GROUP_CHECK},
    {NULL, 0, NULL, 0, "Running:", OPTIONS_GROUP_RUN},
    {NULL, 0, NULL, 0, "Accepted for scripts that call xbstream:", OPTIONS_GROUP_ORIGINAL},
    {"extract", 'x', NULL, 0, "Unpack, into the current directory also if it is not empty",
     OPTIONS_GROUP_ORIGINAL},
    {"parallel", 'p', "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"decompress-threads", KEY_THREADS, "N", 0, "Use N threads, as -j does",
     OPTIONS_GROUP_ORIGINAL},
    {"encrypt-threads", KEY_THREADS, "N", 0, "Use N threads, as -j does", OPTIONS_GROUP_ORIGINAL},
    {"read-buffer-size", KEY_BUFFER, "SIZE", 0, "Has no effect", OPTIONS_GROUP_ORIGINAL},
    {"absolute-names", KEY_ABSOLUTE, NULL, OPTION_HIDDEN, NULL, 0},
    {"create", 'c', NULL, OPTION_HIDDEN, NULL, 0},
    {0}};

static const struct argp_child children[] = {
    {&options_input_argp, 0, NULL, OPTIONS_GROUP_DATA},
    {&options_key_argp, 0, NULL, OPTIONS_GROUP_DECODE},
    {&options_run_argp, 0, NULL, OPTIONS_GROUP_RUN},
    {&options_limit_argp, 0, NULL, OPTIONS_GROUP_CHECK},
    {&destination_argp, 0, NULL, OPTIONS_GROUP_CHECK},
    {&salvage_report_argp, 0, NULL, OPTIONS_GROUP_CHECK},
    {&backup_report_pages_argp, 0, NULL, OPTIONS_GROUP_CHECK},
    {0}};

static const struct argp parser = {
    .options = option_list,
    .parser = parse_option,
    .args_doc = "[MEMBER...]",
    .doc = "Unpack an xbstream archive (Percona XtraBackup, MariaDB Backup), or with --auto a tar "
           "archive, from standard input, "
           "decrypting and decompressing its members on the way. MEMBERs select members, by names "
           "as stored or without suffixes such as .qp.xbcrypt, or by folders; the default is all.\v"
           "Example:\n"
           "  xbunpack -C restored --auto -f key -i backup.xb",
    .children = children};

// Reports the requested members that were not there. Returns 0 if all were, or -1 and *f.
static int report_missing(const struct options *o, struct fault *f) {
    const char *name;
    int missing = 0;
    for (size_t next = 0; (name = selection_missing(o->selection, &next)) != NULL; missing++) {
        if (missing > 0)
            diag_print(f);
        const char *shown = diag_shown(name, 500);
        if (o->file_operand != NULL && strcmp(name, o->file_operand) == 0)
            diag_fault(f, EX_NOINPUT,
                       "%s: not found in the archive on standard input; to read this file, use "
                       "-i %s",
                       shown, shown);
        else if (key_hint_is_key_not_member(name))
            diag_fault(
                f, EX_NOINPUT,
                "a member that was named, which is not shown here since it looks like a key: "
                "not found in the archive; write a key into a file, and give its name with -f");
        else
            diag_fault(f, EX_NOINPUT, "%s: not found in the archive; -t lists what it holds",
                       shown);
    }
    if (missing == 0 && o->selecting && !selection_met(o->selection))
        return diag_fault(f, EX_NOINPUT, "no member is selected; -t lists what the archive holds");
    return missing > 0 ? -1 : 0;
}

static void note_found(const char *text) {
    diag_note("input: %s", text);
}

// After a failure users try tar next. In a stream of innobackupex, which has an end mark after each
// file, tar stops at the first one and reports success.
static void add_tar_hint(struct fault *f) {
    static const char text[] =
        "; if you use GNU tar instead: tar -xif, since without -i it may end "
        "after the first file";
    size_t used = strlen(f->text);
    if (used + sizeof text <= sizeof f->text)
        memcpy(f->text + used, text, sizeof text);
}

// Reads all of the input into the extractor, with --auto through its layers.
static int read_input(struct input *in, const struct options *o, struct ordered *front,
                      struct ordered *members, const struct extract_settings *settings,
                      struct extract *e, bool *is_tar, struct fault *f) {
    struct stage *xbstream = extract_stage(e);
    struct autodetect_settings detecting = {.decrypt = settings->decrypt,
                                            .max_chunk = o->max_chunk,
                                            .is_tar = is_tar,
                                            .found = o->run.verbose ? note_found : NULL};
    if (!o->automatic)
        return filter_run(in, front, xbstream, f);
    struct stage *detect =
        autodetect_new(front, &detecting, members, xbstream, extract_tar_stage(e));
    if (detect != NULL)
        detect->salvage = xbstream->salvage;
    int result = detect != NULL ? filter_run(in, front, detect, f) : diag_fault_memory(f);
    ordered_drop(front);
    stage_free(detect);
    return result;
}

// `left` of `members` members are encrypted, and --decrypt was not given: an error if the other
// options had no effect because of that, a warning if they had less effect than they ask for.
// Returns 0, or -1 and *f.
static int report_encrypted(const struct options *o, unsigned left, unsigned members,
                            struct fault *f) {
    static const char advice[] = "stayed encrypted: use --decrypt -f FILE";
    if (left > 0 && o->test && !o->decompress && o->key.file == NULL) {
        diag_warn("%u of %u members stayed encrypted: of these only the checksums of the archive "
                  "were verified; to verify their content, use --decrypt -f FILE",
                  left, members);
        return 0;
    }
    if (left == 0 || (!o->decompress && o->key.file == NULL))
        return 0;
    if (left == members && o->decompress)
        return diag_fault(f, EX_USAGE, "all members (%u) %s", left, advice);
    diag_warn("%u member%s ending in .xbcrypt %s", left, left == 1 ? "" : "s", advice);
    return 0;
}

// `members` is the queue of the members' stages, `front` the one of the input's.
static int extract(struct input *in, const struct options *o, struct ordered *front,
                   struct ordered *members, const struct extract_settings *settings,
                   struct salvage_scope *salvage, struct backup_report_counts *counts,
                   struct fault *f) {
    struct extract *e;
    bool is_tar = false;
    if (extract_new(&e, members, settings, f) < 0)
        return -1;
    extract_stage(e)->salvage = extract_tar_stage(e)->salvage = salvage;
    int result = read_input(in, o, front, members, settings, e, &is_tar, f);
    ordered_drop(front);
    if (o->list)
        extract_list(e);
    if (result == 0)
        result = report_encrypted(o, extract_left_encrypted(e), extract_members(e), f);
    else if (is_tar && f->status == EX_CANTCREAT)
        add_tar_hint(f);
    if (result == 0) {
        int before =
            o->info ? backup_report_info(settings->info, extract_unread_info(e), o->automatic, f)
                    : report_missing(o, f);
        result = backup_report_incomplete(o->incomplete_ok, settings->complete, salvage, before, f);
        if (is_tar && before == 0 && result < 0)
            add_tar_hint(f);
        result = backup_report_doubt(settings->pages, salvage, result, f);
    }
    counts->members = extract_members(e);
    counts->left = extract_left_transformed(e);
    extract_free(e);
    return result;
}

// Opens the destination of the files, and enters the sandbox with it, before any input is read.
// Returns 0, or -1 and *f.
static int open_destination(struct destination *to, const struct options *o, struct fault *f) {
    struct sandbox_rules rules = {.count = 0};
    if ((o->list || o->info || o->to_stdout != NULL) &&
        noclobber_claim(STDOUT_FILENO, "standard output", f) < 0)
        return -1;
    if (!o->list && o->to_stdout == NULL) {
        if (destination_open(to, &o->to, diag_error_text, f) < 0)
            return -1;
        to->settings.same_name_hint =
            "name the one that you want, or leave out --decompress and --decrypt";
        destination_allow(to, &rules);
    }
    return options_confine(o->run.no_sandbox, o->run.verbose, &rules, f) < 0
               ? -1
               : progress_begin(&o->run.progress, f);
}

// Makes the queues of the input, of the members' stages, and of their files, each behind the one
// before, or the same. Returns 0, or -1 and *f.
static int make_queues(const struct options *o, unsigned threads, struct ordered **front,
                       struct ordered **members, struct ordered **files, struct fault *f) {
    if (ordered_new(front, threads, f) < 0)
        return -1;
    *members = *front;
    if (o->automatic && autodetect_queues(members, *front, f) < 0)
        return -1;
    return extract_queues(files, *members, f);
}

// The failure that explains the one found, if there is a better one. Returns `result`, or -1 and
// *f.
static int explain(const struct options *o, const struct input *in,
                   const struct xbcrypt_dec_settings *decrypt, int result, struct fault *f) {
    if (result < 0 && in->offset == 0 && o->file_operand != NULL && f->status == EX_DATAERR) {
        const char *shown = diag_shown(o->file_operand, 200);
        diag_fault(f, EX_DATAERR, "standard input is empty: to read %s, use -i %s", shown, shown);
    }
    if (result < 0 || decrypt->wrong_hashes == 0 || decrypt->key_proved)
        return result;
    *f = decrypt->wrong_hash;
    return -1;
}

// How members are extracted, as far as the options say it; the other arguments outlive the result.
static struct extract_settings settings_for(const struct options *o,
                                            struct xbcrypt_dec_settings *decrypt,
                                            struct limits *limits,
                                            struct backup_complete *complete) {
    bool keyed = o->decrypt ||
                 (o->automatic && (o->key.file != NULL || getenv(XBCRYPT_KEY_VARIABLE) != NULL));
    struct extract_settings settings = {.decrypt = keyed ? decrypt : NULL,
                                        .need_key = o->automatic && !o->list,
                                        .decompress = o->decompress || o->info || o->automatic,
                                        .max_chunk = o->max_chunk,
                                        .selection = o->selection,
                                        .info_only = o->info,
                                        .to_stdout = o->to_stdout != NULL,
                                        .complete = complete,
                                        .limits = limits};
    member_report_choose(&settings, &(struct member_report_mode){.list = o->list,
                                                                 .info = o->info,
                                                                 .test = o->test,
                                                                 .verbose = o->run.verbose});
    return settings;
}

static int unpack(const struct options *o, struct salvage_scope *salvage, struct fault *f) {
    unsigned threads = options_threads(&o->run);
    struct xbcrypt_dec_settings decrypt = {
        .max_chunk = o->max_chunk, .accept_random = o->accept_random, .warn = diag_warn_text};
    struct limits limits = o->to.limits;
    struct backup_complete complete = {0};
    limits.costly_holes = o->to_stdout != NULL;
    struct extract_settings settings = settings_for(o, &decrypt, &limits, &complete);
    struct backupinfo info = {0};
    struct backup_report_counts counts = {0};
    struct destination to = {0};
    struct ordered *front = NULL, *members = NULL, *files = NULL;
    struct input in = {.fd = -1};
    int result = 0;
    if (settings.decrypt != NULL)
        result = xbcrypt_keyfile_load(&decrypt.key, o->key.file, o->algorithm, threads,
                                      o->run.verbose, f);
    if (result == 0)
        result = input_open(&in, o->input, f);
    if (result == 0)
        result = open_destination(&to, o, f);
    if (result == 0)
        result = make_queues(o, threads, &front, &members, &files, f);
    bool listing = o->list || o->to_stdout != NULL;
    bool talking = !listing && !o->info && (o->run.verbose || isatty(STDERR_FILENO));
    if (talking || o->info || o->check_pages)
        settings.info = &info;
    struct innodb_check pages = {.info = &info, .decrypt = settings.decrypt};
    settings.pages = o->check_pages ? &pages : NULL;
    if (result == 0 && !listing)
        result = destination_begin(&to, files, f);
    settings.files = to.files;
    if (result == 0)
        result = extract(&in, o, front, members, &settings, salvage, &counts, f);
    result = explain(o, &in, &decrypt, result, f);
    if (result == 0 && !listing)
        result = destination_finish(&to, f);
    if (result == 0 && xbcrypt_dec_doubt(&decrypt) != NULL)
        diag_warn("%s", xbcrypt_dec_doubt(&decrypt));
    if (o->run.verbose)
        destination_say_removed(&to);
    if (result == 0 && o->check_pages)
        backup_report_pages(&pages, o->info, talking);
    innodb_check_clear(&pages);
    if (result == 0 && talking && (salvage == NULL || salvage_losses(salvage->record) == 0))
        backup_report_next(o->test, o->to.directory, &info, &counts);
    backupinfo_clear(&info);
    destination_close(&to, result < 0);
    ordered_free(front);
    input_close(&in);
    xbcrypt_key_free(decrypt.key);
    slab_trim();
    return result;
}

int main(int argc, char **argv) {
    struct options o = {0};
    struct fault f;
    diag_start();
    command_line_parse(&parser, argc, argv, &o);
    interrupt_catch();
    struct salvage_report report;
    int result = salvage_report_begin(&report, &o.salvage, o.to.overwrite, &f);
    if (result == 0)
        result = unpack(&o, salvage_report_scope(&report), &f);
    result = salvage_report_end(&report, result, &f);
    progress_end(result == 0);
    destination_interrupted(&o.to);
    interrupt_die();
    selection_free(o.selection);
    return result < 0 ? diag_print(&f) : 0;
}
