// SPDX-License-Identifier: Apache-2.0
#include "engine/view.h"

#include <string.h>

struct view view_split(struct view *v, size_t n) {
    struct view first = *v;
    first.size = n;
    if (v->data != NULL)
        v->data += n;
    v->size -= n;
    if (v->exact)
        v->origin += n;
    return first;
}

int view_hold(struct view *v) {
    if (v->slab != NULL || v->data == NULL) {
        slab_ref(v->slab);
        return 0;
    }
    struct slab *copy = slab_new(v->size > 0 ? v->size : 1);
    if (copy == NULL)
        return -1;
    memcpy(copy->data, v->data, v->size);
    v->data = copy->data;
    v->slab = copy;
    return 0;
}

struct place view_place(const struct view *v, uint64_t position) {
    return (struct place){.origin = v->origin, .exact = v->exact, .position = position};
}
