// SPDX-License-Identifier: Apache-2.0
#include "format/tar_map.h"

#include "format/tar.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BLOCK_RUNS = 21, AT_CONTINUED = 504 }; // of a block that continues an old GNU map

int tar_map_add(struct tar_map *m, uint64_t offset, uint64_t size, size_t most,
                const struct place *place, struct fault *f) {
    const struct tar_run *last = m->count > 0 ? &m->runs[m->count - 1] : NULL;
    uint64_t from = last != NULL ? last->offset + last->size : 0;
    const char *where = place_text(place, 0);
    if (offset < from || offset > INT64_MAX || size > INT64_MAX - offset)
        return diag_fault(f, EX_DATAERR,
                          "map of a sparse file in tar archive %s: expected an offset from %" PRIu64
                          " on, found %" PRIu64 " bytes at %" PRIu64,
                          where, from, size, offset);
    if (size == 0)
        return 0;
    if (m->count == most)
        return diag_fault(f, EX_DATAERR,
                          "map of a sparse file in tar archive %s is too large: expected at most "
                          "%zu runs; if the file is sound, use a larger --max-chunk",
                          where, most);
    if (m->count == m->room) {
        size_t room = m->room == 0 ? 32 : 2 * m->room;
        struct tar_run *larger = realloc(m->runs, room * sizeof *larger);
        if (larger == NULL)
            return diag_fault_memory(f);
        m->runs = larger;
        m->room = room;
    }
    m->runs[m->count++] = (struct tar_run){.offset = offset, .size = size};
    m->data += size; // at most `offset + size`
    return 0;
}

int tar_map_add_runs(struct tar_map *m, const uint8_t *runs, unsigned count, size_t most,
                     const struct place *place, struct fault *f) {
    for (const uint8_t *run = runs; count > 0; count--, run += 2 * TAR_NUMBER_SIZE) {
        uint64_t offset, size;
        if (run[0] == 0)
            return 0;
        for (unsigned i = 0; i < 2; i++)
            if (!tar_number(run + i * TAR_NUMBER_SIZE, TAR_NUMBER_SIZE, i == 0 ? &offset : &size))
                return tar_refuse_number(run + i * TAR_NUMBER_SIZE, TAR_NUMBER_SIZE,
                                         "map of a sparse file", place, 0, f);
        if (tar_map_add(m, offset, size, most, place, f) < 0)
            return -1;
    }
    return 0;
}

int tar_map_add_block(struct tar_map *m, const uint8_t *block, size_t most,
                      const struct place *place, struct fault *f) {
    if (tar_map_add_runs(m, block, BLOCK_RUNS, most, place, f) < 0)
        return -1;
    return block[AT_CONTINUED] == 0;
}

// Takes a number of the map.
static int add_number(struct tar_map *m, struct tar_map_text *t, size_t most,
                      const struct place *place, struct fault *f) {
    uint64_t number = t->number;
    t->number = 0;
    t->digits = false;
    if (!t->counted) {
        t->counted = true;
        t->left = number;
        return 0;
    }
    t->has_offset = !t->has_offset;
    if (t->has_offset) {
        t->offset = number;
        return 0;
    }
    t->left--;
    return tar_map_add(m, t->offset, number, most, place, f);
}

int tar_map_add_text(struct tar_map *m, struct tar_map_text *t, const uint8_t *block, size_t most,
                     const struct place *place, struct fault *f) {
    for (size_t i = 0; i < TAR_BLOCK && !(t->counted && t->left == 0); i++) {
        uint8_t c = block[i];
        if (c >= '0' && c <= '9' && t->number <= (INT64_MAX - 9) / 10) {
            t->number = 10 * t->number + (unsigned)(c - '0');
            t->digits = true;
        } else if (c != '\n' || !t->digits) {
            return diag_fault(f, EX_DATAERR,
                              "map of a sparse file in tar archive %s: expected a number up to "
                              "2^63-1 and a newline, found '%s'",
                              place_text(place, i), diag_shown_name(block + i, 1, 8));
        } else if (add_number(m, t, most, place, f) < 0) {
            return -1;
        }
    }
    return t->counted && t->left == 0;
}

int tar_map_check(const struct tar_map *m, uint64_t data, uint64_t file, const struct place *place,
                  struct fault *f) {
    const char *where = place_text(place, 0);
    uint64_t end = m->count > 0 ? m->runs[m->count - 1].offset + m->runs[m->count - 1].size : 0;
    if (m->data != data)
        return diag_fault(f, EX_DATAERR,
                          "map of a sparse file in tar archive %s: expected %" PRIu64
                          " bytes of data in all, found %" PRIu64,
                          where, data, m->data);
    if (end > file)
        return diag_fault(f, EX_DATAERR,
                          "map of a sparse file in tar archive %s: expected an end at %" PRIu64
                          " at most, found %" PRIu64,
                          where, file, end);
    return 0;
}

void tar_map_clear(struct tar_map *m) {
    free(m->runs);
    *m = (struct tar_map){0};
}
