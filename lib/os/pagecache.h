// SPDX-License-Identifier: Apache-2.0
// Keeps a large restore from flushing everyone else's data out of the page cache. Writing back
// begins while data still arrives, so that nothing stalls at the end. Once the process has moved
// more than half of memory, the pages it has finished with are dropped. A smaller restore stays in
// the cache for the server that is started next. Any thread. Failures are ignored: all of this is
// advice.
#ifndef XBPIPE_PAGECACHE_H
#define XBPIPE_PAGECACHE_H

#include <stdint.h>

// `size` bytes at `offset` of the file at fd have been written, or read. The process goes through
// the file from front to back, roughly in order.
void pagecache_written(int fd, uint64_t offset, uint64_t size);
void pagecache_read(int fd, uint64_t offset, uint64_t size);

#endif
