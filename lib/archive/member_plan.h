// SPDX-License-Identifier: Apache-2.0
// What a member's stored name means: the name of its file, and the transformations that are undone
// before its bytes are written (suffix.h).
#ifndef XBPIPE_MEMBER_PLAN_H
#define XBPIPE_MEMBER_PLAN_H

#include "base/diag.h"
#include "base/member_name.h"
#include "format/suffix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The most suffixes that are undone for a name; real backups have two.
enum { MEMBER_PLAN_UNDO_MAX = 8 };

struct member_plan_rules {
    bool decrypt;    // .xbcrypt is undone
    bool decompress; // .qp, .lz4, .zst are undone
    bool any_name;   // members get no file: a name that a file may not have is used as it is
};

// The transformations to undo. Small, because it is kept for every member.
struct member_plan_undo {
    uint8_t suffixes[MEMBER_PLAN_UNDO_MAX]; // enum suffix, innermost first
    int count;
};

struct member_plan {
    struct member_name name; // of the file: clean, without the suffixes that are undone
    struct member_plan_undo undo;
    bool transformed; // the file keeps the suffix of a transformation that the rules do not undo
    bool layered;     // it keeps a suffix that it had before it was backed up (suffix.h)
};

// Plans what to do with a member of the name `stored` (`size` bytes and a terminator; hostile).
// Returns 0; or -1 and EX_DATAERR in *f: a file may not have the name (member_name.h), or it has
// more than MEMBER_PLAN_UNDO_MAX suffixes to undo.
int member_plan_make(struct member_plan *p, const struct member_plan_rules *rules,
                     const char *stored, size_t size, struct fault *f);

bool member_plan_undoes_the_same(const struct member_plan_undo *a,
                                 const struct member_plan_undo *b);

#endif
