// SPDX-License-Identifier: Apache-2.0
// MariaDB's changes to members that have been sent: renames, removals, and rewrites that begin with
// a seek (xbstream_reader.h).
#include "archive/extract_private.h"

#include <string.h>

void extract_changes_seek(void *context, void *member, uint64_t offset) {
    (void)context;
    const struct member *m = extract_member_of(member);
    if (m != NULL)
        stage_seek(extract_member_first_stage(m), offset);
}

static void say_changed(const struct extract *e, const char *from, const char *to) {
    const char *shown_from = diag_shown(from, SHOWN_SIZE);
    const char *shown_to = to != NULL ? diag_shown(to, SHOWN_SIZE) : NULL;
    if (e->settings->changed != NULL)
        e->settings->changed(shown_from, shown_to);
}

// The member was skipped when it was sent, and now gets a name that is selected.
static int refuse_unselected(const char *from, const char *name, size_t size, struct fault *f) {
    return diag_fault(f, EX_NOINPUT,
                      "%s: the stream sends it as %s, which is not selected, and renames it later; "
                      "select that, too",
                      diag_shown_name(name, size, SHOWN_SIZE), diag_shown(from, SHOWN_SIZE));
}

static int refuse_other_decoding(const char *from, const char *name, size_t size, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "%s: the stream renames it to %s, which would be decoded in another way; "
                      "unpack without --decompress and --decrypt",
                      diag_shown(from, SHOWN_SIZE), diag_shown_name(name, size, SHOWN_SIZE));
}

// The member has already been written to standard output.
static int refuse_output(struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "the stream removes the member, or sends it again, after its bytes: the "
                      "output is not part of the backup; unpack it with -C");
}

int extract_changes_remove(void *context, void *member, const char *name, struct fault *f) {
    const struct extract *e = context;
    struct handle *h = member;
    if (h == NULL || !h->wanted)
        return 0;
    selection_forget(e->settings->selection, name, strlen(name));
    say_changed(e, name, NULL);
    if (h->listed != NULL)
        h->listed->wanted = false;
    if (h->output)
        return refuse_output(f);
    return h->file != NULL ? restored_remove(h->file, e->reader, f) : 0;
}

// Renames a member that is decoded: a file, an entry of the long list, or the member that goes to
// standard output, whose bytes stay.
static int rename_decoded(struct extract *e, struct handle *h, const char *from, const char *name,
                          size_t size, struct fault *f) {
    struct member_plan p;
    if (extract_member_plan(e, name, size, &p, f) < 0)
        return -1;
    if (!member_plan_undoes_the_same(&h->undone, &p.undo))
        return refuse_other_decoding(from, name, size, f);
    say_changed(e, from, name);
    if (h->listed != NULL && !listing_entry_rename(h->listed, name, size))
        return diag_fault_memory(f);
    return h->file != NULL ? restored_rename(h->file, p.name.bytes, p.name.size, e->reader, f) : 0;
}

int extract_changes_rename(void *context, void *member, const char *from, const char *name,
                           size_t size, struct fault *f) {
    struct extract *e = context;
    struct handle *h = member;
    if (e->settings->info_only)
        return 0;
    bool wanted = selection_wants(e->settings->selection, name, size);
    if (h == NULL || !h->wanted)
        return wanted ? refuse_unselected(from, name, size, f) : 0;
    if (selection_excludes(e->settings->selection, name, size))
        return extract_changes_remove(e, h, from, f);
    return rename_decoded(e, h, from, name, size, f);
}

int extract_changes_remove_folder(void *context, const char *name, size_t size, struct fault *f) {
    const struct extract *e = context;
    struct member_name clean;
    struct fault unused;
    if (e->settings->files == NULL || member_name_clean(&clean, name, size, &unused) < 0)
        return 0;
    return outfiles_remove_folder(e->settings->files, clean.bytes, clean.size, f);
}

// ---- A list of names, for which nothing is decoded.

int extract_changes_list_rename(void *context, void *member, const char *from, const char *name,
                                size_t size, struct fault *f) {
    struct extract *e = context;
    struct listing_entry *l = ((struct handle *)member)->listed;
    (void)from;
    l->wanted = selection_wants(e->settings->selection, name, size) ||
                (l->wanted && !selection_excludes(e->settings->selection, name, size));
    return listing_entry_rename(l, name, size) ? 0 : diag_fault_memory(f);
}

int extract_changes_list_remove(void *context, void *member, const char *name, struct fault *f) {
    const struct extract *e = context;
    struct listing_entry *l = ((struct handle *)member)->listed;
    (void)f;
    if (l->wanted)
        selection_forget(e->settings->selection, name, strlen(name));
    l->wanted = false;
    return 0;
}
