// SPDX-License-Identifier: Apache-2.0
// Stage: xbstream archive → its members. A chunk's bytes are passed on once its CRC has been
// verified (checked by the pool in pieces).
#ifndef XBPIPE_XBSTREAM_READER_H
#define XBPIPE_XBSTREAM_READER_H

#include "engine/stage.h"
#include "format/archive_target.h"

// How many members may be open at a time; each needs memory for its decoders. Backup tools have one
// open for each thread.
enum { XBSTREAM_OPEN_MAX = 1024 };

// A reader that refuses chunks larger than max_chunk. NULL if the allocation failed.
// Failures (EX_DATAERR): what xbstream_parse refuses, a wrong CRC, an offset that does not continue
// the file, a chunk after a member's end, a sparse map that does not fit its payload, a rename or
// removal of a member that has not ended, a rename of a folder or onto such a member, a seek beyond
// a member's end, an empty stream, a stream that ends inside a chunk or with members unfinished,
// more than XBSTREAM_OPEN_MAX members open at a time.
//
// A rename or removal of a name that the stream does not have does nothing. A removal removes the
// member of that name; or all members below the folder of that name; or, for "…#P#*", all whose
// names begin with the part before the star. A rename onto another member removes that first. A
// member that begins with the mark of a rewrite removes the ended member of that name.
//
// A reader that salvages works differently. It skips bytes that are not a chunk. The lost part of a
// member becomes a hole; its size is known from the chunk's header, if the next chunk is where the
// header says, otherwise from the offset of the member's next chunk. Headers have no checksum of
// their own, so a chunk whose offset does not fit is accepted only if the next chunk of its member
// continues it or, if there is none or more is lost between the two, if something before it was
// lost. A member is noted as damaged if it ends after a loss that may have been its last chunk. A
// member that does not end is ended, and noted, at the latest when XBSTREAM_OPEN_MAX others are
// open. A member whose name `begin` refuses as bad data is lost.
struct stage *xbstream_reader_new(struct ordered *o, uint64_t max_chunk,
                                  struct archive_target target);

#endif
