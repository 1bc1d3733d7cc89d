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

// Bytes of a frame, in pieces: large pieces by reference, small ones copied together, so that they
// take little more memory than their size.
struct frames_piece {
    const uint8_t *data;
    size_t size;
    struct slab *slab; // holds them
    bool own;          // belongs to this frame alone, and has room after them
};

struct frames_held {
    struct frames_piece *pieces;
    size_t count, room;
    size_t have;        // bytes in all
    struct place place; // of the first
};

// A decoder that several units use one after the other, with a reference count.
struct shared {
    const struct frames_codec *codec;
    void *decoder;       // NULL before the first unit has run, and after the last one
    struct place place;  // of the frame's first byte
    unsigned references; // main thread
    bool between;        // after the last unit that ran
    bool spoiled;        // it has failed: the rest of the frame cannot be decoded
    // Only if the stage salvages; main thread:
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
    struct frames_held frame; // the bytes of the frame so far
    struct shared *serial;    // of a frame that is decoded while it arrives; NULL between such
                              // frames
    struct part *last;        // the last unit submitted for it, until delivered
    struct resync *resync;    // NULL: the stage does not salvage
    uint64_t delivered;       // content, and zeros that replace it
};

// A frame, or a part of one.
struct part {
    struct unit unit;
    struct frames *frames;
    struct shared *shared;
    struct frames_held input;
    size_t piece, at; // the decoder's position in the input: piece and byte
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

// The number of the `size` bytes that belong to the frame; *ended: it ends with them.
size_t frames_follow(const struct frames_codec *codec, struct frames_walk *w, const uint8_t *data,
                     size_t size, bool *ended);

// Takes bytes of sound frames.
void frames_take(struct frames *d, struct view v);

// In order: a part does not decode.
void frames_salvage_lose(struct part *p);

// The stage's push and finish when it salvages.
void frames_salvage_push(struct frames *d, struct view v);
void frames_salvage_finish(struct frames *d);

#endif
