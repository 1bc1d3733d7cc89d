// SPDX-License-Identifier: Apache-2.0
// Keeps a large restore from displacing all other data from the page cache. Writing back begins
// while data still arrives, so that nothing stalls at the end. Once the process has moved more data
// than half of the memory, pages that it no longer needs are dropped. A smaller restore stays in
// the cache for the server that is started next. Any thread. Failures are ignored: all of this is
// advice.
#ifndef XBPIPE_PAGECACHE_H
#define XBPIPE_PAGECACHE_H

#include <stdint.h>

// `size` bytes at `offset` of the file at fd have been written, or read. The process must go
// through the file roughly from front to back.
void pagecache_written(int fd, uint64_t offset, uint64_t size);
void pagecache_read(int fd, uint64_t offset, uint64_t size);

#endif
