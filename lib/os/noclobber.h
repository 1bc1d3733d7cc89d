// SPDX-License-Identifier: Apache-2.0
// Remembers the files that the run reads or has written, and the descriptors that it writes to, so
// that no output replaces or mixes with one of them: they may be all that a user has left. Files
// are compared by device and inode, so another path, a hard link, or a file system that treats two
// names as the same makes no difference. On the main thread only.
#ifndef XBPIPE_NOCLOBBER_H
#define XBPIPE_NOCLOBBER_H

#include "base/diag.h"

#include <stdbool.h>
#include <sys/stat.h>

// Notes the file open at `fd`, which is being read, if it is a regular file; at most NOCLOBBER_MAX
// files. Closing the descriptor changes nothing.
enum { NOCLOBBER_MAX = 16 };
void noclobber_add(int fd);

// The same for a file behind a descriptor that the user opened and that is written directly:
// standard output and standard error.
void noclobber_add_output(int fd);

// Notes a file that the run has written and given its name. Returns 0; or -1 and EX_OSERR.
int noclobber_add_written(const struct stat *st, struct fault *f);

// Forgets everything: a new run begins in the same process.
void noclobber_forget(void);

// True if *st describes a file that is being read.
bool noclobber_has(const struct stat *st);

// Why an output must not replace the file that *st describes: a text that continues "FILE: ". NULL
// if it may.
const char *noclobber_reason(const struct stat *st);

// Call it for each descriptor that gets data, a list, a report or JSON, before anything is written:
// if two of them led to the same file, pipe or terminal, their bytes would mix. A device that
// stores nothing (/dev/null) may be used several times. Messages call the descriptor `shown`.
// Returns 0; or -1 and *f: EX_USAGE if another output leads there, EX_CANTCREAT if it is a file
// that is being read.
int noclobber_claim(int fd, const char *shown, struct fault *f);

#endif
