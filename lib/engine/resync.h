// SPDX-License-Identifier: Apache-2.0
// Finds the sound units of a damaged input: skips bytes up to the next unit that its checksum, or
// what follows it, confirms. The decoders use it when they salvage; each defines what a unit is and
// what confirms it.
//
// Each byte is examined a bounded number of times. A false header with a large size may cost a
// checksum over that size; this work is limited to a multiple of the input so far, and beyond that,
// headers with large sizes are ignored.
#ifndef XBPIPE_RESYNC_H
#define XBPIPE_RESYNC_H

#include "base/place.h"
#include "engine/slab.h"
#include "engine/stage.h"
#include "engine/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of a gap that a report shows.
enum { RESYNC_HEAD = 64 };

enum resync_answer {
    RESYNC_UNIT,    // *size bytes here are a sound unit
    RESYNC_HIT,     // *size bytes are a unit that is damaged inside; resync looks for sound units
                    // in it: one would mean that the size is wrong
    RESYNC_MORE,    // *size bytes (more than there are) are needed to decide
    RESYNC_NOTHING, // no unit begins here
};

struct resync_window {
    const uint8_t *data;
    size_t have;        // at least 1
    bool end;           // the input ends with them: RESYNC_MORE is not allowed
    bool searching;     // the bytes before were not a unit
    struct place place; // of `data`
};

// The bytes between two units.
struct resync_gap {
    uint64_t offset, length;
    uint8_t head[RESYNC_HEAD]; // its first bytes
    size_t head_size;
    const char *why; // what was wrong at its start
    bool at_end;     // the input ends with the gap
};

// All are called with `context` on the main thread.
struct resync_format {
    size_t size; // of the struct that resync_start makes
    // Judges the unit that may begin at w->data. With RESYNC_HIT and RESYNC_NOTHING, *why says what
    // is wrong.
    enum resync_answer (*probe)(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why);
    // The offset of the first byte at which a unit may begin, or `size`; a magic that the end of
    // the data cuts off counts.
    size_t (*find)(void *context, const uint8_t *data, size_t size);
    // A unit, in one piece, held by v.slab; `hit`: what is wrong with it (RESYNC_HIT), or NULL.
    void (*unit)(void *context, struct view v, uint64_t position, const char *hit);
    void (*gap)(void *context, const struct resync_gap *gap);
};

struct resync {
    struct stage *stage; // the decoder; nothing is done once it is closed
    const struct resync_format *format;
    void *context;
    struct slab *slab; // holds `data`
    const uint8_t *data;
    size_t have, need;
    bool borrowed; // the slab belongs to the views
    uint64_t position;
    struct view last; // the last view that was taken, and its position, for the places of units
    uint64_t last_position;
    bool searching;
    struct resync_gap gap;
    struct fault why;
    uint64_t spent; // bytes checked because of false headers
};

// The same for a decoder that salvages, with memory that is allocated at the first byte: *r, unless
// it exists already, becomes a struct of format->size bytes, all zero except for the struct resync
// at its beginning; resync_free frees it. Returns false if there is nothing to do: the stage is
// closed, or fails now because the allocation failed.
bool resync_start(struct resync **r, struct stage *stage, const struct resync_format *format,
                  void *context);

void resync_push(struct resync *r, struct view v);

// The end of the input: the remaining bytes become units and gaps. Call it once.
void resync_finish(struct resync *r);

// Drops the bytes that are held, and frees what resync_start allocated. NULL is allowed.
void resync_free(struct resync *r);

// For find(): the offset of `magic` (of `magic_size` bytes) in the data, whole or cut off by the
// end; `size` if it is not there.
size_t resync_find(const uint8_t *data, size_t size, const char *magic, size_t magic_size);

// True if the window has that magic at `at`, where a unit should end, or as much of it as the input
// still holds there (nothing at the very end). A window that does not end the input must hold that
// many bytes there.
bool resync_follows(const struct resync_window *w, size_t at, const char *magic, size_t magic_size);

#endif
