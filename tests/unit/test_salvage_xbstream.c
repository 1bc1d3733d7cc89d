// SPDX-License-Identifier: Apache-2.0
// Damaged xbstreams: members that are not hit come out whole, the others with holes where they
// should be, and none that is not whole passes for one that is.
#include "archives.h"
#include "damage.h"
#include "feed.h"
#include "format/xbstream_reader.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 64, CHUNKS_MAX = 64, MAX_CHUNK = 1 << 20 };

// A member, as it should be or as it came out.
struct seen {
    char name[520];
    struct bytes data;
    struct salvage_scope *scope;
    bool ended, retracted;
};

struct archive {
    struct seen members[MEMBERS_MAX];
    unsigned count;
};

static struct seen *find(struct archive *a, const char *name) {
    for (unsigned i = 0; i < a->count; i++)
        if (strcmp(a->members[i].name, name) == 0)
            return &a->members[i];
    return NULL;
}

static struct seen *add(struct archive *a, const char *name) {
    assert_true(a->count < MEMBERS_MAX);
    struct seen *s = &a->members[a->count++];
    snprintf(s->name, sizeof s->name, "%s", name);
    return s;
}

static void free_archive(struct archive *a) {
    for (unsigned i = 0; i < a->count; i++)
        bytes_free(&a->members[i].data);
}

// ---- The stream that is damaged.

struct chunk {
    size_t start, end;
    const struct seen *member;
    bool is_end;
};

static struct bytes stream;
static struct archive original;
static struct chunk chunks[CHUNKS_MAX];
static size_t chunk_count;

static void note_chunk(size_t start, const char *name, bool is_end) {
    chunks[chunk_count++] = (struct chunk){start, stream.size, find(&original, name), is_end};
}

static void payload(const char *name, size_t size, unsigned seed) {
    struct seen *s = find(&original, name);
    if (s == NULL)
        s = add(&original, name);
    size_t offset = s->data.size, start = stream.size;
    bytes_noise(&s->data, size, seed);
    xbs_any(&stream, 'P', 0, name, strlen(name), offset, s->data.data + offset, size);
    note_chunk(start, name, false);
}

static void sparse(const char *name, unsigned seed) {
    static const uint32_t map[][2] = {{100, 20}, {7, 10}, {50, 0}};
    struct seen *s = find(&original, name);
    struct bytes data = {0};
    if (s == NULL)
        s = add(&original, name);
    bytes_noise(&data, 30, seed);
    size_t offset = s->data.size, start = stream.size;
    xbs_sparse(&stream, name, offset, map, 3, data.data, data.size);
    bytes_zeros(&s->data, 100);
    bytes_add(&s->data, data.data, 20);
    bytes_zeros(&s->data, 7);
    bytes_add(&s->data, data.data + 20, 10);
    bytes_zeros(&s->data, 50);
    bytes_free(&data);
    note_chunk(start, name, false);
}

static void end(const char *name) {
    size_t start = stream.size;
    if (find(&original, name) == NULL)
        add(&original, name);
    xbs_end(&stream, name);
    note_chunk(start, name, true);
}

static int make_stream(void **state) {
    (void)state;
    payload("db/one.ibd", 40, 1);
    payload("db/two.ibd", 64, 2);
    payload("db/one.ibd", 90, 3);
    end("db/two.ibd");
    payload("db/one.ibd", 30, 4);
    end("db/one.ibd");
    end("empty");
    payload("single", 50, 5);
    end("single");
    sparse("sparse.ibd", 6);
    payload("long.ibd", 33, 7);
    sparse("sparse.ibd", 8);
    payload("long.ibd", 44, 9);
    payload("sparse.ibd", 20, 10);
    end("sparse.ibd");
    payload("long.ibd", 55, 11);
    payload("long.ibd", 66, 12);
    end("long.ibd");
    payload("last", 10, 13);
    end("last");
    return 0;
}

static int free_stream(void **state) {
    (void)state;
    bytes_free(&stream);
    free_archive(&original);
    return 0;
}

