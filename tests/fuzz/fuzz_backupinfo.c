// SPDX-License-Identifier: Apache-2.0
// What a backup says of itself, and which members a selection wants. First byte: bits 0-1 the kind
// of the first rule; then, each up to a NUL, the three files, a member's name and two patterns.
//
// Parsers: backupinfo.c backup_complete.c selection.c suffix.c
#include "archive/selection.h"
#include "format/backup_complete.h"
#include "format/backupinfo.h"
#include "format/xbstream.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_line(const char *text, size_t room) {
    fuzz_check_text(text, room);
    if (strchr(text, '\n') != NULL)
        fuzz_broken("a line of two lines");
}

static void line(const char *key, const char *value) {
    check_line(key, strlen(key) + 1);
    check_line(value, strlen(value) + 1);
    if (value[0] == '\0')
        fuzz_broken("%s is known and empty", key);
}

static void check_info(const struct backupinfo *b) {
    char text[BACKUPINFO_TEXT_MAX];
    backupinfo_describe(b, "dir", line);
    if (backupinfo_made(b, text))
        check_line(text, sizeof text);
    if (backupinfo_next(b, "dir", text))
        check_line(text, sizeof text);
    if (!backupinfo_known(b) && backupinfo_made(b, text))
        fuzz_broken("nothing is known, and said");
}

// The text as names of members, with spaces between them; and its beginning as that of a redo log.
static void check_complete(const char *text, size_t size) {
    struct backup_complete b = {0};
    char verdict[BACKUP_COMPLETE_TEXT];
    for (size_t at = 0, end; at < size; at = end + 1) {
        const char *space = memchr(text + at, ' ', size - at);
        end = space != NULL ? (size_t)(space - text) : size;
        uint8_t *name = fuzz_copy(text + at, end - at);
        backup_complete_member(&b, (const char *)name, end - at);
        if (backup_complete_wants((const char *)name, end - at))
            backup_complete_redo(&b, text, size);
        free(name);
        bool sound = backup_complete_judge(&b, verdict) == BACKUP_COMPLETE_YES;
        check_line(verdict, sizeof verdict);
        if (sound != (verdict[0] == '\0'))
            fuzz_broken("a verdict that is not told");
    }
}

// Short patterns: matching may take time that is exponential in their stars, and they are the
// user's.
static char *pattern(struct fuzz_input in) {
    enum { MOST = 8 };
    struct fuzz_input text = in;
    if (text.size > MOST)
        text.size = MOST;
    char *copy = malloc(text.size + 1);
    if (copy == NULL)
        abort();
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static void check_selection(unsigned kind, struct fuzz_input name, char *first, char *second) {
    struct selection *all = NULL, *one = NULL, *but = NULL;
    size_t size = name.size < MEMBER_NAME_MAX ? name.size : MEMBER_NAME_MAX;
    char *copy = malloc(size + 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, name.data, size);
    copy[size] = '\0';
    if (selection_add(&one, (enum selection_rule)kind, first) < 0 ||
        selection_add(&but, (enum selection_rule)kind, first) < 0 ||
        selection_add(&but, SELECTION_EXCLUDE, second) < 0)
        abort();
    if (!selection_wants(all, copy, size))
        fuzz_broken("the empty selection does not want everything");
    bool wanted = selection_wants(one, copy, size);
    if (selection_wants(but, copy, size) && !wanted)
        fuzz_broken("with a rule that leaves out, more is wanted");
    size_t next = 0;
    const char *missing = selection_missing(one, &next);
    if (missing != NULL && (missing != first || wanted || kind > SELECTION_MEMBER))
        fuzz_broken("the rule %s is missing", missing);
    if (wanted != selection_met(one))
        fuzz_broken("wanted %d, and met otherwise", wanted);
    selection_free(one);
    selection_free(but);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    struct backupinfo *b = calloc(1, sizeof *b);
    unsigned kind = fuzz_byte(&in) & 3;
    if (b == NULL)
        abort();
    for (enum backupinfo_file file = BACKUPINFO_INFO; file <= BACKUPINFO_CONFIG; file++) {
        struct fuzz_input text = fuzz_text(&in);
        uint8_t *copy = fuzz_copy(text.data, text.size);
        if (backupinfo_add(b, file, (const char *)copy, text.size) < 0)
            abort();
        free(copy);
        check_info(b);
        check_complete((const char *)text.data, text.size);
    }
    backupinfo_clear(b);
    free(b);
    struct fuzz_input name = fuzz_text(&in);
    (void)backupinfo_file((const char *)name.data, name.size);
    char *first = pattern(fuzz_text(&in)), *second = pattern(in);
    check_selection(kind, name, first, second);
    free(first);
    free(second);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
#define SEED(text) add(text, sizeof text - 1)
    SEED("\0tool_name = mariadb-backup\ntool_version = 10.11.6-MariaDB\nserver_version = "
         "10.11.6-MariaDB\nstart_time = 2024-01-02 03:04:05\nbinlog_pos = filename 'b.1', position "
         "'328'\ninnodb_from_lsn = 0\ninnodb_to_lsn = 44420\npartial = N\nincremental = N\n\0"
         "backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 44420\nlast_lsn = 44436\n\0"
         "# This options file was generated by innobackupex.\n[mysqld]\ninnodb_page_size=16384\n\0"
         "shop/orders.ibd.qp.xbcrypt\0shop\0*.frm");
    SEED("\2tool_name = xtrabackup\ntool_version = 8.0.35-30\nserver_version = 8.0.36\n"
         "incremental = Y\n\0backup_type = incremental\nfrom_lsn = 7\n\0# This MySQL options file "
         "was generated by innobackupex.\n\0mysql/t#P#p0.ibd\0mysql.t\0[a-z]*");
    SEED("\1tool_name = innobackupex\ntool_version = 2.4.29\nserver_version = 5.7.44-log\n\0\0\0"
         "xtrabackup_info\0xtrabackup_info\0");
    SEED("\3\0\0\0a.ibd\0*\0a");
    SEED("\0binlog_pos = filename 'b', GTID of the last change '1-1:1-2,\n2-2:3,\n3-3:4'\n"
         "backup_size = 1\n\0ibdata1.qp.xbcrypt mysql/t.ibd ib_logfile0 xtrabackup_logfile.zst "
         "x.ibd.delta #innodb_redo/#ib_redo1 mariadb_backup_info\0aria_log_control ibdata1 "
         "ib_logfile0.qp backup-my.cnf xtrabackup_checkpoints auto.cnf\0a\0a\0a");
#undef SEED
}
