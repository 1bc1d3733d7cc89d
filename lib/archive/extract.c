// SPDX-License-Identifier: Apache-2.0
#include "archive/extract.h"

#include "archive/listing.h"
#include "base/chain.h"
#include "base/member_name.h"
#include "base/place.h"
#include "engine/capture.h"
#include "engine/limit.h"
#include "engine/null_sink.h"
#include "file/restored.h"
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
enum { DECODERS_MAX = 8, SHOWN_SIZE = 256, LISTED_SIZE = 2048 };

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
    struct handle *handles;
    struct listing *listing;
    unsigned opened; // members, in all
    unsigned left_encrypted;
    unsigned left_transformed;
    char unread_info[SHOWN_SIZE]; // empty: none
};

// What is kept of each member until the end: the stream may still rename it, or remove it.
struct handle {
    struct handle *next;
    struct member *member;        // NULL: complete, or not decoded
    struct restored_file *file;   // NULL: it is no file
    struct listing_entry *listed; // NULL: it is in no list
    bool queued;                  // the list has it
    bool wanted;                  // false: it is only looked at
    bool output;                  // it goes to standard output
    uint8_t undone[DECODERS_MAX]; // enum suffix, innermost first
    int undone_count;
};

struct member {
    struct chain link;
    struct extract *extract;
    struct handle *handle;
    char shown[SHOWN_SIZE]; // printable name
    struct stage *sink; // belongs to settings->files, or is extract->output or the sink of `listed`
    struct stage *decoders[DECODERS_MAX]; // [0] is next to the sink
    unsigned decoder_count;
    struct stage *capture; // in front of the sink; NULL for members that say nothing of the backup
    struct stage *dropped; // the sink of a member that is not wanted and only looked at
    enum backupinfo_file info;
    struct stage *counter, *limit; // of a list in long form; the limit is before the counter
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
    m->handle->member = NULL;
    chain_remove(&m->link);
    chain_add(&m->extract->complete, &m->link);
}

