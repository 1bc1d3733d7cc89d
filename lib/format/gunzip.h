// SPDX-License-Identifier: Apache-2.0
// One member of gzip data (RFC 1952) after the other, by ISA-L, which takes a quarter of zlib's
// time, if xbpipe was built with it; by zlib, if not. Both give the same results for sound data,
// and the same texts. How much content comes before damage inside the data may differ.
#ifndef XBPIPE_GUNZIP_H
#define XBPIPE_GUNZIP_H

#include <stddef.h>
#include <stdint.h>

struct gunzip;

enum gunzip_result {
    GUNZIP_MORE,  // something was done: go on
    GUNZIP_INPUT, // nothing was done, as it needs more input
    GUNZIP_END,   // the member has ended, and its CRC-32 and length are right
    GUNZIP_BAD,   // it is damaged
    GUNZIP_MEMORY // an allocation failed
};

// Ready for a member. NULL if the allocation failed.
struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip *g);

// Ready for the next member.
void gunzip_reset(struct gunzip *g);

// Takes bytes of the member from the *size bytes at `in`, and writes what they make to the *room
// bytes at `out`; sets *size and *room to what is left of each. *why is set if it is GUNZIP_BAD: a
// static text. What came out before is content then, but nobody knows whether it is right.
enum gunzip_result gunzip_run(struct gunzip *g, const uint8_t *in, size_t *size, uint8_t *out,
                              size_t *room, const char **why);

#endif
