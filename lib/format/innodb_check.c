// SPDX-License-Identifier: Apache-2.0
#include "format/innodb_check.h"

#include "format/innodb_check_private.h"
#include "format/innodb_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUN_MAX = 512 << 10, // bytes of pages that one thread judges at a time
    PAGE_LIKELY = 16 << 10,
    // That wait for their changes. Backup tools write the two one after the other, some at a time;
    // each file of changes looks through the list.
    METAS_MAX = 256
};

// ---- Names.

static bool ends_in(const char *name, size_t size, const char *end) {
    size_t n = strlen(end);
    return size > n && memcmp(name + size - n, end, n) == 0;
}

// "ibdata1", "undo001", "undo_001".
static bool is_numbered(const char *base, size_t size, const char *word) {
    size_t n = strlen(word);
    if (size <= n || memcmp(base, word, n) != 0)
        return false;
    if (base[n] == '_' && size > n + 1)
        n++;
    return strspn(base + n, "0123456789") >= size - n;
}

static const char *base_of(const char *name, size_t *size) {
    const char *slash = memrchr(name, '/', *size);
    const char *base = slash != NULL ? slash + 1 : name;
    *size -= (size_t)(base - name);
    return base;
}

static enum innodb_check_form form_of_space(const char *name, size_t size) {
    size_t base_size = size;
    const char *base = base_of(name, &base_size);
    if (is_numbered(base, base_size, "ibdata"))
        return CHECK_SYSTEM;
    // MariaDB Backup calls a table NAME.new that was created or changed under way.
    bool space = ends_in(base, base_size, ".ibd") || ends_in(base, base_size, ".ibu") ||
                 (base > name && ends_in(base, base_size, ".new")) ||
                 is_numbered(base, base_size, "undo");
    return space ? CHECK_SPACE : CHECK_NONE;
}

static const char delta_end[] = ".delta", meta_end[] = ".meta";

static enum innodb_check_form form_of(const char *name, size_t size) {
    if (ends_in(name, size, delta_end))
        return form_of_space(name, size - strlen(delta_end)) != CHECK_NONE ? CHECK_DELTA
                                                                           : CHECK_NONE;
    if (ends_in(name, size, meta_end))
        return form_of_space(name, size - strlen(meta_end)) != CHECK_NONE ? CHECK_META : CHECK_NONE;
    return form_of_space(name, size);
}

// Whether this is the first file of the system tablespace, or the changes to that file: its first
// page has the number 0. In each further file the numbers continue from the file before.
static bool is_first_of_system(const char *name, size_t size) {
    if (ends_in(name, size, delta_end))
        size -= strlen(delta_end);
    const char *base = base_of(name, &size);
    return size == strlen("ibdata1") && memcmp(base, "ibdata1", size) == 0;
}

static bool is_later_of_system(const char *name, size_t size) {
    size_t plain = ends_in(name, size, delta_end) ? size - strlen(delta_end) : size;
    return form_of_space(name, plain) == CHECK_SYSTEM && !is_first_of_system(name, size);
}

bool innodb_check_wants(const char *name, size_t size) {
    return form_of(name, size) != CHECK_NONE;
}

// ---- NAME.meta.

static void keep_meta(struct checker *c) {
    struct innodb_check *check = c->check;
    struct innodb_delta_meta meta;
    if (check->meta_count == METAS_MAX || c->gather.have == 0 ||
        !innodb_delta_meta((const char *)c->gather.data, c->gather.have, &meta))
        return;
    struct innodb_check_meta *m = malloc(sizeof *m + c->name_size);
    if (m == NULL)
        return; // the changes show it, too
    m->meta = meta;
    m->size = c->name_size - strlen(meta_end);
    memcpy(m->name, c->name, m->size);
    m->next = check->metas;
    check->metas = m;
    check->meta_count++;
}

// Takes what NAME.meta said about the checker's changes out of the list; NULL: it said nothing.
static struct innodb_check_meta *take_meta(struct checker *c) {
    size_t size = c->name_size - strlen(delta_end);
    for (struct innodb_check_meta **at = &c->check->metas; *at != NULL; at = &(*at)->next) {
        struct innodb_check_meta *m = *at;
        if (m->size != size || memcmp(m->name, c->name, size) != 0)
            continue;
        *at = m->next;
        c->check->meta_count--;
        return m;
    }
    return NULL;
}

// ---- The backup's own description.

// Whether the backup is known not to be prepared: then no page has an LSN beyond the backup's. A
// prepared one continues with LSNs of its own.
static bool is_unprepared(const struct backupinfo *info) {
    return strcmp(info->backup_type, "full-backuped") == 0 ||
           strcmp(info->backup_type, "incremental") == 0;
}

static uint64_t last_lsn(const struct backupinfo *info) {
    return info != NULL && is_unprepared(info) ? strtoull(info->last_lsn, NULL, 10) : 0;
}

// ---- From bytes to pages.

