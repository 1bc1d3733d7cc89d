// SPDX-License-Identifier: Apache-2.0
// A file that appears under its final name only when it is complete: it is written under a
// temporary name (temporary.h) in the same directory and renamed at the end.
#ifndef XBPIPE_OUTFILE_H
#define XBPIPE_OUTFILE_H

#include "base/diag.h"
#include "os/sandbox.h"

#include <stdbool.h>
#include <sys/types.h>

struct outfile;
struct salvage_scope;

// What is added to the name of a file that is not whole.
#define OUTFILE_DAMAGED ".damaged"

// Begins a file called `base` (one component, no '/') in the directory open at dir_fd, which need
// not stay open. `shown` stands for it in messages. An existing file of that name is an error
// unless `overwrite`; a directory, and a file that the program reads (noclobber.h), always
// is. Mode 0640 less the umask. Returns 0 and *out; or -1 and *f: EX_CANTCREAT, EX_NOPERM,
// EX_OSERR. *out is then NULL.
int outfile_begin_at(struct outfile **out, int dir_fd, const char *base, const char *shown,
                     bool overwrite, struct fault *f);

// The same, but what has the name now is not looked at: it may be about to lose it. It is when the
// file gets its name.
int outfile_begin_unchecked_at(struct outfile **out, int dir_fd, const char *base,
                               const char *shown, bool overwrite, struct fault *f);

// The same as outfile_begin_at for a path given by the user. NULL or "-" is standard output; a path
// that stands for a descriptor (path.h), and a device or FIFO, are written as they are, and claimed
// (noclobber.h). The last part of the path is never followed if it is a link: one to a device or
// pipe is refused (EX_CANTCREAT), one to something else is a file that exists. A FIFO of another
// user is refused (EX_NOPERM), and so are other users' links on the way (path.h). Temporary files
// that an earlier run left in the file's folder are removed. EX_CANTCREAT, too, for a name that
// another file will get that was begun here and has no name yet: one would replace the other,
// whatever `overwrite` says. EX_USAGE if another output goes to the same descriptor.
int outfile_begin(struct outfile **out, const char *path, bool overwrite, struct fault *f);

// The descriptor to write to. It belongs to the outfile.
int outfile_fd(const struct outfile *o);

// What stands for it in messages: the path, printable, or "standard output". It belongs to the
// outfile and changes with the name (outfile_damaged).
const char *outfile_shown(const struct outfile *o);

// Grants SANDBOX_NAMES for the directories of all files that outfile_begin began and that have no
// name yet.
void outfile_allow_all(struct sandbox_rules *rules);

// True for a new regular file, which can be written at any offset; false for standard output and
// what is written directly.
bool outfile_seekable(const struct outfile *o);

// The file is not whole: OUTFILE_DAMAGED is added to its final name, which loses its first bytes if
// that makes it longer than NAME_MAX. The name is noted under the scope, below
// the folders of `path`, a name of the file from where the user looks for it. Without effect on
// what is written directly. Returns 0; or -1 and *f: EX_CANTCREAT (a file of that name exists, is
// being read, or was begun), EX_OSERR.
int outfile_damaged(struct outfile *o, const char *path, struct salvage_scope *scope,
                    struct fault *f);

// The name, with its folders, for a damaged file that has, or would have, the name `name`:
// OUTFILE_DAMAGED added, and a number if that is not 0. A component that gets longer than NAME_MAX
// by that loses its first bytes, and gets a sum of itself instead. To be freed; NULL: no memory.
char *outfile_damaged_name(const char *name, unsigned number);

// The file gets the name `base` in the directory open at dir_fd instead (see outfile_begin_at).
// Returns 0; or -1 and EX_OSERR.
int outfile_move(struct outfile *o, int dir_fd, const char *base, const char *shown,
                 struct fault *f);

// By what a file of the run is known again once it has its name.
struct outfile_identity {
    dev_t device;
    ino_t inode;
};

// Returns 0; or -1 and EX_IOERR.
int outfile_identify(const struct outfile *o, struct outfile_identity *id, struct fault *f);

// The next three are for a file that has its name, `from` or `base` in the directory open at
// dir_fd, and is EX_CANTCREAT if it is not the one of that identity. It gets another name, in the
// directory open at to_fd; it is removed; it is as one that has been written and not committed.
// Each returns 0; or -1 and *f: EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outfile_rename_at(int dir_fd, const char *from, int to_fd, const char *to, const char *shown,
                      bool overwrite, const struct outfile_identity *id, struct fault *f);
int outfile_remove_at(int dir_fd, const char *base, const char *shown,
                      const struct outfile_identity *id, struct fault *f);
int outfile_reopen_at(struct outfile **out, int dir_fd, const char *base, const char *shown,
                      bool overwrite, const struct outfile_identity *id, struct fault *f);

// Ends and frees it: closes with the result checked, gives it its final name. Returns 0; or -1 and
// *f (EX_IOERR, EX_CANTCREAT, EX_OSERR), with the temporary file removed. Standard output is not
// closed here (diag_start's exit handler does that).
int outfile_commit(struct outfile *o, struct fault *f);

// Any thread. Returns when the file's bytes are on the disk: 0; or -1 and EX_IOERR. A pipe, which
// has no disk, is fine.
int outfile_sync(struct outfile *o, struct fault *f);

// outfile_sync, outfile_commit, and a sync of the folder. Returns 0; or -1 and *f (EX_IOERR,
// EX_CANTCREAT, EX_OSERR), with the temporary file removed; the file has its name if only the
// folder could not be synced.
int outfile_commit_synced(struct outfile *o, struct fault *f);

// Removes the temporary file and frees. NULL is allowed.
void outfile_discard(struct outfile *o);

#endif
