// SPDX-License-Identifier: Apache-2.0
// Parser for the pages of InnoDB's tablespaces: the fields of a page's head, and whether its
// checksum is right. All integers are big-endian.
//
// A page begins with 38 bytes: checksum (4), number (4), neighbours (8), LSN (8), type (2), 8 bytes
// of several uses, id of the tablespace (4). Its last 8 bytes are a second checksum and the lower
// half of the LSN. Page 0 has the tablespace's id again at 38, its size in pages at 46, and at 54
// flags, which tell how long pages are. Pages of a table with ROW_FORMAT=COMPRESSED are
// shorter and have only the checksum at the beginning. Pages in MariaDB's format full_crc32 have
// only one at the end. Pages that the server compresses keep their place in the file; the rest of
// the page is given back to the file system as a hole, and reads as zeros.
//
// Sources: the manuals of MySQL and MariaDB, the description of innodb_ruby, and files of MySQL 5.6
// and MariaDB 10.11; what page compression looks like, from the sources of MariaDB 10.11
// (fil0fil.h, fil0pagecompress.cc) and MySQL 8.0 (fil0fil.h, os0file.cc).
#ifndef XBPIPE_INNODB_PAGE_H
#define XBPIPE_INNODB_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INNODB_PAGE_HEAD = 26,      // bytes that innodb_page_is_compressed looks at
    INNODB_PAGE_MIN = 4096,     // sizes of pages are powers of two,
    INNODB_PAGE_MAX = 64 << 10, // from and to these
    INNODB_PAGE_MIN_ROWS = 1024 // and from this with ROW_FORMAT=COMPRESSED, up to 16 KiB
};

// True if a compressed page begins at `offset` of a file: its number fits the offset, and its type
// is one of the compressed ones.
bool innodb_page_is_compressed(const uint8_t head[static INNODB_PAGE_HEAD], uint64_t offset);

// How the pages of a tablespace are laid out.
enum innodb_page_kind {
    INNODB_PAGE_PLAIN,
    INNODB_PAGE_ROWS,       // ROW_FORMAT=COMPRESSED
    INNODB_PAGE_FULL_CRC32, // MariaDB since 10.4
    INNODB_PAGE_EITHER      // plain or full_crc32: each page is tried as both
};
struct innodb_page_layout {
    size_t size; // of a page in the file
    enum innodb_page_kind kind;
};

// Reads the layout from the flags of page 0, of which at least the smallest page's size is there.
// Returns false if there is no such layout.
bool innodb_page_layout(const uint8_t *page0, struct innodb_page_layout *layout);

// Fields of a page.
uint32_t innodb_page_number(const uint8_t *page);
uint64_t innodb_page_lsn(const uint8_t *page);
uint32_t innodb_page_space(const uint8_t *page);
// Whether the id of the page's tablespace can be read. It cannot if the page is encrypted or
// compressed in the format full_crc32.
bool innodb_page_space_readable(const uint8_t *page, enum innodb_page_kind kind);
// Of page 0: the tablespace's size in pages. Its files together have at least that size.
uint32_t innodb_page_space_size(const uint8_t *page0);

// The doublewrite buffer in the system tablespace: two runs of `count` pages, which are copies of
// pages that the server writes to their places afterwards.
struct innodb_page_copies {
    uint32_t first[2], count;
};

// Where a server whose pages have this size puts the buffer when it creates the tablespace.
struct innodb_page_copies innodb_page_copies_usual(size_t size);

// If this is the page that names the buffer's place, returns true and sets *copies.
bool innodb_page_copies(const uint8_t *page, size_t size, struct innodb_page_copies *copies);

// Whether a page, or a run of pages (at least INNODB_PAGE_MIN_ROWS bytes), is all zeros, as unused
// pages are. The first page of each file of the system tablespace may have an LSN in
// the 8 bytes of several uses.
bool innodb_page_is_empty(const uint8_t *page, size_t size);

enum innodb_page_verdict {
    INNODB_PAGE_SOUND,
    INNODB_PAGE_EMPTY,
    INNODB_PAGE_UNPROVED, // has no checksum over its bytes as they are: encrypted or compressed
                          // by the server, or written without one
    INNODB_PAGE_BAD
};

// Judges the page by its checksums: crc32, innodb (the one up to MySQL 5.6) or none; full_crc32;
// and the one that MariaDB puts over an encrypted page. If the page is bad, says in `why` what was
// expected and found.
enum { INNODB_PAGE_WHY = 200 };
enum innodb_page_verdict innodb_page_judge(const uint8_t *page,
                                           const struct innodb_page_layout *layout,
                                           char why[static INNODB_PAGE_WHY]);

#endif
