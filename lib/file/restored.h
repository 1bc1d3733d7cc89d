// SPDX-License-Identifier: Apache-2.0
// The files that a run restores: their names, which the stream may change or remove after it has
// sent the files (xbstream_reader.h), their digests, and whether they are whole.
//
// Names are claimed in the order of the input; changes on the disk are made in the order of
// delivery. A file gets its name when it has been written, is whole and, if there is a list of
// digests, has the digest that the list gives for that name; otherwise it keeps its temporary name
// until the end, because the stream may still rename or remove it. Only files that the run has made
// are renamed or removed.
#ifndef XBPIPE_RESTORED_H
#define XBPIPE_RESTORED_H

#include "engine/salvage.h"
#include "engine/stage.h"
#include "file/outfiles.h"

#include <stddef.h>

struct restored;
struct restored_file; // belongs to the set

// How many files may safely be open at a time; each takes two descriptors.
unsigned restored_open_easily(void);

// Returns 0 and *set; or -1 and EX_OSERR. The settings outlive it.
int restored_new(struct restored **set, const struct outfiles_settings *settings, struct fault *f);

// Removes the files that have no name. NULL is allowed.
void restored_free(struct restored *set);

// Claims a name (`size` bytes and a terminator; hostile) for a new file. `stored` is the name in
// the archive, printable. Returns 0; or -1 and *f: EX_DATAERR (refused, or not the first of that
// name).
int restored_claim(struct restored *set, const char *name, size_t size, const char *stored,
                   struct restored_file **file, struct fault *f);

// The same for a folder, whose name may repeat.
int restored_claim_folder(struct restored *set, const char *name, size_t size, struct fault *f);

// Creates the file on the disk, under a temporary name. Without a directory there is no file.
// Returns 0; or -1 and *f as outdir_create.
int restored_create(struct restored_file *file, struct fault *f);

// NULL: there is none.
struct outfile *restored_outfile(const struct restored_file *file);

// In order: the bytes written to the file have this digest.
void restored_digest(struct restored_file *file, const uint8_t sha256[static DIGEST_SIZE]);

// In order: all of the file has been written; losses in it are noted under `scope`, unless that is
// NULL. Returns 0; or -1 and *f.
int restored_written(struct restored_file *file, struct salvage_scope *scope, struct fault *f);

// In order: the file, which may already have its name, turns out not to be whole; its scope says
// so. Returns 0; or -1 and *f.
int restored_retract(struct restored_file *file, struct fault *f);

// Renames the file (the name as for restored_claim), removes it, or notes that a folder was
// removed. On the disk this happens in the order of `reader`, which found it in its input, unless
// that is broken by then. Each returns 0; or -1 and *f.
int restored_rename(struct restored_file *file, const char *name, size_t size,
                    const struct stage *reader, struct fault *f);
int restored_remove(struct restored_file *file, const struct stage *reader, struct fault *f);
int restored_remove_folder(struct restored *set, const char *name, size_t size, struct fault *f);

// Once everything has been delivered: names the files that have waited, checks the list, fills the
// manifest. Returns 0; or -1 and *f as outfiles_finish.
int restored_finish(struct restored *set, struct fault *f);

#endif