// ---- Reading it.

static int on_begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    if (memchr(name, '\0', size) != NULL || strstr(name, "//") != NULL)
        return diag_fault(f, EX_DATAERR, "refused");
    *member = add(context, name);
    return 0;
}

static void on_data(void *context, void *member, struct view v) {
    (void)context;
    struct seen *s = member;
    assert_false(s->ended);
    if (v.data != NULL)
        bytes_add(&s->data, v.data, v.size);
    else
        bytes_zeros(&s->data, v.size < 100000 ? v.size : 100000); // a damaged offset can be large
}

static void on_end(void *context, void *member) {
    (void)context;
    struct seen *s = member;
    assert_false(s->ended);
    s->ended = true;
}

static void on_finish(void *context) {
    (void)context;
}

static void on_salvage(void *context, void *member, struct salvage_scope *scope) {
    (void)context;
    ((struct seen *)member)->scope = scope;
}

static void on_retract(void *context, void *member) {
    struct seen *s = member;
    (void)context;
    assert_true(s->ended);
    s->retracted = true;
}

struct run {
    struct archive archive;
    struct salvage *record;
};

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    (void)next;
    struct run *run = context;
    struct archive_target target = {.begin = on_begin,
                                    .data = on_data,
                                    .end = on_end,
                                    .finish = on_finish,
                                    .salvage = on_salvage,
                                    .retract = on_retract,
                                    .context = &run->archive};
    struct stage *stage = xbstream_reader_new(o, MAX_CHUNK, target);
    stage->salvage = salvage_whole(run->record);
    return stage;
}

// ---- What must be true.

struct damage {
    size_t from, to; // in the sound stream
    size_t put_in;
    char text[100];
};

static bool touches(const struct chunk *c, const struct damage *d) {
    return d->from < c->end && d->to > c->start;
}

// Whether a member that is not hit may still be noted as damaged: what is hit may have been its
// last chunk, or, if it is empty, any.
static bool may_be_doubted(const struct seen *o, const struct damage *d) {
    size_t last = 0, stop = 0;
    for (size_t i = 0; i < chunk_count; i++)
        if (chunks[i].member == o) {
            if (chunks[i].is_end)
                stop = chunks[i].end;
            else
                last = chunks[i].end;
        }
    bool empty = last == 0;
    return d->from < stop + (empty ? 8 : 0) && d->to >= last;
}

static void check_member(struct seen *o, struct run *run, const struct damage *d) {
    struct seen *s = find(&run->archive, o->name);
    bool hit = false;
    for (size_t i = 0; i < chunk_count; i++)
        hit = hit || (chunks[i].member == o && touches(&chunks[i], d));
    bool same = s != NULL && s->data.size == o->data.size &&
                (o->data.size == 0 || memcmp(s->data.data, o->data.data, o->data.size) == 0);
    bool whole = s != NULL && s->ended && !s->retracted && s->scope->losses == 0;
    if (whole && !same)
        fail_msg("%s: %s differs and passes for whole", d->text, o->name);
    if (!hit && !same)
        fail_msg("%s: %s is not hit, and differs", d->text, o->name);
    if (!hit && !whole && !may_be_doubted(o, d))
        fail_msg("%s: %s is not hit, and noted as damaged", d->text, o->name);
    if (s != NULL && !s->ended)
        fail_msg("%s: %s was not ended", d->text, o->name);
    // Damage changes nothing but what it hits: all else is at its place.
    if (s != NULL && s->data.size > 0 && s->data.size <= o->data.size) {
        size_t wrong = 0;
        for (size_t i = 0; i < s->data.size; i++)
            wrong += s->data.data[i] != o->data.data[i] && s->data.data[i] != 0;
        if (wrong > 0)
            fail_msg("%s: %s has %zu bytes out of place", d->text, o->name, wrong);
    }
}

