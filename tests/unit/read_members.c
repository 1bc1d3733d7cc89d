// SPDX-License-Identifier: Apache-2.0
#include "read_members.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static struct seen *add(struct record *r, const char *name, size_t size) {
    assert_true(r->count < READ_MEMBERS_MAX);
    assert_true(size < sizeof r->members[0].name);
    assert_int_equal(name[size], '\0');
    struct seen *s = &r->members[r->count++];
    memcpy(s->name, name, size + 1);
    s->name_size = size;
    return s;
}

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    (void)f;
    *member = add(context, name, size);
    return 0;
}

static int folder(void *context, const char *name, size_t size, struct fault *f) {
    (void)f;
    add(context, name, size)->folder = true;
    return 0;
}

static bool wants(void *context, const char *name, size_t size) {
    (void)context, (void)size;
    return strcmp(name, "unwanted") != 0;
}

static void data(void *context, void *member, struct view v) {
    (void)context;
    struct seen *s = member;
    assert_false(s->ended);
    assert_true(v.size > 0);
    if (v.data != NULL) {
        bytes_add(&s->data, v.data, v.size);
        return;
    }
    s->holes += v.size;
    if (v.size <= READ_MEMBERS_HOLE_MAX)
        bytes_zeros(&s->data, v.size);
}

static void end(void *context, void *member) {
    (void)context;
    struct seen *s = member;
    assert_false(s->ended);
    s->ended = true;
}

static void finish(void *context) {
    ((struct record *)context)->finishes++;
}

static void unfinished(void *context, const char *name, size_t size) {
    struct record *r = context;
    for (unsigned i = 0; i < r->count; i++)
        if (r->members[i].name_size == size && memcmp(r->members[i].name, name, size) == 0) {
            assert_false(r->members[i].unfinished);
            r->members[i].unfinished = true;
            return;
        }
    fail_msg("unknown member %s", name);
}

static void take_scope(void *context, void *member, struct salvage_scope *scope) {
    (void)context;
    ((struct seen *)member)->scope = scope;
}

struct archive_target read_members_target(struct record *r) {
    return (struct archive_target){.begin = begin,
                                   .data = data,
                                   .end = end,
                                   .finish = finish,
                                   .unfinished = unfinished,
                                   .salvage = take_scope,
                                   .folder = folder,
                                   .wants = wants,
                                   .context = r};
}

void read_members_on(feed_maker *make, const struct bytes *in, const struct feeding *how,
                     struct record *r) {
    struct fed out;
    feed_run(make, r, in->data, in->size, how, &out);
    r->status = out.status;
    r->fault = out.fault;
    assert_int_equal(out.size, 0);
    assert_int_equal(r->finishes, out.status == 0 ? 1 : 0);
    fed_free(&out);
}

void read_members_failure(feed_maker *make, struct bytes *in, const char *message) {
    struct record r = {0};
    read_members_on(make, in, &(struct feeding){.threads = 1}, &r);
    if (r.status != EX_DATAERR || strcmp(r.fault.text, message) != 0)
        fail_msg("status %d, \"%s\" instead of \"%s\"", r.status, r.fault.text, message);
    read_members_free(&r);
    bytes_free(in);
}

void read_members_free(struct record *r) {
    for (unsigned i = 0; i < r->count; i++)
        bytes_free(&r->members[i].data);
}
