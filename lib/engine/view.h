// SPDX-License-Identifier: Apache-2.0
// A range of bytes inside a slab, which stages pass to each other.
#ifndef XBPIPE_VIEW_H
#define XBPIPE_VIEW_H

#include "base/place.h"
#include "engine/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
    const uint8_t *data; // NULL: `size` zero bytes that need not be stored (a hole)
    size_t size;
    struct slab *slab; // holds the bytes; NULL: they are valid only until the call returns
    uint64_t origin;   // offset in the program's input of the first byte or, if not `exact`, of the
                       // unit that the bytes were made from
    bool exact;
};

// Removes the first n bytes (n ≤ v->size) from *v and returns them. Takes no reference.
struct view view_split(struct view *v, size_t n);

// Takes a reference for the caller: to v.slab, or to a copy of the bytes if there is no slab.
// Returns 0, or -1 if the allocation failed.
int view_hold(struct view *v);

// The place of the first byte of *v, at `position` of the stage's own input.
struct place view_place(const struct view *v, uint64_t position);

#endif
