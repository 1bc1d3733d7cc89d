// SPDX-License-Identifier: Apache-2.0
// What InnoDB's page compression looks like from outside. A page that is compressed so keeps its
// place in the file; what it no longer needs at its end is given back to the file system as a hole,
// and reads as zeros. From the sources of MariaDB 10.11 (fil0fil.h, fil0pagecompress.cc) and MySQL
// 8.0 (fil0fil.h, os0file.cc).
#ifndef XBPIPE_INNODB_PAGE_H
#define XBPIPE_INNODB_PAGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    INNODB_PAGE_HEAD = 26,     // bytes that are looked at
    INNODB_PAGE_MIN = 4096,    // sizes of pages are powers of two,
    INNODB_PAGE_MAX = 64 << 10 // from and to these
};

// True if what begins at `offset` of a file is a compressed page: its number fits its place, and
// its type is one of those.
bool innodb_page_is_compressed(const uint8_t head[static INNODB_PAGE_HEAD], uint64_t offset);

#endif
