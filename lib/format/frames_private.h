// SPDX-License-Identifier: Apache-2.0
// Shared by the decoder of frames (frames.c) and its salvaging half (frames_salvage.c).
#ifndef XBPIPE_FRAMES_PRIVATE_H
#define XBPIPE_FRAMES_PRIVATE_H

#include "base/place.h"
#include "engine/gather.h"
#include "engine/resync.h"
#include "engine/salvage.h"
#include "format/frames.h"

enum {
    FRAMES_OUTPUT_SIZE = 1 << 20, // of one slab
    FRAMES_OUTPUTS_MAX = FRAMES_HOLD_MAX / FRAMES_OUTPUT_SIZE
};

// Bytes of a frame, in pieces: large ones where they stand, small ones copied together, so that
// what has come of a frame takes little more memory than it has bytes.
struct frames_piece {
    const uint8_t *data;
    size_t size;
    struct slab *slab; // holds them
    bool own;          // is of this frame alone, and has room behind them
};

struct frames_held {
    struct frames_piece *pieces;
    size_t count, room;
    size_t have;        // bytes in all
    struct place place; // of the first
};

// A decoder with the reference count of the units that use it one after the other.
struct shared {
    const struct frames_codec *codec;
    void *decoder;       // NULL before the first unit has run, and after the last one
    struct place place;  // of the frame's first byte
    unsigned references; // main thread
    bool between;        // after the last unit that ran
    bool spoiled;        // it has failed: what follows of the frame cannot be decoded
    // If the stage salvages; main thread:
    uint64_t delivered; // content
    bool failed;
    uint64_t lost_offset, lost_length; // of the frame
    char why[SALVAGE_WHY_MAX + 1];
};

struct frames {
    struct stage stage;
    const struct frames_codec *codec;
    uint64_t window_max;
    struct stage *next;
    uint64_t position;
    struct frames_walk walk;
    struct frames_held frame; // what has arrived of the frame
    struct shared *serial;    // of a frame that is decoded as it arrives; NULL between such frames
    struct part *last;        // the last unit submitted for it, until delivered
    struct resync *resync;    // NULL: the stage does not salvage
    uint64_t delivered;       // content, and zeros in its place
};

// A frame, or a part of one.
struct part {
    struct unit unit;
    struct frames *frames;
    struct shared *shared;
    struct frames_held input;
    size_t piece, at; // of the input, where the decoder is: in that piece, at that byte
    size_t used;      // bytes before that
    bool ends;        // the frame ends with it
    struct slab *outputs[FRAMES_OUTPUTS_MAX];
    size_t output_sizes[FRAMES_OUTPUTS_MAX];
    unsigned output_count;
    bool unwanted; // the rest of the content
    bool failed;
    struct fault fault;
};

void frames_shared_unref(struct shared *s);

// Drops the bytes; the place stays.
void frames_held_clear(struct frames_held *h);

// How many of the `size` bytes belong to the frame; *ended: it ends with them.
size_t frames_follow(const struct frames_codec *codec, struct frames_walk *w, const uint8_t *data,
                     size_t size, bool *ended);

// Takes bytes that are frames, or parts of one.
void frames_take(struct frames *d, struct view v);

// In order: a part does not decode.
void frames_salvage_lose(struct part *p);

// The stage's push and finish when it salvages.
void frames_salvage_push(struct frames *d, struct view v);
void frames_salvage_finish(struct frames *d);

#endif
