// SPDX-License-Identifier: Apache-2.0
// Paths that a user gives for outputs. The folders on such a path may belong to another user, who
// can replace one by a symbolic link at any moment: a link is followed only if its owner is root or
// the user that the program runs as.
#ifndef XBPIPE_PATH_H
#define XBPIPE_PATH_H

#include "base/diag.h"

// The number of the descriptor that a path means: /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N
// and /proc/self/fd/N. -1 for any other path.
int path_descriptor(const char *path);

// Opens the folder at `path` (O_PATH). Every link on the path, the last part included, is checked
// after it has been opened, so that exactly the checked link is followed. Returns a descriptor; or
// -1 and *f (EX_CANTCREAT, EX_NOPERM, EX_OSERR), whose text begins with `doing` and a colon.
int path_open_folder(const char *path, const char *doing, struct fault *f);

// The same for the folder that holds the last part of `path`, which *base then points to; it is
// empty if the path is, or ends in a slash.
int path_open_parent(const char *path, const char **base, const char *doing, struct fault *f);

#endif
