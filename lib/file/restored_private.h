// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the set of restored files: the names in the order of the input and the
// changes to them (restored.c), the names on the disk (restored_disk.c), and the check against the
// list of digests (restored_list.c).
#ifndef XBPIPE_RESTORED_PRIVATE_H
#define XBPIPE_RESTORED_PRIVATE_H

#include "base/diag.h"
#include "base/names.h"
#include "engine/salvage.h"
#include "file/manifest.h"
#include "file/outfile.h"
#include "file/restored.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHOWN_SIZE = 256 };

struct restored {
    const struct outfiles_settings *settings;
    // Claimed now; the value: a struct restored_file, or is_folder. A folder that contains a
    // claimed folder is not claimed itself.
    struct names *names;
    struct names *gone;  // folders that the stream has removed
    struct names *aside; // names of damaged files on the disk; the value: a struct restored_file
    struct restored_file *first, **last; // in the order of their claims
    unsigned waiting, waiting_max;       // files; any beyond the maximum are dropped
    size_t changes;                      // submitted and not done yet
};

enum state {
    WRITING,
    NAMED,   // as `disk` says
    WAITING, // under its temporary name
    NOWHERE  // there is no file any more, or never was
};

struct restored_file {
    struct restored *set;
    struct restored_file *next;
    struct name *claim; // NULL: removed, or renamed and not yet claimed
    char *name;         // after the changes done so far
    char *stored;       // its name in the archive, printable; NULL: the same
    enum state state;
    struct outfile *out;         // WRITING, WAITING
    char *disk;                  // NAMED
    struct outfile_identity own; // NAMED
    struct salvage_scope *scope;
    bool removed, renamed, damaged, digested;
    bool dropped; // too many files waited
    uint8_t sha256[DIGEST_SIZE];
};

// Whether the name (at most MEMBER_NAME_MAX bytes) is claimed now, for a file or a folder.
bool restored_has(const struct restored *set, const char *name, size_t size);

// ---- restored_disk.c. All are called in order; with -1, *f is set by the functions of outdir.h,
// or EX_OSERR.

// Gives the file its own name; if a damaged file has that name on the disk, renames that first.
// Returns 0; or -1 and *f.
int restored_disk_put_in_place(struct restored_file *file, struct fault *f);

// The file is damaged: gives it a name that no member, no other damaged file and no older file on
// the disk has, and notes that under its scope. Without a file it is only marked. Returns 0; or -1
// and *f.
int restored_disk_put_aside(struct restored_file *file, struct fault *f);

// The file is about to lose the name of a damaged file, if it has one: frees it for others.
void restored_disk_forget_aside(struct restored_file *file);

// Keeps the file, which has been written, under its temporary name; drops it if too many are kept.
void restored_disk_wait(struct restored_file *file);

// Removes the file, which has no name yet, if there is one.
void restored_disk_drop(struct restored_file *file);

// ---- restored_list.c. The list is settings->expected.

// Whether the file may get its name: there is no list, or it has this digest for that name.
bool restored_list_allows(const struct restored_file *file);

// Whether there is a list that has a file of that name.
bool restored_list_has(const struct restored_file *file);

// At the end, if there is a list: names the files that have waited, drops files that differ from
// the list, and marks its entries as found. Returns 0; or -1 and *f: EX_DATAERR (the files differ
// from the list), EX_OSERR, or as for the disk.
int restored_list_check(struct restored *set, struct fault *f);

#endif
