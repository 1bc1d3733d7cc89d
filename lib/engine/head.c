// SPDX-License-Identifier: Apache-2.0
#include "engine/head.h"

#include <string.h>

bool head_fill(struct head *h, size_t need, struct view *v, uint64_t *position) {
    if (h->have == 0)
        h->place = view_place(v, *position);
    if (h->have < need) {
        size_t missing = need - h->have;
        struct view part = view_split(v, missing < v->size ? missing : v->size);
        if (part.data != NULL)
            memcpy(h->bytes + h->have, part.data, part.size);
        else
            memset(h->bytes + h->have, 0, part.size);
        h->have += part.size;
        *position += part.size;
    }
    return h->have >= need;
}
