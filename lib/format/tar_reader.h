// SPDX-License-Identifier: Apache-2.0
// Stage: tar archive → its members. Archives that follow each other are read as one, as `tar -i`
// does. Contents have no checksum in tar, so that they are passed on as they come.
#ifndef XBPIPE_TAR_READER_H
#define XBPIPE_TAR_READER_H

#include "engine/stage.h"
#include "format/xbstream_reader.h"

// What tar has besides an xbstream. The functions get the context of the other target.
struct tar_target {
    struct xbstream_target members;
    // A folder, met in the input. `name` is terminated, of `size` bytes, without a slash at its
    // end, and hostile. Returns 0; or -1 and *f, which fails the stream.
    int (*folder)(void *context, const char *name, size_t size, struct fault *f);
    // Whether a member of that name is wanted. Asked about what is neither file nor folder: it
    // fails the stream only if it is.
    bool (*wants)(void *context, const char *name, size_t size);
};

// A reader that refuses extended headers, names and maps of sparse files that take more than
// max_chunk bytes. NULL if allocation failed. Failures (EX_DATAERR): what tar.h refuses, a link, a
// device or a FIFO, a second member of a name, an extended header without an entry, an archive that
// ends early or without its end mark of two blocks of zeros.
//
// A reader that salvages passes over blocks that are no header, up to the next one, and over
// members that cannot be taken; it ends the member that the archive is cut in. It notes all that.
// Damaged extended headers fail it all the same: what follows them would get a wrong name.
struct stage *tar_reader_new(struct ordered *o, uint64_t max_chunk, struct tar_target target);

#endif
