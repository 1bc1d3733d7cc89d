// SPDX-License-Identifier: Apache-2.0
#include "base/byteorder.h"
#include "base/checksum.h"
#include "format/foreign.h"
#include "format/xbstream_reader_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A payload is checked in pieces of at most this size.
enum { PIECE_MAX = 1 << 20, PIECE_LEAST = 64 << 10 };

// A chunk of type P or S. Its pieces hold references, and so does the reader while it is read.
struct chunk {
    struct reader *reader;
    unsigned references;
    struct member *member;
    struct place place;
    uint32_t crc; // expected
    uint32_t sum; // of the delivered bytes
    uint8_t *map; // of a sparse chunk
    size_t map_size;
    struct view *held; // delivered pieces, waiting for the last one
    size_t held_count, held_room;
};

struct piece {
    struct unit unit;
    struct chunk *chunk;
    struct view view; // holds a reference
    uint32_t crc;
    bool last;
};

static void chunk_unref(struct chunk *c) {
    if (c == NULL || --c->references > 0)
        return;
    for (size_t i = 0; i < c->held_count; i++)
        slab_unref(c->held[i].slab);
    free(c->held);
    free(c->map);
    free(c);
}

static enum job_result run_piece(struct job *job, unsigned thread) {
    (void)thread;
    struct piece *p = (struct piece *)job;
    p->crc = checksum_crc32(0, p->view.data, p->view.size);
    return JOB_DONE;
}

// Passes on `size` bytes from the held pieces, beginning at *index.
static void pass_on(struct chunk *c, size_t *index, uint64_t size) {
    const struct archive_target *target = &c->reader->target;
    while (size > 0) {
        struct view *held = &c->held[*index];
        struct view part = view_split(held, held->size < size ? held->size : (size_t)size);
        size -= part.size;
        if (part.size > 0)
            target->data(target->context, c->member->target, part);
        if (held->size == 0)
            (*index)++;
    }
}

static void pass_on_chunk(struct chunk *c) {
    const struct archive_target *target = &c->reader->target;
    size_t index = 0;
    if (c->map == NULL) {
        for (size_t i = 0; i < c->held_count; i++)
            if (c->held[i].size > 0)
                target->data(target->context, c->member->target, c->held[i]);
        return;
    }
    for (size_t at = 0; at < c->map_size; at += XBSTREAM_MAP_ENTRY) {
        uint32_t skip = le32_get(c->map + at), length = le32_get(c->map + at + 4);
        ordered_relieve_behind(c->reader->stage.ordered); // runs may have one byte
        if (skip > 0)
            target->data(target->context, c->member->target,
                         (struct view){.size = skip, .origin = c->place.origin, .exact = true});
        pass_on(c, &index, length);
    }
}

static int hold(struct chunk *c, struct piece *p) {
    if (c->held_count == c->held_room) {
        size_t room = c->held_room == 0 ? 16 : 2 * c->held_room;
        struct view *larger = realloc(c->held, room * sizeof *larger);
        if (larger == NULL)
            return -1;
        c->held = larger;
        c->held_room = room;
    }
    c->held[c->held_count++] = p->view;
    p->view.slab = NULL; // the reference was passed on
    return 0;
}

// Names the member before the text. Returns -1.
int xbstream_reader_prefix(const struct member *m, struct fault *f) {
    diag_prefix(f, diag_shown_name(m->name, m->name_size, 200));
    return -1;
}

static void deliver_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    struct chunk *c = p->chunk;
    struct fault f;
    if (c->reader->stage.broken)
        return;
    c->sum = checksum_crc32_join(c->sum, p->crc, p->view.size);
    if (hold(c, p) < 0) {
        diag_fault_memory(&f);
        stage_break(&c->reader->stage, &f);
        return;
    }
    if (!p->last)
        return;
    if (c->sum == c->crc) {
        pass_on_chunk(c);
        return;
    }
    diag_fault(&f, EX_DATAERR,
               "damaged xbstream chunk %s: CRC-32: expected 0x%08" PRIx32 ", found 0x%08" PRIx32
               "; fetch the backup again",
               place_text(&c->place, 0), c->crc, c->sum);
    xbstream_reader_prefix(c->member, &f);
    stage_break(&c->reader->stage, &f);
}

