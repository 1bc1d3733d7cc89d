// SPDX-License-Identifier: Apache-2.0
// SHA-256 of two independent inputs at once. One SHA-256 is bound by the latency of the processor's
// instructions; two, in turns, take hardly longer than one. How it is done is chosen when the
// program runs: two lanes of x86 SHA or of ARMv8 SHA2 instructions; OpenSSL, one after the other,
// on a processor with neither.
//
// It is for hashes that find damage in data which is no secret from those who hold the key: nothing
// is promised about its timing, or about what it leaves in memory.
#ifndef XBPIPE_SHA256_LANES_H
#define XBPIPE_SHA256_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_LANES = 2, SHA256_LANES_HASH = 32, SHA256_LANES_BLOCK = 64 };

// One way to do it.
struct sha256_lanes_path {
    const char *name; // for messages: "two lanes of x86 SHA"
    // Does this processor have the instructions?
    bool (*supported)(void);
    // Takes `blocks` blocks (of SHA256_LANES_BLOCK bytes) of each lane into its state, which is the
    // eight words of SHA-256. NULL: OpenSSL does it all.
    void (*compress)(uint32_t state[SHA256_LANES][8], const uint8_t *const data[SHA256_LANES],
                     size_t blocks);
};

// All that this build has, best first; OpenSSL, which is always supported, is the last.
extern const struct sha256_lanes_path *const sha256_lanes_paths[];
extern const size_t sha256_lanes_path_count;

// Tells whether a path that is supported gives the known answers.
bool sha256_lanes_is_right(const struct sha256_lanes_path *path);

// The first of `count` paths that is supported and right: the last, which has to be OpenSSL's, if
// no other is. *wrong: the first that is supported, and gave a wrong answer; NULL: none did. It is
// worth a word, as the processor, or the build, is then not to be trusted.
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

// Continues each lane with its `size` bytes at `data`; with a size of 0, data is not looked at.
// It is fastest if both sizes are the same.
bool sha256_lanes_update(struct sha256_lanes *s, const uint8_t *const data[SHA256_LANES],
                         const size_t size[SHA256_LANES]);

// Ends both hashes; a lane that was given nothing has the hash of the empty input.
bool sha256_lanes_finish(struct sha256_lanes *s, uint8_t hash[SHA256_LANES][SHA256_LANES_HASH]);

#endif
