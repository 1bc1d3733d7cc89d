// SPDX-License-Identifier: Apache-2.0
// What the programs that pack files have in common: which files, and the work around pack_run.
#ifndef XBPIPE_PACKING_H
#define XBPIPE_PACKING_H

#include "archive/pack.h"
#include "program/options.h"

struct packing_options {
    const char *directory; // NULL: the current one
    const char *files_from;
    bool null;
    char *const *operands;
    int operand_count;
};

// -C DIR, -T FILE (--files-from) and -0, and the operands, as an argp child (see options.h); and
// the same for a program whose -T means something else.
extern const struct argp packing_argp, packing_long_argp;

// Packs the operands and what --files-from names, or, if there are neither, all of the directory,
// into the output, which appears whole or not at all. `settings` says how; its other members are
// set here. Shuts the program in. Returns 0; or -1 and *f (filelist_add, outfile_begin, pack_run;
// EX_NOINPUT: there is no file).
int packing_run(const struct packing_options *o, const struct options_output *output,
                const struct options_run *run, struct pack_settings *settings, struct fault *f);

#endif