// Called at the file's first bytes, because the members before it have been read by then.
static void find_layout(struct checker *c) {
    const struct gather *g = &c->gather;
    size_t server = c->check->page_size;
    if (c->form == CHECK_DELTA) {
        struct innodb_check_meta *m = take_meta(c);
        c->layout =
            innodb_layout_find_delta(g->data, g->have, server, m != NULL ? &m->meta.layout : NULL);
        if (m != NULL)
            c->space = m->meta.space;
        c->space_known = m != NULL;
        free(m);
        if (is_first_of_system(c->name, c->name_size)) // the page that tells may not have changed
            c->copies = innodb_page_copies_usual(c->layout.size);
    } else
        c->layout = innodb_layout_find(g->data, g->have, server);
    c->known = true;
    c->lsn_limit = last_lsn(c->check->info);
    c->check->empty += c->zeros / c->layout.size;
    c->page0_empty = c->zeros > 0;
}

// A failure that is found while input is taken, and is reported in order.
struct finding {
    struct unit unit;
    struct checker *checker;
    uint64_t offset;
    char what[SALVAGE_WHY_MAX];
};

static void deliver_finding(struct unit *unit) {
    const struct finding *f = (struct finding *)unit;
    if (!f->checker->stage.broken)
        innodb_check_pages_report(f->checker, f->offset, NULL, f->what);
}

// Nothing after this can be checked.
static void give_up(struct checker *c, uint64_t offset, const char *what) {
    struct finding *f = stage_unit(&c->stage, sizeof *f, deliver_finding, NULL);
    c->given_up = true;
    if (f == NULL)
        return;
    f->checker = c;
    f->offset = offset;
    snprintf(f->what, sizeof f->what, "%s", what);
    ordered_submit(c->stage.ordered, &f->unit);
}

// Takes the page that begins a group of changes, at `offset` of the file.
static void begin_group(struct checker *c, struct view page, uint64_t offset) {
    bool last = false;
    long pages = -1;
    if (c->group_last)
        give_up(c, offset, "the file goes on behind its last group: expected its end");
    else if (page.data == NULL || (pages = innodb_delta_group(page.data, page.size, &last)) < 0)
        give_up(c, offset,
                "expected a group of changed pages, which begins with \"xtra\" or \"XTRA\", found "
                "something else");
    if (pages < 0)
        return;
    if (view_hold(&page) < 0) {
        stage_fail_memory(&c->stage);
        return;
    }
    slab_unref(c->group.slab);
    c->group = page;
    c->group_pages = (size_t)pages;
    c->group_next = 0;
    c->group_last = last;
}

// Takes whole pages off the view, at `offset` of the file. Returns how many bytes they have.
static size_t take_run(struct checker *c, struct view *v, uint64_t offset) {
    size_t page = c->layout.size, most = v->data != NULL && v->size > RUN_MAX ? RUN_MAX : v->size;
    size_t pages = most / page;
    if (c->form == CHECK_DELTA && pages > c->group_pages - c->group_next)
        pages = c->group_pages - c->group_next;
    struct view part = view_split(v, pages * page);
    if (part.data == NULL) {
        c->check->empty += pages;
        c->page0_empty = c->page0_empty || offset == 0;
    } else
        innodb_check_pages_submit(c, part, offset);
    c->group_next += pages;
    return pages * page;
}

// Takes all whole pages of the view.
static void take_pages(struct checker *c, struct view v, uint64_t offset) {
    size_t page = c->layout.size;
    while (v.size >= page && !stage_is_closed(&c->stage) && !c->given_up) {
        if (c->form == CHECK_DELTA && c->group_next == c->group_pages) {
            begin_group(c, view_split(&v, page), offset);
            offset += page;
        } else
            offset += take_run(c, &v, offset);
    }
}

// Takes what has been gathered: as much as was needed, or all that is left at the end.
static void take_gathered(struct checker *c) {
    struct gather *g = &c->gather;
    if (!c->known && c->form != CHECK_DELTA && g->have >= INNODB_PAGE_MIN_ROWS &&
        innodb_page_is_empty(g->data, g->have))
        c->zeros += g->have;
    else {
        if (!c->known)
            find_layout(c);
        take_pages(c,
                   (struct view){.data = g->data,
                                 .size = g->have,
                                 .slab = g->slab,
                                 .origin = g->place.origin,
                                 .exact = g->place.exact},
                   c->position - g->have);
    }
    gather_clear(g);
}

// Takes bytes that need not wait for others. Returns how many.
static size_t take_directly(struct checker *c, struct view *v) {
    size_t unit = c->known ? c->layout.size : (size_t)INNODB_LAYOUT_PROBE;
    size_t size = v->size - v->size % unit;
    bool zeros = !c->known && v->data == NULL && c->form != CHECK_DELTA;
    if (c->gather.need > 0 || size == 0 || !(c->known || zeros))
        return 0;
    struct view part = view_split(v, size);
    if (zeros)
        c->zeros += size;
    else
        take_pages(c, part, c->position);
    c->position += size;
    return size;
}

static void take(struct checker *c, struct view *v) {
    if (take_directly(c, v) > 0)
        return;
    size_t probe = (size_t)INNODB_LAYOUT_PROBE * (c->form == CHECK_DELTA ? 2 : 1);
    if (c->gather.need == 0)
        gather_begin(&c->gather, c->known ? c->layout.size : probe);
    int full = gather_fill(&c->gather, v, &c->position);
    if (full < 0)
        stage_fail_memory(&c->stage);
    else if (full > 0)
        take_gathered(c);
}

