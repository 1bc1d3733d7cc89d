// SPDX-License-Identifier: Apache-2.0
// Reports about a backup as a whole, once its archive has been read to the end.
#ifndef XBPIPE_BACKUP_REPORT_H
#define XBPIPE_BACKUP_REPORT_H

#include "engine/salvage.h"
#include "format/backup_complete.h"
#include "format/backupinfo.h"
#include "format/innodb_check.h"

#include <argp.h>
#include <stdbool.h>

// --check-pages. Input: bool *.
extern const struct argp backup_report_pages_argp;

// Says what the check of tablespaces as a whole has found: an error, a loss if there is a salvage
// scope, and a warning if there is doubt. `check`: NULL if there was none. Returns as the next.
int backup_report_doubt(const struct innodb_check *check, struct salvage_scope *salvage, int result,
                        struct fault *f);

// Says at the end of a run how many pages were checked: with `info`, on standard output; otherwise
// a note if `talking` is set or a page is bad. Warns of what was not checked.
void backup_report_pages(const struct innodb_check *check, bool info, bool talking);

// Reports an archive that is a backup cut short: as an error, as a loss if there is a salvage
// scope, or as a warning if `accept` is set or it is uncertain. `result` and *f are those of the
// run so far. Returns `result`; or -1 and EX_DATAERR in *f, after printing an earlier fault.
int backup_report_incomplete(bool accept, const struct backup_complete *complete,
                             struct salvage_scope *salvage, int result, struct fault *f);

// Prints everything for --info on standard output. `unread` is the printable name of an encrypted
// member that would say more; NULL: there is none. `automatic`: --auto was given. Returns 0; or -1
// and *f: EX_NOINPUT if the archive does not describe itself, EX_USAGE if it does only with a key.
int backup_report_info(const struct backupinfo *info, const char *unread, bool automatic,
                       struct fault *f);

struct backup_report_counts {
    unsigned members;
    unsigned left; // members that keep a suffix because it was not undone
};

// Prints how many files were restored or, if `test` is set, verified; a description of the backup;
// and, unless `test` is set, what to do next with the files in `directory`.
void backup_report_next(bool test, const char *directory, const struct backupinfo *info,
                        const struct backup_report_counts *counts);

#endif
