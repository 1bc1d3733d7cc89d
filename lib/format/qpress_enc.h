// SPDX-License-Identifier: Apache-2.0
// Files → a qpress archive, as qpress 1.1 and XtraBackup 2.4 write it: blocks of 64 KiB. A file
// goes through two stages: the first makes its blocks, several at a time; the second writes the
// items that begin the file, then the blocks, then the end of the file.
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

// Each adds items and returns 0; or -1 if the allocation failed. The first adds the beginning of an
// archive; the second adds what leads to the folder `name` (clean, below the archive's top; size 0:
// the top); the third adds what leads to the file `name`, and begins the file.
int qpress_enc_items_archive(struct qpress_enc_items *items);
int qpress_enc_items_folder(struct qpress_enc_items *items, const char *name, size_t size);
int qpress_enc_items_file(struct qpress_enc_items *items, const char *name, size_t size);

// Frees the memory of the struct, and sets the struct to {0}.
void qpress_enc_items_free(struct qpress_enc_items *items);

// ---- the stages ----

// Encoders for each thread of the process.
struct qpress_enc;

// `level` is 1 to 3. The caller frees it. Returns 0 and *e; or -1 and EX_OSERR.
int qpress_enc_new(struct qpress_enc **e, int level, unsigned threads, struct fault *f);

// NULL is allowed.
void qpress_enc_free(struct qpress_enc *e);

// A stage that turns the bytes of a file into blocks, and pushes them into `next`, which
// qpress_enc_file_new has made. The encoder must be made for at least as many threads as `o` has,
// and outlive the stage. NULL if the allocation failed. Failures: EX_OSERR.
struct stage *qpress_enc_blocks_new(struct ordered *o, struct qpress_enc *e, struct stage *next);

// A stage that pushes into `next` the items, then the blocks that it is given, then the file's end.
// It takes the items over: their list is empty afterwards. At the end it calls `done` with
// `context`, or, if `done` is NULL, finishes `next`. `done` must not free the stage. NULL if the
// allocation failed; then the items are unchanged.
struct stage *qpress_enc_file_new(struct ordered *o, struct qpress_enc_items *items,
                                  struct stage *next, void (*done)(void *context), void *context);

// For an archive that ends in a failure, when nothing is in flight: begins the file, if it has not
// begun, and leaves out its end, which shows a reader that the archive is not whole.
void qpress_enc_file_leave_open(struct stage *file);

// Pushes the items into `next`, and empties their list.
void qpress_enc_items_push(struct qpress_enc_items *items, struct stage *next);

#endif