// ---- The stage.

static void push(struct stage *stage, struct view v) {
    struct checker *c = (struct checker *)stage;
    struct view left = v;
    while (left.size > 0 && !stage_is_closed(stage) && !c->given_up)
        take(c, &left);
    if (!stage_is_closed(stage))
        stage_push(c->next, v);
}

static void push_meta(struct stage *stage, struct view v) {
    struct checker *c = (struct checker *)stage;
    struct view left = v;
    if (c->gather.have < INNODB_DELTA_META_MAX && gather_fill(&c->gather, &left, &c->position) < 0)
        stage_fail_memory(stage);
    if (!stage_is_closed(stage))
        stage_push(c->next, v);
}

// The stream overwrites part of the file: neither that part nor anything after it is checked.
static int seek(struct stage *stage, uint64_t offset, struct fault *f) {
    struct checker *c = (struct checker *)stage;
    (void)f;
    c->given_up = true;
    stage_seek(c->next, offset);
    return 0;
}

static void deliver_end(struct stage *stage, void *context) {
    (void)context;
    struct checker *c = (struct checker *)stage;
    innodb_check_pages_end(c);
    if (!stage->broken)
        stage_finish(c->next);
}

static void finish(struct stage *stage) {
    struct checker *c = (struct checker *)stage;
    if (stage_is_closed(stage))
        return;
    if (c->gather.have > 0 && !c->given_up)
        take_gathered(c);
    if (!c->known)
        c->check->empty += c->zeros / (c->check->page_size > 0 ? c->check->page_size : PAGE_LIKELY);
    if (!stage_is_closed(stage))
        stage_end_in_order(stage, deliver_end, NULL);
}

static void finish_meta(struct stage *stage) {
    struct checker *c = (struct checker *)stage;
    if (stage_is_closed(stage))
        return;
    keep_meta(c);
    stage_finish_in_order(stage, c->next);
}

static void free_checker(struct stage *stage) {
    struct checker *c = (struct checker *)stage;
    gather_clear(&c->gather);
    slab_unref(c->group.slab);
    free(c);
}

struct stage *innodb_check_new(struct ordered *o, struct innodb_check *check, const char *name,
                               size_t size, bool decrypted, struct stage *next) {
    static const struct stage_operations pages = {
        .push = push, .finish = finish, .seek = seek, .free = free_checker};
    static const struct stage_operations meta = {
        .push = push_meta, .finish = finish_meta, .free = free_checker};
    enum innodb_check_form form = form_of(name, size);
    struct checker *c = stage_new(sizeof *c + size, form == CHECK_META ? &meta : &pages, o);
    if (c == NULL)
        return NULL;
    c->form = form;
    c->next = next;
    c->check = check;
    c->decrypted = decrypted;
    c->first_known = !is_later_of_system(name, size);
    c->name_size = size;
    memcpy(c->name, name, size);
    if (c->form == CHECK_META)
        gather_begin(&c->gather, INNODB_DELTA_META_MAX);
    else
        check->files++;
    return &c->stage;
}

// ---- At the end of a run.

bool innodb_check_doubt(const struct innodb_check *check, bool *fatal,
                        char text[static INNODB_CHECK_TEXT]) {
    uint64_t limit = last_lsn(check->info);
    *fatal = false;
    if (limit > 0 && check->lsn > limit) {
        snprintf(text, INNODB_CHECK_TEXT,
                 "%s has LSN %" PRIu64 ", which is beyond the backup's last, %" PRIu64
                 ": preparing it may fail",
                 check->lsn_page, check->lsn, limit);
        return true;
    }
    *fatal = check->info == NULL || !is_unprepared(check->info);
    if (check->small_files > 0)
        snprintf(text, INNODB_CHECK_TEXT, "%s%s", check->small_file,
                 check->small_files > 1 ? "; other files are too small, too" : "");
    else if (check->system_size > check->system_found)
        snprintf(text, INNODB_CHECK_TEXT,
                 "the system tablespace: expected %" PRIu64
                 " bytes in its files, as its page 0 says, found %" PRIu64,
                 check->system_size, check->system_found);
    else
        return false;
    return true;
}

void innodb_check_summary(const struct innodb_check *check, char text[static INNODB_CHECK_TEXT]) {
    snprintf(text, INNODB_CHECK_TEXT,
             "%u InnoDB file%s, %" PRIu64 " sound, %" PRIu64 " empty, %" PRIu64
             " not checkable, %" PRIu64 " bad in %u file%s",
             check->files, check->files == 1 ? "" : "s", check->sound, check->empty,
             check->unproved, check->bad, check->bad_files, check->bad_files == 1 ? "" : "s");
}

void innodb_check_clear(struct innodb_check *check) {
    struct innodb_check_meta *m;
    while ((m = check->metas) != NULL) {
        check->metas = m->next;
        free(m);
    }
    check->meta_count = 0;
}