static void release_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    slab_unref(p->view.slab);
    chunk_unref(p->chunk);
    free(p);
}

static void submit_piece(struct reader *r, struct view v) {
    struct piece *p = stage_unit(&r->stage, sizeof *p, deliver_piece, &v);
    if (p == NULL)
        return;
    r->remaining -= v.size;
    p->unit.job.run = run_piece;
    p->unit.release = release_piece;
    p->unit.cost = v.size * r->chunk->member->weight + sizeof *p;
    p->chunk = r->chunk;
    p->view = v;
    p->last = r->remaining == 0;
    r->chunk->references++;
    ordered_submit(r->stage.ordered, &p->unit);
}

// A member's end, or a seek in it.
struct mark {
    struct unit unit;
    struct reader *reader;
    struct member *member;
    bool seek;
    uint64_t offset;
};

static void deliver_mark(struct unit *unit) {
    struct mark *e = (struct mark *)unit;
    const struct archive_target *target = &e->reader->target;
    if (e->reader->stage.broken)
        return;
    if (!e->seek)
        target->end(target->context, e->member->target);
    else if (target->seek != NULL)
        target->seek(target->context, e->member->target, e->offset);
}

void xbstream_reader_mark(struct reader *r, struct member *member, bool seek, uint64_t offset) {
    struct mark *e = stage_unit(&r->stage, sizeof *e, deliver_mark, NULL);
    if (e == NULL)
        return;
    e->reader = r;
    e->member = member;
    e->seek = seek;
    e->offset = offset;
    ordered_submit(r->stage.ordered, &e->unit);
}

void xbstream_reader_close(struct reader *r, struct member *member) {
    member->ended = true;
    chain_remove(&member->open);
    r->unfinished--;
}

void xbstream_reader_end(struct reader *r, struct member *member) {
    xbstream_reader_close(r, member);
    xbstream_reader_mark(r, member, false, 0);
}

struct member *xbstream_reader_known(const struct reader *r, const struct xbstream_chunk *c) {
    return xbstream_roster_find(&r->roster, (const char *)c->path, c->path_size);
}

char *xbstream_reader_copy_name(const uint8_t *path, size_t size) {
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, path, size);
    copy[size] = '\0';
    return copy;
}

static struct member *new_member(struct reader *r, const struct xbstream_chunk *h) {
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->name = xbstream_reader_copy_name(h->path, h->path_size);
    m->name_size = h->path_size;
    m->next = r->members;
    r->members = m;
    void **slot = m->name != NULL ? xbstream_roster_add(&r->roster, m->name, m->name_size) : NULL;
    if (slot == NULL)
        return NULL;
    return *slot = m;
}

struct member *xbstream_reader_member(struct reader *r, struct fault *f) {
    struct member *m = xbstream_reader_known(r, &r->header);
    if (m != NULL)
        return m;
    m = new_member(r, &r->header);
    if (m == NULL) {
        diag_fault_memory(f);
        return NULL;
    }
    chain_add(&r->open, &m->open);
    r->unfinished++;
    const struct archive_target *target = &r->target;
    if (target->begin(target->context, m->name, m->name_size, &m->target, f) < 0)
        return NULL;
    m->weight = target->weight != NULL ? target->weight(target->context, m->target) : 1;
    return m;
}

// Call it when a member may have been begun that does not end at once.
int xbstream_reader_check_open(const struct reader *r, struct fault *f) {
    if (r->unfinished <= XBSTREAM_OPEN_MAX || r->stage.salvage != NULL)
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "xbstream chunk %s begins one member too many: expected at most %d that have "
                      "not ended; no backup tool writes more at a time: the stream is no backup, "
                      "or damaged",
                      place_text(&r->head.place, 0), XBSTREAM_OPEN_MAX);
}

// ---- Chunks.

