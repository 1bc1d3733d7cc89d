// SPDX-License-Identifier: Apache-2.0
// A list of members in long form. What a member restores to is counted, not written; an entry is
// listed once its member has been counted, in the order in which members end in the archive.
#ifndef XBPIPE_LISTING_H
#define XBPIPE_LISTING_H

#include "engine/limit.h"
#include "engine/stage.h"

#include <stdbool.h>
#include <stdint.h>

enum { LISTING_NAME_SIZE = 2048 }; // of the longest printable name in a list

// A member, complete.
struct listing_entry {
    const char *name;    // as stored; printable
    uint64_t stored;     // bytes of payload in the archive, without the archive's own
    uint64_t restored;   // bytes of the file, holes included
    bool restored_known; // false if a transformation was not undone
    const char *forms;   // "qp", "xbcrypt,lz4" (outermost first), "sparse"; "-": none
};

struct listed;

// All zero but for the functions at the start.
struct listing {
    void (*entry)(const struct listing_entry *entry); // called for each member, in order
    void (*done)(void *member);                       // then called: its `listed` may be freed
    struct listed *first, *last;                      // ended, in order, and not yet listed
};

// Begins an entry for a member with the name `stored` (`size` bytes); `shown` is its printable name
// for messages. `transformed`: its file keeps a suffix that was not undone. `member` is given to
// `done`. Returns 0 and *l; or -1 and EX_OSERR, with *l NULL or to be freed.
int listing_begin(struct listing *listing, struct listed **l, struct ordered *o,
                  struct limits *limits, const char *stored, size_t size, const char *shown,
                  bool transformed, void *member, struct fault *f);

// The sink for the bytes of the file. It belongs to the entry.
struct stage *listing_sink(const struct listed *l);

// In order: a piece of the member as it is stored.
void listing_data(struct listed *l, struct view v);

// In order: the member has ended in the archive.
void listing_end(struct listed *l);

// NULL is allowed.
void listing_free(struct listed *l);

#endif
