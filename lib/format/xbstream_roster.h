// SPDX-License-Identifier: Apache-2.0
// The members of a stream so far, by name; it also finds those below a folder and the partitions of
// a table, which MariaDB's D chunks remove. The time of each operation grows only with the
// logarithm of the number of members.
#ifndef XBPIPE_XBSTREAM_ROSTER_H
#define XBPIPE_XBSTREAM_ROSTER_H

#include "base/names.h"

#include <stdbool.h>
#include <stddef.h>

// Zero is the empty roster.
struct xbstream_roster {
    struct names *members; // the value: the user's pointer
};

// The address of the user's pointer for the member of that name; the pointer is NULL at first. The
// name is added if it is new. NULL if memory ran out.
void **xbstream_roster_add(struct xbstream_roster *r, const char *name, size_t size);

// The user's pointer; NULL if there is no such member.
void *xbstream_roster_find(const struct xbstream_roster *r, const char *name, size_t size);

// Removes the member of that name, if there is one.
void xbstream_roster_remove(struct xbstream_roster *r, const char *name, size_t size);

// A member whose name begins with the prefix, which must end in '/' or after the first "#P#" or
// "#p#" of a component: its user's pointer, and its name. NULL: there is none.
void *xbstream_roster_below(const struct xbstream_roster *r, const char *prefix, size_t size,
                            const struct name **name);

// Calls `visit` with the user's pointer of each member that has one, in no particular order.
void xbstream_roster_visit(struct xbstream_roster *r, void (*visit)(void *user, void *context),
                           void *context);

void xbstream_roster_clear(struct xbstream_roster *r);

#endif
