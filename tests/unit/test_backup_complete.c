// SPDX-License-Identifier: Apache-2.0
// Which archives are backups that were cut short, by the names of their members as the tools write
// them.
#include "format/backup_complete.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { YES, NO_INFO, DOUBT, NO };

// Notes the names, with spaces between them, each with the suffix.
static struct backup_complete see(const char *names, const char *suffix) {
    struct backup_complete b = {0};
    for (const char *p = names; *p != '\0';) {
        size_t size = strcspn(p, " ");
        char name[300];
        snprintf(name, sizeof name, "%.*s%s", (int)size, p, suffix);
        backup_complete_member(&b, name, strlen(name));
        p += size + (p[size] == ' ');
    }
    return b;
}

static const char *const suffixes[] = {"",         ".qp",         ".lz4",         ".zst",
                                       ".xbcrypt", ".qp.xbcrypt", ".lz4.xbcrypt", ".zst.xbcrypt"};

// For archives whose verdict does not depend on how their members were transformed.
static void expect(const char *names, int verdict) {
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char text[BACKUP_COMPLETE_TEXT];
        struct backup_complete b = see(names, suffixes[i]);
        int found = (int)backup_complete_judge(&b, text);
        if (found != verdict)
            fail_msg("%s (%s): expected %d, found %d", names, suffixes[i], verdict, found);
        assert_int_equal(text[0] == '\0', verdict == YES);
    }
}

#define SERVER "ibdata1 mysql/user.frm mysql/innodb_index_stats.ibd shop/t.ibd shop/t.frm "
#define SERVER8 "ibdata1 sys/sys_config.ibd shop/t.ibd mysql.ibd undo_001 mysql/slow_log.CSV "

static void test_whole(void **state) {
    (void)state;
    const char *const whole[] = {
        // innobackupex of XtraBackup 2.2; XtraBackup 2.4 and 8.0; an incremental backup
        "backup-my.cnf " SERVER "xtrabackup_logfile xtrabackup_checkpoints xtrabackup_info",
        SERVER "xtrabackup_logfile backup-my.cnf xtrabackup_checkpoints xtrabackup_info",
        SERVER8 "xtrabackup_binlog_info xtrabackup_logfile xtrabackup_checkpoints ib_buffer_pool "
                "backup-my.cnf xtrabackup_info xtrabackup_tablespaces",
        "ibdata1.meta ibdata1.delta mysql/x.ibd.meta mysql/x.ibd.delta xtrabackup_logfile "
        "xtrabackup_checkpoints backup-my.cnf xtrabackup_info",
        // mariadb-backup 10.11 and 11
        "aria_log_control " SERVER "aria_log.00000001 ib_logfile0 xtrabackup_checkpoints "
        "backup-my.cnf xtrabackup_info",
        "aria_log_control " SERVER "aria_log.00000001 ib_logfile0 mariadb_backup_checkpoints "
        "backup-my.cnf mariadb_backup_info",
        // of some tables only; prepared, and packed again
        "ibdata1 shop/t.ibd xtrabackup_logfile xtrabackup_checkpoints backup-my.cnf "
        "xtrabackup_info",
        SERVER "xtrabackup_logfile backup-my.cnf xtrabackup_checkpoints xtrabackup_info "
               "ib_logfile0 ib_logfile1 ibtmp1"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        expect(whole[i], YES);
}

static void test_cut_short(void **state) {
    (void)state;
    const char *const cut[] = {
        SERVER, SERVER8, "aria_log_control " SERVER "aria_log.00000001", "backup-my.cnf " SERVER,
        "backup-my.cnf " SERVER "xtrabackup_logfile",
        "backup-my.cnf " SERVER "xtrabackup_checkpoints xtrabackup_info",
        SERVER "xtrabackup_binlog_info",
        // mariadb-backup, killed while it copied the first tables
        "aria_log_control shop/t.ibd mysql/gtid_slave_pos.ibd", SERVER "xtrabackup_logfile",
        SERVER "xtrabackup_logfile backup-my.cnf",
        SERVER "xtrabackup_logfile xtrabackup_checkpoints",
        "aria_log_control " SERVER "ib_logfile0 xtrabackup_checkpoints",
        "aria_log_control " SERVER "ib_logfile0 mariadb_backup_checkpoints mariadb_backup_info",
        "backup-my.cnf ibdata1 shop/t.ibd", "ibdata1.meta ibdata1.delta xtrabackup_logfile",
        "ibdata1 shop/t.ibd xtrabackup_binlog_info"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        expect(cut[i], NO);
}

static void test_no_backup(void **state) {
    (void)state;
    const char *const other[] = {
        "", "a b/c", "aria_log.00000001", "ibdata1", "ibdata1 shop/t.ibd", "shop/t.ibd shop/t.frm",
        "shop/t.ibd mysql/x.ibd", "shop/t.ibd xtrabackup_checkpoints xtrabackup_info",
        "backup-my.cnf xtrabackup_checkpoints xtrabackup_info shop/t.MYD", "xtrabackup_info",
        "mysql/user.frm mysql/user.MYD", "d/ibdata1 d/mysql/t.ibd",
        // cold copies: before MySQL 8.0.30, after; MariaDB; of servers restored from a backup
        SERVER8 "ib_logfile0 ib_logfile1 auto.cnf ib_buffer_pool #ib_16384_0.dblwr",
        SERVER8 "#innodb_redo/#ib_redo10 #innodb_redo/#ib_redo11_tmp auto.cnf",
        SERVER "ib_logfile1 ib_logfile0 xtrabackup_info xtrabackup_binlog_pos_innodb",
        SERVER8 "#innodb_redo/#ib_redo10 xtrabackup_info auto.cnf xtrabackup_master_key_id"};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        expect(other[i], YES);
    // Compressed by qpress it is MariaDB Backup's.
    struct backup_complete b = see(SERVER "aria_log_control ib_logfile0", ".zst");
    char text[BACKUP_COMPLETE_TEXT];
    assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_YES);
}

static void test_doubt(void **state) {
    (void)state;
    const char *const doubtful[] = {
        "aria_log_control",
        "aria_log_control shop/t.ibd",
        "aria_log_control ibdata1 shop/t.ibd",
        "ibdata1 shop/t.ibd xtrabackup_logfile",
        SERVER "auto.cnf ibtmp1", // its log is elsewhere
    };
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++)
        expect(doubtful[i], DOUBT);
    expect(SERVER "xtrabackup_logfile backup-my.cnf xtrabackup_checkpoints", NO_INFO);
}

