// SPDX-License-Identifier: Apache-2.0
// Recognises pages that InnoDB's page compression wrote. Such a page keeps its offset in the file;
// the rest of the page becomes a hole, and reads as zeros. From the sources of MariaDB 10.11
// (fil0fil.h, fil0pagecompress.cc) and MySQL
// 8.0 (fil0fil.h, os0file.cc).
#ifndef XBPIPE_INNODB_PAGE_H
#define XBPIPE_INNODB_PAGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    INNODB_PAGE_HEAD = 26,     // bytes that are needed
    INNODB_PAGE_MIN = 4096,    // sizes of pages are powers of two,
    INNODB_PAGE_MAX = 64 << 10 // from and to these
};

// True if a compressed page begins at `offset` of a file: its number fits the offset, and its type
// is one of the compressed ones.
bool innodb_page_is_compressed(const uint8_t head[static INNODB_PAGE_HEAD], uint64_t offset);

#endif
