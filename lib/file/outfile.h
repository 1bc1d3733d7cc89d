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

// Added to the name of a file that is not whole.
#define OUTFILE_DAMAGED ".damaged"

// Begins a file called `base` (one component, no '/') in the directory open at dir_fd, and takes
// that descriptor over, also if it fails. Messages call it `shown`. An existing file of that name
// is an error unless `overwrite`; a directory, and a file that the program reads (noclobber.h),
// always is. Mode 0640 less the umask. Returns 0 and *out; or -1 and *f: EX_CANTCREAT, EX_NOPERM,
// EX_OSERR. *out is then NULL.
int outfile_begin_at(struct outfile **out, int dir_fd, const char *base, const char *shown,
                     bool overwrite, struct fault *f);

// The same, but whether the name is taken is not checked now, because an existing file may be about
// to lose it. It is checked when the file gets its name.
int outfile_begin_unchecked_at(struct outfile **out, int dir_fd, const char *base,
                               const char *shown, bool overwrite, struct fault *f);

// The same as outfile_begin_at for a path given by the user. NULL or "-" is standard output; a path
// that means a descriptor (path.h), and a device or FIFO, are written directly, and claimed
// (noclobber.h). The last part of the path is never followed if it is a link: a link to a device or
// pipe is refused (EX_CANTCREAT), any other counts as an existing file. A FIFO of another user is
// refused (EX_NOPERM), and so are other users' links in the path (path.h). Temporary files of
// earlier runs in the file's folder are removed. EX_CANTCREAT also if another unfinished file will
// get the same name: one would replace the other, whatever `overwrite` says. EX_USAGE if another
// output goes to the same descriptor.
int outfile_begin(struct outfile **out, const char *path, bool overwrite, struct fault *f);

// The descriptor to write to. It belongs to the outfile.
int outfile_fd(const struct outfile *o);

// Its name in messages: the path, printable, or "standard output". It belongs to the outfile and
// changes with the name (outfile_damaged).
const char *outfile_shown(const struct outfile *o);

// Allows SANDBOX_NAMES for the directories of all unfinished files of outfile_begin.
void outfile_allow_all(struct sandbox_rules *rules);

// True for a new regular file, which can be written at any offset; false for standard output and
// files that are written directly.
bool outfile_seekable(const struct outfile *o);

// The file is not whole: OUTFILE_DAMAGED is added to its final name, which loses its first bytes if
// that makes it longer than NAME_MAX. The scope notes the name, with the folders of `path`, which
// is the user's name for the file. Has no effect on a file that is written directly. Returns 0; or
// -1 and *f: EX_CANTCREAT (a file of that name exists, is being read, or was begun), EX_OSERR.
int outfile_damaged(struct outfile *o, const char *path, struct salvage_scope *scope,
                    struct fault *f);

// The name, with its folders, for a damaged file that has, or would have, the name `name`:
// OUTFILE_DAMAGED is added, and a number if that is not 0. If a component gets longer than
// NAME_MAX, a checksum of it replaces its first bytes. The caller frees it; NULL: no memory.
char *outfile_damaged_name(const char *name, unsigned number);

// The file gets the name `base` in the directory open at dir_fd instead (see outfile_begin_at).
// Returns 0; or -1 and EX_OSERR.
int outfile_move(struct outfile *o, int dir_fd, const char *base, const char *shown,
                 struct fault *f);

// Identifies a file of the run once it has its name.
struct outfile_identity {
    dev_t device;
    ino_t inode;
};

// Of a seekable file; the second: its st_blksize (stat(2)).
struct outfile_identity outfile_identity(const struct outfile *o);
blksize_t outfile_block_size(const struct outfile *o);

// The next three are for a file that has its name, `from` or `base` in the directory open at
// dir_fd; EX_CANTCREAT if it is not the one of that identity. The first renames it, into the
// directory open at to_fd; the second removes it; the third makes it an unfinished file again,
// written but not committed. Each returns 0; or -1 and *f: EX_CANTCREAT, EX_NOPERM, EX_OSERR.
int outfile_rename_at(int dir_fd, const char *from, int to_fd, const char *to, const char *shown,
                      bool overwrite, const struct outfile_identity *id, struct fault *f);
int outfile_remove_at(int dir_fd, const char *base, const char *shown,
                      const struct outfile_identity *id, struct fault *f);
int outfile_reopen_at(struct outfile **out, int dir_fd, const char *base, const char *shown,
                      bool overwrite, const struct outfile_identity *id, struct fault *f);

// Ends and frees it: closes it, checks the result, and gives it its final name. Returns 0; or -1
// and *f (EX_IOERR, EX_CANTCREAT, EX_OSERR), with the temporary file removed. Standard output is
// not closed here (diag_start's exit handler does that).
int outfile_commit(struct outfile *o, struct fault *f);

// Any thread. Syncs the file's bytes to the disk. Returns 0, also for a pipe; or -1 and EX_IOERR.
int outfile_sync(struct outfile *o, struct fault *f);

// outfile_sync, outfile_commit, and a sync of the folder. Returns 0; or -1 and *f (EX_IOERR,
// EX_CANTCREAT, EX_OSERR), with the temporary file removed; the file has its name if only the
// folder could not be synced.
int outfile_commit_synced(struct outfile *o, struct fault *f);

// Removes the temporary file and frees. NULL is allowed.
void outfile_discard(struct outfile *o);

#endif
