// SPDX-License-Identifier: Apache-2.0
// Stage: qpress archive → its files, packets decoded side by side. Nothing is passed on before its
// packet's Adler-32 has been verified.
#ifndef XBPIPE_QPRESS_DEC_H
#define XBPIPE_QPRESS_DEC_H

#include "engine/stage.h"

// What becomes of the archive's folders and files. Paths are relative to the archive's top, with
// '/' between components, of `size` bytes and terminated; they are as hostile as the archive (a
// component may hold anything, also '/' and NUL).
struct qpress_target {
    // All are called with `context` on the main thread. The first two are called when the item is
    // met in the input, which may be before what precedes it has been delivered; they return 0, or
    // -1 and *f, which fails the stream.
    // A folder that is entered. NULL: ignored.
    int (*folder)(void *context, const char *path, size_t size, struct fault *f);
    // A file that begins: *next is where its bytes go; NULL: they are verified, not decoded.
    int (*file)(void *context, const char *path, size_t size, struct stage **next, struct fault *f);
    // In order: all bytes of the file have been pushed into its stage. NULL: ignored.
    void (*file_end)(void *context, struct stage *next);
    // In order: the archive has ended as it should.
    void (*end)(void *context);
    void *context;
};

// A decoder that salvages (struct stage) passes over what is no item, puts zeros in the place of
// lost blocks, whose number of bytes it knows from the offset of the file's next block, and notes
// losses under the scope of the file's stage where that has one, else under its own. A file whose
// head is lost begins with a path of size 0, which the target may refuse as bad data; what it
// refuses so is lost. A target without `folder` is taken to put all files into one output.
//
// A decoder of archives whose blocks are at most max_block bytes. NULL if memory could not be had.
struct stage *qpress_dec_new(struct ordered *o, uint64_t max_block, struct qpress_target target);

// The same for a compressed member: exactly one file, whose bytes go to `next`; its name is
// ignored.
struct stage *qpress_dec_new_single(struct ordered *o, uint64_t max_block, struct stage *next);

#endif
