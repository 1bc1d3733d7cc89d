// SPDX-License-Identifier: Apache-2.0
#include "program/member_report.h"

#include "os/interrupt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void list_member(const char *stored, const char *restored) {
    (void)restored;
    puts(stored);
}

static void list_entry(const struct extract_entry *e) {
    char restored[24] = "-";
    if (e->restored_known)
        snprintf(restored, sizeof restored, "%" PRIu64, e->restored);
    printf("%12" PRIu64 " %12s %-11s %s\n", e->stored, restored, e->forms, e->name);
}

static void name_member(const char *stored, const char *restored) {
    if (strcmp(stored, restored) == 0)
        diag_note("%s", restored);
    else
        diag_note("%s -> %s", stored, restored);
}

static void report_layered(const char *stored, const char *restored) {
    diag_warn("%s: its file was compressed before the backup, and stays compressed, as %s: it "
              "may be left from an earlier restore",
              stored, restored);
}

static void name_change(const char *from, const char *to) {
    if (to != NULL)
        diag_note("%s: renamed to %s", from, to);
    else
        diag_note("%s: removed", from);
}

static void report_unfinished(const char *stored) {
    if (interrupt_pending() == 0)
        diag_error("%s: unfinished: the stream ended before it; its file was not created", stored);
}

static void report_untested(const char *stored) {
    if (interrupt_pending() == 0)
        diag_error("%s: unfinished: the stream ended before it", stored);
}

void member_report_choose(struct extract_settings *settings,
                          const struct member_report_mode *mode) {
    settings->doubt = diag_warn_text;
    settings->unfinished = mode->test || mode->info ? report_untested : report_unfinished;
    if (!mode->list && !mode->info)
        settings->layered = report_layered;
    if (mode->list && mode->verbose)
        settings->entry = list_entry;
    else if (mode->list)
        settings->member = list_member;
    else if (mode->verbose)
        settings->member = name_member;
    if (mode->verbose && !mode->list)
        settings->changed = name_change;
}