static int check_map(const struct reader *r, uint64_t *advance, struct fault *f) {
    uint64_t data;
    if (xbstream_measure_map(r->map.data, r->map.need, r->header.payload_size, &data, advance))
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "damaged sparse xbstream chunk %s: lengths in its map: expected %" PRIu64
                      " bytes in all, found %" PRIu64,
                      place_text(&r->head.place, 0), r->header.payload_size, data);
}

// Begins the payload of a chunk that continues `member`. Returns 0, or -1 and *f.
static int begin_payload(struct reader *r, struct member *member, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    struct chunk *c = calloc(1, sizeof *c);
    if (c == NULL)
        return diag_fault_memory(f);
    *c = (struct chunk){
        .reader = r, .references = 1, .member = member, .place = r->head.place, .crc = h->crc};
    if (h->type == XBSTREAM_SPARSE) {
        c->map_size = r->map.need;
        c->map = malloc(c->map_size + 1);
        if (c->map == NULL) {
            free(c);
            return diag_fault_memory(f);
        }
        memcpy(c->map, r->map.data, c->map_size);
        c->sum = checksum_crc32(0, c->map, c->map_size);
    }
    r->chunk = c;
    r->remaining = h->payload_size;
    r->state = IN_PAYLOAD;
    if (r->remaining == 0) // no data follows, but the checksum must still be checked
        submit_piece(r, (struct view){.data = r->head.bytes, .origin = c->place.origin});
    return 0;
}

// Begins the chunk of the header; its map, if it has one, has been read.
static int begin_chunk(struct reader *r, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    if (h->type == XBSTREAM_RENAME || h->type == XBSTREAM_REMOVE)
        return xbstream_changes_apply(r, f);
    if (h->type == XBSTREAM_SEEK)
        return xbstream_changes_seek(r, f);
    struct member *member =
        xbstream_changes_forget_rewritten(r, f) == 0 ? xbstream_reader_member(r, f) : NULL;
    if (member == NULL)
        return -1;
    if (member->ended) {
        diag_fault(f, EX_DATAERR, "xbstream chunk %s comes after the end of its member",
                   place_text(&r->head.place, 0));
        return xbstream_reader_prefix(member, f);
    }
    if (h->type == XBSTREAM_END) {
        xbstream_reader_end(r, member);
        return 0;
    }
    if (xbstream_reader_check_open(r, f) < 0)
        return -1;
    if (h->offset != member->offset) {
        diag_fault(f, EX_DATAERR,
                   "xbstream chunk %s does not continue its member: expected offset %" PRIu64
                   ", found %" PRIu64 "; the stream is damaged or a part of it is missing",
                   place_text(&r->head.place, 0), member->offset, h->offset);
        return xbstream_reader_prefix(member, f);
    }
    uint64_t advance = h->payload_size;
    if (h->type == XBSTREAM_SPARSE && check_map(r, &advance, f) < 0)
        return xbstream_reader_prefix(member, f);
    if (advance > INT64_MAX - member->offset) {
        diag_fault(f, EX_DATAERR, "xbstream chunk %s makes its member too large",
                   place_text(&r->head.place, 0));
        return xbstream_reader_prefix(member, f);
    }
    member->offset += advance;
    if (member->size < member->offset)
        member->size = member->offset;
    return begin_payload(r, member, f);
}

// Drops the `size` bytes of the header.
static void end_head(struct reader *r, size_t size) {
    r->head.have -= size;
    memmove(r->head.bytes, r->head.bytes + size, r->head.have);
    r->head.place.position += size;
    r->head.place.origin += r->head.place.exact ? size : 0;
    r->state = IN_HEAD;
}

static void end_chunk(struct reader *r) {
    chunk_unref(r->chunk);
    r->chunk = NULL;
    gather_clear(&r->map);
    end_head(r, r->head.have);
}

// Whether the input begins with another format, which more bytes may identify: a tar archive is
// recognised only after its first name.
static bool is_unknown_start(const struct reader *r) {
    return !r->any && r->head.have >= sizeof XBSTREAM_MAGIC &&
           foreign_wants_more(r->head.bytes, r->head.have, &r->head.place);
}

