// SPDX-License-Identifier: Apache-2.0
// The members that a stream has so far, by name; and all that are below a folder or are partitions
// of a table, which MariaDB's D chunks speak of. Each operation takes a time that does not depend
// on the number of the other members but by its logarithm.
#ifndef XBPIPE_XBSTREAM_ROSTER_H
#define XBPIPE_XBSTREAM_ROSTER_H

#include "base/names.h"

#include <stdbool.h>
#include <stddef.h>

// Zero is the empty roster.
struct xbstream_roster {
    struct names *members; // the value: the user's pointer
};

// Where the user's pointer for the member of that name is kept; NULL at first. The name is added if
// it is new. NULL if memory ran out.
void **xbstream_roster_add(struct xbstream_roster *r, const char *name, size_t size);

// The user's pointer; NULL if there is no such member.
void *xbstream_roster_find(const struct xbstream_roster *r, const char *name, size_t size);

// Takes the member of that name, if there is one, out.
void xbstream_roster_remove(struct xbstream_roster *r, const char *name, size_t size);

// A member whose name begins with the prefix, which ends in '/', or behind the first "#P#" or "#p#"
// of a name's component: its user's pointer, and its name. NULL: there is none.
void *xbstream_roster_below(const struct xbstream_roster *r, const char *prefix, size_t size,
                            const struct name **name);

// Calls `visit` with the user's pointer of each member that has one, in no particular order.
void xbstream_roster_visit(struct xbstream_roster *r, void (*visit)(void *user, void *context),
                           void *context);

void xbstream_roster_clear(struct xbstream_roster *r);

#endif
