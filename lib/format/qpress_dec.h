// SPDX-License-Identifier: Apache-2.0
// Stage: qpress archive → its files, packets decoded in parallel. Nothing is passed on before the
// Adler-32 of its packet has been verified.
#ifndef XBPIPE_QPRESS_DEC_H
#define XBPIPE_QPRESS_DEC_H

#include "engine/stage.h"

// Takes the archive's folders and files. Paths are relative to the archive's top, with '/' between
// components, of `size` bytes and terminated; they are hostile (a component may contain anything,
// also '/' and NUL).
struct qpress_target {
    // All are called with `context` on the main thread. The first two are called when the item is
    // read, which may be before the items before it have been delivered; they return 0, or -1 and
    // *f, which fails the stream. A folder that is entered. NULL: ignored.
    int (*folder)(void *context, const char *path, size_t size, struct fault *f);
    // A file begins: its bytes go to *next; NULL: they are verified, not decoded.
    int (*file)(void *context, const char *path, size_t size, struct stage **next, struct fault *f);
    // In order: all bytes of the file have been pushed into its stage. NULL: ignored.
    void (*file_end)(void *context, struct stage *next);
    // In order: the archive is complete.
    void (*end)(void *context);
    void *context;
};

// A decoder that salvages (struct stage) skips bytes that are not an item and replaces lost blocks
// by zeros: the offset of the file's next block gives their number. It records losses under the
// scope of the file's stage, if that has one, otherwise under its own. A file whose header is lost
// begins with a path of size 0, which the target may refuse as bad data; a refused file is lost. A
// target without `folder` is assumed to put all files into one output.
//
// A decoder of archives whose blocks are at most max_block bytes. NULL if the allocation failed.
struct stage *qpress_dec_new(struct ordered *o, uint64_t max_block, struct qpress_target target);

// The same for a compressed member: the archive must have exactly one file, whose bytes go to
// `next`; its name is ignored.
struct stage *qpress_dec_new_single(struct ordered *o, uint64_t max_block, struct stage *next);

#endif
