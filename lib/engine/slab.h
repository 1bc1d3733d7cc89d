// SPDX-License-Identifier: Apache-2.0
// Counted buffers, and views of bytes inside them, so that data goes from stage to stage without
// being copied. Freed slabs are kept for reuse up to a small total.
#ifndef XBPIPE_SLAB_H
#define XBPIPE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Any thread may take and drop references; bytes belong to whoever was handed them.
struct slab {
    uint8_t *data;
    size_t capacity; // at least what was asked for
    _Atomic unsigned references;
};

// A slab of at least `capacity` bytes (capacity ≥ 1), not cleared, with one reference. Any thread.
// NULL if memory could not be had. Pages that are never written cost no memory.
struct slab *slab_new(size_t capacity);

struct slab *slab_ref(struct slab *s);

// NULL is allowed.
void slab_unref(struct slab *s);

// Copies the first `size` bytes into a smaller slab, which takes the place of *s, if they are fewer
// than `least` and less than a quarter of it: what few bytes hold should not be much. Returns 0, or
// -1 for lack of memory with *s as it was.
int slab_fit(struct slab **s, size_t size, size_t least);

// Frees the slabs kept for reuse.
void slab_trim(void);

// Bytes on their way through the program.
struct view {
    const uint8_t *data; // NULL: `size` zero bytes that need not be stored (a hole)
    size_t size;
    struct slab *slab; // holds the bytes; NULL: they are only lent until the call returns
    uint64_t origin;   // offset in the program's input of the first byte, or, where not `exact`, of
                       // the unit from which the bytes were made
    bool exact;
};

// The first n bytes of *v (n ≤ v->size), which are taken off it. Takes no reference.
struct view view_split(struct view *v, size_t n);

// The same bytes held by a reference of the caller's: that of v.slab, or a copy where they were
// only lent. Returns 0, or -1 if memory could not be had.
int view_hold(struct view *v);

#endif
