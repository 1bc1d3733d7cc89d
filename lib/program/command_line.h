// SPDX-License-Identifier: Apache-2.0
// The command line of every program: argp, with three things of our own. An unknown option is
// answered with the nearest known one, and never with the value that was given to it, which may be
// a key. --help lists the options in the order in which the program declares them, group by group,
// and -h is --help.
#ifndef XBPIPE_COMMAND_LINE_H
#define XBPIPE_COMMAND_LINE_H

#include <argp.h>

// Parses the command line into `options`, the input of the parsers of *argp. What stands behind a
// '\v' in argp->doc is printed after the options, as it is. Ends the program with EX_USAGE for an
// option that is unknown or ambiguous, with status 0 after --help, and as diag_parse does.
void command_line_parse(const struct argp *argp, int argc, char **argv, void *options);

// How many letters have to be changed, added, taken away, or swapped with their neighbour to make
// one word of the other; words longer than 63 bytes count as wholly different.
unsigned command_line_distance(const char *one, const char *other);

#endif
