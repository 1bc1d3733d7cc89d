// SPDX-License-Identifier: Apache-2.0
// Stage: a sequence of independent compressed frames → their content. A frame of ordinary size is
// one unit of work, and its content is passed on when the frame's own checks have passed. A frame
// larger than FRAMES_UNIT_MAX, or with more content than FRAMES_HOLD_MAX, is passed on as it is
// decoded (the checks still decide whether the stream succeeds). Empty input has no frame and gives
// no content.
//
// A stage that salvages (struct stage) loses a frame that does not decode, and bytes that are no
// frame, up to the next frame. A frame counts if another one or the end of the input follows it, or
// if it decodes. Zeros replace a lost frame if its head says how large its content is.
#ifndef XBPIPE_FRAMES_H
#define XBPIPE_FRAMES_H

#include "base/byteorder.h"
#include "engine/stage.h"

// Skippable frames, which LZ4 and Zstandard share, hold nothing: a magic number of 16, the size of
// the rest, and the rest.
#define FRAMES_SKIPPABLE 0x184d2a50u
enum { FRAMES_SKIPPABLE_HEAD = 8 };

static inline bool frames_is_skippable(uint32_t magic) {
    return (magic & ~0xfu) == FRAMES_SKIPPABLE;
}

// Whether the data begin with the head of a skippable frame.
static inline bool frames_begin_skippable(const uint8_t *data, size_t size) {
    return size >= FRAMES_SKIPPABLE_HEAD && frames_is_skippable(le32_get(data));
}

enum { FRAMES_UNIT_MAX = 16 << 20, FRAMES_HOLD_MAX = 16 << 20 };

// Follows the outline of a frame, without decoding, to find its end. All zero at the start of each.
struct frames_walk {
    unsigned step;  // the codec's, from FRAMES_FIRST on
    unsigned flags; // the codec's
    uint64_t skip;  // bytes to skip before the next step
    uint8_t bytes[4];
    unsigned have;
    unsigned blocks;  // seen so far
    uint64_t content; // the most that can come of them: each codec adds what a block may hold
    uint64_t largest; // of the blocks, in bytes
    bool foreign;     // the magic number is another one
    bool lost;        // this is not a frame that the codec knows: its decoder will say why
};

// The step after a frame's magic number (the step for each block comes after it), and the step that
// a codec sets when the frame ends after `skip` more bytes. Skippable frames are skipped.
enum { FRAMES_FIRST = 2, FRAMES_LAST = 255 };

extern const char frames_no_memory[], frames_too_large[];

struct frames_codec {
    const char *name; // "an LZ4", for messages
    uint32_t magic;
    // How many bytes (1 to 4) a step needs; and what they say, in w->bytes (those not needed are
    // 0): sets w->skip and the next step, and adds to w->content. Returns false if they begin no
    // frame.
    unsigned (*step_size)(unsigned step);
    bool (*take_step)(struct frames_walk *w);
    // A decoder for frames that takes windows of up to `window_max` bytes; NULL if allocation
    // failed.
    void *(*open)(uint64_t window_max);
    // Decodes from *in_size bytes to at most *out_size; sets both to what was used and made, and
    // *between: no frame is open. Returns NULL, or a text that says what is wrong;
    // frames_no_memory if that is not the data, frames_too_large if the window is.
    const char *(*decode)(void *decoder, const uint8_t *in, size_t *in_size, uint8_t *out,
                          size_t *out_size, bool *between);
    void (*close)(void *decoder); // NULL is allowed
    // What the head of a frame, of which `size` bytes are there, says of the size of its content;
    // UINT64_MAX if it says nothing.
    uint64_t (*content_size)(const uint8_t *frame, size_t size);
    // What it says of the window: how much of the content a decoder holds in memory. 0 if it says
    // nothing. NULL if its decoder never says frames_too_large.
    uint64_t (*window_size)(const uint8_t *frame, size_t size);
    size_t block_max; // the most content of a block, and about the most bytes
    // What `decode` says of content that is as large as the head says, and wrong.
    const char *wrong_checksum;
};

// A stage for that codec that pushes into `next`. NULL if memory could not be had. Failures: what
// the decoder says, a window larger than `window_max` bytes, a magic number that is not the
// codec's, and input that ends inside a frame (EX_DATAERR), EX_OSERR.
struct stage *frames_new(struct ordered *o, const struct frames_codec *codec, uint64_t window_max,
                         struct stage *next);

#endif
