// SPDX-License-Identifier: Apache-2.0
// Describes a backup by the files that XtraBackup and MariaDB Backup add to the data: which tool
// made it, from which server, whether it is full or incremental, and so what prepares it.
//
// Sources: the files of XtraBackup 2.2 to 8.4 and MariaDB Backup 10.2 to 11, and their manuals:
// XtraBackup 2.4 prepares backups of MySQL 5.1 to 5.7, from 8.0 on the XtraBackup of the server's
// own series does; MariaDB's is prepared by the mariadb-backup of the server's series.
// Only XtraBackup needs --apply-log-only; MariaDB has not needed it since 10.2. XtraBackup 9.7.2
// renamed it and --incremental-dir; the new names are not known here, so no command is given for
// it.
#ifndef XBPIPE_BACKUPINFO_H
#define XBPIPE_BACKUPINFO_H

#include <stdbool.h>
#include <stddef.h>

enum { BACKUPINFO_FILE_MAX = 1 << 20 }; // bytes of a file that are read

enum backupinfo_file {
    BACKUPINFO_NONE,
    BACKUPINFO_INFO,        // xtrabackup_info, mariadb_backup_info
    BACKUPINFO_CHECKPOINTS, // xtrabackup_checkpoints, mariadb_backup_checkpoints
    BACKUPINFO_CONFIG       // backup-my.cnf
};

// Which of the files a member is, by its name of `size` bytes without suffixes.
enum backupinfo_file backupinfo_file(const char *name, size_t size);

enum { BACKUPINFO_VALUE_MAX = 300 };

// A value from the file, as printable text, cut with "..." if it is longer; empty: not known.
typedef char backupinfo_value[BACKUPINFO_VALUE_MAX];

// All zero: nothing is known.
struct backupinfo {
    backupinfo_value tool, tool_version, server_version;
    backupinfo_value backup_type, incremental, partial;
    backupinfo_value from_lsn, to_lsn, last_lsn;
    backupinfo_value start, end, page_size, backup_size, uncompressed_size;
    char *binlog; // whole and printable: a set of GTIDs may be long; NULL: not known
    bool mariadb_config, mysql_config; // which tool's comment begins backup-my.cnf
};

// Adds the values of one of the files; `text` need not be terminated, and may be anything. The
// position in the binary log continues up to the next line that begins with a key: servers write a
// set of GTIDs with a newline after each comma. If the text has BACKUPINFO_FILE_MAX bytes, its last
// value may be cut and is left out. Returns 0; or -1 if allocation failed.
int backupinfo_add(struct backupinfo *b, enum backupinfo_file file, const char *text, size_t size);

void backupinfo_clear(struct backupinfo *b);

// Whether anything is known.
bool backupinfo_known(const struct backupinfo *b);

// Calls `line` for each known key and value of `xbunpack --info`, in its order. `dir` is where the
// backup is or will be, for the command.
void backupinfo_describe(const struct backupinfo *b, const char *dir,
                         void (*line)(const char *key, const char *value));

enum { BACKUPINFO_TEXT_MAX = 1000 };

// One line for people: "made by mariadb-backup 10.11.6 from server 10.11.6: full backup up to LSN
// 44420". Returns false if not enough is known to say it.
bool backupinfo_made(const struct backupinfo *b, char text[static BACKUPINFO_TEXT_MAX]);

// What to do next, for people: the command, and which program it is. Returns false if that is not
// known.
bool backupinfo_next(const struct backupinfo *b, const char *dir,
                     char text[static BACKUPINFO_TEXT_MAX]);

#endif
