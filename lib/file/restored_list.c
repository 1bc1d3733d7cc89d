// SPDX-License-Identifier: Apache-2.0
// The check of the files against the list of digests.
#include "base/hex.h"
#include "file/restored_private.h"

#include <stdio.h>
#include <string.h>

// The entry of the list for the file's name; NULL: none.
static struct manifest_entry *entry_of(const struct restored_file *file) {
    return manifest_find(file->set->settings->expected, file->name, strlen(file->name));
}

bool restored_list_allows(const struct restored_file *file) {
    if (file->set->settings->expected == NULL)
        return true;
    const struct manifest_entry *e = entry_of(file);
    return e != NULL && file->digested && memcmp(e->sha256, file->sha256, DIGEST_SIZE) == 0;
}

bool restored_list_has(const struct restored_file *file) {
    return file->set->settings->expected == NULL || entry_of(file) != NULL;
}

static void describe_mismatch(const struct restored_file *file, struct fault *f) {
    char expected[2 * DIGEST_SIZE], found[2 * DIGEST_SIZE];
    hex_encode(entry_of(file)->sha256, DIGEST_SIZE, false, expected);
    hex_encode(file->sha256, DIGEST_SIZE, false, found);
    diag_fault(f, EX_DATAERR, "SHA-256 is not that of %s: expected %.*s, found %.*s",
               file->set->settings->expected_name, (int)sizeof expected, expected,
               (int)sizeof found, found);
    if (file->scope == NULL)
        diag_prefix(f, diag_shown(file->name, SHOWN_SIZE));
}

// The result of the check.
struct verdict {
    size_t differing, unlisted, missing, dropped;
    struct fault first; // of the files that differ
    struct fault first_dropped;
};

// A file that differs from the list.
static int judge_differing(struct restored_file *file, struct verdict *v, struct fault *f) {
    struct fault found;
    describe_mismatch(file, &found);
    if (file->scope != NULL) {
        salvage_lost(file->scope, &(struct salvage_loss){.format = "SHA-256"}, found.text);
        return restored_disk_put_aside(file, f);
    }
    if (v->differing++ == 0)
        v->first = found;
    else
        file->set->settings->report(found.text);
    restored_disk_drop(file);
    return 0;
}

// A file that would exist, whole or damaged, if too many files had not been waiting. The others are
// named nevertheless.
static void note_dropped(const struct restored_file *file, struct verdict *v) {
    if (v->dropped++ > 0)
        return;
    diag_fault(&v->first_dropped, EX_OSERR,
               "%s: more than %u files waited for their final names; restore without --verify, and "
               "check with sha256sum -c",
               diag_shown(file->name, SHOWN_SIZE), file->set->waiting_max);
}

static int judge(struct restored_file *file, struct verdict *v, struct manifest *unlisted,
                 struct fault *f) {
    struct manifest_entry *entry = entry_of(file);
    if (entry == NULL) {
        v->unlisted++;
        restored_disk_drop(file);
        return manifest_add(unlisted, file->name, strlen(file->name), NULL, f);
    }
    entry->found = true;
    bool allowed = !file->damaged && restored_list_allows(file);
    if (file->dropped && (allowed || file->scope != NULL)) {
        note_dropped(file, v);
        return 0;
    }
    if (file->damaged)
        return restored_disk_put_aside(file, f);
    if (!allowed)
        return judge_differing(file, v, f);
    return file->state == WAITING ? restored_disk_put_in_place(file, f) : 0;
}

static void report_entry(const struct restored *set, const struct manifest_entry *entry,
                         bool missing) {
    char text[3 * SHOWN_SIZE];
    snprintf(text, sizeof text, missing ? "%s: in %s, but not in the input" : "%s: not in %s",
             diag_shown_name(entry->name, entry->size, SHOWN_SIZE), set->settings->expected_name);
    set->settings->report(text);
}

static int report_verdict(struct restored *set, struct verdict *v, struct manifest *unlisted,
                          struct fault *f) {
    const struct manifest *expected = set->settings->expected;
    if (v->differing > 0 || v->dropped > 0) {
        *f = v->differing > 0 ? v->first : v->first_dropped;
        return -1;
    }
    manifest_sort(unlisted);
    for (size_t i = 0; i < unlisted->count; i++)
        report_entry(set, &unlisted->entries[i], false);
    for (size_t i = 0; i < expected->count && !set->settings->partial; i++)
        if (!expected->entries[i].found) {
            report_entry(set, &expected->entries[i], true);
            v->missing++;
        }
    if (v->missing + v->unlisted == 0)
        return 0;
    return diag_fault(
        f, EX_DATAERR,
        "the files are not those of %s: %zu missing in the input, %zu not in the list",
        set->settings->expected_name, v->missing, v->unlisted);
}

int restored_list_check(struct restored *set, struct fault *f) {
    struct verdict v = {0};
    struct manifest unlisted = {0};
    int result = 0;
    for (struct restored_file *file = set->first; file != NULL && result == 0; file = file->next)
        if (!file->removed)
            result = judge(file, &v, &unlisted, f);
    if (result == 0)
        result = report_verdict(set, &v, &unlisted, f);
    manifest_clear(&unlisted);
    return result;
}
