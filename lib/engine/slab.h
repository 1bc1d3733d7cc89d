// SPDX-License-Identifier: Apache-2.0
// Reference-counted buffers, so that data goes from stage to stage without copying (view.h). Freed
// slabs are kept for reuse up to a small total.
#ifndef XBPIPE_SLAB_H
#define XBPIPE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Any thread may take and drop references; the bytes belong to the owner of the view.
struct slab {
    uint8_t *data;
    size_t capacity; // at least as requested
    _Atomic unsigned references;
};

// A slab of at least `capacity` bytes (capacity ≥ 1), not cleared, with one reference. Any thread.
// NULL if the allocation failed. Pages that are never written cost no memory.
struct slab *slab_new(size_t capacity);

struct slab *slab_ref(struct slab *s);

// NULL is allowed.
void slab_unref(struct slab *s);

// Replaces *s by a smaller slab with its first `size` bytes, if they are fewer than `least` and
// less than a quarter of it, so that few bytes do not keep much memory. Returns 0; or -1 if the
// allocation failed, with *s unchanged.
int slab_fit(struct slab **s, size_t size, size_t least);

// Frees the slabs kept for reuse.
void slab_trim(void);

#endif
