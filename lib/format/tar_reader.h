// SPDX-License-Identifier: Apache-2.0
// Stage: tar archive → its members. Archives that follow each other are read as one, as `tar -i`
// does. Contents have no checksum in tar, so that they are passed on as they come.
#ifndef XBPIPE_TAR_READER_H
#define XBPIPE_TAR_READER_H

#include "engine/stage.h"
#include "format/archive_target.h"

// A reader that refuses extended headers, names and maps of sparse files that take more than
// max_chunk bytes. NULL if allocation failed. Failures (EX_DATAERR): what tar.h refuses, a link, a
// device or a FIFO, a second member of a name, an extended header without an entry, a lone block of
// zeros before an entry, an archive that ends early or without its end mark of two blocks of zeros.
// Other zeros that archives do not have between them are a doubt (tar_zeros.h), or a loss.
//
// A reader that salvages passes over blocks that are no header, up to the next one, and over
// members that cannot be taken; it ends the member that the archive is cut in. It notes all that.
// Damaged extended headers fail it all the same: what follows them would get a wrong name.
struct stage *tar_reader_new(struct ordered *o, uint64_t max_chunk, struct archive_target target);

#endif
