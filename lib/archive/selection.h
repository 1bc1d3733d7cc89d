// SPDX-License-Identifier: Apache-2.0
// Which members of an archive are wanted: by name, by folder, by shell pattern, by database and
// table.
//
// A member's plain name is its name without the suffixes of its transformations (suffix.h). A
// pattern (fnmatch(3); `*` matches '/', too) selects a member if it matches
// - the plain name:                "shop/orders.ibd", "*.ibd", "xtrabackup_*"
// - a folder that the member is in: "shop"
// - the database and the table: "shop.orders", which means every member of the folder "shop" whose
//   base name up to the first '.', or the '#' before a partition, is "orders".
// A member is selected by its stored name and by its cleaned name (member_name.h):
// "shop/orders.ibd" selects a member stored as "/shop//orders.ibd" or "./shop/orders.ibd", and
// "/var/*" one stored below "/var".
#ifndef XBPIPE_SELECTION_H
#define XBPIPE_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

struct selection; // NULL is the empty selection, which wants everything

enum selection_rule {
    // A name as stored, or without some or all of its suffixes. For the first it may also be a
    // folder, which means all that is in it.
    SELECTION_NAME,
    SELECTION_MEMBER,
    SELECTION_INCLUDE, // a pattern
    SELECTION_EXCLUDE  // a pattern; overrides the others
};

// Adds a rule; `text` outlives the selection. Returns 0, or -1 if memory ran out.
int selection_add(struct selection **s, enum selection_rule rule, const char *text);

// Whether a member with the stored name (`size` bytes and a terminator) is wanted: if there are
// rules besides SELECTION_EXCLUDE, one of them must select it. Notes which did.
bool selection_wants(struct selection *s, const char *name, size_t size);

// Whether a rule excludes a member of that name.
bool selection_excludes(const struct selection *s, const char *name, size_t size);

// A wanted member of that name turns out not to belong to the archive: undoes what selection_wants
// has noted.
void selection_forget(struct selection *s, const char *name, size_t size);

// The SELECTION_NAMEs and SELECTION_MEMBERs that have selected no member so far, one for each call:
// *next is 0 before the first. NULL: no more.
const char *selection_missing(const struct selection *s, size_t *next);

// Whether a member has been wanted so far.
bool selection_met(const struct selection *s);

void selection_free(struct selection *s);

#endif
