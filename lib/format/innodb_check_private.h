// SPDX-License-Identifier: Apache-2.0
// Shared by the halves of the checker: how the bytes become pages (innodb_check.c), and what is
// found about each page and reported (innodb_check_pages.c).
#ifndef XBPIPE_INNODB_CHECK_PRIVATE_H
#define XBPIPE_INNODB_CHECK_PRIVATE_H

#include "engine/gather.h"
#include "engine/salvage.h"
#include "format/innodb_check.h"
#include "format/innodb_delta.h"
#include "format/innodb_page.h"

// What NAME.meta has said of the changes to come.
struct innodb_check_meta {
    struct innodb_check_meta *next;
    struct innodb_delta_meta meta;
    size_t size;
    char name[];
};

enum innodb_check_form { CHECK_NONE, CHECK_SPACE, CHECK_SYSTEM, CHECK_DELTA, CHECK_META };

struct checker {
    struct stage stage;
    struct stage *next;
    struct innodb_check *check;
    enum innodb_check_form form;
    bool decrypted;
    uint64_t lsn_limit; // 0: none

    // While input is taken.
    struct gather gather; // a page that is not whole, or what tells the layout; need 0: nothing
    struct innodb_page_layout layout;
    bool known;        // the layout is
    bool given_up;     // nothing more is checked
    uint64_t position; // bytes taken
    uint64_t zeros;    // of these, before the layout was known
    // Of changes: the page that begins the group, and how many of its pages have come.
    struct view group; // holds a reference
    size_t group_next, group_pages;
    bool group_last;

    // In order.
    bool space_known, first_known, page0_empty;
    uint32_t space; // the tablespace's id
    uint32_t first; // number of the file's first page
    uint64_t sound, bad;
    uint64_t lsn; // the highest of a page
    uint32_t lsn_page;
    uint64_t space_size; // in pages, by page 0; 0: not known
    struct innodb_page_copies copies;

    size_t name_size;
    char name[];
};

// A page as a worker has seen it.
struct seen {
    enum innodb_page_verdict verdict;
    uint32_t expected; // the number it should have, or that less `first`
};

// What messages call the file.
static inline const char *checker_name(const struct checker *c) {
    return c->stage.name != NULL ? c->stage.name : "the file";
}

// Submits the whole pages in `v`, which are at `position` in the file.
void innodb_check_pages_submit(struct checker *c, struct view v, uint64_t position);

// In order: reports that something is wrong at `offset` of the file, and breaks the stage unless it
// salvages. `where`: the place in the input; NULL: not known.
void innodb_check_pages_report(struct checker *c, uint64_t offset, const char *where,
                               const char *what);

// In order: checks what is only known at the end of the file. Breaks the stage as above.
void innodb_check_pages_end(struct checker *c);

#endif
