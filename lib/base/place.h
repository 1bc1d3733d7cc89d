// SPDX-License-Identifier: Apache-2.0
// A position in the input, for messages.
#ifndef XBPIPE_PLACE_H
#define XBPIPE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place {
    uint64_t origin;   // offset in the program's input
    bool exact;        // false: `origin` is the offset of the unit that the bytes were made from
    uint64_t position; // offset in the stage's own input
};

enum { PLACE_TEXT_SIZE = 96 };

// "at input offset N"; or, if the input was transformed before the stage,
// "at byte N of the data made from input offset M". `further` is added to N. Returns out.
char *place_write(const struct place *p, size_t further, char out[static PLACE_TEXT_SIZE]);

// The same, in an array that lives until the end of the block around the call.
#define place_text(p, further) place_write(p, further, (char[PLACE_TEXT_SIZE]){""})

#endif
