// SPDX-License-Identifier: Apache-2.0
#include "archive/extract.h"

#include "base/chain.h"
#include "base/member_name.h"
#include "base/place.h"
#include "engine/capture.h"
#include "engine/limit.h"
#include "engine/null_sink.h"
#include "file/sink.h"
#include "format/lz4_dec.h"
#include "format/qpress_dec.h"
#include "format/suffix.h"
#include "format/tar_reader.h"
#include "format/xbstream_reader.h"
#include "format/zstd_dec.h"
#include "os/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Most suffixes undone per name; real backups have two.
enum { DECODERS_MAX = 8, SHOWN_SIZE = 256 };

struct extract {
    struct ordered *ordered; // of the stream
    struct ordered *rear;    // of the files
    const struct extract_settings *settings;
    struct stage *reader, *tar_reader;
    struct stage *sink;   // of standard output; NULL: there is none
    struct stage *output; // before it
    bool output_taken;    // by a member
    bool absolute_warned;
    struct chain members;  // begun and not complete
    struct chain complete; // and not freed
    struct listing listing;
    unsigned opened; // members, in all
    unsigned left_encrypted;
    unsigned left_transformed;
    char unread_info[SHOWN_SIZE]; // empty: none
};

struct member {
    struct chain link;
    struct extract *extract;
    char shown[SHOWN_SIZE]; // printable name
    struct stage *sink; // belongs to settings->files, or is extract->output or the sink of `listed`
    struct stage *decoders[DECODERS_MAX]; // [0] is next to the sink
    unsigned decoder_count;
    struct stage *capture; // in front of the sink; NULL for members that say nothing of the backup
    struct stage *dropped; // the sink of a member that is not wanted and only looked at
    enum backupinfo_file info;
    struct listed *listed; // NULL: members are not listed in long form
};

// The suffix at the end of the name that is to be undone.
static enum suffix suffix_to_undo(const struct extract *e, const char *name, size_t size) {
    enum suffix s = suffix_of(name, size);
    bool wanted = s == SUFFIX_XBCRYPT ? e->settings->decrypt != NULL : e->settings->decompress;
    return wanted ? s : SUFFIX_NONE;
}

// The queue so many places behind the one of the stream, or the last one.
static struct ordered *queue_at(const struct extract *e, unsigned place) {
    struct ordered *o = e->ordered;
    for (unsigned i = 0; i < place; i++)
        o = ordered_next(o);
    return o;
}

static struct stage *make_decoder(struct member *m, enum suffix suffix, struct ordered *o,
                                  struct stage *next) {
    const struct extract_settings *s = m->extract->settings;
    switch (suffix) {
    case SUFFIX_XBCRYPT:
        return xbcrypt_dec_new(o, s->decrypt, next);
    case SUFFIX_QP:
        return qpress_dec_new_single(o, s->max_chunk, next);
    case SUFFIX_LZ4:
        return lz4_dec_new(o, next);
    default:
        return zstd_dec_new(o, s->max_chunk, next);
    }
}

// In order: the member has got where it goes. The stages that are on the way are freed later.
static void complete(void *context) {
    struct member *m = context;
    chain_remove(&m->link);
    chain_add(&m->extract->complete, &m->link);
}

static void free_member(struct member *m) {
    for (unsigned i = 0; i < m->decoder_count; i++)
        stage_free(m->decoders[i]);
    stage_free(m->capture);
    stage_free(m->dropped);
    listing_free(m->listed);
    free(m);
}

static void free_members(const struct chain *list) {
    struct chain *m;
    while ((m = chain_first(list)) != NULL) {
        chain_remove(m);
        free_member((struct member *)m);
    }
}

// Takes the suffixes that are to be undone off `name`, at most one of them of a compression
// (suffix.h), and notes them, innermost first, in undo[]. Returns their number, or -1 and *f.
static int take_suffixes(const struct extract *e, char *name, size_t *size,
                         enum suffix undo[DECODERS_MAX], struct fault *f) {
    enum suffix outermost_first[DECODERS_MAX], suffix;
    int count = 0;
    bool compressed = false;
    while ((suffix = suffix_to_undo(e, name, *size)) != SUFFIX_NONE &&
           (suffix == SUFFIX_XBCRYPT || !compressed)) {
        if (count == DECODERS_MAX)
            return diag_fault(f, EX_DATAERR, "more than %d suffixes to undo", DECODERS_MAX);
        compressed = compressed || suffix != SUFFIX_XBCRYPT;
        outermost_first[count++] = suffix;
        *size -= suffix_size(suffix);
        name[*size] = '\0';
    }
    for (int i = 0; i < count; i++)
        undo[i] = outermost_first[count - 1 - i];
    return count;
}

