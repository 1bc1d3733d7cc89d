// SPDX-License-Identifier: Apache-2.0
// The list of an archive's members. It is kept until the end: the last chunks of a MariaDB Backup
// stream may rename or remove the first members.
#ifndef XBPIPE_LISTING_H
#define XBPIPE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listing; // NULL is the empty list

struct listing_entry {
    struct listing_entry *next;
    char *name; // as stored; hostile
    size_t size;
    bool wanted;
    bool complete; // the rest is known
    bool sparse, restored_known;
    uint64_t stored, restored; // bytes
    char forms[];              // as in extract_entry
};

// A new entry; the caller sets `complete`. NULL: no memory.
struct listing_entry *listing_entry_new(const char *name, size_t size, const char *forms);

// Gives it another name. Returns false if memory ran out.
bool listing_entry_rename(struct listing_entry *e, const char *name, size_t size);

void listing_entry_free(struct listing_entry *e);

// Adds the entry, which then belongs to the list, at the end. Returns false if memory ran out.
bool listing_add(struct listing **l, struct listing_entry *e);

// Calls `print` for each wanted entry, up to the first that is not complete.
void listing_print(const struct listing *l,
                   void (*print)(const struct listing_entry *e, void *context), void *context);

// NULL is allowed.
void listing_free(struct listing *l);

#endif
