// SPDX-License-Identifier: Apache-2.0
// Parser for NAME.delta and NAME.meta, which an incremental backup has for each tablespace NAME.
// The first holds the pages that have changed, in groups. A group begins with a page of its own:
// the bytes "xtra" ("XTRA" in the last group), then the numbers of pages (4 bytes each, big-endian;
// all bits set: no more). These pages follow. The second is text: "page_size = 16384", "zip_size =
// 0" and "space_id = 5", one a line. Seen in backups of MariaDB Backup 10.11.
#ifndef XBPIPE_INNODB_DELTA_H
#define XBPIPE_INNODB_DELTA_H

#include "format/innodb_page.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INNODB_DELTA_META_MAX = 512 }; // bytes of NAME.meta that are read

struct innodb_delta_meta {
    struct innodb_page_layout layout;
    uint32_t space; // the tablespace's id
};

// Reads NAME.meta. Returns false if one of the three is missing or impossible.
bool innodb_delta_meta(const char *text, size_t size, struct innodb_delta_meta *meta);

// Reads the page that begins a group (`size` bytes, a page). Returns how many pages follow, with
// *last set if the group is the last one; or -1 if this page does not begin a group.
long innodb_delta_group(const uint8_t *page, size_t size, bool *last);

// The number of page `i` of the group.
uint32_t innodb_delta_number(const uint8_t *page, size_t i);

#endif
