// SPDX-License-Identifier: Apache-2.0
// Creates files and folders strictly below one directory, with names from an archive, which are
// assumed to be hostile. Every step is relative to an open descriptor and follows no symbolic link,
// so that exactly the checked file is used.
#ifndef XBPIPE_OUTDIR_H
#define XBPIPE_OUTDIR_H

#include "base/diag.h"
#include "file/outfile.h"

#include <stdbool.h>
#include <stddef.h>

struct outdir;

// Opens the directory at `path`, making it (mode 0750 less the umask) if only its last component is
// missing. Returns 0; or -1 and *f: EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outdir_open(struct outdir **out, const char *path, bool overwrite, struct fault *f);

// How many temporary files of earlier runs have been removed: those in a folder are when it is
// first entered.
unsigned outdir_removed(const struct outdir *o);

// Syncs all folders that have been entered, and the directory's own entry if it is new, to the
// disk. Returns 0; or -1 and EX_IOERR.
int outdir_sync(struct outdir *o, struct fault *f);

// The descriptor of the directory. It belongs to *o.
int outdir_fd(const struct outdir *o);

// Its path as it was given, printable, for messages. Belongs to *o.
const char *outdir_shown(const struct outdir *o);

// NULL is allowed.
void outdir_close(struct outdir *o);

// Checks a name of `size` bytes as member_name_check does, and that no component is the name of a
// temporary file (temporary.h). Returns 0; or -1 and EX_DATAERR.
int outdir_check_name(const char *name, size_t size, struct fault *f);

// Begins a file (see outfile.h) called `name`, which is terminated and has been checked by the
// function above; creates its folders. Without `check`: outfile_begin_unchecked_at. Returns 0 and
// *file; or -1 and *f: EX_CANTCREAT (also if a file or a symbolic link has the name of a folder,
// the file exists, or the names have more folders than any backup), EX_NOPERM, EX_OSERR.
int outdir_create(struct outdir *o, const char *name, bool check, struct outfile **file,
                  struct fault *f);

// The file gets that name instead, when it is committed (outfile_move). The same conditions;
// returns 0; or -1 and *f.
int outdir_move(struct outdir *o, struct outfile *file, const char *name, struct fault *f);

// For files that have been committed, as outfile_rename_at and so on. The same conditions; each
// returns 0; or -1 and *f.
int outdir_rename(struct outdir *o, const char *from, const char *to,
                  const struct outfile_identity *id, struct fault *f);
int outdir_remove(struct outdir *o, const char *name, const struct outfile_identity *id,
                  struct fault *f);
int outdir_reopen(struct outdir *o, const char *name, const struct outfile_identity *id,
                  struct outfile **file, struct fault *f);

// Whether something has that name that a file may not replace. The same conditions.
int outdir_has(struct outdir *o, const char *name, bool *has, struct fault *f);

// Removes the folder of that (checked) name if this run created it and it is empty.
void outdir_remove_folder(struct outdir *o, const char *name);

// Creates the folder and those above it; it may exist already. The same conditions and results.
int outdir_make_folder(struct outdir *o, const char *name, struct fault *f);

#endif
