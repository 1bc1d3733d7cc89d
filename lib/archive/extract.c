// SPDX-License-Identifier: Apache-2.0
#include "archive/extract.h"

#include "archive/extract_private.h"
#include "base/place.h"
#include "engine/limit.h"
#include "file/sink.h"
#include "format/suffix.h"
#include "format/tar_reader.h"
#include "format/xbstream_reader.h"
#include "os/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LISTED_SIZE = 2048 };

// Whether a member describes the backup, and can be read.
static bool can_read_info(struct extract *e, const char *stored, size_t stored_size) {
    struct member_name clean;
    struct fault unused;
    if (member_name_clean_file(&clean, stored, stored_size, &unused) < 0)
        return false;
    const char *name = clean.bytes;
    size_t size = clean.size;
    size_t plain = suffix_strip(name, size);
    bool pages = e->settings->pages != NULL && innodb_check_wants(name, plain);
    if (backupinfo_file(name, plain) == BACKUPINFO_NONE && !pages)
        return false;
    for (enum suffix s; (s = suffix_of(name, size)) != SUFFIX_NONE; size -= suffix_size(s))
        if (s == SUFFIX_XBCRYPT && e->settings->decrypt == NULL) {
            if (pages)
                e->settings->pages->left++;
            else if (e->unread_info[0] == '\0')
                diag_name(name, size, e->unread_info, sizeof e->unread_info);
            return false;
        }
    return true;
}

// Tells the check for completeness about a member, wanted or not.
static void note_member(struct extract *e, const char *stored, size_t size) {
    struct member_name clean;
    struct fault refused;
    if (e->settings->complete != NULL && member_name_clean(&clean, stored, size, &refused) == 0)
        backup_complete_member(e->settings->complete, clean.bytes, clean.size);
}

static int pass_unwanted(struct extract *e, const char *name, size_t size, void **member,
                         struct fault *f) {
    struct handle *h = NULL;
    int result = extract_member_pass_over(e, name, size, &h, f);
    *member = h;
    return result;
}

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    struct extract *e = context;
    *member = NULL;
    note_member(e, name, size);
    if (e->settings->info_only ? !can_read_info(e, name, size)
                               : !selection_wants(e->settings->selection, name, size))
        return pass_unwanted(e, name, size, member, f);
    extract_member_free_all(&e->complete);
    struct handle *h = NULL;
    struct member *m = extract_member_add(e, &h);
    if (m == NULL)
        return diag_fault_memory(f);
    h->wanted = true;
    diag_name(name, size, m->shown, sizeof m->shown);
    counters_set_member(m->shown);
    *member = h;
    return extract_member_open(m, name, size, f);
}

// Each decoder holds its output as well as its input.
static unsigned weight(void *context, void *member) {
    (void)context;
    const struct member *m = extract_member_of(member);
    return m != NULL ? 1 + m->decoder_count : 1;
}

static void data(void *context, void *member, struct view v) {
    (void)context;
    struct member *m = extract_member_of(member);
    if (m == NULL)
        return;
    struct listing_entry *l = m->handle->listed;
    if (l != NULL) {
        l->stored += v.data != NULL ? v.size : 0;
        l->sparse = l->sparse || v.data == NULL;
    }
    if (m->decoder_count == 0) {
        stage_push(extract_member_first_stage(m), v);
        return;
    }
    struct stage *outermost = extract_member_first_stage(m);
    // The decoders get zeros for lost bytes; their own salvage finds out what was lost.
    if (v.data != NULL || outermost->salvage != NULL) {
        stage_push(outermost, v);
    } else if (!outermost->broken) {
        struct fault f;
        struct place place = {.origin = v.origin, .exact = true};
        diag_fault(&f, EX_DATAERR, "a hole %s in a member that is encrypted or compressed",
                   place_text(&place, 0));
        stage_break(outermost, &f);
    }
}

static void fail_memory(struct extract *e) {
    struct fault f;
    diag_fault_memory(&f);
    ordered_fail_now(e->ordered, &f);
}

static void end(void *context, void *member) {
    struct extract *e = context;
    const struct member *m = extract_member_of(member);
    if (m == NULL)
        return;
    struct handle *h = m->handle;
    if (h->listed != NULL && !h->queued)
        h->queued = listing_add(&e->listing, h->listed);
    if (h->listed != NULL && !h->queued)
        fail_memory(e);
    stage_finish(extract_member_first_stage(m));
}

static void finish(void *context) {
    (void)context; // the members' own ends have been submitted
}

static void unfinished(void *context, const char *name, size_t size) {
    const struct extract *e = context;
    if (e->settings->unfinished != NULL && selection_wants(e->settings->selection, name, size))
        e->settings->unfinished(diag_shown_name(name, size, SHOWN_SIZE));
}

// The member's losses are noted under the scope, which decides the name of its file.
static void salvage(void *context, void *member, struct salvage_scope *scope) {
    (void)context;
    const struct member *m = extract_member_of(member);
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->decoder_count; i++)
        m->decoders[i]->salvage = scope;
    if (m->capture != NULL)
        m->capture->salvage = scope;
    if (m->extract->settings->files != NULL)
        m->sink->salvage = scope;
}

static void retract(void *context, void *member) {
    const struct extract *e = context;
    const struct handle *h = member;
    struct fault f;
    if (h != NULL && h->file != NULL && restored_retract(h->file, &f) < 0)
        ordered_fail_now(e->ordered, &f);
}

// ---- A list of names, for which nothing is decoded.

