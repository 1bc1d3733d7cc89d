// SPDX-License-Identifier: Apache-2.0
// Collects a known number of bytes from views: by reference if they are in one view, or in large
// views that follow each other in one slab; otherwise it copies them into memory that grows as data
// arrives. Bytes that wait for more take at most a few times their own size of memory.
#ifndef XBPIPE_GATHER_H
#define XBPIPE_GATHER_H

#include "base/place.h"
#include "engine/slab.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gather {
    size_t need, have;
    const uint8_t *data; // `have` bytes
    struct slab *slab;   // holds them
    bool borrowed;       // the slab belongs to the views
    struct place place;  // of the first byte
};

void gather_begin(struct gather *g, size_t need);

// Moves bytes from *v. Returns 1 when complete (the caller then owns g->slab), 0 when more is
// needed, -1 if the allocation failed.
int gather_fill(struct gather *g, struct view *v, uint64_t *position);

// Appends all of `part` to the gathered bytes, whatever g->need is. Returns 0, or -1 if the
// allocation failed.
int gather_append(struct gather *g, struct view part);

// Drops the gathered bytes.
void gather_clear(struct gather *g);

#endif
