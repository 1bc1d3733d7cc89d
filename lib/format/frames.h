// SPDX-License-Identifier: Apache-2.0
// Stage: a sequence of independent compressed frames → their content. A frame of ordinary size is
// one unit of work, and its content is passed on once the frame's own checks have passed. The
// content of a frame larger than FRAMES_UNIT_MAX, or with more content than FRAMES_HOLD_MAX, is
// passed on while it is decoded (the checks still decide whether the stream succeeds). Empty input
// has no frame and no content.
//
// A stage that salvages (struct stage) loses frames that do not decode, and other bytes up to the
// next frame. Bytes count as a frame if another frame or the end of the input follows, or if they
// decode. Zeros replace a lost frame if its header gives the size of its content.
#ifndef XBPIPE_FRAMES_H
#define XBPIPE_FRAMES_H

#include "base/byteorder.h"
#include "engine/stage.h"

// Skippable frames, which LZ4 and Zstandard share, have no content: one of 16 magic numbers, the
// size of the rest, and the rest.
#define FRAMES_SKIPPABLE 0x184d2a50u
enum { FRAMES_SKIPPABLE_HEAD = 8 };

static inline bool frames_is_skippable(uint32_t magic) {
    return (magic & ~0xfu) == FRAMES_SKIPPABLE;
}

// Whether the data begins with the header of a skippable frame.
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
    uint64_t content; // the most that they can expand to: each codec adds the most for a block
    uint64_t largest; // of the blocks, in bytes
    bool foreign;     // the magic number is another one
    bool lost;        // not a frame that the codec supports: its decoder will say why
};

// The step after a frame's magic number (the step for each block comes after it), and the step that
// a codec sets when the frame ends after `skip` more bytes. Skippable frames are skipped.
enum { FRAMES_FIRST = 2, FRAMES_LAST = 255 };

extern const char frames_no_memory[], frames_too_large[];

struct frames_codec {
    const char *name; // "an LZ4", for messages
    uint32_t magic;
    // The number of bytes (1 to 4) that a step needs; and the step itself on those bytes in
    // w->bytes (the others are 0): sets w->skip and the next step, and adds to w->content. Returns
    // false if they do not begin a frame.
    unsigned (*step_size)(unsigned step);
    bool (*take_step)(struct frames_walk *w);
    // A decoder for frames with windows of up to `window_max` bytes; NULL if the allocation failed.
    void *(*open)(uint64_t window_max);
    // Decodes *in_size bytes to at most *out_size; sets both to the bytes used and produced, and
    // *between: no frame is open. Returns NULL; or a text that says what is wrong, which is
    // frames_no_memory or frames_too_large (the window) for those.
    const char *(*decode)(void *decoder, const uint8_t *in, size_t *in_size, uint8_t *out,
                          size_t *out_size, bool *between);
    void (*close)(void *decoder); // NULL is allowed
    // The size of the content according to the header of a frame, of which `size` bytes are there;
    // UINT64_MAX if it does not say.
    uint64_t (*content_size)(const uint8_t *frame, size_t size);
    // The size of the window according to it: how much of the content a decoder holds in memory. 0
    // if it does not say. NULL if the decoder never returns frames_too_large.
    uint64_t (*window_size)(const uint8_t *frame, size_t size);
    size_t block_max; // the most content of a block, and about the most bytes of one
    // The text of `decode` for content that has the right size, but is wrong.
    const char *wrong_checksum;
};

// A stage for that codec that pushes into `next`. NULL if the allocation failed. Failures: what the
// decoder says, a window larger than `window_max` bytes, a magic number that is not the codec's,
// and input that ends inside a frame (EX_DATAERR), EX_OSERR.
struct stage *frames_new(struct ordered *o, const struct frames_codec *codec, uint64_t window_max,
                         struct stage *next);

#endif
