// SPDX-License-Identifier: Apache-2.0
#include "extract.h"

#include "lz4_dec.h"
#include "qpress_dec.h"
#include "xbstream_reader.h"
#include "zstd_dec.h"

#include <stdlib.h>
#include <string.h>

// Suffixes that may stand behind each other; writers put two at most.
enum { DECODERS_MAX = 8, SHOWN_SIZE = 256 };

struct extract {
    struct ordered *ordered;
    const struct extract_settings *settings;
    struct stage *reader;
    struct member *members; // begun and not freed
    unsigned left_encrypted;
};

struct member {
    struct extract *extract;
    struct member *next; // in extract->members
    bool complete;
    char shown[SHOWN_SIZE];               // printable name
    struct stage *sink;                   // belongs to settings->files
    struct stage *decoders[DECODERS_MAX]; // [0] is next to the sink
    unsigned decoder_count;
};

static const char *const suffixes[] = {".xbcrypt", ".qp", ".lz4", ".zst"};

static bool has_suffix(const char *name, size_t size, const char *suffix) {
    size_t length = strlen(suffix);
    return size > length && memcmp(name + size - length, suffix, length) == 0 &&
           name[size - length - 1] != '/'; // what is left is a name
}

// The suffix at the end of the name that is to be undone; NULL if there is none.
static const char *suffix_to_undo(const struct extract *e, const char *name, size_t size) {
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        bool wanted = i == 0 ? e->settings->decrypt != NULL : e->settings->decompress;
        if (wanted && has_suffix(name, size, suffixes[i]))
            return suffixes[i];
    }
    return NULL;
}

static struct stage *make_decoder(struct member *m, const char *suffix, struct stage *next) {
    const struct extract_settings *s = m->extract->settings;
    struct ordered *o = m->extract->ordered;
    switch (suffix[1]) {
    case 'x':
        return xbcrypt_dec_new(o, s->decrypt, next);
    case 'q':
        return qpress_dec_new_single(o, s->max_chunk, next);
    case 'l':
        return lz4_dec_new(o, next);
    default:
        return zstd_dec_new(o, next);
    }
}

// In order: the member's file has its name. The stages that are on the way here are freed later.
static void complete(void *context) {
    struct member *m = context;
    m->complete = true;
}

// Frees the members that are complete, or all.
static void free_members(struct extract *e, bool all) {
    for (struct member **link = &e->members; *link != NULL;) {
        struct member *m = *link;
        if (!m->complete && !all) {
            link = &m->next;
            continue;
        }
        *link = m->next;
        for (unsigned i = 0; i < m->decoder_count; i++)
            stage_free(m->decoders[i]);
        free(m);
    }
}

// Works out the name of the member's file: takes the suffixes that are to be undone off `name` and
// notes them, innermost first, in undo[]. Returns their number, or -1 and *f.
static int take_suffixes(const struct extract *e, char *name, size_t *size,
                         const char *undo[DECODERS_MAX], struct fault *f) {
    const char *outermost_first[DECODERS_MAX], *suffix;
    int count = 0;
    while ((suffix = suffix_to_undo(e, name, *size)) != NULL) {
        if (count == DECODERS_MAX)
            return diag_fault(f, EX_DATAERR, "more than %d suffixes to undo", DECODERS_MAX);
        outermost_first[count++] = suffix;
        *size -= strlen(suffix);
        name[*size] = '\0';
    }
    for (int i = 0; i < count; i++)
        undo[i] = outermost_first[count - 1 - i];
    return count;
}

static int build_decoders(struct member *m, const char *const undo[], int count, struct fault *f) {
    struct stage *next = m->sink;
    for (int i = 0; i < count; i++) {
        next = make_decoder(m, undo[i], next);
        if (next == NULL)
            return diag_fault_memory(f);
        next->name = m->shown;
        m->decoders[m->decoder_count++] = next;
    }
    return 0;
}

