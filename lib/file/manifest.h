// SPDX-License-Identifier: Apache-2.0
// A list of files with their SHA-256, in the format of sha256sum of GNU coreutils: for each file a
// line of 64 hexadecimal digits, a space, a space or '*', and the name. If a line begins with a
// backslash before the digits, the name has "\\", "\n" and "\r" for a backslash, a newline and a
// carriage return.
#ifndef XBPIPE_MANIFEST_H
#define XBPIPE_MANIFEST_H

#include "base/diag.h"
#include "engine/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manifest_entry {
    char *name; // terminated
    size_t size;
    uint8_t sha256[DIGEST_SIZE];
    bool found; // for the caller's use; initially false
};

// Zero is the empty list.
struct manifest {
    struct manifest_entry *entries;
    size_t count;
    size_t room;
};

// Adds an entry for a name of `size` bytes; sha256 may be NULL if it does not matter. Returns 0;
// or -1 and EX_OSERR.
int manifest_add(struct manifest *m, const char *name, size_t size, const uint8_t *sha256,
                 struct fault *f);

// Sorts the entries by the bytes of their names, so that the same files give the same
// list.
void manifest_sort(struct manifest *m);

// The entry of a name, in a sorted list; NULL if there is none.
struct manifest_entry *manifest_find(const struct manifest *m, const char *name, size_t size);

// Reads the file at `path` into *m, which is empty, and sorts it. "./" before a name is left out,
// and a line that begins with '#' is a comment. Returns 0; or -1 and *f, and *m must still be
// freed: EX_NOINPUT, EX_NOPERM, EX_OSERR, EX_IOERR; EX_DATAERR for a line not in sha256sum format,
// a name longer than MEMBER_NAME_MAX, a repeated name, and a list without a file.
int manifest_read(struct manifest *m, const char *path, struct fault *f);

// Writes the list to fd, which messages call `shown`; to a terminal with names as diag_name shows
// them, which manifest_read may refuse. Returns 0; or -1 and *f (EX_IOERR,
// EX_OSERR).
int manifest_write(const struct manifest *m, int fd, const char *shown, struct fault *f);

// Frees the entries; the list is then empty.
void manifest_clear(struct manifest *m);

#endif
