// SPDX-License-Identifier: Apache-2.0
// Stage: passes a tablespace of InnoDB on and checks each page on the way, several at a time: its
// checksum, its number, the id of the tablespace, and its LSN. At the end it checks that the file
// consists of whole pages, and has as many as its page 0 says.
//
// At the first bad page the stage fails (EX_DATAERR), and the end is not passed on. If it
// salvages (struct stage), it records each bad page as a loss and goes on; bytes pass unchanged.
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

// What the checkers of one run share, and what they have found. It outlives them. At the start
// everything except the first two fields is zero.
struct innodb_check {
    const struct backupinfo *info; // what is known of the backup so far; NULL: nothing
    struct xbcrypt_dec_settings
        *decrypt; // is told if sound pages prove its key; NULL: there is none
    unsigned files, bad_files;
    uint64_t sound, empty, unproved, bad; // pages
    // The highest LSN of a page, and which page that is.
    uint64_t lsn;
    char lsn_page[INNODB_CHECK_WHICH];
    // Files that are smaller than their page 0 says, and the message about the first of them.
    unsigned small_files;
    char small_file[INNODB_CHECK_WHICH];
    // Counted by the caller: tablespaces without a checker, because their members stay encrypted or
    // compressed.
    unsigned left;
    // The checkers' own.
    struct innodb_check_meta *metas;
    unsigned meta_count;
    size_t page_size; // of the server; 0: not known
    // Bytes of the system tablespace: by its page 0, and in its files.
    uint64_t system_size, system_found;
};

// Whether this stage takes the member called `name` (`size` bytes, without suffixes; hostile): a
// tablespace (ibdata1, *.ibd, undo001 and the like); the changes to a tablespace in an incremental
// backup (NAME.delta); or their description (NAME.meta).
bool innodb_check_wants(const char *name, size_t size);

// A stage for the member called `name`, which pushes into `next`. `decrypted`: its bytes went
// through a decoder of xbcrypt. NULL if the allocation failed.
struct stage *innodb_check_new(struct ordered *o, struct innodb_check *check, const char *name,
                               size_t size, bool decrypted, struct stage *next);

// Call it at the end, when everything about the backup is known. Returns true if something is, or
// may be, wrong that no single page shows: a file is smaller than its page 0 says, or a page is
// newer than the backup. Then `text` describes it, and *fatal is true if it is certain.
bool innodb_check_doubt(const struct innodb_check *check, bool *fatal,
                        char text[static INNODB_CHECK_TEXT]);

// One line for people: how many pages were checked.
void innodb_check_summary(const struct innodb_check *check, char text[static INNODB_CHECK_TEXT]);

// Frees what it holds. NULL is not allowed.
void innodb_check_clear(struct innodb_check *check);

#endif