static void free_member(struct member *m) {
    for (unsigned i = 0; i < m->decoder_count; i++)
        stage_free(m->decoders[i]);
    stage_free(m->capture);
    stage_free(m->dropped);
    stage_free(m->limit);
    stage_free(m->counter);
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

// A member of a list in long form has been counted.
static void counted(void *context) {
    struct member *m = context;
    m->handle->listed->restored = null_sink_size(m->counter);
    m->handle->listed->complete = true;
    complete(m);
}

// Puts the suffixes of a name, outermost first, into text.
static void describe_forms(const char *name, size_t size, char text[static SHOWN_SIZE]) {
    enum suffix s;
    size_t used = 0;
    text[0] = '\0';
    size_t plain = suffix_strip(name, size);
    for (; size > plain && used < SHOWN_SIZE; size -= suffix_size(s)) {
        s = suffix_of(name, size);
        used += (size_t)snprintf(text + used, SHOWN_SIZE - used, "%s%s", used > 0 ? "," : "",
                                 suffix_text(s));
    }
}

// `stored` is the member's name in the archive, `name` that of its file.
static int begin_entry(struct member *m, const char *stored, size_t stored_size, const char *name,
                       size_t size, struct fault *f) {
    char forms[SHOWN_SIZE];
    describe_forms(stored, stored_size, forms);
    struct listing_entry *l = listing_entry_new(stored, stored_size, forms);
    if (l == NULL)
        return diag_fault_memory(f);
    m->handle->listed = l;
    l->wanted = true;
    l->restored_known = !is_transformed(m->extract, name, size);
    struct ordered *o = m->extract->rear;
    m->counter = null_sink_new(o, counted, m);
    if (m->counter != NULL)
        m->limit = limit_new(o, m->counter, m->extract->settings->limits, m->shown);
    if (m->limit == NULL)
        return diag_fault_memory(f);
    m->sink = m->limit;
    return 0;
}

static int take_output(struct member *m, const char *name, size_t size, struct fault *f) {
    struct extract *e = m->extract;
    char shown[SHOWN_SIZE];
    if (e->output_taken)
        return diag_fault(f, EX_DATAERR, "%s: the archive has another member of this name",
                          diag_name(name, size, shown, sizeof shown));
    e->output_taken = true;
    m->handle->output = true;
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
    return outfiles_begin(e->settings->files, name, size, m->shown, complete, m, &m->sink,
                          &m->handle->file, f);
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

static void note_undone(struct handle *h, const struct plan *p) {
    h->undone_count = p->count;
    for (int i = 0; i < p->count; i++)
        h->undone[i] = (uint8_t)p->undo[i];
}

static bool undoes_the_same(const struct handle *h, const struct plan *p) {
    bool same = h->undone_count == p->count;
    for (int i = 0; same && i < p->count; i++)
        same = h->undone[i] == p->undo[i];
    return same;
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
    note_undone(m->handle, &p);
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

static struct handle *new_handle(struct extract *e) {
    struct handle *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->next = e->handles;
    return e->handles = h;
}

static void free_handles(struct extract *e) {
    for (struct handle *next, *h = e->handles; h != NULL; h = next) {
        next = h->next;
        if (!h->queued)
            listing_entry_free(h->listed);
        free(h);
    }
}

// The member on its way that the reader's pointer stands for; NULL: none.
static struct member *member_of(void *handle) {
    return handle != NULL ? ((struct handle *)handle)->member : NULL;
}

// Adds a member on its way, and a handle for it if *h is NULL.
static struct member *add_member(struct extract *e, struct handle **h) {
    if (*h == NULL && (*h = new_handle(e)) == NULL)
        return NULL;
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->extract = e;
    m->handle = *h;
    (*h)->member = m;
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

// Takes a member that is not wanted. What looks at it all the same, if anything, is added.
static int pass_over(struct extract *e, const char *stored, size_t stored_size, struct handle **h,
                     struct fault *f) {
    struct member_name clean;
    struct fault refused;
    if (member_name_clean(&clean, stored, stored_size, &refused) < 0 ||
        !is_redo(e, clean.bytes, clean.size))
        return 0;
    free_members(&e->complete);
    struct member *m = add_member(e, h);
    if (m == NULL)
        return diag_fault_memory(f);
    m->sink = m->dropped = null_sink_new(e->rear, complete, m);
    if (m->sink == NULL || read_along(m, clean.bytes, clean.size, f) < 0)
        return diag_fault_memory(f);
    return 0;
}

static int pass_unwanted(struct extract *e, const char *name, size_t size, void **member,
                         struct fault *f) {
    struct handle *h = NULL;
    int result = pass_over(e, name, size, &h, f);
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
    free_members(&e->complete);
    struct handle *h = NULL;
    struct member *m = add_member(e, &h);
    if (m == NULL)
        return diag_fault_memory(f);
    h->wanted = true;
    diag_name(name, size, m->shown, sizeof m->shown);
    counters_set_member(m->shown);
    *member = h;
    return open_member(m, name, size, f);
}

// Each decoder has its output besides its input.
static unsigned weight(void *context, void *member) {
    (void)context;
    const struct member *m = member_of(member);
    return m != NULL ? 1 + m->decoder_count : 1;
}

// What takes the member's bytes as they are stored.
static struct stage *first_stage(const struct member *m) {
    return m->decoder_count > 0 ? m->decoders[m->decoder_count - 1]
           : m->capture != NULL ? m->capture
                                : m->sink;
}

static void data(void *context, void *member, struct view v) {
    (void)context;
    struct member *m = member_of(member);
    if (m == NULL)
        return;
    struct listing_entry *l = m->handle->listed;
    if (l != NULL) {
        l->stored += v.data != NULL ? v.size : 0;
        l->sparse = l->sparse || v.data == NULL;
    }
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

static void fail_memory(struct extract *e) {
    struct fault f;
    diag_fault_memory(&f);
    ordered_fail_now(e->ordered, &f);
}

static void seek(void *context, void *member, uint64_t offset) {
    (void)context;
    const struct member *m = member_of(member);
    if (m != NULL)
        stage_seek(first_stage(m), offset);
}

static void end(void *context, void *member) {
    struct extract *e = context;
    const struct member *m = member_of(member);
    if (m == NULL)
        return;
    struct handle *h = m->handle;
    if (h->listed != NULL && !h->queued)
        h->queued = listing_add(&e->listing, h->listed);
    if (h->listed != NULL && !h->queued)
        fail_memory(e);
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
    const struct member *m = member_of(member);
    if (m == NULL)
        return;
    for (unsigned i = 0; i < m->decoder_count; i++)
        m->decoders[i]->salvage = scope;
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

static void say_changed(const struct extract *e, const char *from, const char *to) {
    char shown_from[SHOWN_SIZE], shown_to[SHOWN_SIZE];
    diag_name(from, strlen(from), shown_from, sizeof shown_from);
    if (to != NULL)
        diag_name(to, strlen(to), shown_to, sizeof shown_to);
    if (e->settings->changed != NULL)
        e->settings->changed(shown_from, to != NULL ? shown_to : NULL);
}

// A member that is not decoded would have to be in the end, by the name that it gets then.
static int refuse_unselected(const char *from, const char *name, size_t size, struct fault *f) {
    char shown_from[SHOWN_SIZE], shown[SHOWN_SIZE];
    return diag_fault(f, EX_NOINPUT,
                      "%s: the stream sends it as %s, which is not selected, and renames it later; "
                      "select that, too",
                      diag_name(name, size, shown, sizeof shown),
                      diag_name(from, strlen(from), shown_from, sizeof shown_from));
}

static int refuse_other_decoding(const char *from, const char *name, size_t size, struct fault *f) {
    char shown_from[SHOWN_SIZE], shown[SHOWN_SIZE];
    return diag_fault(f, EX_DATAERR,
                      "%s: the stream renames it to %s, which would be decoded in another way; "
                      "unpack without --decompress and --decrypt",
                      diag_name(from, strlen(from), shown_from, sizeof shown_from),
                      diag_name(name, size, shown, sizeof shown));
}

// The one member that goes to standard output has gone there.
static int refuse_output(struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "the stream removes the member, or sends it anew, after its bytes: what was "
                      "written is not of the backup; unpack it with -C");
}

static int remove_member(void *context, void *member, const char *name, struct fault *f) {
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

// Renames a member that is decoded: a file, or part of a list in long form, or what goes to
// standard output, which keeps its bytes.
static int rename_decoded(struct extract *e, struct handle *h, const char *from, const char *name,
                          size_t size, struct fault *f) {
    struct plan p;
    if (make_plan(e, name, size, &p, f) < 0)
        return -1;
    if (!undoes_the_same(h, &p))
        return refuse_other_decoding(from, name, size, f);
    say_changed(e, from, name);
    if (h->listed != NULL && !listing_entry_rename(h->listed, name, size))
        return diag_fault_memory(f);
    return h->file != NULL ? restored_rename(h->file, p.name.bytes, p.name.size, e->reader, f) : 0;
}

static int rename_member(void *context, void *member, const char *from, const char *name,
                         size_t size, struct fault *f) {
    struct extract *e = context;
    struct handle *h = member;
    if (e->settings->info_only)
        return 0;
    bool wanted = selection_wants(e->settings->selection, name, size);
    if (h == NULL || !h->wanted)
        return wanted ? refuse_unselected(from, name, size, f) : 0;
    if (selection_excludes(e->settings->selection, name, size))
        return remove_member(e, h, from, f);
    return rename_decoded(e, h, from, name, size, f);
}

static int remove_folder(void *context, const char *name, size_t size, struct fault *f) {
    const struct extract *e = context;
    struct member_name clean;
    struct fault unused;
    if (e->settings->files == NULL || member_name_clean(&clean, name, size, &unused) < 0)
        return 0;
    return outfiles_remove_folder(e->settings->files, clean.bytes, clean.size, f);
}

// ---- A list of names, for which nothing is decoded.

static int list_begin(void *context, const char *name, size_t size, void **member,
                      struct fault *f) {
    struct extract *e = context;
    struct handle *h = *member = new_handle(e);
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
    return pass_over(e, name, size, &h, f);
}

static int list_rename(void *context, void *member, const char *from, const char *name, size_t size,
                       struct fault *f) {
    struct extract *e = context;
    struct listing_entry *l = ((struct handle *)member)->listed;
    (void)from;
    l->wanted = selection_wants(e->settings->selection, name, size) ||
                (l->wanted && !selection_excludes(e->settings->selection, name, size));
    return listing_entry_rename(l, name, size) ? 0 : diag_fault_memory(f);
}

static int list_remove(void *context, void *member, const char *name, struct fault *f) {
    const struct extract *e = context;
    struct listing_entry *l = ((struct handle *)member)->listed;
    (void)f;
    if (l->wanted)
        selection_forget(e->settings->selection, name, strlen(name));
    l->wanted = false;
    return 0;
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
                                       .rename = list_rename,
                                       .remove = list_remove,
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
                                   .remove_folder = remove_folder,
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
    char name[LISTED_SIZE], forms[SHOWN_SIZE + 8];
    diag_name(l->name, l->size, name, sizeof name);
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
    free_members(&e->members);
    free_members(&e->complete);
    free_handles(e);
    listing_free(e->listing);
    stage_free(e->output);
    stage_free(e->sink);
    stage_free(e->reader);
    stage_free(e->tar_reader);
    free(e);
}
