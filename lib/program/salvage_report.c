// SPDX-License-Identifier: Apache-2.0
#include "program/salvage_report.h"

#include "os/interrupt.h"

#include <errno.h>

enum { KEY_SALVAGE = 0x4201, KEY_REPORT };

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    struct salvage_options *o = state->input;
    switch (key) {
    case KEY_SALVAGE:
        o->salvage = true;
        return 0;
    case KEY_REPORT:
        o->report = arg;
        return 0;
    case ARGP_KEY_END:
        if (o->report != NULL && !o->salvage)
            argp_error(state, "--report is for --salvage, which is not given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"salvage", KEY_SALVAGE, NULL, 0,
     "Go on past damage: deliver everything that verifies, list what is lost, and end with status "
     "65",
     0},
    {"report", KEY_REPORT, "FILE", 0,
     "With --salvage, write what is lost to FILE as JSON (-: standard output)", 0},
    {0}};

const struct argp salvage_report_argp = {.options = option_list, .parser = parse_option};

int salvage_report_begin(struct salvage_report *r, const struct salvage_options *options,
                         bool overwrite, struct fault *f) {
    *r = (struct salvage_report){0};
    if (!options->salvage)
        return 0;
    if (options->report != NULL && outfile_begin(&r->file, options->report, overwrite, f) < 0)
        return -1;
    if (r->file != NULL && outfile_seekable(r->file))
        interrupt_catch();
    return salvage_new(&r->salvage, f);
}

struct salvage_scope *salvage_report_scope(const struct salvage_report *r) {
    return r->salvage != NULL ? salvage_whole(r->salvage) : NULL;
}

static const char lacking[] = "out of memory: the report lacks part of what was lost";

static int write_report(struct salvage_report *r, const char *failure, struct fault *f) {
    if (r->file == NULL)
        return 0;
    struct outfile *file = r->file;
    r->file = NULL;
    if (salvage_write(r->salvage, outfile_fd(file), failure) < 0) {
        int error = errno;
        outfile_discard(file);
        bool exhausted = error == ENOMEM || error == EMFILE || error == ENFILE;
        return diag_fault_errno(f, exhausted ? EX_OSERR : EX_IOERR, error,
                                "cannot write the report");
    }
    if (outfile_commit(file, f) < 0)
        return -1;
    return salvage_lacking(r->salvage) ? diag_fault(f, EX_OSERR, "%s", lacking) : 0;
}

// The same as salvage_report_end, if there is a record.
static int end_salvage(struct salvage_report *r, int result, struct fault *f) {
    struct fault own;
    if (result < 0 && f->status == EX_USAGE)
        return -1; // nothing was begun
    const char *failure = salvage_lacking(r->salvage) ? lacking : NULL;
    salvage_print(r->salvage, diag_warn_text);
    if (result < 0)
        failure = f->text[0] != '\0' ? f->text : "stopped";
    int written = interrupt_pending() != 0 ? 0 : write_report(r, failure, &own);
    if (result < 0) {
        if (written < 0)
            diag_print(&own);
        return -1;
    }
    int verdict = salvage_verdict(r->salvage, f);
    if (written == 0)
        return verdict;
    if (verdict < 0)
        diag_print(f);
    *f = own;
    return -1;
}

int salvage_report_end(struct salvage_report *r, int result, struct fault *f) {
    if (r->salvage != NULL)
        result = end_salvage(r, result, f);
    outfile_discard(r->file);
    salvage_free(r->salvage);
    return result;
}
