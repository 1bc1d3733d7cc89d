// SPDX-License-Identifier: Apache-2.0
// The interface between the readers of archives (xbstream, tar) and the code that unpacks or lists
// the members.
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
    // The input has the beginning of a member (the bytes before it may not have been delivered
    // yet). `name` has `size` bytes and a terminator, and is hostile. *member is passed to the
    // calls below. Returns 0; or -1 and *f, which fails the stream.
    int (*begin)(void *context, const char *name, size_t size, void **member, struct fault *f);
    // How many bytes of memory a byte of the member will take while it is processed, itself
    // included. NULL: 1.
    unsigned (*weight)(void *context, void *member);
    // In order: bytes of the member, verified if the format can do that, or a hole (v.data NULL).
    void (*data)(void *context, void *member, struct view v);
    // In order: the member is complete.
    void (*end)(void *context, void *member);
    // In order: the next bytes of the member overwrite it from `offset` on, which is at most its
    // size. NULL: they go to the end.
    void (*seek)(void *context, void *member, uint64_t offset);
    // In the order of the input, like `begin`: a member that has ended (its end may not have been
    // delivered yet) is renamed from `from` to another name (of `size` bytes, like that of
    // `begin`); or the member of that name is removed from the backup; or a folder is, all of whose
    // members have been removed before. Each returns 0; or -1 and *f, which fails the stream. NULL:
    // nothing is done.
    int (*rename)(void *context, void *member, const char *from, const char *name, size_t size,
                  struct fault *f);
    int (*remove)(void *context, void *member, const char *name, struct fault *f);
    int (*remove_folder)(void *context, const char *name, size_t size, struct fault *f);
    // In the order of the input: a folder, whose `name` is like that of `begin`, without slashes at
    // its end. Returns 0; or -1 and *f, which fails the stream. For readers of tar archives.
    int (*folder)(void *context, const char *name, size_t size, struct fault *f);
    // Whether a member of that name is wanted: an entry that is neither a file nor a folder fails
    // the stream only then. For readers of tar archives.
    bool (*wants)(void *context, const char *name, size_t size);
    // The stream has ended without a failure.
    void (*finish)(void *context);
    // In order: something may be missing from the archive. Only without salvage (below); may be
    // NULL.
    void (*doubt)(void *context, const char *text);
    // The stream has ended, and this member has not. May be NULL.
    void (*unfinished)(void *context, const char *name, size_t size);
    // If the reader salvages (struct stage); both may be NULL. Called right after `begin`: note the
    // member's losses under this scope, which outlives everything.
    void (*salvage)(void *context, void *member, struct salvage_scope *scope);
    // In order: a member that has ended is not whole, or may not be.
    void (*retract)(void *context, void *member);
    void *context;
};

#endif
