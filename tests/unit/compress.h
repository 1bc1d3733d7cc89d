// SPDX-License-Identifier: Apache-2.0
// LZ4 and Zstandard frames, made by the libraries, for tests.
#ifndef XBPIPE_TESTS_COMPRESS_H
#define XBPIPE_TESTS_COMPRESS_H

#include "archives.h"

// What a frame has besides its content; an LZ4 frame without a content checksum has one for each
// block.
enum { COMPRESS_CHECKSUM = 1, COMPRESS_SIZE = 2 };

// Adds a frame with `size` bytes of content; `has` is a sum of the above.
void compress_lz4(struct bytes *b, const void *data, size_t size, unsigned has);
void compress_zstd(struct bytes *b, const void *data, size_t size, unsigned has);

#endif
