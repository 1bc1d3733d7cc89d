// SPDX-License-Identifier: Apache-2.0
// What a reader of archives passes on, kept for tests of it.
#ifndef XBPIPE_TESTS_READ_MEMBERS_H
#define XBPIPE_TESTS_READ_MEMBERS_H

#include "archives.h"
#include "engine/salvage.h"
#include "feed.h"
#include "format/archive_target.h"

enum { READ_MEMBERS_MAX = 12, READ_MEMBERS_HOLE_MAX = 1 << 20 };

struct seen {
    char name[520];
    size_t name_size;
    struct bytes data; // without holes larger than READ_MEMBERS_HOLE_MAX
    uint64_t holes;
    bool folder, ended, unfinished;
    struct salvage_scope *scope;
};

// What a reader made of an archive.
struct record {
    struct seen members[READ_MEMBERS_MAX];
    unsigned count;
    unsigned finishes;
    int status;
    struct fault fault;
    struct salvage *salvage; // NULL: it does not salvage
};

// A target that keeps everything in *r; a member called "unwanted" is not wanted.
struct archive_target read_members_target(struct record *r);

// Runs the reader that `make` makes for *r over the input, after what *r holds already.
void read_members_on(feed_maker *make, const struct bytes *in, const struct feeding *how,
                     struct record *r);

// The same with an empty *r, on one thread; it must fail with exactly this message. Frees the
// input.
void read_members_failure(feed_maker *make, struct bytes *in, const char *message);

void read_members_free(struct record *r);

#endif
