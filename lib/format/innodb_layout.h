// SPDX-License-Identifier: Apache-2.0
// Finds the layout of a tablespace's pages (innodb_page.h), even if its page 0 is damaged or in
// another file: it tries which layout makes pages sound.
#ifndef XBPIPE_INNODB_LAYOUT_H
#define XBPIPE_INNODB_LAYOUT_H

#include "format/innodb_page.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// How many bytes of a tablespace's beginning are enough to find the layout. The changes of an
// incremental backup (innodb_delta.h) need twice as many.
enum { INNODB_LAYOUT_PROBE = INNODB_PAGE_MAX };

// The layout of a file that begins with `data`, `size` bytes: INNODB_LAYOUT_PROBE, or all of it.
// `server`: the size of the server's pages; 0: not known. If no layout makes a page sound, takes
// the one that page 0 claims, if it is page 0, or the likeliest one.
struct innodb_page_layout innodb_layout_find(const uint8_t *data, size_t size, size_t server);

// The same for the changes. `known`: the layout from NAME.meta; NULL: there is none.
struct innodb_page_layout innodb_layout_find_delta(const uint8_t *data, size_t size, size_t server,
                                                   const struct innodb_page_layout *known);

#endif
