// SPDX-License-Identifier: Apache-2.0
// The files that the run reads, those it has written, and the descriptors it writes to: so that
// nothing that it writes replaces, or gets mixed into, one of them. They may be all that a user has
// left. Files are known by device and inode: another path, a hard link, or a file system that takes
// two names for one makes no difference. On the main thread only.
#ifndef XBPIPE_NOCLOBBER_H
#define XBPIPE_NOCLOBBER_H

#include "base/diag.h"

#include <stdbool.h>
#include <sys/stat.h>

// Notes the file open at `fd`, which is being read, if it is a regular one; at most NOCLOBBER_MAX
// of them. Closing the descriptor changes nothing.
enum { NOCLOBBER_MAX = 16 };
void noclobber_add(int fd);

// The same for a file that a descriptor of the user's leads to and that is written as it is:
// standard output and standard error.
void noclobber_add_output(int fd);

// Notes a file that the run has written and given its name. Returns 0; or -1 and EX_OSERR.
int noclobber_add_written(const struct stat *st, struct fault *f);

// Forgets all of them: a new run begins in the same process.
void noclobber_forget(void);

// True if *st describes a file that is being read.
bool noclobber_has(const struct stat *st);

// Why no output may replace the file that *st describes: a text that continues "FILE: ". NULL if
// one may.
const char *noclobber_reason(const struct stat *st);

// To be called for each descriptor that takes data, a list, a report or JSON, before anything is
// written: no two of them may lead to the same file, pipe or terminal, or their bytes mix. What
// stores nothing (/dev/null) takes any number. `shown` stands for the descriptor in messages.
// Returns 0; or -1 and *f: EX_USAGE if another output leads there, EX_CANTCREAT
// if it is a file that is being read.
int noclobber_claim(int fd, const char *shown, struct fault *f);

#endif