static bool take_head(struct reader *r, struct view *v) {
    struct fault f;
    size_t need;
    int parsed = xbstream_parse(r->head.bytes, r->head.have, r->max_chunk, &r->head.place,
                                &r->header, &need, &f);
    if (parsed == 0)
        return v->size > 0 && (head_fill(&r->head, need, v, &r->position), true);
    if (parsed < 0 && is_unknown_start(r))
        return v->size > 0 && (head_fill(&r->head, SNIFF_SIZE, v, &r->position), true);
    if (parsed < 0) {
        foreign_explain(&f, r->head.bytes, r->head.have, &r->head.place);
        stage_fail(&r->stage, &f);
        return false;
    }
    r->any = true;
    if (r->header.type == XBSTREAM_IGNORED) {
        r->remaining = r->header.payload_size;
        r->state = IN_IGNORED;
        return true;
    }
    if (r->header.type == XBSTREAM_SPARSE) {
        gather_begin(&r->map, r->header.map_size);
        r->state = IN_MAP;
        return true;
    }
    if (begin_chunk(r, &f) < 0) {
        stage_fail(&r->stage, &f);
        return false;
    }
    if (r->state == IN_HEAD)
        end_head(r, need);
    return !r->stage.failed;
}

static bool take_map(struct reader *r, struct view *v) {
    struct fault f;
    if (v->size == 0 && r->map.have < r->map.need)
        return false;
    int gathered = gather_fill(&r->map, v, &r->position);
    if (gathered < 0)
        stage_fail_memory(&r->stage);
    else if (gathered > 0 && begin_chunk(r, &f) < 0)
        stage_fail(&r->stage, &f);
    return !r->stage.failed;
}

// Takes part of the payload: small parts are copied together, so that a stream that arrives byte by
// byte does not need a unit for each.
static void take_piece(struct reader *r, struct view *v) {
    size_t most = r->remaining < PIECE_MAX ? (size_t)r->remaining : PIECE_MAX;
    size_t least = most < PIECE_LEAST ? most : PIECE_LEAST;
    if (r->piece.need == 0 && v->size >= least) {
        struct view part = view_split(v, v->size < most ? v->size : most);
        r->position += part.size;
        submit_piece(r, part);
        return;
    }
    if (r->piece.need == 0)
        gather_begin(&r->piece, least);
    int gathered = gather_fill(&r->piece, v, &r->position);
    if (gathered < 0)
        stage_fail_memory(&r->stage);
    if (gathered <= 0)
        return;
    submit_piece(r, (struct view){.data = r->piece.data,
                                  .size = r->piece.have,
                                  .slab = r->piece.slab,
                                  .origin = r->piece.place.origin,
                                  .exact = r->piece.place.exact});
    gather_clear(&r->piece);
}

static bool take_payload(struct reader *r, struct view *v) {
    if (r->remaining == 0) {
        end_chunk(r);
        return true;
    }
    if (v->size == 0)
        return false;
    if (r->state == IN_IGNORED) {
        struct view part = view_split(v, v->size < r->remaining ? v->size : (size_t)r->remaining);
        r->position += part.size;
        r->remaining -= part.size;
    } else {
        take_piece(r, v);
    }
    return !r->stage.failed;
}

void xbstream_reader_take(struct reader *r, struct view v) {
    bool more = !stage_is_closed(&r->stage);
    r->origin = v.origin + (v.exact ? v.size : 0);
    r->exact = v.exact;
    while (more) {
        ordered_relieve(r->stage.ordered);
        switch (r->state) {
        case IN_HEAD:
            more = take_head(r, &v);
            break;
        case IN_MAP:
            more = take_map(r, &v);
            break;
        default:
            more = take_payload(r, &v);
        }
    }
}

static void push(struct stage *stage, struct view v) {
    struct reader *r = (struct reader *)stage;
    if (stage->salvage == NULL)
        xbstream_reader_take(r, v);
    else if (!stage_is_closed(stage))
        xbstream_salvage_push(r, v);
}

