// SPDX-License-Identifier: Apache-2.0
// Collects the header of a unit: its first bytes, up to a size that becomes known while they
// arrive.
#ifndef XBPIPE_HEAD_H
#define XBPIPE_HEAD_H

#include "base/place.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_MAX = 1088 };
struct head {
    uint8_t bytes[HEAD_MAX];
    size_t have;
    struct place place; // of the first byte
};

// Moves bytes from *v until `need` (≤ HEAD_MAX) are there; `position` is the stage's, and advances.
// Returns true if they are.
bool head_fill(struct head *h, size_t need, struct view *v, uint64_t *position);

#endif
