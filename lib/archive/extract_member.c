// SPDX-License-Identifier: Apache-2.0
// The stages of a member: its decoders, the stages that read along, and its sink.
#include "archive/extract_private.h"
#include "engine/capture.h"
#include "engine/limit.h"
#include "engine/null_sink.h"
#include "format/lz4_dec.h"
#include "format/qpress_dec.h"
#include "format/suffix.h"
#include "format/zstd_dec.h"

#include <stdio.h>
#include <stdlib.h>

struct ordered *extract_member_queue(const struct extract *e, unsigned place) {
    struct ordered *o = e->ordered;
    for (unsigned i = 0; i < place; i++)
        o = ordered_next(o);
    return o;
}

struct handle *extract_member_new_handle(struct extract *e) {
    struct handle *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->next = e->handles;
    e->handles = h;
    return h;
}

void extract_member_free_handles(struct extract *e) {
    for (struct handle *next, *h = e->handles; h != NULL; h = next) {
        next = h->next;
        if (!h->queued)
            listing_entry_free(h->listed);
        free(h);
    }
}

struct member *extract_member_of(void *handle) {
    return handle != NULL ? ((struct handle *)handle)->member : NULL;
}

struct member *extract_member_add(struct extract *e, struct handle **h) {
    if (*h == NULL && (*h = extract_member_new_handle(e)) == NULL)
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

static void free_member(struct member *m) {
    for (unsigned i = 0; i < m->decoder_count; i++)
        stage_free(m->decoders[i]);
    stage_free(m->capture);
    stage_free(m->dropped);
    stage_free(m->limit);
    stage_free(m->counter);
    free(m);
}

void extract_member_free_all(const struct chain *list) {
    struct chain *m;
    while ((m = chain_first(list)) != NULL) {
        chain_remove(m);
        free_member((struct member *)m);
    }
}

// In order: all bytes of the member have arrived. Its stages, which call this, are freed later.
static void complete(void *context) {
    struct member *m = context;
    m->handle->member = NULL;
    chain_remove(&m->link);
    chain_add(&m->extract->complete, &m->link);
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

static int build_decoders(struct member *m, const struct member_plan_undo *undo, struct fault *f) {
    struct stage *next = m->capture != NULL ? m->capture : m->sink;
    for (int i = 0; i < undo->count; i++) {
        next = make_decoder(m, undo->suffixes[i],
                            extract_member_queue(m->extract, (unsigned)(undo->count - i)), next);
        if (next == NULL)
            return diag_fault_memory(f);
        next->name = m->shown;
        m->decoders[m->decoder_count++] = next;
    }
    return 0;
}

// A member of the long list has been counted.
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

// Begins the member's entry in the long list. `stored` is its name in the archive.
static int begin_entry(struct member *m, const char *stored, size_t stored_size,
                       const struct member_plan *p, struct fault *f) {
    char forms[SHOWN_SIZE];
    describe_forms(stored, stored_size, forms);
    struct listing_entry *l = listing_entry_new(stored, stored_size, forms);
    if (l == NULL)
        return diag_fault_memory(f);
    m->handle->listed = l;
    l->wanted = true;
    l->restored_known = !p->transformed;
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
    if (e->output_taken)
        return diag_fault(f, EX_DATAERR, "%s: the archive has another member of this name",
                          diag_shown_name(name, size, SHOWN_SIZE));
    e->output_taken = true;
    m->handle->output = true;
    m->sink = e->output;
    return 0;
}

// In order: a member that describes the backup has been read completely.
static void captured(void *context, const char *data, size_t size) {
    struct member *m = context;
    if (backupinfo_add(m->extract->settings->info, m->info, data, size) < 0) {
        struct fault f;
        diag_fault_memory(&f);
        ordered_fail_now(m->extract->rear, &f);
    }
}

// In order: the beginning of the redo log has been read.
static void captured_redo(void *context, const char *data, size_t size) {
    struct member *m = context;
    backup_complete_redo(m->extract->settings->complete, data, size);
}

// Whether the member's file, whose name has `size` bytes, is a redo log whose beginning is needed.
static bool is_redo(const struct extract *e, const char *name, size_t size) {
    return e->settings->complete != NULL && suffix_of(name, size) == SUFFIX_NONE &&
           backup_complete_wants(name, size);
}

static bool undoes_encryption(const struct member_plan_undo *undo) {
    for (int i = 0; i < undo->count; i++)
        if (undo->suffixes[i] == SUFFIX_XBCRYPT)
            return true;
    return false;
}

// Puts a stage that reads along in front of the sink of a member that describes the backup, or
// whose pages are checked. `name`, of `size` bytes, is the name of its file.
static int read_along(struct member *m, const char *name, size_t size, struct fault *f) {
    struct extract *e = m->extract;
    m->info = e->settings->info != NULL ? backupinfo_file(name, size) : BACKUPINFO_NONE;
    if (m->info != BACKUPINFO_NONE)
        m->capture = capture_new(e->rear, BACKUPINFO_FILE_MAX, m->sink, captured, m);
    else if (is_redo(e, name, size))
        m->capture = capture_new(e->rear, BACKUP_COMPLETE_HEAD, m->sink, captured_redo, m);
    else if (e->settings->pages != NULL && innodb_check_wants(name, size))
        m->capture = innodb_check_new(e->rear, e->settings->pages, name, size,
                                      undoes_encryption(&m->handle->undone), m->sink);
    else
        return 0;
    if (m->capture == NULL)
        return diag_fault_memory(f);
    m->capture->name = m->shown;
    return 0;
}

// Begins the member's sink. `stored` is its name in the archive.
static int begin_sink(struct member *m, const char *stored, size_t stored_size,
                      const struct member_plan *p, struct fault *f) {
    const struct extract *e = m->extract;
    if (e->settings->to_stdout)
        return take_output(m, p->name.bytes, p->name.size, f);
    if (e->settings->files == NULL)
        return begin_entry(m, stored, stored_size, p, f);
    return outfiles_begin(e->settings->files, p->name.bytes, p->name.size, m->shown, complete, m,
                          &m->sink, &m->handle->file, f);
}

int extract_member_plan(const struct extract *e, const char *stored, size_t size,
                        struct member_plan *p, struct fault *f) {
    const struct extract_settings *s = e->settings;
    return member_plan_make(p,
                            &(struct member_plan_rules){.decrypt = s->decrypt != NULL,
                                                        .decompress = s->decompress,
                                                        .any_name = s->files == NULL},
                            stored, size, f);
}

// Counts a member that stays encrypted, or refuses it if a key is required.
static int check_key(struct member *m, const char *stored, size_t size, struct fault *f) {
    struct extract *e = m->extract;
    if (e->settings->decrypt != NULL || suffix_of(stored, size) != SUFFIX_XBCRYPT)
        return 0;
    if (e->settings->need_key)
        return diag_fault(f, EX_USAGE,
                          "%s is encrypted: expected a key; use -f FILE, or set "
                          "XBCRYPT_ENCRYPTION_KEY",
                          m->shown);
    e->left_encrypted++;
    return 0;
}

int extract_member_open(struct member *m, const char *stored, size_t stored_size, struct fault *f) {
    struct extract *e = m->extract;
    struct member_plan p;
    if (check_key(m, stored, stored_size, f) < 0)
        return -1;
    e->opened++;
    if (extract_member_plan(e, stored, stored_size, &p, f) < 0)
        return -1;
    const char *name = p.name.bytes;
    size_t size = p.name.size;
    m->handle->undone = p.undo;
    if (p.transformed && e->settings->pages != NULL)
        e->settings->pages->left += innodb_check_wants(name, suffix_strip(name, size));
    if (p.transformed)
        e->left_transformed++;
    else if (p.layered && e->settings->layered != NULL)
        e->settings->layered(m->shown, diag_shown_name(name, size, SHOWN_SIZE));
    if (begin_sink(m, stored, stored_size, &p, f) < 0 || read_along(m, name, size, f) < 0 ||
        build_decoders(m, &p.undo, f) < 0)
        return -1;
    if (e->settings->files != NULL)
        member_name_warn(&p.name, stored, stored_size, &e->absolute_warned);
    if (e->settings->member != NULL)
        e->settings->member(m->shown, diag_shown_name(name, size, SHOWN_SIZE));
    return 0;
}

int extract_member_pass_over(struct extract *e, const char *stored, size_t stored_size,
                             struct handle **h, struct fault *f) {
    struct member_name clean;
    struct fault refused;
    if (member_name_clean(&clean, stored, stored_size, &refused) < 0 ||
        !is_redo(e, clean.bytes, clean.size))
        return 0;
    extract_member_free_all(&e->complete);
    struct member *m = extract_member_add(e, h);
    if (m == NULL)
        return diag_fault_memory(f);
    m->sink = m->dropped = null_sink_new(e->rear, complete, m);
    if (m->sink == NULL || read_along(m, clean.bytes, clean.size, f) < 0)
        return diag_fault_memory(f);
    return 0;
}

struct stage *extract_member_first_stage(const struct member *m) {
    return m->decoder_count > 0 ? m->decoders[m->decoder_count - 1]
           : m->capture != NULL ? m->capture
                                : m->sink;
}
