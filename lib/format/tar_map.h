// SPDX-License-Identifier: Apache-2.0
// The map of a sparse file in a tar archive, in all forms of GNU tar. Format from the manual of GNU
// tar ("Storing Sparse Files").
#ifndef XBPIPE_TAR_MAP_H
#define XBPIPE_TAR_MAP_H

#include "base/diag.h"
#include "engine/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The data of a sparse file: ascending runs that do not overlap, with holes between them.
struct tar_map {
    struct tar_run {
        uint64_t offset, size; // in the file
    } * runs;
    size_t count, room;
    uint64_t data; // bytes of all runs
};

// Adds a run, unless it has no data. `most` is the most runs that the map may have; `place` is
// their position. Returns 0; or -1 and *f: EX_DATAERR (it does not come after the runs before it,
// it ends beyond INT64_MAX, too many), EX_OSERR.
int tar_map_add(struct tar_map *m, uint64_t offset, uint64_t size, size_t most,
                const struct place *place, struct fault *f);

// Adds `count` runs in the form of an old GNU map: an offset and a size of TAR_NUMBER_SIZE bytes
// each; an empty one ends them. The same results, and EX_DATAERR for anything but a number.
int tar_map_add_runs(struct tar_map *m, const uint8_t *runs, unsigned count, size_t most,
                     const struct place *place, struct fault *f);

// Adds the runs of a block that continues such a map. Returns 1 if it is the last block, 0 if
// another follows; or -1 and *f.
int tar_map_add_block(struct tar_map *m, const uint8_t *block, size_t most,
                      const struct place *place, struct fault *f);

// The map at the beginning of the contents (GNU sparse format 1.0): lines with a decimal number,
// first the number of runs, then the offset and the size of each, up to the end of a block.
// All zero at its beginning.
struct tar_map_text {
    bool counted, has_offset, digits;
    uint64_t number, left, offset;
};

// Adds the runs of one of its blocks. The same results, and EX_DATAERR for anything but a number.
int tar_map_add_text(struct tar_map *m, struct tar_map_text *text, const uint8_t *block,
                     size_t most, const struct place *place, struct fault *f);

// Checks that the runs of a complete map have `data` bytes in all, and fit a file of `file` bytes.
// Returns 0; or -1 and EX_DATAERR in *f.
int tar_map_check(const struct tar_map *m, uint64_t data, uint64_t file, const struct place *place,
                  struct fault *f);

void tar_map_clear(struct tar_map *m);

#endif
