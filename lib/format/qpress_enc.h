// SPDX-License-Identifier: Apache-2.0
// Files → a qpress archive, as qpress 1.1 and XtraBackup 2.4 write it: blocks of 64 KiB. A file
// goes through two stages: one makes its blocks, several at a time; the other, behind that, puts
// what begins the file before them and what ends it after them.
#ifndef XBPIPE_QPRESS_ENC_H
#define XBPIPE_QPRESS_ENC_H

#include "base/member_name.h"
#include "engine/stage.h"

enum { QPRESS_ENC_LEVEL_MAX = 3, QPRESS_ENC_LEVEL_DEFAULT = 1 };

// ---- the items before a file ----

// Items that are still to be written, and the folder that all items so far lead to. It begins as
// {0}.
struct qpress_enc_items {
    uint8_t *bytes;
    size_t size, room;
    char folder[MEMBER_NAME_MAX + 1];
    size_t folder_size;
};

// Each adds items and returns 0; or -1 if the allocation failed. What begins an archive; what leads
// to the folder of that name (clean, below the archive's top; size 0: the top); what leads to the
// file of that name, and begins it.
int qpress_enc_items_archive(struct qpress_enc_items *items);
int qpress_enc_items_folder(struct qpress_enc_items *items, const char *name, size_t size);
int qpress_enc_items_file(struct qpress_enc_items *items, const char *name, size_t size);

// Frees what the struct holds, which is {0} then.
void qpress_enc_items_free(struct qpress_enc_items *items);

// ---- the stages ----

// Encoders for each thread of the process.
struct qpress_enc;

// `level` is 1 to 3. The caller frees it. Returns 0 and *e; or -1 and EX_OSERR.
int qpress_enc_new(struct qpress_enc **e, int level, unsigned threads, struct fault *f);

// NULL is allowed.
void qpress_enc_free(struct qpress_enc *e);

// A stage that turns the bytes of a file into blocks, and pushes them into `next`, a stage of the
// next function. The encoder, made for no fewer threads than `o` has, outlives it. NULL if the
// allocation failed. Failures: EX_OSERR.
struct stage *qpress_enc_blocks_new(struct ordered *o, struct qpress_enc *e, struct stage *next);

// A stage that pushes into `next` the items, which it takes over (their list is empty then), the
// blocks that come, and the file's end. Then it calls `done` with `context`, which must not free
// the stage; or, if `done` is NULL, finishes `next`. NULL if the allocation failed, with the items
// as they were.
struct stage *qpress_enc_file_new(struct ordered *o, struct qpress_enc_items *items,
                                  struct stage *next, void (*done)(void *context), void *context);

// For an archive that ends in a failure, when nothing is in flight: the file begins, if it has not,
// and, without an end, shows a reader that the archive is not whole.
void qpress_enc_file_leave_open(struct stage *file);

// Pushes the items into `next`, and empties their list.
void qpress_enc_items_push(struct qpress_enc_items *items, struct stage *next);

#endif
