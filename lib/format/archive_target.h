// SPDX-License-Identifier: Apache-2.0
// What becomes of the members of an archive: the one interface of the readers (xbstream, tar) to
// whatever unpacks or lists.
#ifndef XBPIPE_ARCHIVE_TARGET_H
#define XBPIPE_ARCHIVE_TARGET_H

#include "base/diag.h"
#include "engine/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct salvage_scope;

// All are called with `context` on the main thread.
struct archive_target {
    // A member's beginning was met in the input (which may be before what precedes it has been
    // delivered). `name` is terminated, of `size` bytes, and hostile. *member is handed to the
    // calls below. Returns 0; or -1 and *f, which fails the stream.
    int (*begin)(void *context, const char *name, size_t size, void **member, struct fault *f);
    // How many bytes a byte of the member will hold in memory on its way, itself included. NULL: 1.
    unsigned (*weight)(void *context, void *member);
    // In order: bytes of the member, verified if the format can do that, or a hole (v.data NULL).
    void (*data)(void *context, void *member, struct view v);
    // In order: the member is complete.
    void (*end)(void *context, void *member);
    // In order: what comes next of the member is written over what it has, from `offset` on, which
    // is at most what it has. NULL: it goes to the end.
    void (*seek)(void *context, void *member, uint64_t offset);
    // When they are met in the input, as `begin`: a member that has ended (though its end may not
    // have been delivered) loses its name `from` for another one (of `size` bytes, like that of
    // `begin`); or the member of that name is no part of the backup any more; or a folder is none,
    // all members in which have been removed before. Each returns 0; or -1 and *f, which fails the
    // stream. NULL: nothing is done.
    int (*rename)(void *context, void *member, const char *from, const char *name, size_t size,
                  struct fault *f);
    int (*remove)(void *context, void *member, const char *name, struct fault *f);
    int (*remove_folder)(void *context, const char *name, size_t size, struct fault *f);
    // When it is met in the input: a folder, whose `name` is like that of `begin`, without slashes
    // at its end. Returns 0; or -1 and *f, which fails the stream. For readers of tar archives.
    int (*folder)(void *context, const char *name, size_t size, struct fault *f);
    // Whether a member of that name is wanted: what is neither file nor folder fails the stream
    // only if it is. For readers of tar archives.
    bool (*wants)(void *context, const char *name, size_t size);
    // The stream has ended as it should.
    void (*finish)(void *context);
    // In order: what has been read may lack something. Without salvage (below); may be NULL.
    void (*doubt)(void *context, const char *text);
    // The stream has ended, and this member has not. May be NULL.
    void (*unfinished)(void *context, const char *name, size_t size);
    // If the reader salvages (struct stage); both may be NULL. Called right after `begin`: what
    // the member's losses are to be noted under. It outlives all.
    void (*salvage)(void *context, void *member, struct salvage_scope *scope);
    // In order: a member that has ended turns out not to be whole, or not surely.
    void (*retract)(void *context, void *member);
    void *context;
};

#endif
