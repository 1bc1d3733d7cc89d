// SPDX-License-Identifier: Apache-2.0
// The regular files below a directory that are to be packed: the given names, and the contents of
// given folders. Every file is checked before anything is packed, so that a file that cannot be
// packed is reported before there is any output.
#ifndef XBPIPE_FILELIST_H
#define XBPIPE_FILELIST_H

#include "base/diag.h"
#include "file/indir.h"

#include <stdbool.h>
#include <stddef.h>

struct filelist;

struct filelist_settings {
    const struct indir *dir;
    const char *suffix;  // added to a file's name in the archive; may be ""
    const char *archive; // what cannot hold links and so on, for messages: "an xbstream"
    // An empty folder is in the list, too, and its name ends in a slash.
    bool folders;
    // Called for each empty folder, without `folders`. May be NULL.
    void (*empty_folder)(const char *shown);
};

// Returns 0 and *list; or -1 and EX_OSERR. The settings outlive it.
int filelist_new(struct filelist **list, const struct filelist_settings *settings, struct fault *f);

// NULL is allowed.
void filelist_free(struct filelist *list);

// Adds `name` (`size` bytes, relative to the directory; "." components and needless slashes are
// removed), or, if it is a folder, all files below it except temporary ones (temporary.h), sorted
// by the bytes of the names in each folder. A file that is already in the list is not added again.
// Returns 0; or -1 and *f, after which the list can only be freed: EX_NOINPUT,
// EX_NOPERM, EX_OSERR, EX_IOERR; EX_DATAERR: neither a regular file nor a folder (a symbolic link,
// a device, a socket), or a name that an extractor would refuse (outdir_check_name).
int filelist_add(struct filelist *list, const char *name, size_t size, struct fault *f);

// The same for each name in the file at `path` ("-": standard input), ended by newlines, or by NULs
// with `null`; empty names are skipped.
int filelist_add_from(struct filelist *list, const char *path, bool null, struct fault *f);

size_t filelist_count(const struct filelist *list);

// The name of file `i` of the list, terminated, and its size.
const char *filelist_name(const struct filelist *list, size_t i, size_t *size);

#endif