// Whether a member whose name has `size` bytes left is not what it was when it was backed up: a
// transformation was not undone.
static bool is_transformed(const struct extract *e, const char *name, size_t size) {
    return suffix_of(name, size) != SUFFIX_NONE && suffix_to_undo(e, name, size) == SUFFIX_NONE;
}

static int build_decoders(struct member *m, const enum suffix undo[], int count, struct fault *f) {
    struct stage *next = m->capture != NULL ? m->capture : m->sink;
    for (int i = 0; i < count; i++) {
        next = make_decoder(m, undo[i], queue_at(m->extract, (unsigned)(count - i)), next);
        if (next == NULL)
            return diag_fault_memory(f);
        next->name = m->shown;
        m->decoders[m->decoder_count++] = next;
    }
    return 0;
}

// `stored` is the member's name in the archive, `name` is the name of its file.
static int begin_entry(struct member *m, const char *stored, size_t stored_size, const char *name,
                       size_t size, struct fault *f) {
    struct extract *e = m->extract;
    if (listing_begin(&e->listing, &m->listed, e->rear, e->settings->limits, stored, stored_size,
                      m->shown, is_transformed(e, name, size), m, f) < 0)
        return -1;
    m->sink = listing_sink(m->listed);
    return 0;
}

static int take_output(struct member *m, const char *name, size_t size, struct fault *f) {
    struct extract *e = m->extract;
    char shown[SHOWN_SIZE];
    if (e->output_taken)
        return diag_fault(f, EX_DATAERR, "%s: the archive has another member of this name",
                          diag_name(name, size, shown, sizeof shown));
    e->output_taken = true;
    m->sink = e->output;
    return 0;
}

// In order: the member that says what the backup is has been seen whole.
static void captured(void *context, const char *data, size_t size) {
    struct member *m = context;
    if (backupinfo_add(m->extract->settings->info, m->info, data, size) < 0) {
        struct fault f;
        diag_fault_memory(&f);
        ordered_fail_now(m->extract->rear, &f);
    }
}

// In order: the redo log has been seen whole.
static void captured_redo(void *context, const char *data, size_t size) {
    struct member *m = context;
    backup_complete_redo(m->extract->settings->complete, data, size);
}

// Whether the member's file, whose name has `size` bytes, is a redo log that tells what it is of.
static bool is_redo(const struct extract *e, const char *name, size_t size) {
    return e->settings->complete != NULL && suffix_of(name, size) == SUFFIX_NONE &&
           backup_complete_wants(name, size);
}

// Puts a stage that reads along in front of the sink of a member that says what the backup is.
// `name`, of `size` bytes, is that of its file.
static int read_along(struct member *m, const char *name, size_t size, struct fault *f) {
    struct extract *e = m->extract;
    m->info = e->settings->info != NULL ? backupinfo_file(name, size) : BACKUPINFO_NONE;
    if (m->info != BACKUPINFO_NONE)
        m->capture = capture_new(e->rear, BACKUPINFO_FILE_MAX, m->sink, captured, m);
    else if (is_redo(e, name, size))
        m->capture = capture_new(e->rear, BACKUP_COMPLETE_HEAD, m->sink, captured_redo, m);
    else
        return 0;
    return m->capture != NULL ? 0 : diag_fault_memory(f);
}

// Begins what the member's bytes go to in the end. `name` is that of its file, of `size` bytes;
// `stored` that in the archive.
static int begin_sink(struct member *m, const char *name, size_t size, const char *stored,
                      size_t stored_size, struct fault *f) {
    struct extract *e = m->extract;
    if (e->settings->to_stdout)
        return take_output(m, name, size, f);
    if (e->settings->files == NULL)
        return begin_entry(m, stored, stored_size, name, size, f);
    return outfiles_begin(e->settings->files, name, size, complete, m, &m->sink, f);
}

// What a stored name stands for.
struct plan {
    struct member_name name;        // of the file: clean, without the suffixes that are undone
    enum suffix undo[DECODERS_MAX]; // innermost first
    int count;
};

// Works out what is to be done with a member of that name. One that gets no file may have any name.
// Returns 0; or -1 and EX_DATAERR.
static int make_plan(const struct extract *e, const char *stored, size_t size, struct plan *p,
                     struct fault *f) {
    if (member_name_clean_file(&p->name, stored, size, f) < 0) {
        if (e->settings->files != NULL || size > MEMBER_NAME_MAX)
            return -1;
        p->name = (struct member_name){.size = size};
        memcpy(p->name.bytes, stored, size);
    }
    p->count = take_suffixes(e, p->name.bytes, &p->name.size, p->undo, f);
    if (p->count >= 0)
        return 0;
    char shown[SHOWN_SIZE];
    diag_prefix(f, diag_name(stored, size, shown, sizeof shown));
    return -1;
}

