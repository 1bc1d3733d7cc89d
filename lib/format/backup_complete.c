// SPDX-License-Identifier: Apache-2.0
#include "format/backup_complete.h"

#include "format/backupinfo.h"
#include "format/suffix.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool begins(const char *name, size_t size, const char *text) {
    return size >= strlen(text) && memcmp(name, text, strlen(text)) == 0;
}

static bool ends(const char *name, size_t size, const char *text) {
    size_t length = strlen(text);
    return size > length && memcmp(name + size - length, text, length) == 0;
}

static bool is(const char *name, size_t size, const char *text) {
    return size == strlen(text) && begins(name, size, text);
}

// "ibdata1", "ib_logfile0": the text and a number.
static bool is_numbered(const char *name, size_t size, const char *text) {
    return size > strlen(text) && size <= strlen(text) + 9 && begins(name, size, text) &&
           isdigit((unsigned char)name[strlen(text)]);
}

static bool is_of_directory(const char *name, size_t size) {
    return is(name, size, "auto.cnf") || is(name, size, "ibtmp1") ||
           is(name, size, "multi-master.info") || is(name, size, "ib_logfile1");
}

// The tool's own files, which are never in a folder.
static void note_own(struct backup_complete *b, const char *name, size_t size) {
    bool mariadb = begins(name, size, "mariadb_backup_");
    b->mariadb_name = b->mariadb_name || mariadb;
    switch (backupinfo_file(name, size)) {
    case BACKUPINFO_CHECKPOINTS:
        b->checkpoints = true;
        break;
    case BACKUPINFO_CONFIG:
        b->config = true;
        break;
    case BACKUPINFO_INFO:
        b->info = true;
        break;
    default:
        if (is(name, size, "xtrabackup_logfile"))
            b->redo_xtrabackup = true;
        else if (mariadb || begins(name, size, "xtrabackup_"))
            b->other = true;
    }
}

void backup_complete_member(struct backup_complete *b, const char *stored, size_t stored_size) {
    size_t size = suffix_strip(stored, stored_size);
    bool delta = ends(stored, size, ".delta");
    if (delta)
        size -= strlen(".delta");
    b->delta = b->delta || delta;
    b->tables = b->tables || ends(stored, size, ".ibd");
    b->server = b->server || begins(stored, size, "mysql/") || is(stored, size, "mysql.ibd");
    b->redo_server = b->redo_server || begins(stored, size, "#innodb_redo/");
    if (memchr(stored, '/', size) != NULL)
        return;
    b->system_tablespace = b->system_tablespace || is_numbered(stored, size, "ibdata");
    b->mariadb = b->mariadb || begins(stored, size, "aria_log");
    b->aria = b->aria || is(stored, size, "aria_log_control");
    if (is_numbered(stored, size, "ib_logfile")) {
        b->redo_server = true;
        b->redo_backup = b->redo_backup || ends(stored, stored_size, ".qp") ||
                         ends(stored, stored_size, ".qp.xbcrypt");
    }
    b->directory = b->directory || is_of_directory(stored, size);
    note_own(b, stored, size);
}

bool backup_complete_wants(const char *name, size_t size) {
    return is(name, suffix_strip(name, size), "ib_logfile0");
}

void backup_complete_redo(struct backup_complete *b, const char *head, size_t size) {
    enum { AT_CREATOR = 16 }; // in the header of a redo log, since MySQL 5.7 and MariaDB 10.2
    if (size > AT_CREATOR && begins(head + AT_CREATOR, size - AT_CREATOR, "Backup "))
        b->redo_backup = true;
}

// ---- The verdict.

// Whether it certainly is, or may be, a backup although something that backups have is missing.
static enum backup_complete_verdict judge(const struct backup_complete *b) {
    // Every backup has these; files of single tables do not.
    if (!b->system_tablespace && !b->server && !b->aria)
        return BACKUP_COMPLETE_YES;
    if (b->checkpoints || b->config || b->delta)
        return BACKUP_COMPLETE_NO;
    if (b->redo_server && !b->redo_xtrabackup) { // a data directory, if it is not MariaDB Backup's
        if (!b->redo_backup || b->directory)
            return BACKUP_COMPLETE_YES;
        return b->server ? BACKUP_COMPLETE_NO : BACKUP_COMPLETE_DOUBT;
    }
    if (b->info || b->other)
        return BACKUP_COMPLETE_NO;
    if (!b->system_tablespace && !b->aria)
        return BACKUP_COMPLETE_YES;
    if (b->server && !b->directory) // a copy of a data directory includes the log
        return BACKUP_COMPLETE_NO;
    return b->server || b->redo_xtrabackup || b->mariadb ? BACKUP_COMPLETE_DOUBT
                                                         : BACKUP_COMPLETE_YES;
}

// Adds what is missing to the list in `text`.
static void add(char text[static BACKUP_COMPLETE_TEXT], bool last, const char *what) {
    size_t used = strlen(text);
    snprintf(text + used, BACKUP_COMPLETE_TEXT - used, "%s%s",
             used == 0 ? ""
             : last    ? " and "
                       : ", ",
             what);
}

static void list_missing(const struct backup_complete *b, char text[static BACKUP_COMPLETE_TEXT]) {
    bool redo = b->redo_xtrabackup || b->redo_server;
    bool mariadb = b->mariadb || b->mariadb_name;
    const char *log = mariadb ? "redo log (ib_logfile0)" : "redo log (xtrabackup_logfile)";
    text[0] = '\0';
    if (!redo)
        add(text, false, log);
    if (!b->checkpoints)
        add(text, b->config,
            b->mariadb_name ? "mariadb_backup_checkpoints" : "xtrabackup_checkpoints");
    if (!b->config)
        add(text, true, "backup-my.cnf");
}

void backup_complete_lacks(const struct backup_complete *b,
                           char text[static BACKUP_COMPLETE_TEXT]) {
    char missing[BACKUP_COMPLETE_TEXT];
    list_missing(b, missing);
    snprintf(text, BACKUP_COMPLETE_TEXT,
             "the backup lacks %.100s and cannot be prepared: what is missing may be in the part "
             "that was lost",
             missing);
}

enum backup_complete_verdict backup_complete_judge(const struct backup_complete *b,
                                                   char text[static BACKUP_COMPLETE_TEXT]) {
    char missing[BACKUP_COMPLETE_TEXT];
    list_missing(b, missing);
    text[0] = '\0';
    if (!b->system_tablespace && !b->tables && !b->delta && !b->aria)
        return BACKUP_COMPLETE_YES; // no InnoDB files: no backup tool made it
    if (missing[0] == '\0' && b->info)
        return BACKUP_COMPLETE_YES;
    if (missing[0] == '\0') {
        snprintf(text, BACKUP_COMPLETE_TEXT,
                 "the backup has no %s, which is written at its end: the job that made it may have "
                 "died; everything needed to prepare it is there",
                 b->mariadb_name ? "mariadb_backup_info" : "xtrabackup_info");
        return BACKUP_COMPLETE_NO_INFO;
    }
    enum backup_complete_verdict verdict = judge(b);
    if (verdict == BACKUP_COMPLETE_NO)
        snprintf(text, BACKUP_COMPLETE_TEXT,
                 "the backup ends without %.100s; it cannot be prepared: the job that made it has "
                 "died, or the download was cut between two members: compare its size with the "
                 "console's, fetch it again",
                 missing);
    else if (verdict == BACKUP_COMPLETE_DOUBT)
        snprintf(text, BACKUP_COMPLETE_TEXT,
                 "if this is meant to be a whole backup, it cannot be prepared: it has no %.100s",
                 missing);
    return verdict;
}