// A redo log of the server's name is the server's own or MariaDB Backup's.
static void test_redo(void **state) {
    (void)state;
    char text[BACKUP_COMPLETE_TEXT];
    const char own[] = "Phys\0\0\0\0\0\0\0\0\0\0\x30\x00MariaDB 10.11.19\0";
    const char backup[] = "Phys\0\0\0\0\0\0\0\0\0\0\x30\x00"
                          "Backup 10.11.19\0";
    struct backup_complete b = see(SERVER "aria_log_control ib_logfile0", "");
    backup_complete_redo(&b, own, sizeof own);
    assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_YES);
    for (size_t size = 0; size < 23; size++)
        backup_complete_redo(&b, backup, size);
    assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_YES);
    backup_complete_redo(&b, backup, 23);
    assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_NO);
    b = see("ibdata1 shop/t.ibd ib_logfile0", "");
    backup_complete_redo(&b, backup, sizeof backup);
    assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_DOUBT);
    b = see(SERVER "ib_logfile0", ".qp");
    assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_NO);
    assert_true(backup_complete_wants("ib_logfile0", 11));
    assert_true(backup_complete_wants("ib_logfile0.qp", 14));
    assert_false(backup_complete_wants("ib_logfile1", 11));
    assert_false(backup_complete_wants("d/ib_logfile0", 13));
}

static void test_text(void **state) {
    (void)state;
    static const struct {
        const char *names, *missing;
    } texts[] = {
        {SERVER, "redo log (xtrabackup_logfile), xtrabackup_checkpoints and backup-my.cnf"},
        {SERVER "aria_log_control",
         "redo log (ib_logfile0), xtrabackup_checkpoints and backup-my.cnf"},
        {SERVER "mariadb_backup_binlog_info",
         "redo log (ib_logfile0), mariadb_backup_checkpoints and backup-my.cnf"},
        {SERVER "xtrabackup_logfile", "xtrabackup_checkpoints and backup-my.cnf"},
        {SERVER "xtrabackup_logfile backup-my.cnf", "xtrabackup_checkpoints"},
        {"backup-my.cnf " SERVER, "redo log (xtrabackup_logfile) and xtrabackup_checkpoints"},
        {SERVER "xtrabackup_logfile xtrabackup_checkpoints", "backup-my.cnf"},
        {SERVER "xtrabackup_checkpoints", "redo log (xtrabackup_logfile) and backup-my.cnf"},
        {SERVER "backup-my.cnf xtrabackup_checkpoints", "redo log (xtrabackup_logfile)"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[BACKUP_COMPLETE_TEXT], expected[BACKUP_COMPLETE_TEXT];
        struct backup_complete b = see(texts[i].names, "");
        assert_int_equal(backup_complete_judge(&b, text), BACKUP_COMPLETE_NO);
        snprintf(expected, sizeof expected,
                 "the backup ends without %s; it cannot be prepared: the job that made it has "
                 "died, or the download was cut between two members: compare its size with the "
                 "console's, fetch it again",
                 texts[i].missing);
        assert_string_equal(text, expected);
        assert_true(strlen(text) <= 300); // what a report keeps of it
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_no_backup), cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_redo),      cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