static int open_member(struct member *m, const char *stored, size_t stored_size, struct fault *f) {
    struct extract *e = m->extract;
    struct plan p;
    if (e->settings->decrypt == NULL && suffix_of(stored, stored_size) == SUFFIX_XBCRYPT) {
        if (e->settings->need_key)
            return diag_fault(f, EX_USAGE,
                              "%s is encrypted: expected a key; use -f FILE, or set "
                              "XBCRYPT_ENCRYPTION_KEY",
                              m->shown);
        e->left_encrypted++;
    }
    e->opened++;
    if (make_plan(e, stored, stored_size, &p, f) < 0)
        return -1;
    const char *name = p.name.bytes;
    size_t size = p.name.size;
    char shown[SHOWN_SIZE];
    if (is_transformed(e, name, size))
        e->left_transformed++;
    else if (suffix_of(name, size) != SUFFIX_NONE && e->settings->layered != NULL)
        e->settings->layered(m->shown, diag_name(name, size, shown, sizeof shown));
    if (begin_sink(m, name, size, stored, stored_size, f) < 0 || read_along(m, name, size, f) < 0 ||
        build_decoders(m, p.undo, p.count, f) < 0)
        return -1;
    if (e->settings->files != NULL)
        member_name_warn(&p.name, stored, stored_size, &e->absolute_warned);
    if (e->settings->member != NULL)
        e->settings->member(m->shown, diag_name(name, size, shown, sizeof shown));
    return 0;
}

// Whether a member says what the backup is, and can be read.
static bool can_read_info(struct extract *e, const char *stored, size_t stored_size) {
    struct member_name clean;
    struct fault unused;
    if (member_name_clean_file(&clean, stored, stored_size, &unused) < 0)
        return false;
    const char *name = clean.bytes;
    size_t size = clean.size;
    if (backupinfo_file(name, suffix_strip(name, size)) == BACKUPINFO_NONE)
        return false;
    for (enum suffix s; (s = suffix_of(name, size)) != SUFFIX_NONE; size -= suffix_size(s))
        if (s == SUFFIX_XBCRYPT && e->settings->decrypt == NULL) {
            if (e->unread_info[0] == '\0')
                diag_name(name, size, e->unread_info, sizeof e->unread_info);
            return false;
        }
    return true;
}

static struct member *add_member(struct extract *e) {
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->extract = e;
    chain_add(&e->members, &m->link);
    return m;
}

// A member has been met, which may not be wanted.
static void note_member(struct extract *e, const char *stored, size_t size) {
    struct member_name clean;
    struct fault refused;
    if (e->settings->complete != NULL && member_name_clean(&clean, stored, size, &refused) == 0)
        backup_complete_member(e->settings->complete, clean.bytes, clean.size);
}

// Takes a member that is not wanted. *member is what looks at it all the same, or NULL.
static int pass_over(struct extract *e, const char *stored, size_t stored_size, void **member,
                     struct fault *f) {
    struct member_name clean;
    struct fault refused;
    *member = NULL;
    if (member_name_clean(&clean, stored, stored_size, &refused) < 0 ||
        !is_redo(e, clean.bytes, clean.size))
        return 0;
    free_members(&e->complete);
    struct member *m = add_member(e);
    if (m == NULL)
        return diag_fault_memory(f);
    m->sink = m->dropped = null_sink_new(e->rear, complete, m);
    if (m->sink == NULL || read_along(m, clean.bytes, clean.size, f) < 0)
        return diag_fault_memory(f);
    *member = m;
    return 0;
}

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    struct extract *e = context;
    *member = NULL;
    note_member(e, name, size);
    if (e->settings->info_only ? !can_read_info(e, name, size)
                               : !selection_wants(e->settings->selection, name, size))
        return pass_over(e, name, size, member, f);
    free_members(&e->complete);
    struct member *m = add_member(e);
    if (m == NULL)
        return diag_fault_memory(f);
    diag_name(name, size, m->shown, sizeof m->shown);
    counters_set_member(m->shown);
    *member = m;
    return open_member(m, name, size, f);
}

// Each decoder has its output besides its input.
static unsigned weight(void *context, void *member) {
    (void)context;
    return member != NULL ? 1 + ((const struct member *)member)->decoder_count : 1;
}

// What takes the member's bytes as they are stored.
static struct stage *first_stage(const struct member *m) {
    return m->decoder_count > 0 ? m->decoders[m->decoder_count - 1]
           : m->capture != NULL ? m->capture
                                : m->sink;
}

