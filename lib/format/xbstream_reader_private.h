// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the reader: xbstream_reader.c reads sound streams, xbstream_changes.c
// renames and removes members that have been sent, and xbstream_salvage.c finds the sound chunks of
// damaged streams and passes them to the reader.
#ifndef XBPIPE_XBSTREAM_READER_PRIVATE_H
#define XBPIPE_XBSTREAM_READER_PRIVATE_H

#include "base/chain.h"
#include "base/names.h"
#include "base/place.h"
#include "engine/gather.h"
#include "engine/head.h"
#include "engine/resync.h"
#include "engine/salvage.h"
#include "engine/stage.h"
#include "format/xbstream.h"
#include "format/xbstream_reader.h"
#include "format/xbstream_roster.h"

enum state { IN_HEAD, IN_MAP, IN_PAYLOAD, IN_IGNORED };

struct member {
    struct chain open;   // in reader->open, until it ends
    struct member *next; // list of all members so far, in no particular order
    char *name;          // as stored, or as the stream has renamed it; terminated
    size_t name_size;
    void *target; // the target's
    unsigned weight;
    uint64_t offset; // of the next chunk in the file
    uint64_t size;   // of the file so far
    bool ended, removed;
    // Only if the reader salvages:
    struct salvage_scope *scope;
    uint64_t began, seen; // offsets in the stream: the start of its first chunk, the end of its
                          // last one
    uint64_t lost_before; // bytes of the stream lost before `seen`
    bool refused;         // because of its name
    bool empty;           // it has ended without data
};

struct chunk; // xbstream_reader.c

struct reader {
    struct stage stage;
    uint64_t max_chunk;
    struct archive_target target;
    uint64_t position;
    uint64_t origin; // of the end of the input so far, as in struct view
    bool exact;
    bool any; // there was a chunk
    enum state state;
    struct head head;
    struct xbstream_chunk header; // its path is in the head
    struct gather map;
    struct chunk *chunk;           // being read
    uint64_t remaining;            // payload bytes of it
    struct gather piece;           // small parts of the payload, collected into one piece
    struct xbstream_roster roster; // by the names of the members: struct member
    struct member *members;        // all, and those that have been removed
    struct chain open;             // unfinished members; the one with the latest chunk is last
    unsigned unfinished;           // their number
    struct resync *resync;         // the start of the state of xbstream_salvage.c; NULL: none
};

// Takes the bytes of a sound stream.
void xbstream_reader_take(struct reader *r, struct view v);

// The member of the chunk in r->header, begun if it is new. NULL and *f on failure, which may be
// the target's; the member is then in the roster nevertheless, unless an allocation failed.
struct member *xbstream_reader_member(struct reader *r, struct fault *f);

// The member that the chunk belongs to; NULL: it is new.
struct member *xbstream_reader_known(const struct reader *r, const struct xbstream_chunk *c);

// Puts the member's name before the fault. Returns -1.
int xbstream_reader_prefix(const struct member *m, struct fault *f);

// A copy with a terminator, which the caller frees; NULL if the allocation failed.
char *xbstream_reader_copy_name(const uint8_t *path, size_t size);

// Returns 0 if another member may be begun; or -1 and EX_DATAERR: too many are open.
int xbstream_reader_check_open(const struct reader *r, struct fault *f);

// Submits a mark in the member's data: a seek to `offset`, or the member's end.
void xbstream_reader_mark(struct reader *r, struct member *member, bool seek, uint64_t offset);

// A seek: the next chunk of its member belongs somewhere else. Returns 0; or -1 and *f.
int xbstream_changes_seek(struct reader *r, struct fault *f);

// From now on the member accepts no more chunks.
void xbstream_reader_close(struct reader *r, struct member *member);

// The same, and submits its end.
void xbstream_reader_end(struct reader *r, struct member *member);

// xbstream_changes.c

// Renames or removes as the chunk in r->header says. Returns 0; or -1 and *f, and nothing has been
// done if that is EX_DATAERR.
int xbstream_changes_apply(struct reader *r, struct fault *f);

// If the chunk in r->header has the mark of a rewrite: removes the ended member of its name from
// the backup. Returns 0; or -1 and *f.
int xbstream_changes_forget_rewritten(struct reader *r, struct fault *f);

// xbstream_salvage.c

// Takes bytes that may be damaged.
void xbstream_salvage_push(struct reader *r, struct view v);

// Takes the remaining bytes and decides all open cases. Returns false if the end of the stream
// needs no further check.
bool xbstream_salvage_finish(struct reader *r);

// Frees their state.
void xbstream_salvage_free(struct reader *r);

#endif
