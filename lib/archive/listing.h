// SPDX-License-Identifier: Apache-2.0
// The list of an archive's members. It is held until the end: what a stream of MariaDB Backup sends
// last may rename or remove what it sent first.
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

// A new entry, complete only if the caller sets that. NULL: no memory.
struct listing_entry *listing_entry_new(const char *name, size_t size, const char *forms);

// Gives it another name. Returns false if memory ran out.
bool listing_entry_rename(struct listing_entry *e, const char *name, size_t size);

void listing_entry_free(struct listing_entry *e);

// Adds the entry, which then belongs to the list, at its end. Returns false if memory ran out.
bool listing_add(struct listing **l, struct listing_entry *e);

// Calls `print` for each entry that is wanted, up to the first that is not complete.
void listing_print(const struct listing *l,
                   void (*print)(const struct listing_entry *e, void *context), void *context);

// NULL is allowed.
void listing_free(struct listing *l);

#endif