static int open_member(struct member *m, const char *stored, size_t size, struct fault *f) {
    struct extract *e = m->extract;
    char name[OUTDIR_NAME_MAX + 1];
    const char *undo[DECODERS_MAX];
    if (outdir_check_name(stored, size, f) < 0)
        return -1;
    memcpy(name, stored, size + 1);
    if (e->settings->decrypt == NULL && has_suffix(stored, size, suffixes[0]))
        e->left_encrypted++;
    int count = take_suffixes(e, name, &size, undo, f);
    if (count < 0) {
        diag_prefix(f, m->shown);
        return -1;
    }
    if (outfiles_begin(e->settings->files, name, size, complete, m, &m->sink, f) < 0 ||
        build_decoders(m, undo, count, f) < 0)
        return -1;
    if (e->settings->member != NULL) {
        char shown[SHOWN_SIZE];
        e->settings->member(m->shown, diag_name(name, size, shown, sizeof shown));
    }
    return 0;
}

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    struct extract *e = context;
    free_members(e, false);
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL)
        return diag_fault_memory(f);
    m->extract = e;
    diag_name(name, size, m->shown, sizeof m->shown);
    *member = m;
    m->next = e->members;
    e->members = m;
    return open_member(m, name, size, f);
}

// Each decoder has its output besides its input.
static unsigned weight(void *context, void *member) {
    (void)context;
    return 1 + ((const struct member *)member)->decoder_count;
}

static void data(void *context, void *member, struct view v) {
    (void)context;
    struct member *m = member;
    if (m->decoder_count == 0) {
        stage_push(m->sink, v);
        return;
    }
    struct stage *outermost = m->decoders[m->decoder_count - 1];
    if (v.data != NULL) {
        stage_push(outermost, v);
    } else if (!outermost->broken) {
        struct fault f;
        char where[PLACE_TEXT_SIZE];
        struct place place = {.origin = v.origin, .exact = true};
        diag_fault(&f, EX_DATAERR,
                   "sparse xbstream chunk %s in a member that is encrypted or compressed",
                   place_text(&place, 0, where));
        stage_break(outermost, &f);
    }
}

static void end(void *context, void *member) {
    (void)context;
    struct member *m = member;
    stage_finish(m->decoder_count > 0 ? m->decoders[m->decoder_count - 1] : m->sink);
}

static void finish(void *context) {
    (void)context; // the members' own ends are on their way
}

static void unfinished(void *context, const char *name, size_t size) {
    const struct extract *e = context;
    char shown[SHOWN_SIZE];
    if (e->settings->unfinished != NULL)
        e->settings->unfinished(diag_name(name, size, shown, sizeof shown));
}

static int list_begin(void *context, const char *name, size_t size, void **member,
                      struct fault *f) {
    const struct extract *e = context;
    char shown[2048];
    (void)f;
    *member = NULL;
    diag_name(name, size, shown, sizeof shown);
    if (e->settings->member != NULL)
        e->settings->member(shown, shown);
    return 0;
}

static void list_data(void *context, void *member, struct view v) {
    (void)context, (void)member, (void)v;
}

static void list_end(void *context, void *member) {
    (void)context, (void)member;
}

int extract_new(struct extract **out, struct ordered *o, const struct extract_settings *settings,
                struct fault *f) {
    *out = NULL;
    struct extract *e = calloc(1, sizeof *e);
    if (e == NULL)
        return diag_fault_memory(f);
    e->ordered = o;
    e->settings = settings;
    bool listing = settings->files == NULL;
    e->reader = xbstream_reader_new(o, settings->max_chunk,
                                    (struct xbstream_target){
                                        .begin = listing ? list_begin : begin,
                                        .weight = listing ? NULL : weight,
                                        .data = listing ? list_data : data,
                                        .end = listing ? list_end : end,
                                        .finish = finish,
                                        .unfinished = unfinished,
                                        .context = e,
                                    });
    if (e->reader == NULL) {
        extract_free(e);
        return diag_fault_memory(f);
    }
    *out = e;
    return 0;
}

struct stage *extract_stage(struct extract *e) {
    return e->reader;
}

unsigned extract_left_encrypted(const struct extract *e) {
    return e->left_encrypted;
}

void extract_free(struct extract *e) {
    if (e == NULL)
        return;
    free_members(e, true);
    stage_free(e->reader);
    free(e);
}
