// SPDX-License-Identifier: Apache-2.0
// The options --salvage and --report, and the report at the end of a run.
#ifndef XBPIPE_SALVAGE_REPORT_H
#define XBPIPE_SALVAGE_REPORT_H

#include "base/diag.h"
#include "engine/salvage.h"
#include "file/outfile.h"

#include <argp.h>
#include <stdbool.h>

// --salvage, --report=FILE, as an argp child (options.h).
struct salvage_options {
    bool salvage;
    const char *report; // NULL: none; "-": standard output
};
extern const struct argp salvage_report_argp;

struct salvage_report {
    struct salvage *salvage; // NULL: damage stops the program
    struct outfile *file;    // NULL: no report
};

// Sets up what the options ask for; an existing report is replaced only with `overwrite`. Each loss
// is printed as a warning. Returns 0; or -1 and *f as outfile_begin's, and *r must still be given
// to salvage_report_end. If a file must be removed on a signal, signals are caught (interrupt.h),
// and interrupt_die must be called at the end.
int salvage_report_begin(struct salvage_report *r, const struct salvage_options *options,
                         bool overwrite, struct fault *f);

// The scope of the whole input; NULL if damage stops the program.
struct salvage_scope *salvage_report_scope(const struct salvage_report *r);

// Writes the report, also of a failed run, but not after a signal or a wrong command line
// (EX_USAGE), and frees everything. `result` and *f are the run's. Returns 0; or -1 and *f: the
// run's failure; else the reason why the report was not written; else EX_DATAERR if something was
// lost. Further ones are printed.
int salvage_report_end(struct salvage_report *r, int result, struct fault *f);

#endif
