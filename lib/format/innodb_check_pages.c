// SPDX-License-Identifier: Apache-2.0
// Judges each page, and reports what it finds.
#include "format/innodb_check_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LISTED_MAX = 1000 }; // bad pages of a file that a salvage report lists one by one

// A run of pages that are judged together.
struct run {
    struct unit unit;
    struct checker *checker;
    struct view view; // holds a reference
    uint64_t position;
    size_t count;
    struct seen pages[];
};

static enum job_result run_pages(struct job *job, unsigned thread) {
    (void)thread;
    struct run *r = (struct run *)job;
    const struct innodb_page_layout *layout = &r->checker->layout;
    char unused[INNODB_PAGE_WHY];
    for (size_t i = 0; i < r->count; i++)
        r->pages[i].verdict = innodb_page_judge(r->view.data + i * layout->size, layout, unused);
    return JOB_DONE;
}

void innodb_check_pages_report(struct checker *c, uint64_t offset, const char *where,
                               const char *what) {
    struct innodb_check *check = c->check;
    check->bad++;
    check->bad_files += c->bad++ == 0;
    if (c->stage.salvage == NULL) {
        struct fault f;
        diag_fault(&f, EX_DATAERR,
                   "%s%s%s; it was so when it was packed: look at the server's own file with "
                   "innochecksum; --salvage keeps the file as NAME.damaged",
                   what, where != NULL ? ", " : "", where != NULL ? where : "");
        stage_break(&c->stage, &f);
        return;
    }
    if (c->bad > LISTED_MAX)
        return;
    struct salvage_loss loss = {.format = "InnoDB",
                                .offset = offset,
                                .placed = true,
                                .output_offset = offset,
                                .exact = true};
    salvage_lost(c->stage.salvage, &loss, what);
}

// Reports a page.
static void report_page(struct checker *c, const struct run *r, size_t i, const char *why) {
    char what[SALVAGE_WHY_MAX];
    struct place place = view_place(&r->view, r->position);
    uint64_t offset = i * c->layout.size;
    snprintf(what, sizeof what, "damaged page %" PRIu32 ": %s", c->first + r->pages[i].expected,
             why);
    innodb_check_pages_report(c, r->position + offset, place_text(&place, (size_t)offset), what);
}

// Whether the page is in the doublewrite buffer: it may be a copy of any other page, or torn.
static bool is_copy(const struct checker *c, uint32_t number) {
    for (int i = 0; i < 2; i++)
        if (number >= c->copies.first[i] && number - c->copies.first[i] < c->copies.count)
            return true;
    return false;
}

// Reads from page 0 what it says about the tablespace.
static void take_page0(struct checker *c, const uint8_t *page) {
    c->space_size = innodb_page_space_size(page);
    if (c->layout.kind != INNODB_PAGE_ROWS)
        c->check->page_size = c->layout.size;
}

// Checks the head of a page whose checksum is right. Returns false, and the reason in `why`, if it
// is wrong.
static bool check_head(struct checker *c, const uint8_t *page, uint32_t expected, char *why) {
    uint32_t number = innodb_page_number(page), space = innodb_page_space(page);
    uint64_t lsn = innodb_page_lsn(page);
    if (!c->first_known)
        c->first = number - expected;
    c->first_known = true;
    if (number != c->first + expected) {
        snprintf(why, INNODB_PAGE_WHY, "expected page %" PRIu32 " here, found page %" PRIu32,
                 c->first + expected, number);
        return false;
    }
    bool readable = innodb_page_space_readable(page, c->layout.kind);
    if (readable && !c->space_known)
        c->space = space;
    c->space_known = c->space_known || readable;
    if (readable && space != c->space) {
        snprintf(why, INNODB_PAGE_WHY,
                 "expected a page of tablespace %" PRIu32 ", found one of tablespace %" PRIu32,
                 c->space, space);
        return false;
    }
    if (c->lsn_limit != 0 && lsn > c->lsn_limit) {
        snprintf(why, INNODB_PAGE_WHY,
                 "expected an LSN up to the backup's last, %" PRIu64 ", found %" PRIu64,
                 c->lsn_limit, lsn);
        return false;
    }
    return true;
}

static void note_lsn(struct checker *c, const uint8_t *page) {
    uint64_t lsn = innodb_page_lsn(page);
    if (lsn <= c->lsn)
        return;
    c->lsn = lsn;
    c->lsn_page = innodb_page_number(page);
}

static void take_sound(struct checker *c, const struct run *r, size_t i) {
    const uint8_t *page = r->view.data + i * c->layout.size;
    char why[INNODB_PAGE_WHY];
    if (!check_head(c, page, r->pages[i].expected, why)) {
        report_page(c, r, i, why);
        return;
    }
    c->sound++;
    c->check->sound++;
    if (innodb_page_number(page) == 0)
        take_page0(c, page);
    note_lsn(c, page);
    if (c->decrypted && c->check->decrypt != NULL)
        c->check->decrypt->plaintext_known = c->check->decrypt->not_random = true;
}

