// SPDX-License-Identifier: Apache-2.0
// Stage: xbstream archive → its members. A chunk's bytes are passed on once its CRC has been
// verified (checked by the pool in pieces).
#ifndef XBPIPE_XBSTREAM_READER_H
#define XBPIPE_XBSTREAM_READER_H

#include "engine/stage.h"
#include "format/archive_target.h"

// How many members may be open at a time; each takes memory for its decoders. Backup tools write as
// many as they have threads.
enum { XBSTREAM_OPEN_MAX = 1024 };

// A reader that refuses chunks larger than max_chunk. NULL if memory could not be had.
// Failures (EX_DATAERR): what xbstream_parse refuses, a wrong CRC, an offset that does not continue
// the file, a chunk after a member's end, a sparse map that does not fit its payload, a rename or a
// removal of a member that has not ended, of a folder by a rename, or onto such a member, a
// seek beyond a member's end, an empty stream, a stream that ends inside a chunk or with members
// unfinished, more than XBSTREAM_OPEN_MAX members open at a time.
//
// A rename of what the stream does not have, and a removal, do nothing. A removal takes the member
// of the name, or else all below the folder of that name, or else, for "…#P#*", all whose names
// begin with what stands before the star. A rename onto another member removes that first. A member
// that is begun with the mark of a rewrite removes the one of that name, which has ended.
//
// A reader that salvages does this instead. Bytes that are no chunk are skipped. The lost part of a
// member becomes a hole; its size is known from the chunk's head, if the next chunk is where the
// head says, else from the offset of the member's next chunk. The heads have no checksum of their
// own, so a chunk whose offset does not fit is taken only if the next chunk of its member continues
// it or, if there is none or more is lost between the two, if something before it was lost. A
// member is noted as damaged if it ends after a loss that may have been its last chunk; one that
// does not end is ended, and noted, at the latest when XBSTREAM_OPEN_MAX others are open; one whose
// name `begin` refuses as bad data is lost.
struct stage *xbstream_reader_new(struct ordered *o, uint64_t max_chunk,
                                  struct archive_target target);

#endif
