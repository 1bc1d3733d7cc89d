// SPDX-License-Identifier: Apache-2.0
// Whether an archive holds a whole backup, judged by the names in it. A backup job that dies in its
// last phase leaves an archive that ends between two members: each of them is whole, and the backup
// cannot be prepared.
//
// What the backup tools write (seen in streams of XtraBackup 2.2 to 8.4 and MariaDB Backup 10.2 to
// 11, and described in xbstream(5)):
// - always InnoDB's system tablespace, ibdata1, and of a whole server the database mysql (from
//   MySQL 8.0 on also mysql.ibd); MariaDB Backup before them aria_log_control;
// - the redo log, which ends after the tables: xtrabackup_logfile by XtraBackup, which never copies
//   a file of the server's own log; ib_logfile0 by MariaDB Backup, whose header names "Backup" as
//   its creator, not "MariaDB" as the server's does;
// - then xtrabackup_checkpoints (MariaDB from 11 on: mariadb_backup_checkpoints), backup-my.cnf and
//   xtrabackup_info (mariadb_backup_info), in an order that depends on the tool.
// A data directory that was copied while its server was down has a log of the server's own:
// ib_logfile0, and often more of them, or a folder #innodb_redo. If the server was itself restored
// from a backup, its directory also holds xtrabackup_info, but no checkpoints and no backup-my.cnf.
// It often has files of the server's that no backup tool copies, such as auto.cnf and ib_logfile1.
#ifndef XBPIPE_BACKUP_COMPLETE_H
#define XBPIPE_BACKUP_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

// The members seen so far. All zero: none.
struct backup_complete {
    bool system_tablespace, tables, server; // ibdata1; *.ibd; the database mysql
    bool redo_xtrabackup;                   // xtrabackup_logfile
    bool redo_server;                       // a redo log under a name that servers use
    bool redo_backup; // and its header, or the suffix .qp, shows that it is MariaDB Backup's
    bool checkpoints, config, info;
    bool delta;        // changes of a tablespace, in an incremental backup
    bool other;        // another file that only backup tools write
    bool directory;    // a file that servers have and backup tools leave out
    bool aria;         // aria_log_control, one of the first files of MariaDB Backup
    bool mariadb;      // a file of Aria's or one of MariaDB Backup's
    bool mariadb_name; // one that begins with mariadb_backup
};

// Notes that the archive has a member of that name (`size` bytes, as stored, but without "./" and
// the like; hostile).
void backup_complete_member(struct backup_complete *b, const char *name, size_t size);

// Whether the member is a redo log whose beginning backup_complete_redo needs.
bool backup_complete_wants(const char *name, size_t size);

// Notes how the redo log ib_logfile0 begins: at least BACKUP_COMPLETE_HEAD bytes, if it has them,
// decrypted and decompressed.
enum { BACKUP_COMPLETE_HEAD = 64 };
void backup_complete_redo(struct backup_complete *b, const char *head, size_t size);

enum backup_complete_verdict {
    BACKUP_COMPLETE_YES,     // or nothing shows that it is a backup
    BACKUP_COMPLETE_NO_INFO, // only the file that describes the backup is missing
    BACKUP_COMPLETE_DOUBT,   // something that a backup needs is missing, but it may not be meant as
                             // a backup
    BACKUP_COMPLETE_NO       // a backup that cannot be prepared
};

// Judges the archive once all of its members have been noted. Unless the answer is
// BACKUP_COMPLETE_YES, `text` says in one line what is missing and what that means.
enum { BACKUP_COMPLETE_TEXT = 400 };
enum backup_complete_verdict backup_complete_judge(const struct backup_complete *b,
                                                   char text[static BACKUP_COMPLETE_TEXT]);

// The same text for BACKUP_COMPLETE_NO if part of the archive is known to be lost: it then does not
// blame the backup job.
void backup_complete_lacks(const struct backup_complete *b, char text[static BACKUP_COMPLETE_TEXT]);

#endif
