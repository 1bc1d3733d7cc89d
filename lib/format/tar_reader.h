// SPDX-License-Identifier: Apache-2.0
// Stage: tar archive → its members. Archives that follow each other are read as one, as `tar -i`
// does. Contents have no checksum in tar, so they are passed on as they arrive.
#ifndef XBPIPE_TAR_READER_H
#define XBPIPE_TAR_READER_H

#include "engine/stage.h"
#include "format/archive_target.h"

// A reader that refuses extended headers, names and maps of sparse files that take more than
// max_chunk bytes. NULL if the allocation failed. Failures (EX_DATAERR): what tar.h refuses, a
// link, a device or a FIFO, a second member of the same name, an extended header without an entry,
// a lone block of zeros before an entry, an archive that ends early or without its end mark of two
// blocks of zeros. More zeros between entries than archives need are a doubt (tar_zeros.h), or a
// loss.
//
// A reader that salvages skips blocks up to the next header, and members that the target refuses;
// it ends the member in which the archive was cut. It records all of these as losses. Damaged
// extended headers fail it nevertheless: the next entry would get a wrong name.
struct stage *tar_reader_new(struct ordered *o, uint64_t max_chunk, struct archive_target target);

#endif