static void check_lost(const struct damage *d, const json_t *report) {
    const json_t *loss;
    size_t i;
    json_array_foreach(json_object_get(report, "lost"), i, loss) {
        assert_string_equal(json_string_value(json_object_get(loss, "format")), "xbstream");
        uint64_t length = damage_number(loss, "length");
        // Nothing here is larger than 200 bytes, and a loss is what is hit and a chunk at its ends.
        if (length > d->to - d->from + d->put_in + 400)
            fail_msg("%s: %llu bytes lost", d->text, (unsigned long long)length);
    }
}

// `same`: the damage may have hit nothing that counts.
static void try(const struct bytes *input, const struct damage *d, bool same) {
    static const struct feeding ways[] = {{.threads = 1, .held = true},
                                          {.threads = 3, .first = 1, .rest = 1},
                                          {.threads = 7, .held = true, .first = 9, .rest = 40}};
    static unsigned count;
    json_t *before = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (i > 0 && (count += 1) % 7 != i) // threads take their time to start
            continue;
        struct run run = {0};
        struct fault f;
        struct fed out;
        assert_int_equal(salvage_new(&run.record, &f), 0);
        feed_run(make, &run, input->data, input->size, &ways[i], &out);
        if (out.status != 0)
            fail_msg("%s, %s: %s", d->text, feeding_text(&ways[i]), out.fault.text);
        json_t *report = damage_report(run.record);
        for (unsigned k = 0; k < original.count; k++)
            check_member(&original.members[k], &run, d);
        check_lost(d, report);
        if (!same && salvage_losses(run.record) == 0)
            fail_msg("%s: nothing is reported", d->text);
        if (before != NULL && !json_equal(before, report))
            fail_msg("%s: another report, %s", d->text, feeding_text(&ways[i]));
        json_decref(before);
        before = report;
        free_archive(&run.archive);
        salvage_free(run.record);
        fed_free(&out);
    }
    json_decref(before);
}

