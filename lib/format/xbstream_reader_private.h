// SPDX-License-Identifier: Apache-2.0
// What the two halves of the reader share: xbstream_reader.c takes sound streams, and
// xbstream_salvage.c finds the sound chunks of damaged ones and hands them to it.
#ifndef XBPIPE_XBSTREAM_READER_PRIVATE_H
#define XBPIPE_XBSTREAM_READER_PRIVATE_H

#include "base/chain.h"
#include "base/names.h"
#include "engine/resync.h"
#include "engine/salvage.h"
#include "engine/stage.h"
#include "format/xbstream.h"
#include "format/xbstream_reader.h"

enum state { IN_HEAD, IN_MAP, IN_PAYLOAD, IN_IGNORED };

struct member {
    struct chain open; // in reader->open, until it ends
    const struct name *name;
    void *target; // the target's
    unsigned weight;
    uint64_t offset; // bytes of the file in the chunks met so far
    bool ended;
    // Only if the reader salvages:
    struct salvage_scope *scope;
    uint64_t began, seen; // where in the stream its first chunk began, its last one ended
    bool refused;         // for its name
    bool empty;           // it is nothing but an end
};

struct chunk; // xbstream_reader.c

struct reader {
    struct stage stage;
    uint64_t max_chunk;
    struct xbstream_target target;
    uint64_t position;
    uint64_t origin; // of the end of what has come, as in struct view
    bool exact;
    bool any; // a chunk has been met
    enum state state;
    struct head head;
    struct xbstream_chunk header; // its path is in the head
    struct gather map;
    struct chunk *chunk;   // that is being read
    uint64_t remaining;    // payload bytes of it
    struct gather piece;   // small parts of the payload, to be one piece
    struct names *names;   // all members; the value is a struct member
    struct chain open;     // those that have not ended, the one seen last at the end
    unsigned unfinished;   // their number
    struct resync *resync; // begins what xbstream_salvage.c keeps; NULL: nothing
};

// Takes the bytes of a sound stream.
void xbstream_reader_take(struct reader *r, struct view v);

// The member that the chunk in r->header belongs to, begun if it is new. NULL and *f on failure,
// which may be the target's; the member is then in r->names all the same, if there was memory.
struct member *xbstream_reader_member(struct reader *r, struct fault *f);

// By how much a sparse map of `size` bytes advances the file, and how much of that is data. Returns
// false if its lengths do not add up to the payload.
bool xbstream_reader_measure_map(const uint8_t *map, size_t size, uint64_t payload_size,
                                 uint64_t *data, uint64_t *advance);

// From now on the member takes no more chunks.
void xbstream_reader_close(struct reader *r, struct member *member);

// The same, and submits its end.
void xbstream_reader_end(struct reader *r, struct member *member);

// Takes bytes that may be damaged.
void xbstream_salvage_push(struct reader *r, struct view v);

// Takes what is left, and settles what is still in doubt. Returns false if nothing is to be said of
// the end besides.
bool xbstream_salvage_finish(struct reader *r);

// Frees what they keep.
void xbstream_salvage_free(struct reader *r);

#endif
