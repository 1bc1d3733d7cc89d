// SPDX-License-Identifier: Apache-2.0
// What is said of a backup as a whole, once its archive has been read to the end.
#ifndef XBPIPE_BACKUP_REPORT_H
#define XBPIPE_BACKUP_REPORT_H

#include "engine/salvage.h"
#include "format/backup_complete.h"
#include "format/backupinfo.h"

#include <stdbool.h>

// Says if the archive is a backup that was cut short: an error, a loss if there is a salvage scope,
// and a warning if `accept` is set or if there is doubt. `result` and *f are those of the run so
// far. Returns `result`; or -1 and EX_DATAERR in *f, after it has printed a fault of before.
int backup_report_incomplete(bool accept, const struct backup_complete *complete,
                             struct salvage_scope *salvage, int result, struct fault *f);

// Prints all that --info knows on standard output. `unread` is the printable name of a member that
// would say more and is encrypted; NULL: there is none. `automatic`: --auto was given. Returns 0;
// or -1 and *f: EX_NOINPUT if the archive says nothing of itself, EX_USAGE if it does not without a
// key.
int backup_report_info(const struct backupinfo *info, const char *unread, bool automatic,
                       struct fault *f);

struct backup_report_counts {
    unsigned members;
    unsigned left; // members that keep a suffix of something that was not undone
};

// Notes what there is to know of the backup, and what to do next with the files in `directory`; or,
// if `test` is set, how many files were verified.
void backup_report_next(bool test, const char *directory, const struct backupinfo *info,
                        const struct backup_report_counts *counts);

#endif
