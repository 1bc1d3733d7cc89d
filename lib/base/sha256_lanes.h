// SPDX-License-Identifier: Apache-2.0
// SHA-256 of two independent inputs at once. One SHA-256 spends most of its time waiting
// for the results of its own instructions; two hashes whose instructions alternate take hardly
// longer than one. The program chooses the way when it runs: x86 SHA or ARMv8 SHA2 instructions for
// two lanes; if the processor has neither, OpenSSL, one hash after the other.
//
// Use it only for hashes that find damage, of data that the holder of the key may read anyway:
// nothing is promised about its timing, or about what it leaves in memory.
#ifndef XBPIPE_SHA256_LANES_H
#define XBPIPE_SHA256_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_LANES = 2, SHA256_LANES_HASH = 32, SHA256_LANES_BLOCK = 64 };

// One way to compute the hashes.
struct sha256_lanes_path {
    const char *name; // for messages: "two lanes of x86 SHA"
    // Does this processor have the instructions?
    bool (*supported)(void);
    // Adds `blocks` blocks (of SHA256_LANES_BLOCK bytes) of each lane to the lane's state, the
    // eight words of SHA-256. NULL: OpenSSL does everything.
    void (*compress)(uint32_t state[SHA256_LANES][8], const uint8_t *const data[SHA256_LANES],
                     size_t blocks);
};

// All ways that this build has, the best first; the last is OpenSSL, which is always supported.
extern const struct sha256_lanes_path *const sha256_lanes_paths[];
extern const size_t sha256_lanes_path_count;

// Tells whether a path that is supported gives the known answers.
bool sha256_lanes_is_right(const struct sha256_lanes_path *path);

// Returns the first of `count` paths that is supported and gives the right answers. If none does,
// it returns the last, which must be OpenSSL's. *wrong: the first supported path that gave a wrong
// answer; NULL: none did. Tell the user about it, because the processor or the build is unreliable.
const struct sha256_lanes_path *sha256_lanes_choose(const struct sha256_lanes_path *const *paths,
                                                    size_t count,
                                                    const struct sha256_lanes_path **wrong);

// Two hashes in progress; used by one thread at a time, again and again.
struct sha256_lanes;

// NULL if an allocation, or OpenSSL, failed. sha256_lanes_free takes NULL, too.
struct sha256_lanes *sha256_lanes_new(const struct sha256_lanes_path *path);
void sha256_lanes_free(struct sha256_lanes *s);

// Begins both hashes. Returns false if OpenSSL failed, as the two below do.
bool sha256_lanes_begin(struct sha256_lanes *s);

// Continues each lane with its `size` bytes at `data`; if a size is 0, its `data` is not read.
// It is fastest if both sizes are the same.
bool sha256_lanes_update(struct sha256_lanes *s, const uint8_t *const data[SHA256_LANES],
                         const size_t size[SHA256_LANES]);

// Ends both hashes; a lane that was given nothing has the hash of the empty input.
bool sha256_lanes_finish(struct sha256_lanes *s, uint8_t hash[SHA256_LANES][SHA256_LANES_HASH]);

#endif
