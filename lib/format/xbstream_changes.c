// SPDX-License-Identifier: Apache-2.0
// MariaDB's changes to members that have been sent: renames, removals, rewrites and
// seeks.
#include "format/xbstream_reader_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// Removes an ended member from the backup.
static int remove_member(struct reader *r, struct member *m, struct fault *f) {
    xbstream_roster_remove(&r->roster, m->name, m->name_size);
    m->removed = true;
    return r->target.remove != NULL && !m->refused
               ? r->target.remove(r->target.context, m->target, m->name, f)
               : 0;
}

// The fault for a chunk that would rename or remove an open member.
static int refuse_open(const struct reader *r, const struct member *m, struct fault *f) {
    diag_fault(f, EX_DATAERR,
               "xbstream chunk %s renames or removes a file that has not ended; the stream is "
               "damaged",
               place_text(&r->head.place, 0));
    return xbstream_reader_prefix(m, f);
}

// The prefix of the names that a D chunk removes, if there is no member of its own name: the
// folder, or the table before "#P#*".
static size_t removed_prefix(const struct xbstream_chunk *h,
                             char prefix[static MEMBER_NAME_MAX + 2]) {
    enum { STAR = 4 };
    size_t size = h->path_size;
    memcpy(prefix, h->path, size);
    const char *end = prefix + size - STAR;
    if (size > STAR && (memcmp(end, "#P#*", STAR) == 0 || memcmp(end, "#p#*", STAR) == 0))
        return size - 1;
    if (prefix[size - 1] != '/')
        prefix[size++] = '/';
    return size;
}

// Removes the members whose names begin with the prefix. Returns their number, or -1 and *f.
static int remove_below(struct reader *r, const char *prefix, size_t size, struct fault *f) {
    struct member *m;
    const struct name *name;
    int count = 0;
    for (; (m = xbstream_roster_below(&r->roster, prefix, size, &name)) != NULL; count = 1)
        if (!m->ended)
            return refuse_open(r, m, f);
        else if (remove_member(r, m, f) < 0)
            return -1;
    return count;
}

static int remove_members(struct reader *r, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    struct member *m = xbstream_reader_known(r, h);
    if (m != NULL)
        return m->ended ? remove_member(r, m, f) : refuse_open(r, m, f);
    char prefix[MEMBER_NAME_MAX + 2];
    size_t size = removed_prefix(h, prefix);
    int removed = remove_below(r, prefix, size, f);
    if (removed <= 0 || prefix[size - 1] != '/' || r->target.remove_folder == NULL)
        return removed < 0 ? -1 : 0;
    return r->target.remove_folder(r->target.context, prefix, size - 1, f);
}

static int refuse_folder(const struct reader *r, struct fault *f) {
    return diag_fault(f, EX_DATAERR, "%s: xbstream chunk %s renames a folder: expected a file",
                      diag_shown_name(r->header.path, r->header.path_size, 200),
                      place_text(&r->head.place, 0));
}

// Whether there are members in the folder that the path names.
static bool is_folder(const struct reader *r, const uint8_t *path, size_t size) {
    char prefix[MEMBER_NAME_MAX + 2];
    const struct name *name;
    memcpy(prefix, path, size);
    prefix[size] = '/';
    return xbstream_roster_below(&r->roster, prefix, size + 1, &name) != NULL;
}

static int give_name(struct reader *r, struct member *m, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    char *name = xbstream_reader_copy_name(h->new_path, h->new_path_size);
    void **slot = name != NULL ? xbstream_roster_add(&r->roster, name, h->new_path_size) : NULL;
    if (slot == NULL) {
        free(name);
        return diag_fault_memory(f);
    }
    *slot = m;
    const struct archive_target *target = &r->target;
    int result = 0;
    if (target->rename != NULL && !m->refused)
        result = target->rename(target->context, m->target, m->name, name, h->new_path_size, f);
    xbstream_roster_remove(&r->roster, m->name, m->name_size);
    free(m->name);
    m->name = name;
    m->name_size = h->new_path_size;
    return result;
}

static int rename_member(struct reader *r, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    struct member *m = xbstream_reader_known(r, h);
    if (m == NULL)
        return is_folder(r, h->path, h->path_size) ? refuse_folder(r, f) : 0;
    struct member *replaced =
        xbstream_roster_find(&r->roster, (const char *)h->new_path, h->new_path_size);
    if (replaced == m && m->ended)
        return 0;
    if (!m->ended || (replaced != NULL && !replaced->ended))
        return refuse_open(r, m->ended ? replaced : m, f);
    if (replaced != NULL && remove_member(r, replaced, f) < 0)
        return -1;
    return give_name(r, m, f);
}

int xbstream_changes_apply(struct reader *r, struct fault *f) {
    return r->header.type == XBSTREAM_RENAME ? rename_member(r, f) : remove_members(r, f);
}

int xbstream_changes_forget_rewritten(struct reader *r, struct fault *f) {
    struct member *m = r->header.rewrite ? xbstream_reader_known(r, &r->header) : NULL;
    return m != NULL && m->ended ? remove_member(r, m, f) : 0;
}

int xbstream_changes_seek(struct reader *r, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    struct member *m = xbstream_reader_member(r, f);
    if (m == NULL || xbstream_reader_check_open(r, f) < 0)
        return -1;
    if (!m->ended && h->offset <= m->size) {
        m->offset = h->offset;
        xbstream_reader_mark(r, m, true, h->offset);
        return 0;
    }
    const char *where = place_text(&r->head.place, 0);
    if (m->ended)
        diag_fault(f, EX_DATAERR, "xbstream chunk %s comes after the end of its member", where);
    else
        diag_fault(f, EX_DATAERR,
                   "xbstream chunk %s seeks beyond the end of its member: expected an offset of at "
                   "most %" PRIu64 ", found %" PRIu64,
                   where, m->size, h->offset);
    return xbstream_reader_prefix(m, f);
}
