// SPDX-License-Identifier: Apache-2.0
// Shared by the qpress decoder (qpress_dec.c) and its salvaging half (qpress_salvage.c).
#ifndef XBPIPE_QPRESS_DEC_PRIVATE_H
#define XBPIPE_QPRESS_DEC_PRIVATE_H

#include "base/place.h"
#include "engine/gather.h"
#include "engine/head.h"
#include "engine/resync.h"
#include "engine/salvage.h"
#include "format/qpress.h"
#include "format/qpress_dec.h"
#include "format/quicklz.h"

enum state { IN_ARCHIVE_HEAD, IN_ITEM_HEAD, IN_PACKET_HEAD, IN_PACKET };

struct decoder {
    struct stage stage;
    struct resync *resync; // the start of the state of qpress_salvage.c; NULL: none
    uint64_t max_block;
    struct qpress_target target;
    struct stage *single; // of qpress_dec_new_single: the stage for the only file
    bool single_seen;
    uint64_t position;
    enum state state;
    struct head head;
    uint64_t block_size; // the archive's
    bool in_file;
    struct stage *next;       // the file's
    uint64_t produced;        // bytes of the file in the submitted blocks
    uint64_t base;            // bytes of the files before it, if all go to one output; salvage only
    struct qpress_item block; // whose packet is being read
    struct quicklz_header packet;
    struct gather data; // the packet
    char *path;         // of the open folder, each component followed by '/'
    size_t path_size, path_room;
    uint16_t *depths; // path_size before each folder was entered
    unsigned depth, depth_room;
};

// The scope for losses in that stage's file.
struct salvage_scope *qpress_dec_scope(const struct decoder *d, const struct stage *next);

// Submits the block of d->block and d->packet, whose packet has been gathered; it then owns the
// packet.
void qpress_dec_submit_block(struct decoder *d);

// Submits a unit that calls file_end, or, with `archive`, end, when it is delivered.
void qpress_dec_submit_mark(struct decoder *d, bool archive);

// Begins the file of that item in the open folder. Returns 0, or -1 and *f.
int qpress_dec_begin_file(struct decoder *d, const struct qpress_item *item, struct fault *f);

// Does what the item says. Returns 0, or -1 and *f.
int qpress_dec_take_item(struct decoder *d, const struct qpress_item *item, struct fault *f);

// The decoder's push and finish when it salvages, and the function that frees their memory.
void qpress_salvage_push(struct decoder *d, struct view v);
void qpress_salvage_finish(struct decoder *d);
void qpress_salvage_free(struct decoder *d);

#endif