static void test_whole(void **state) {
    (void)state;
    struct run run = {0};
    struct fault f;
    struct fed out;
    assert_int_equal(salvage_new(&run.record, &f), 0);
    feed_run(make, &run, stream.data, stream.size, &(struct feeding){.threads = 3}, &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(salvage_losses(run.record), 0);
    assert_int_equal(run.archive.count, original.count);
    struct damage none = {.text = "no damage"};
    for (unsigned k = 0; k < original.count; k++)
        check_member(&original.members[k], &run, &none);
    free_archive(&run.archive);
    salvage_free(run.record);
    fed_free(&out);
}

static void test_flips(void **state) {
    (void)state;
    static const uint8_t masks[] = {0x01, 0x20, 0x80, 0xff};
    struct bytes input = {0};
    bytes_add(&input, stream.data, stream.size);
    for (size_t at = 0; at < input.size; at++)
        for (size_t i = 0; i < sizeof masks; i++) {
            struct damage d = {.from = at, .to = at + 1};
            snprintf(d.text, sizeof d.text, "byte %zu ^ 0x%02x", at, masks[i]);
            size_t k = 0;
            while (at >= chunks[k].end)
                k++;
            // Nothing tells of the flags of known types, nor of another name for an empty file, nor
            // of an end that became the removal of a file that the stream does not have.
            bool empty = chunks[k].member->data.size == 0;
            bool silent = at == chunks[k].start + 8 || (at >= chunks[k].start + 14 && empty) ||
                          (at == chunks[k].start + 9 && masks[i] == ('E' ^ 'D') && empty);
            input.data[at] ^= masks[i];
            try(&input, &d, silent);
            input.data[at] ^= masks[i];
        }
    bytes_free(&input);
}

enum way { ZEROED, TAKEN_OUT, PUT_IN, CUT, WAYS };

static bool is_chunk_end(size_t at) {
    for (size_t i = 0; i < chunk_count; i++)
        if (chunks[i].end == at)
            return true;
    return at == 0;
}

static void damage(enum way way, size_t at, size_t size) {
    static const char *const names[WAYS] = {"zeroed", "taken out", "put in", "cut"};
    struct bytes input = {0};
    struct damage d = {.from = at,
                       .to = way == PUT_IN ? at + 1
                             : way == CUT  ? stream.size
                                           : at + size};
    d.put_in = way == PUT_IN ? size : 0;
    snprintf(d.text, sizeof d.text, "%zu bytes at %zu %s", size, at, names[way]);
    size_t after = way == CUT ? stream.size : way == PUT_IN ? at : at + size;
    bytes_add(&input, stream.data, at);
    if (way == ZEROED)
        bytes_zeros(&input, size);
    if (way == PUT_IN)
        bytes_noise(&input, size, 7);
    bytes_add(&input, stream.data + after, stream.size - after);
    bool nothing = way == ZEROED && memcmp(input.data + at, stream.data + at, size) == 0;
    if (input.size > 0 &&
        !((way == CUT || way == TAKEN_OUT) && is_chunk_end(at) && is_chunk_end(after)))
        try(&input, &d, nothing);
    bytes_free(&input);
}

static void test_ranges(void **state) {
    (void)state;
    static const size_t sizes[] = {2, 9, 70, 300};
    for (size_t at = 0; at < stream.size; at += 2)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (enum way way = 0; way < WAYS; way++)
                if (at + sizes[i] <= stream.size && (way != CUT || i == 0))
                    damage(way, at, sizes[i]);
}

// A chunk that is missing leaves no trace but the offset of the next.
static void test_chunk_missing(void **state) {
    (void)state;
    for (size_t i = 0; i < chunk_count; i++) {
        struct bytes input = {0};
        struct run run = {0};
        struct fault f;
        struct fed out;
        const struct chunk *c = &chunks[i];
        bytes_add(&input, stream.data, c->start);
        bytes_add(&input, stream.data + c->end, stream.size - c->end);
        assert_int_equal(salvage_new(&run.record, &f), 0);
        feed_run(make, &run, input.data, input.size, &(struct feeding){.threads = 3}, &out);
        assert_int_equal(out.status, 0);
        for (unsigned k = 0; k < original.count; k++) {
            const struct seen *o = &original.members[k];
            const struct seen *s = find(&run.archive, o->name);
            bool last = i + 1 < chunk_count && chunks[i + 1].is_end && chunks[i + 1].member == o;
            if (c->member == o && (last || c->is_end))
                continue; // of a member's last chunk nothing tells, and without its end it is
                          // damaged
            assert_non_null(s);
            if (s->data.size != o->data.size && c->member != o)
                fail_msg("chunk %zu missing: %s has %zu bytes", i, o->name, s->data.size);
        }
        free_archive(&run.archive);
        salvage_free(run.record);
        fed_free(&out);
        bytes_free(&input);
    }
}

// Input that is no xbstream says so.
static void test_other_input(void **state) {
    (void)state;
    struct bytes input = {0};
    struct run run = {0};
    struct fault f;
    struct fed out;
    bytes_text(&input, "XBCRYP03");
    bytes_noise(&input, 500, 3);
    assert_int_equal(salvage_new(&run.record, &f), 0);
    feed_run(make, &run, input.data, input.size, &(struct feeding){.threads = 1}, &out);
    assert_int_equal(out.status, 0);
    json_t *report = damage_report(run.record);
    const json_t *loss = json_array_get(json_object_get(report, "lost"), 0);
    assert_int_equal(damage_number(loss, "length"), input.size);
    assert_non_null(strstr(json_string_value(json_object_get(loss, "reason")), "xbcrypt-dec"));
    json_decref(report);
    salvage_free(run.record);
    fed_free(&out);
    assert_int_equal(salvage_new(&run.record, &f), 0);
    feed_run(make, &run, input.data, 0, &(struct feeding){.threads = 1}, &out);
    assert_int_equal(out.status, EX_DATAERR);
    assert_string_equal(out.fault.text, "input is empty: expected an xbstream");
    salvage_free(run.record);
    fed_free(&out);
    bytes_free(&input);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_flips),
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_chunk_missing),
        cmocka_unit_test(test_other_input),
    };
    return cmocka_run_group_tests(tests, make_stream, free_stream);
}