static int list_begin(void *context, const char *name, size_t size, void **member,
                      struct fault *f) {
    struct extract *e = context;
    struct handle *h = *member = extract_member_new_handle(e);
    struct listing_entry *l = h != NULL ? listing_entry_new(name, size, "") : NULL;
    if (l == NULL)
        return diag_fault_memory(f);
    h->listed = l;
    h->queued = listing_add(&e->listing, l);
    if (!h->queued)
        return diag_fault_memory(f);
    note_member(e, name, size);
    l->wanted = selection_wants(e->settings->selection, name, size);
    l->complete = true;
    return extract_member_pass_over(e, name, size, &h, f);
}

// A folder of a tar archive.
static int make_folder(void *context, const char *name, size_t size, struct fault *f) {
    struct extract *e = context;
    struct member_name clean;
    if (e->settings->files == NULL || !selection_wants(e->settings->selection, name, size))
        return 0;
    if (member_name_clean(&clean, name, size, f) < 0)
        return -1;
    member_name_warn(&clean, name, size, &e->absolute_warned);
    if (clean.size == 0) // the archive's own folder, "./", which exists
        return 0;
    return outfiles_make_folder(e->settings->files, clean.bytes, clean.size, f);
}

static bool wants(void *context, const char *name, size_t size) {
    const struct extract *e = context;
    return !e->settings->info_only && selection_wants(e->settings->selection, name, size);
}

int extract_queues(struct ordered **rear, struct ordered *o, struct fault *f) {
    *rear = o;
    for (int i = 0; i < MEMBER_PLAN_UNDO_MAX + 1; i++) // one for each decoder, and one for the
                                                       // files
        if (ordered_behind(rear, *rear, f) < 0)
            return -1;
    return 0;
}

static void doubt(void *context, const char *text) {
    const struct extract *e = context;
    if (e->settings->doubt != NULL)
        e->settings->doubt(text);
}

static struct archive_target choose_target(struct extract *e) {
    bool names =
        e->settings->files == NULL && !e->settings->to_stdout && e->settings->entry == NULL;
    if (names)
        return (struct archive_target){.begin = list_begin,
                                       .data = data,
                                       .end = end,
                                       .finish = finish,
                                       .unfinished = unfinished,
                                       .doubt = doubt,
                                       .rename = extract_changes_list_rename,
                                       .remove = extract_changes_list_remove,
                                       .folder = make_folder,
                                       .wants = wants,
                                       .context = e};
    return (struct archive_target){.begin = begin,
                                   .weight = weight,
                                   .data = data,
                                   .end = end,
                                   .finish = finish,
                                   .unfinished = unfinished,
                                   .doubt = doubt,
                                   .salvage = salvage,
                                   .retract = retract,
                                   .rename = extract_changes_rename,
                                   .remove = extract_changes_remove,
                                   .remove_folder = extract_changes_remove_folder,
                                   .seek = extract_changes_seek,
                                   .folder = make_folder,
                                   .wants = wants,
                                   .context = e};
}

int extract_new(struct extract **out, struct ordered *o, const struct extract_settings *settings,
                struct fault *f) {
    *out = NULL;
    struct extract *e = calloc(1, sizeof *e);
    if (e == NULL)
        return diag_fault_memory(f);
    chain_init(&e->members);
    chain_init(&e->complete);
    e->ordered = o;
    e->rear = extract_member_queue(e, MEMBER_PLAN_UNDO_MAX + 1);
    e->settings = settings;
    e->reader = xbstream_reader_new(o, settings->max_chunk, choose_target(e));
    e->tar_reader = tar_reader_new(o, settings->max_chunk, choose_target(e));
    if (settings->to_stdout)
        e->sink = sink_new(e->rear, STDOUT_FILENO, "standard output", false, NULL, NULL);
    if (e->sink != NULL)
        e->output = limit_new(e->rear, e->sink, settings->limits, "the member");
    if (e->reader == NULL || e->tar_reader == NULL || (settings->to_stdout && e->output == NULL)) {
        extract_free(e);
        return diag_fault_memory(f);
    }
    *out = e;
    return 0;
}

struct stage *extract_stage(struct extract *e) {
    return e->reader;
}

struct stage *extract_tar_stage(struct extract *e) {
    return e->tar_reader;
}

unsigned extract_members(const struct extract *e) {
    return e->opened;
}

static void print_entry(const struct listing_entry *l, void *context) {
    const struct extract_settings *s = context;
    char forms[SHOWN_SIZE + 8];
    const char *name = diag_shown_name(l->name, l->size, LISTED_SIZE);
    if (s->entry == NULL) {
        s->member(name, name);
        return;
    }
    const char *sparse = !l->sparse ? "" : l->forms[0] != '\0' ? ",sparse" : "sparse";
    snprintf(forms, sizeof forms, "%s%s", l->forms, sparse);
    s->entry(&(struct extract_entry){.name = name,
                                     .stored = l->stored,
                                     .restored = l->restored,
                                     .restored_known = l->restored_known,
                                     .forms = forms[0] != '\0' ? forms : "-"});
}

void extract_list(const struct extract *e) {
    struct extract_settings settings = *e->settings;
    if (settings.entry != NULL || settings.member != NULL)
        listing_print(e->listing, print_entry, &settings);
}

unsigned extract_left_encrypted(const struct extract *e) {
    return e->left_encrypted;
}

unsigned extract_left_transformed(const struct extract *e) {
    return e->left_transformed;
}

const char *extract_unread_info(const struct extract *e) {
    return e->unread_info[0] != '\0' ? e->unread_info : NULL;
}

void extract_free(struct extract *e) {
    if (e == NULL)
        return;
    extract_member_free_all(&e->members);
    extract_member_free_all(&e->complete);
    extract_member_free_handles(e);
    listing_free(e->listing);
    stage_free(e->output);
    stage_free(e->sink);
    stage_free(e->reader);
    stage_free(e->tar_reader);
    free(e);
}
