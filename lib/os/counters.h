// SPDX-License-Identifier: Apache-2.0
// Counters of the data path, for progress reports: the data path only adds, and never waits for a
// reader.
#ifndef XBPIPE_COUNTERS_H
#define XBPIPE_COUNTERS_H

#include <stdint.h>

enum { COUNTERS_MEMBER_SIZE = 256 };
#define COUNTERS_UNKNOWN UINT64_MAX

struct counters {
    uint64_t in, out;  // bytes read, and bytes written, holes included
    uint64_t expected; // bytes that will be read in all; COUNTERS_UNKNOWN: not known
    char member[COUNTERS_MEMBER_SIZE]; // printable; "": none yet
};

// Count bytes read, and bytes written. Any thread.
void counters_add_in(uint64_t bytes);
void counters_add_out(uint64_t bytes);

// Sets how many bytes will be read in all. Any thread.
void counters_expect(uint64_t size);

// Sets the member (printable) that is being processed from now on. Any thread.
void counters_set_member(const char *name);

// Reads the counters. Any thread.
void counters_read(struct counters *c);

#endif
