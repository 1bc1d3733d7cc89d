// SPDX-License-Identifier: Apache-2.0
// Reads files and folders strictly below one directory: no symbolic link below it is followed, so
// that nothing outside is read. Links in the directory's own path are the user's choice and are
// followed.
#ifndef XBPIPE_INDIR_H
#define XBPIPE_INDIR_H

#include "base/diag.h"

struct indir;

// Opens the directory at `path`. Returns 0 and *out; or -1 and *f: EX_NOINPUT, EX_NOPERM, EX_OSERR.
int indir_open(struct indir **out, const char *path, struct fault *f);

// NULL is allowed.
void indir_close(struct indir *d);

// The descriptor of the directory. It belongs to *d.
int indir_fd(const struct indir *d);

// Opens `name` (terminated, without a ".." component); "." is the directory itself. `flags` are
// open(2)'s; O_CLOEXEC and O_NOFOLLOW are added. Returns a descriptor, which
// the caller closes; or -1 and *f: EX_NOINPUT, EX_NOPERM; EX_DATAERR if a part of the name is a
// symbolic link; EX_OSERR.
int indir_open_file(const struct indir *d, const char *name, int flags, struct fault *f);

// The fault, with errno, for a file that could not be opened or examined. Returns -1.
int indir_fault(const char *name, int error, struct fault *f);

#endif
