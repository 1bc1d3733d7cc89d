// SPDX-License-Identifier: Apache-2.0
#include "program/backup_report.h"

#include <stdio.h>

enum { KEY_CHECK_PAGES = 0x4301 };

static error_t parse_option(int key, char *arg, struct argp_state *state) {
    (void)arg;
    if (key != KEY_CHECK_PAGES)
        return ARGP_ERR_UNKNOWN;
    *(bool *)state->input = true;
    return 0;
}

static const struct argp_option option_list[] = {
    {"check-pages", KEY_CHECK_PAGES, NULL, 0,
     "Check each page of InnoDB's tablespaces; a file with a damaged one is not restored", 0},
    {0}};
const struct argp backup_report_pages_argp = {.options = option_list, .parser = parse_option};

int backup_report_doubt(const struct innodb_check *check, struct salvage_scope *salvage, int result,
                        struct fault *f) {
    char text[INNODB_CHECK_TEXT];
    bool fatal;
    if (check == NULL || !innodb_check_doubt(check, &fatal, text))
        return result;
    if (!fatal)
        diag_warn("%s", text);
    else if (salvage != NULL)
        salvage_lost(salvage, &(struct salvage_loss){.format = "InnoDB", .conclusion = true}, text);
    else {
        if (result < 0)
            diag_print(f);
        return diag_fault(f, EX_DATAERR, "%s", text);
    }
    return result;
}

void backup_report_pages(const struct innodb_check *check, bool info, bool talking) {
    char text[INNODB_CHECK_TEXT];
    if (check->left > 0)
        diag_warn("%u tablespace%s stayed encrypted or compressed: pages in them were not checked",
                  check->left, check->left == 1 ? "" : "s");
    innodb_check_summary(check, text);
    if (info)
        printf("pages: %s\n", text);
    else if (talking || check->bad > 0)
        diag_note("pages: %s", text);
}

int backup_report_incomplete(bool accept, const struct backup_complete *complete,
                             struct salvage_scope *salvage, int result, struct fault *f) {
    char text[BACKUP_COMPLETE_TEXT];
    enum backup_complete_verdict verdict = backup_complete_judge(complete, text);
    if (verdict == BACKUP_COMPLETE_YES)
        return result;
    if (verdict == BACKUP_COMPLETE_NO && salvage != NULL && salvage_losses(salvage->record) > 0)
        backup_complete_lacks(complete, text);
    if (verdict != BACKUP_COMPLETE_NO || accept) {
        diag_warn("%s", text);
        return result;
    }
    if (salvage != NULL) {
        salvage_lost(salvage, &(struct salvage_loss){.format = "backup", .conclusion = true}, text);
        return result;
    }
    if (result < 0)
        diag_print(f);
    return diag_fault(f, EX_DATAERR, "%s; --incomplete-ok accepts it", text);
}

static void print_info(const char *key, const char *value) {
    printf("%s: %s\n", key, value);
}

int backup_report_info(const struct backupinfo *info, const char *unread, bool automatic,
                       struct fault *f) {
    const char *missing =
        automatic ? "is encrypted: use -f FILE to read it"
                  : "is encrypted: use --auto -f FILE, or --decrypt -f FILE, to read it";
    if (!backupinfo_known(info) && unread != NULL)
        return diag_fault(f, EX_USAGE, "%s %s", unread, missing);
    if (!backupinfo_known(info))
        return diag_fault(f, EX_NOINPUT,
                          "the archive holds nothing that says what it is: expected one of "
                          "xtrabackup_info, mariadb_backup_info, xtrabackup_checkpoints, "
                          "mariadb_backup_checkpoints and backup-my.cnf");
    if (unread != NULL)
        diag_warn("%s %s", unread, missing);
    backupinfo_describe(info, "DIR", print_info);
    return 0;
}

void backup_report_next(bool test, const char *directory, const struct backupinfo *info,
                        const struct backup_report_counts *counts) {
    char text[BACKUPINFO_TEXT_MAX];
    unsigned left = counts->left;
    if (test && left > 0)
        diag_note("verified, %u file%s, %u of which as they are stored, encrypted or compressed",
                  counts->members, counts->members == 1 ? "" : "s", left);
    else
        diag_note("%s, %u file%s", test ? "verified" : "restored", counts->members,
                  counts->members == 1 ? "" : "s");
    if (backupinfo_made(info, text))
        diag_note("%s", text);
    if (test)
        return;
    if (left > 0)
        diag_note("next: %u member%s stayed encrypted or compressed: unpack again with --decrypt "
                  "and --decompress",
                  left, left == 1 ? "" : "s");
    else if (backupinfo_next(info, directory, text))
        diag_note("next: %s", text);
}