static void take_bad(struct checker *c, const struct run *r, size_t i) {
    char why[INNODB_PAGE_WHY];
    innodb_page_judge(r->view.data + i * c->layout.size, &c->layout, why);
    report_page(c, r, i, why);
}

static void deliver_run(struct unit *unit) {
    const struct run *r = (struct run *)unit;
    struct checker *c = r->checker;
    for (size_t i = 0; i < r->count && !c->stage.broken; i++) {
        const uint8_t *page = r->view.data + i * c->layout.size;
        enum innodb_page_verdict verdict = r->pages[i].verdict;
        uint32_t number = c->first + r->pages[i].expected;
        c->page0_empty = c->page0_empty || (number == 0 && verdict == INNODB_PAGE_EMPTY);
        if (verdict == INNODB_PAGE_SOUND || verdict == INNODB_PAGE_UNPROVED)
            innodb_page_copies(page, c->layout.size, &c->copies);
        if (verdict == INNODB_PAGE_EMPTY)
            c->check->empty++;
        else if (verdict == INNODB_PAGE_UNPROVED || is_copy(c, number))
            c->check->unproved++;
        else if (verdict == INNODB_PAGE_SOUND)
            take_sound(c, r, i);
        else
            take_bad(c, r, i);
    }
}

static void release_run(struct unit *unit) {
    struct run *r = (struct run *)unit;
    slab_unref(r->view.slab);
    free(r);
}

// The number that page `i` should have if the file's first page is page 0.
static uint32_t next_expected(struct checker *c, uint64_t position, size_t i) {
    if (c->form == CHECK_DELTA)
        return innodb_delta_number(c->group.data, c->group_next + i);
    return (uint32_t)(position / c->layout.size + i);
}

void innodb_check_pages_submit(struct checker *c, struct view v, uint64_t position) {
    size_t count = v.size / c->layout.size;
    struct run *r = stage_unit(&c->stage, sizeof *r + count * sizeof r->pages[0], deliver_run, &v);
    if (r == NULL)
        return;
    r->unit.job.run = run_pages;
    r->unit.release = release_run;
    r->unit.cost += v.size;
    r->checker = c;
    r->view = v;
    r->position = position;
    r->count = count;
    for (size_t i = 0; i < count; i++)
        r->pages[i].expected = next_expected(c, position, i);
    ordered_submit(c->stage.ordered, &r->unit);
}

// ---- The end of a file.

static void add_lsn(const struct checker *c) {
    struct innodb_check *check = c->check;
    if (c->lsn <= check->lsn)
        return;
    check->lsn = c->lsn;
    snprintf(check->lsn_page, sizeof check->lsn_page, "%.*s: page %" PRIu32,
             diag_cut(checker_name(c), 250), checker_name(c), c->lsn_page);
}

static void check_size(struct checker *c, uint64_t pages) {
    struct innodb_check *check = c->check;
    if (c->form == CHECK_SYSTEM) { // which has several files
        check->system_found += c->position;
        if (c->space_size > 0)
            check->system_size = c->space_size * c->layout.size;
        return;
    }
    if (c->space_size <= pages || check->small_files++ > 0)
        return;
    snprintf(check->small_file, sizeof check->small_file,
             "%.*s: expected %" PRIu64 " pages, as its page 0 says, found %" PRIu64,
             diag_cut(checker_name(c), 250), checker_name(c), c->space_size, pages);
}

// Checks that a file of changes lacks neither pages nor its last group.
static void check_group(struct checker *c) {
    if (c->given_up || (c->group_last && c->group_next == c->group_pages))
        return;
    char what[SALVAGE_WHY_MAX];
    if (c->group_next < c->group_pages)
        snprintf(what, sizeof what,
                 "the file ends early: expected %zu pages in its last group, found %zu",
                 c->group_pages, c->group_next);
    else
        snprintf(what, sizeof what,
                 "the file ends early: expected a last group of pages, which begins with \"XTRA\"");
    innodb_check_pages_report(c, c->position, NULL, what);
}

static void check_rest(struct checker *c, size_t page, uint64_t rest) {
    char what[SALVAGE_WHY_MAX];
    snprintf(what, sizeof what,
             "the file ends inside page %" PRIu64 ": expected %zu bytes of it, found %" PRIu64,
             c->first + c->position / page, page, rest);
    innodb_check_pages_report(c, c->position - rest, NULL, what);
}

void innodb_check_pages_end(struct checker *c) {
    size_t page = c->known ? c->layout.size : (size_t)INNODB_PAGE_MIN_ROWS;
    uint64_t rest = c->position % page;
    add_lsn(c);
    if (rest != 0 && !c->given_up)
        check_rest(c, page, rest);
    else if (c->form == CHECK_DELTA)
        check_group(c);
    else if (c->page0_empty && c->first == 0 && c->sound > 0)
        innodb_check_pages_report(
            c, 0, NULL, "damaged page 0: expected what describes the tablespace, found zeros");
    else if (!c->given_up)
        check_size(c, c->position / page);
}
