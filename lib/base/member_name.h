// SPDX-License-Identifier: Apache-2.0
// The names of an archive's members: hostile bytes, turned into the name of a file below one
// directory. Writers store the same file as "db/t.ibd", "./db/t.ibd", "db//t.ibd" and, with old
// versions of xbstream, "/var/backup/db/t.ibd": xbstream(5), Names.
#ifndef XBPIPE_MEMBER_NAME_H
#define XBPIPE_MEMBER_NAME_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    MEMBER_NAME_MAX = 511,          // bytes of a name with its folders, stored or cleaned
    MEMBER_NAME_COMPONENT_MAX = 255 // bytes that a file system takes between two slashes
};

// A name without the parts that have no meaning.
struct member_name {
    size_t size;
    bool absolute; // leading slashes were removed
    bool folder;   // it ended in '/' or "/.", or nothing is left: a file cannot have such a name
    char bytes[MEMBER_NAME_MAX + 1]; // terminated; "" is the directory itself
};

// Removes leading slashes, "." components and repeated slashes from `name` (`size` bytes; no
// terminator is needed). Returns 0 and *clean; or -1 and EX_DATAERR in *f: the name is empty, has a
// NUL or a ".." component, or is too long even when it is cleaned.
int member_name_clean(struct member_name *clean, const char *name, size_t size, struct fault *f);

// The same for the name of a file; a name that only a folder can have is EX_DATAERR, too.
int member_name_clean_file(struct member_name *clean, const char *name, size_t size,
                           struct fault *f);

// Checks a name that is clean already: not empty, at most MEMBER_NAME_MAX bytes, relative, no NUL,
// no empty, "." or ".." component, and none that is longer than MEMBER_NAME_COMPONENT_MAX. Returns
// 0; or -1 and EX_DATAERR in *f.
int member_name_check(const char *name, size_t size, struct fault *f);

// The fault for a name that is refused; `why` follows "it ". Returns -1.
int member_name_refused(const char *name, size_t size, const char *why, struct fault *f);

// Warns, once for a stream, that leading slashes are removed from its names. *warned is false at
// first and becomes true with the warning.
void member_name_warn(const struct member_name *clean, const char *name, size_t size, bool *warned);

#endif
