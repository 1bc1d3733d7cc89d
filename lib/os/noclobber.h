// SPDX-License-Identifier: Apache-2.0
// The files that the program reads, its input and its keys, so that it replaces none of them by
// what it writes. They may be all that a user has left.
#ifndef XBPIPE_NOCLOBBER_H
#define XBPIPE_NOCLOBBER_H

#include "base/diag.h"

#include <stdbool.h>
#include <sys/stat.h>

// Notes the file open at `fd` if it is a regular one; at most NOCLOBBER_MAX of them. On
// the main thread only. Closing the descriptor changes nothing.
enum { NOCLOBBER_MAX = 16 };
void noclobber_add(int fd);

// For a program that is about to write to standard output: returns 0; or -1 and EX_CANTCREAT if
// that is one of the files noted.
int noclobber_check_stdout(struct fault *f);

// True if *st describes one of the files noted.
bool noclobber_has(const struct stat *st);

#endif
