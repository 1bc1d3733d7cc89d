// SPDX-License-Identifier: Apache-2.0
#include "members.h"

#include "base/member_name.h"
#include "fuzz.h"

enum { HOLES_MAX = 1 << 16 };

static void show(struct fuzz_members *r, const void *data, size_t size) {
    stage_push(r->next, (struct view){.data = data, .size = size});
}

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    struct fuzz_members *r = context;
    if (name[size] != '\0' || size == 0 || size > MEMBER_NAME_MAX)
        fuzz_broken("a member's name of %zu bytes", size);
    if (r->members == FUZZ_MEMBERS_MAX)
        return diag_fault(f, EX_DATAERR, "too many members for the fuzzer");
    *member = &r->member[r->members];
    r->member[r->members] = (struct fuzz_member){.number = r->members};
    r->members++;
    return 0;
}

static void mark(struct fuzz_members *r, const struct fuzz_member *m, char what) {
    char text[2] = {what, (char)m->number};
    show(r, text, sizeof text);
}

static void data(void *context, void *member, struct view v) {
    struct fuzz_members *r = context;
    const struct fuzz_member *m = member;
    if (m->ended)
        fuzz_broken("data after a member's end");
    if (r->current != m->number + 1)
        mark(r, m, 'd');
    r->current = m->number + 1;
    if (v.data != NULL)
        show(r, v.data, v.size);
    else if (v.size <= HOLES_MAX)
        stage_push(r->next, v);
}

static void end(void *context, void *member) {
    struct fuzz_members *r = context;
    struct fuzz_member *m = member;
    if (m->ended)
        fuzz_broken("a member's second end");
    m->ended = true;
    r->current = 0;
    mark(r, m, 'e');
}

static void seek(void *context, void *member, uint64_t offset) {
    struct fuzz_members *r = context;
    const struct fuzz_member *m = member;
    if (m->ended || m->removed)
        fuzz_broken("a seek after a member's end");
    r->current = 0;
    mark(r, m, 's');
    show(r, &offset, sizeof offset);
}

// These two are met in the input, so that what they change must not depend on what was delivered.
static int rename_member(void *context, void *member, const char *from, const char *name,
                         size_t size, struct fault *f) {
    const struct fuzz_member *m = member;
    (void)context, (void)f;
    if (m->removed || from[0] == '\0' || name[size] != '\0' || size == 0 || size > MEMBER_NAME_MAX)
        fuzz_broken("a member gets a name of %zu bytes", size);
    return 0;
}

static int remove_member(void *context, void *member, const char *name, struct fault *f) {
    struct fuzz_member *m = member;
    (void)context, (void)f;
    if (m->removed || name[0] == '\0')
        fuzz_broken("a member is removed twice");
    m->removed = true;
    return 0;
}

static void finish(void *context) {
    struct fuzz_members *r = context;
    for (unsigned i = 0; i < r->members; i++)
        if (!r->member[i].ended)
            fuzz_broken("the stream ended well, member %u did not", i);
    stage_finish(r->next);
}

static void unfinished(void *context, const char *name, size_t size) {
    (void)context;
    if (name[size] != '\0')
        fuzz_broken("a name is not terminated");
}

struct archive_target fuzz_members_target(struct fuzz_members *m, struct stage *next) {
    *m = (struct fuzz_members){.next = next};
    return (struct archive_target){.begin = begin,
                                   .data = data,
                                   .end = end,
                                   .seek = seek,
                                   .rename = rename_member,
                                   .remove = remove_member,
                                   .finish = finish,
                                   .unfinished = unfinished,
                                   .context = m};
}

void fuzz_members_run(feed_maker *make, const uint8_t *bytes, size_t size) {
    static struct fuzz_members members;
    struct fuzz_input in = {bytes, size};
    uint8_t choice = fuzz_byte(&in);
    struct fuzz_how how = {.pieces = choice & 0x7f, .salvage = choice & 0x80};
    struct fed fed;
    fuzz_stage(make, &members, in.data, in.size, &how, &fed);
    fed_free(&fed);
}
