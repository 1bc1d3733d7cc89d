// SPDX-License-Identifier: Apache-2.0
// Stage: passes a tablespace of InnoDB on and checks each page on the way, several at a time: its
// checksum, its number, the id of the tablespace, its LSN; and in the end that the file has whole
// pages, and as many as it says.
//
// At the first bad page the stage fails (EX_DATAERR), and the end is not passed on; one that
// salvages (struct stage) records each as a loss and goes on: the bytes are passed on as they are.
#ifndef XBPIPE_INNODB_CHECK_H
#define XBPIPE_INNODB_CHECK_H

#include "engine/stage.h"
#include "format/backupinfo.h"
#include "format/xbcrypt_dec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INNODB_CHECK_TEXT = 480, INNODB_CHECK_WHICH = 340 };

struct innodb_check_meta;

// What the checkers of one run share, and what they have found. It outlives them. All zero but for
// the first two at the beginning.
struct innodb_check {
    const struct backupinfo *info; // what is known of the backup so far; NULL: nothing
    struct xbcrypt_dec_settings
        *decrypt; // is told if sound pages prove its key; NULL: there is none
    unsigned files, bad_files;
    uint64_t sound, empty, unproved, bad; // pages
    // The highest LSN of a page, and which page that is.
    uint64_t lsn;
    char lsn_page[INNODB_CHECK_WHICH];
    // Files that are smaller than their page 0 says, and what is to be said of the first.
    unsigned small_files;
    char small_file[INNODB_CHECK_WHICH];
    // Of the caller's: tablespaces that stay encrypted or compressed as members, and have no
    // checker.
    unsigned left;
    // The checkers' own.
    struct innodb_check_meta *metas;
    unsigned meta_count;
    size_t page_size; // of the server; 0: not known
    // Bytes of the system tablespace: by its page 0, and in its files.
    uint64_t system_size, system_found;
};

// Whether a member of that name (`size` bytes, without suffixes; hostile) is one that such a stage
// takes: ibdata1, *.ibd, undo001 and the like; the changes to one in an incremental backup; or what
// describes those.
bool innodb_check_wants(const char *name, size_t size);

// A stage for the member of that name, before `next`. `decrypted`: its bytes went through a decoder
// of xbcrypt. NULL if the allocation failed.
struct stage *innodb_check_new(struct ordered *o, struct innodb_check *check, const char *name,
                               size_t size, bool decrypted, struct stage *next);

// At the end, with all that is known of the backup then: whether something is wrong, or may be,
// that no page shows alone: a file is smaller than it says, or a page newer than the backup. Says
// in `text` what it is. *fatal: it is sure.
bool innodb_check_doubt(const struct innodb_check *check, bool *fatal,
                        char text[static INNODB_CHECK_TEXT]);

// One line for people: how many pages were checked.
void innodb_check_summary(const struct innodb_check *check, char text[static INNODB_CHECK_TEXT]);

// Frees what it holds. NULL is not allowed.
void innodb_check_clear(struct innodb_check *check);

#endif
