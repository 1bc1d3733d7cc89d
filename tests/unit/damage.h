// SPDX-License-Identifier: Apache-2.0
// Damages an input in many ways and checks the output of a stage that salvages against the original
// content.
#ifndef XBPIPE_TESTS_DAMAGE_H
#define XBPIPE_TESTS_DAMAGE_H

#include "archives.h"
#include "engine/salvage.h"
#include "feed.h"

#include <jansson.h>

// The report of a record, parsed. Aborts the program if it is not JSON.
json_t *damage_report(struct salvage *record);
uint64_t damage_number(const json_t *loss, const char *field);

// A stage under test and its input.
struct patient {
    feed_maker *make; // gives a stage without scope
    void *context;
    bool countless;     // missing whole units cannot be noticed
    const char *format; // the format in its losses
    struct bytes input, original;
    // The unit of the input that the byte at `at` belongs to: its start and its end.
    void (*unit)(const struct patient *p, size_t at, size_t *start, size_t *end);
};

// One byte changed, at every offset. `step`: how far apart the offsets are.
void damage_flips(struct patient *p, size_t step);
// Ranges zeroed, removed, inserted, and the input cut, at many places.
void damage_ranges(struct patient *p, size_t step);
// The whole input gives the original and no loss.
void damage_none(struct patient *p);

#endif
