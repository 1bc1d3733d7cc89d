// SPDX-License-Identifier: Apache-2.0
// Counted buffers, so that data goes from stage to stage without being copied (view.h). Freed slabs
// are kept for reuse up to a small total.
#ifndef XBPIPE_SLAB_H
#define XBPIPE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Any thread may take and drop references; the bytes belong to the holder of the view.
struct slab {
    uint8_t *data;
    size_t capacity; // at least what was asked for
    _Atomic unsigned references;
};

// A slab of at least `capacity` bytes (capacity ≥ 1), not cleared, with one reference. Any thread.
// NULL if the allocation failed. Pages that are never written cost no memory.
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

#endif
