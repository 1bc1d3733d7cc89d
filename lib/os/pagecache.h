// SPDX-License-Identifier: Apache-2.0
// What a restore larger than memory does to the machine's page cache: writing back begins while
// data still comes, so that there is no stall at the end, and once the process has moved more than
// half of memory, what it has read or written is dropped behind it, so that it does not push out
// what others use. A smaller restore stays in the cache for the server that is started next. Any
// thread; what fails is ignored: all of it is advice.
#ifndef XBPIPE_PAGECACHE_H
#define XBPIPE_PAGECACHE_H

#include <stdint.h>

// `size` bytes at `offset` of the file at fd have been written, or read, by a process that goes
// through the file from front to back, if not in strict order.
void pagecache_written(int fd, uint64_t offset, uint64_t size);
void pagecache_read(int fd, uint64_t offset, uint64_t size);

#endif
