// SPDX-License-Identifier: Apache-2.0
// A set of names, each with a pointer for the caller's use.
#ifndef XBPIPE_NAMES_H
#define XBPIPE_NAMES_H

#include <stddef.h>

struct names; // NULL is the empty set; made by the first addition

struct name {
    void *value; // the caller's; initially NULL
    size_t size;
    char bytes[]; // `size` bytes and a terminator
};

// Finds the name of `size` bytes, or adds it. NULL if the allocation failed.
struct name *names_add(struct names **set, const void *bytes, size_t size);

// The name of `size` bytes; NULL if it is not in the set.
struct name *names_find(const struct names *set, const void *bytes, size_t size);

// A name that begins with the `size` bytes; NULL if there is none.
struct name *names_find_beginning(const struct names *set, const void *bytes, size_t size);

// Removes a name from the set and frees it.
void names_remove(struct names *set, struct name *name);

// Calls `visit` for each name, in no particular order.
void names_visit(struct names *set, void (*visit)(struct name *, void *context), void *context);

// Frees the set and its names, not the values. NULL is allowed.
void names_free(struct names *set);

#endif