// The end of the input.
struct verdict {
    struct unit unit;
    struct reader *reader;
    struct fault fault; // status 0: none
};

static void visit_member(void *user, void *context) {
    const struct reader *r = context;
    const struct member *m = user;
    if (!m->ended)
        r->target.unfinished(r->target.context, m->name, m->name_size);
}

static void deliver_verdict(struct unit *unit) {
    struct verdict *e = (struct verdict *)unit;
    struct reader *r = e->reader;
    if (r->stage.broken)
        return;
    if (e->fault.status == 0) {
        r->target.finish(r->target.context);
        return;
    }
    // The members' decoders finish first: if one of them fails, that is the cause, and only that is
    // reported.
    if (!ordered_sound(r->stage.ordered))
        return;
    if (r->target.unfinished != NULL)
        xbstream_roster_visit(&r->roster, visit_member, r);
    stage_break(&r->stage, &e->fault);
}

// Describes in *f what is wrong at the end of the input, if anything.
static void judge_end(struct reader *r, struct fault *f) {
    struct place end = {.origin = r->origin, .exact = r->exact, .position = r->position};
    size_t need;
    bool in_head = r->state == IN_HEAD && r->head.have > 0;
    const char *where = place_text(&end, 0);
    if (in_head && xbstream_parse(r->head.bytes, r->head.have, r->max_chunk, &r->head.place,
                                  &r->header, &need, f) < 0) {
        foreign_explain(f, r->head.bytes, r->head.have, &r->head.place);
        return; // another format, and the input ends here
    }
    if (in_head && r->head.place.position == 0 && r->head.have < strlen(XBSTREAM_MAGIC) &&
        memcmp(r->head.bytes, XBSTREAM_MAGIC, r->head.have) != 0)
        diag_fault(f, EX_DATAERR, "%zu byte%s: too short for an xbstream, %s; it is something else",
                   r->head.have, r->head.have == 1 ? "" : "s", place_text(&r->head.place, 0));
    else if (in_head || r->state != IN_HEAD)
        diag_fault(f, EX_DATAERR,
                   "xbstream ends too early, inside a chunk, %s; it was cut short: fetch the "
                   "backup again",
                   where);
    else if (!r->any)
        diag_fault(f, EX_DATAERR, "input is empty: expected an xbstream");
    else if (r->unfinished > 0)
        diag_fault(f, EX_DATAERR,
                   "xbstream ends too early, %s: expected the end of %u more member%s; it was cut "
                   "short: fetch the backup again",
                   where, r->unfinished, r->unfinished == 1 ? "" : "s");
}

static void finish(struct stage *stage) {
    struct reader *r = (struct reader *)stage;
    if (stage->salvage != NULL && !r->stage.failed && !xbstream_salvage_finish(r))
        return;
    if (r->stage.failed)
        return;
    struct fault fault = {0};
    judge_end(r, &fault);
    struct verdict *e = stage_unit(&r->stage, sizeof *e, deliver_verdict, NULL);
    if (e == NULL)
        return;
    e->reader = r;
    e->fault = fault;
    ordered_submit(r->stage.ordered, &e->unit);
    if (fault.status != 0)
        r->stage.failed = true;
}

static void free_members(struct member *members) {
    for (struct member *next; members != NULL; members = next) {
        next = members->next;
        free(members->name);
        free(members);
    }
}

static void free_reader(struct stage *stage) {
    struct reader *r = (struct reader *)stage;
    gather_clear(&r->map);
    gather_clear(&r->piece);
    chunk_unref(r->chunk);
    xbstream_salvage_free(r);
    xbstream_roster_clear(&r->roster);
    free_members(r->members);
    free(r);
}

struct stage *xbstream_reader_new(struct ordered *o, uint64_t max_chunk,
                                  struct archive_target target) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_reader};
    struct reader *r = stage_new(sizeof *r, &operations, o);
    if (r == NULL)
        return NULL;
    r->max_chunk = max_chunk;
    r->target = target;
    chain_init(&r->open);
    return &r->stage;
}
