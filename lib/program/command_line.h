// SPDX-License-Identifier: Apache-2.0
// The command line of every program: argp, with three things of our own. The message for an unknown
// option names the nearest known one, and never shows the value that was given to it, which may be
// a key. --help lists the options in the order in which the program declares them, group by group,
// and -h is --help.
#ifndef XBPIPE_COMMAND_LINE_H
#define XBPIPE_COMMAND_LINE_H

#include <argp.h>

// Parses the command line into `options`, the input of the parsers of *argp. The text after a '\v'
// in argp->doc is printed unchanged after the options. Ends the program with EX_USAGE for an option
// that is unknown or ambiguous, with status 0 after --help, and as diag_parse does.
void command_line_parse(const struct argp *argp, int argc, char **argv, void *options);

#endif