static void data(void *context, void *member, struct view v) {
    (void)context;
    struct member *m = member;
    if (m == NULL)
        return;
    if (m->listed != NULL)
        listing_data(m->listed, v);
    if (m->decoder_count == 0) {
        stage_push(first_stage(m), v);
        return;
    }
    struct stage *outermost = first_stage(m);
    // What is lost is zeros for the decoders, whose own salvage finds out what it was.
    if (v.data != NULL || outermost->salvage != NULL) {
        stage_push(outermost, v);
    } else if (!outermost->broken) {
        struct fault f;
        char where[PLACE_TEXT_SIZE];
        struct place place = {.origin = v.origin, .exact = true};
        diag_fault(&f, EX_DATAERR, "a hole %s in a member that is encrypted or compressed",
                   place_text(&place, 0, where));
        stage_break(outermost, &f);
    }
}

static void seek(void *context, void *member, uint64_t offset) {
    (void)context;
    if (member != NULL)
        stage_seek(first_stage(member), offset);
}

static void end(void *context, void *member) {
    (void)context;
    struct member *m = member;
    if (m == NULL)
        return;
    if (m->listed != NULL)
        listing_end(m->listed);
    stage_finish(first_stage(m));
}

static void finish(void *context) {
    (void)context; // the members' own ends are on their way
}

static void unfinished(void *context, const char *name, size_t size) {
    const struct extract *e = context;
    char shown[SHOWN_SIZE];
    if (e->settings->unfinished != NULL && selection_wants(e->settings->selection, name, size))
        e->settings->unfinished(diag_name(name, size, shown, sizeof shown));
}

// What the member loses is noted under the scope, and its file gets its name by that.
static void salvage(void *context, void *member, struct salvage_scope *scope) {
    (void)context;
    struct member *m = member;
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->decoder_count; i++)
        m->decoders[i]->salvage = scope;
    if (m->extract->settings->files != NULL)
        m->sink->salvage = scope;
}

static void retract(void *context, const char *stored, size_t size, struct salvage_scope *scope) {
    struct extract *e = context;
    struct plan p;
    struct fault f;
    if (e->settings->files == NULL || !selection_wants(e->settings->selection, stored, size))
        return;
    if (make_plan(e, stored, size, &p, &f) < 0 ||
        outfiles_retract(e->settings->files, p.name.bytes, p.name.size, scope, &f) < 0)
        ordered_fail_now(e->ordered, &f);
}

static int not_yet(const struct extract *e, struct fault *f) {
    (void)e;
    return diag_fault(
        f, EX_DATAERR,
        "the stream renames or removes files that it has sent (MariaDB), which cannot "
        "be done yet");
}

static int rename_member(void *context, void *member, const char *name, size_t size,
                         struct fault *f) {
    (void)member, (void)name, (void)size;
    return not_yet(context, f);
}

static int remove_member(void *context, void *member, struct fault *f) {
    (void)member;
    return not_yet(context, f);
}

static int list_begin(void *context, const char *name, size_t size, void **member,
                      struct fault *f) {
    struct extract *e = context;
    char shown[LISTING_NAME_SIZE];
    note_member(e, name, size);
    if (selection_wants(e->settings->selection, name, size) && e->settings->member != NULL) {
        diag_name(name, size, shown, sizeof shown);
        e->settings->member(shown, shown);
    }
    return pass_over(e, name, size, member, f);
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
    if (clean.size == 0) // the archive's own folder, "./", which is there
        return 0;
    return outfiles_make_folder(e->settings->files, clean.bytes, clean.size, f);
}

static bool wants(void *context, const char *name, size_t size) {
    const struct extract *e = context;
    return !e->settings->info_only && selection_wants(e->settings->selection, name, size);
}

int extract_queues(struct ordered **rear, struct ordered *o, struct fault *f) {
    *rear = o;
    for (int i = 0; i < DECODERS_MAX + 1; i++) // each decoder's, and that of the files
        if (ordered_behind(rear, *rear, f) < 0)
            return -1;
    return 0;
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
                                       .rename = rename_member,
                                       .remove = remove_member,
                                       .folder = make_folder,
                                       .wants = wants,
                                       .context = e};
    return (struct archive_target){.begin = begin,
                                   .weight = weight,
                                   .data = data,
                                   .end = end,
                                   .finish = finish,
                                   .unfinished = unfinished,
                                   .salvage = salvage,
                                   .retract = retract,
                                   .rename = rename_member,
                                   .remove = remove_member,
                                   .seek = seek,
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
    e->rear = queue_at(e, DECODERS_MAX + 1);
    e->settings = settings;
    e->listing = (struct listing){.entry = settings->entry, .done = complete};
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
    free_members(&e->members);
    free_members(&e->complete);
    stage_free(e->output);
    stage_free(e->sink);
    stage_free(e->reader);
    stage_free(e->tar_reader);
    free(e);
}
