// SPDX-License-Identifier: Apache-2.0
// The xbstream reader, its chunks' parser included. First byte: the pieces of the second run; bit 7
// past damage.
//
// Parsers: xbstream.c xbstream_reader.c xbstream_salvage.c
#include "archives.h"
#include "format/xbstream.h"
#include "format/xbstream_reader.h"
#include "fuzz.h"
#include "repair.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CHUNK = 1 << 16, MEMBERS_MAX = 512, HOLES_MAX = 1 << 16 };

// What each member was given goes into one stage as it comes, the member's number before it, so
// that a difference in names, order or bytes shows.
struct reading {
    struct stage *next;
    unsigned members;
    struct member {
        struct reading *reading;
        unsigned number;
        bool ended;
    } member[MEMBERS_MAX];
    unsigned current;
};

static void show(struct reading *r, const void *data, size_t size) {
    stage_push(r->next, (struct view){.data = data, .size = size});
}

static int begin(void *context, const char *name, size_t size, void **member, struct fault *f) {
    struct reading *r = context;
    if (name[size] != '\0' || size == 0 || size > MEMBER_NAME_MAX)
        fuzz_broken("a member's name of %zu bytes", size);
    if (r->members == MEMBERS_MAX)
        return diag_fault(f, EX_DATAERR, "too many members for the fuzzer");
    *member = &r->member[r->members];
    r->member[r->members] = (struct member){.reading = r, .number = r->members};
    r->members++;
    return 0;
}

static void mark(struct reading *r, const struct member *m, char what) {
    char text[2] = {what, (char)m->number};
    show(r, text, sizeof text);
}

static void data(void *context, void *member, struct view v) {
    struct reading *r = context;
    const struct member *m = member;
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
    struct reading *r = context;
    struct member *m = member;
    if (m->ended)
        fuzz_broken("a member's second end");
    m->ended = true;
    r->current = 0;
    mark(r, m, 'e');
}

static void finish(void *context) {
    struct reading *r = context;
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

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct reading *r = context;
    r->next = next;
    r->members = r->current = 0;
    return xbstream_reader_new(o, MAX_CHUNK,
                               (struct xbstream_target){.begin = begin,
                                                        .data = data,
                                                        .end = end,
                                                        .finish = finish,
                                                        .unfinished = unfinished,
                                                        .context = r});
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static struct reading reading;
    struct fuzz_input in = {bytes, size};
    uint8_t choice = fuzz_byte(&in);
    struct fuzz_how how = {.pieces = choice & 0x7f, .salvage = choice & 0x80};
    struct fed fed;
    fuzz_stage(make, &reading, in.data, in.size, &how, &fed);
    fed_free(&fed);
    return 0;
}

void fuzz_repair(uint8_t *bytes, size_t size, unsigned seed) {
    if (size > 1)
        repair_xbstream(bytes + 1, size - 1, seed);
}

static void give(fuzz_add *add, struct bytes *seed) {
    add(seed->data, seed->size);
    bytes_free(seed);
}

void fuzz_seeds(fuzz_add *add) {
    struct bytes seed = {0};
    static const uint32_t map[][2] = {{4, 6}, {100, 3}, {7, 0}, {0, 4}};
    bytes_little(&seed, 0, 1);
    xbs_member(&seed, "a/b", "content", 7);
    give(add, &seed);
    bytes_little(&seed, 0x0a, 1);
    xbs_payload(&seed, "one", 0, "first");
    xbs_payload(&seed, "two", 0, "of the other");
    xbs_payload(&seed, "one", 5, "second");
    xbs_end(&seed, "one");
    xbs_any(&seed, 'X', 1, "ignored", 7, 9, "what is it", 10);
    xbs_end(&seed, "two");
    give(add, &seed);
    bytes_little(&seed, 0x40, 1);
    xbs_sparse(&seed, "sparse", 0, map, 4, "payload of it", 13);
    xbs_sparse(&seed, "sparse", 124, map + 2, 1, "", 0);
    xbs_sparse(&seed, "sparse", 131, map, 0, "", 0);
    xbs_end(&seed, "sparse");
    give(add, &seed);
    bytes_little(&seed, 1, 1);
    xbs_end(&seed, "nothing");
    xbs_payload(&seed, "more", 0, "");
    give(add, &seed);
    static const char hints[][10] = {"\0XBCRYP03", "\0qpress10", "\0\x1f\x8b",
                                     "\0\x28\xb5\x2f\xfd"};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        bytes_add(&seed, hints[i], 10);
        bytes_zeros(&seed, 20);
        give(add, &seed);
    }
    fuzz_add_fixture(add, "\x1b", 1, "rds/part_zst.xb", 3000);
    fuzz_add_fixture(add, "\0", 1, "mariadb/shop_qp.xb", 1500);
}
