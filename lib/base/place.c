// SPDX-License-Identifier: Apache-2.0
#include "base/place.h"

#include <inttypes.h>
#include <stdio.h>

char *place_write(const struct place *p, size_t further, char out[static PLACE_TEXT_SIZE]) {
    if (p->exact)
        snprintf(out, PLACE_TEXT_SIZE, "at input offset %" PRIu64, p->origin + further);
    else
        snprintf(out, PLACE_TEXT_SIZE,
                 "at byte %" PRIu64 " of the data made from input offset %" PRIu64,
                 p->position + further, p->origin);
    return out;
}
