// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the extractor: the archive's calls (extract.c), the stages of a member
// (extract_member.c), and MariaDB's changes to members that were already sent (extract_changes.c).
#ifndef XBPIPE_EXTRACT_PRIVATE_H
#define XBPIPE_EXTRACT_PRIVATE_H

#include "archive/extract.h"
#include "archive/listing.h"
#include "archive/member_plan.h"
#include "base/chain.h"
#include "file/restored.h"

enum { SHOWN_SIZE = 256 };

struct extract {
    struct ordered *ordered; // of the stream
    struct ordered *rear;    // of the files
    const struct extract_settings *settings;
    struct stage *reader, *tar_reader;
    struct stage *sink;   // of standard output; NULL: there is none
    struct stage *output; // before it
    bool output_taken;    // by a member
    bool absolute_warned;
    struct chain members;  // begun, not complete
    struct chain complete; // complete, not freed
    struct handle *handles;
    struct listing *listing;
    unsigned opened; // members, in all
    unsigned left_encrypted;
    unsigned left_transformed;
    char unread_info[SHOWN_SIZE]; // empty: none
};

// Kept for each member until the end, because the stream may still rename or remove it.
struct handle {
    struct handle *next;
    struct member *member;        // NULL: complete, or not decoded
    struct restored_file *file;   // NULL: it has no file
    struct listing_entry *listed; // NULL: it is in no list
    bool queued;                  // the list has it
    bool wanted;                  // false: it is only inspected
    bool output;                  // it goes to standard output
    struct member_plan_undo undone;
};

struct member {
    struct chain link;
    struct extract *extract;
    struct handle *handle;
    char shown[SHOWN_SIZE]; // printable name
    struct stage *sink; // belongs to settings->files, or is extract->output or the sink of `listed`
    struct stage *decoders[MEMBER_PLAN_UNDO_MAX]; // [0] is next to the sink
    unsigned decoder_count;
    struct stage *capture; // keeps the first bytes that go to the sink; NULL: none
    struct stage *dropped; // the sink of a member that is only inspected
    enum backupinfo_file info;
    struct stage *counter, *limit; // for the long list; the limit is before the counter
};

// ---- extract_member.c

// The queue that is `place` queues behind the stream's queue, or the last one if there are fewer.
struct ordered *extract_member_queue(const struct extract *e, unsigned place);

// A new handle, which belongs to *e. NULL: no memory.
struct handle *extract_member_new_handle(struct extract *e);

// Frees all handles, and their entries, except those that the list owns.
void extract_member_free_handles(struct extract *e);

// Adds an unfinished member, and a handle for it if *h is NULL. NULL: no memory.
struct member *extract_member_add(struct extract *e, struct handle **h);

// The unfinished member of `handle`, the reader's pointer to a handle, or NULL. NULL: there is
// none.
struct member *extract_member_of(void *handle);

// Plans what to do with the member that has this stored name, as the settings say. Returns 0; or -1
// and *f as member_plan_make sets it.
int extract_member_plan(const struct extract *e, const char *stored, size_t size,
                        struct member_plan *p, struct fault *f);

// Sets up the stages of a member that is wanted, from its sink to its first decoder, and counts it.
// Returns 0; or -1 and *f: EX_USAGE (it needs a key), EX_DATAERR (the name is refused), EX_OSERR,
// or what outfiles_begin reports.
int extract_member_open(struct member *m, const char *stored, size_t stored_size, struct fault *f);

// Takes a member that is not wanted. If it is read nevertheless, because it describes the backup,
// adds a member, and a handle if *h is NULL. Returns 0; or -1 and EX_OSERR.
int extract_member_pass_over(struct extract *e, const char *stored, size_t stored_size,
                             struct handle **h, struct fault *f);

// The stage that takes the member's stored bytes.
struct stage *extract_member_first_stage(const struct member *m);

// Frees the members of a list, which is then empty.
void extract_member_free_all(const struct chain *list);

// ---- extract_changes.c

// For the calls of the same names in struct archive_target (archive_target.h).
void extract_changes_seek(void *context, void *member, uint64_t offset);
int extract_changes_rename(void *context, void *member, const char *from, const char *name,
                           size_t size, struct fault *f);
int extract_changes_remove(void *context, void *member, const char *name, struct fault *f);
int extract_changes_remove_folder(void *context, const char *name, size_t size, struct fault *f);

// The same for a list of names, for which nothing is decoded.
int extract_changes_list_rename(void *context, void *member, const char *from, const char *name,
                                size_t size, struct fault *f);
int extract_changes_list_remove(void *context, void *member, const char *name, struct fault *f);

#endif
