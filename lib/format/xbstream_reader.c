// SPDX-License-Identifier: Apache-2.0
#include "format/xbstream_reader.h"

#include "base/byteorder.h"
#include "base/checksum.h"
#include "base/names.h"
#include "engine/resync.h"
#include "engine/salvage.h"
#include "format/xbstream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A payload is checked in pieces of at most this size.
enum { PIECE_MAX = 1 << 20 };

enum state { IN_HEAD, IN_MAP, IN_PAYLOAD, IN_IGNORED };

struct member {
    const struct name *name;
    void *target; // the target's
    unsigned weight;
    uint64_t offset; // bytes of the file in the chunks met so far
    bool ended;
    // Where the reader salvages:
    struct salvage_scope *scope;
    uint64_t began, seen; // where in the stream its first chunk began, its last one ended
    bool refused;         // for its name
    bool empty;           // it is nothing but an end
};

// What a reader that salvages knows besides.
struct salvaging {
    struct resync resync;
    uint64_t lost_until; // where in the stream the last part ended that is lost, or out of place
    // Where in the stream the first member began that has chunks which may be another's: its own
    // do not fit, or it does not end. A member that had no chunk but its end after that may have
    // had them.
    uint64_t misnamed_from;
    // A chunk that does not continue its member: the member's next chunk shows whether its offset
    // is right. `lost`: something before it was, so that it is believed where nothing speaks
    // against it. `member` NULL: none.
    struct {
        struct member *member;
        struct view view; // holds a reference
        uint64_t position, offset, advance;
        bool lost;
    } doubtful;
};

struct reader {
    struct stage stage;
    uint64_t max_chunk;
    struct xbstream_target target;
    uint64_t position;
    uint64_t origin; // of the end of what has come, as in struct view
    bool exact;
    bool any; // a chunk has been met
    enum state state;
    struct head head;
    struct xbstream_chunk header; // its path is in the head
    struct gather map;
    struct chunk *chunk; // that is being read
    uint64_t remaining;  // payload bytes of it
    struct names *names; // all members; the value is a struct member
    unsigned unfinished;
    struct salvaging *salvaging;
};

// A chunk of type P or S. Its pieces hold references, and so does the reader while it is read.
struct chunk {
    struct reader *reader;
    unsigned references;
    struct member *member;
    struct place place;
    uint32_t crc; // expected
    uint32_t sum; // of what has been delivered
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
    const struct xbstream_target *target = &c->reader->target;
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
    const struct xbstream_target *target = &c->reader->target;
    size_t index = 0;
    if (c->map == NULL) {
        for (size_t i = 0; i < c->held_count; i++)
            if (c->held[i].size > 0)
                target->data(target->context, c->member->target, c->held[i]);
        return;
    }
    for (size_t at = 0; at < c->map_size; at += XBSTREAM_MAP_ENTRY) {
        uint32_t skip = le32_get(c->map + at), length = le32_get(c->map + at + 4);
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
    p->view.slab = NULL; // the reference has gone over
    return 0;
}

// Names the member before the text. Returns -1.
static int prefix_member(const struct member *m, struct fault *f) {
    char shown[200];
    diag_prefix(f, diag_name(m->name->bytes, m->name->size, shown, sizeof shown));
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
    char where[PLACE_TEXT_SIZE];
    diag_fault(&f, EX_DATAERR,
               "damaged xbstream chunk %s: CRC-32: expected 0x%08" PRIx32 ", found 0x%08" PRIx32
               "; fetch the backup again",
               place_text(&c->place, 0, where), c->crc, c->sum);
    prefix_member(c->member, &f);
    stage_break(&c->reader->stage, &f);
}

static void release_piece(struct unit *unit) {
    struct piece *p = (struct piece *)unit;
    slab_unref(p->view.slab);
    chunk_unref(p->chunk);
    free(p);
}

static void submit_piece(struct reader *r, struct view v) {
    struct piece *p = calloc(1, sizeof *p);
    if (p == NULL || view_hold(&v) < 0) {
        free(p);
        stage_fail_memory(&r->stage);
        return;
    }
    r->remaining -= v.size;
    p->unit.job.run = run_piece;
    p->unit.deliver = deliver_piece;
    p->unit.release = release_piece;
    p->unit.cost = v.size * r->chunk->member->weight + sizeof *p;
    p->chunk = r->chunk;
    p->view = v;
    p->last = r->remaining == 0;
    r->chunk->references++;
    ordered_submit(r->stage.ordered, &p->unit);
}

// A member's end.
struct ending {
    struct unit unit;
    struct reader *reader;
    struct member *member;
};

static void deliver_ending(struct unit *unit) {
    struct ending *e = (struct ending *)unit;
    if (!e->reader->stage.broken)
        e->reader->target.end(e->reader->target.context, e->member->target);
}

static void release_ending(struct unit *unit) {
    free(unit);
}

static void submit_ending(struct reader *r, struct member *member) {
    struct ending *e = calloc(1, sizeof *e);
    if (e == NULL) {
        stage_fail_memory(&r->stage);
        return;
    }
    e->unit.deliver = deliver_ending;
    e->unit.release = release_ending;
    e->reader = r;
    e->member = member;
    ordered_submit(r->stage.ordered, &e->unit);
}

// The member that the chunk in the head belongs to, begun if it is new. NULL and *f on failure.
static struct member *find_member(struct reader *r, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    struct name *name = names_add(&r->names, h->path, h->path_size);
    if (name == NULL) {
        diag_fault_memory(f);
        return NULL;
    }
    struct member *member = name->value;
    if (member != NULL)
        return member;
    member = name->value = calloc(1, sizeof *member);
    if (member == NULL) {
        diag_fault_memory(f);
        return NULL;
    }
    member->name = name;
    r->unfinished++;
    const struct xbstream_target *target = &r->target;
    if (target->begin(target->context, name->bytes, name->size, &member->target, f) < 0)
        return NULL;
    member->weight = target->weight != NULL ? target->weight(target->context, member->target) : 1;
    return member;
}

// By how much a sparse map of `size` bytes advances the file. Returns false if its lengths do not
// add up to the payload.
static bool measure_map(const uint8_t *map, size_t size, uint64_t payload_size, uint64_t *data,
                        uint64_t *advance) {
    *data = *advance = 0;
    // An entry adds less than 2^33, so that what is too large is seen before it overflows.
    for (size_t at = 0; at < size && *advance <= INT64_MAX; at += XBSTREAM_MAP_ENTRY) {
        *data += le32_get(map + at + 4);
        *advance += (uint64_t)le32_get(map + at) + le32_get(map + at + 4);
    }
    return *data == payload_size || *advance > INT64_MAX;
}

static int check_map(const struct reader *r, uint64_t *advance, struct fault *f) {
    char where[PLACE_TEXT_SIZE];
    uint64_t data;
    if (measure_map(r->map.data, r->map.need, r->header.payload_size, &data, advance))
        return 0;
    return diag_fault(f, EX_DATAERR,
                      "damaged sparse xbstream chunk %s: lengths in its map: expected %" PRIu64
                      " bytes in all, found %" PRIu64,
                      place_text(&r->head.place, 0, where), r->header.payload_size, data);
}

// Begins the chunk in the head, whose map, if it has one, has been read.
static int begin_chunk(struct reader *r, struct fault *f) {
    const struct xbstream_chunk *h = &r->header;
    struct member *member = find_member(r, f);
    if (member == NULL)
        return -1;
    char where[PLACE_TEXT_SIZE];
    place_text(&r->head.place, 0, where);
    if (member->ended) {
        diag_fault(f, EX_DATAERR, "xbstream chunk %s comes after the end of its member", where);
        return prefix_member(member, f);
    }
    if (h->type == XBSTREAM_END) {
        member->ended = true;
        r->unfinished--;
        submit_ending(r, member);
        return 0;
    }
    if (h->offset != member->offset) {
        diag_fault(f, EX_DATAERR,
                   "xbstream chunk %s does not continue its member: expected offset %" PRIu64
                   ", found %" PRIu64 "; the stream is damaged or a part of it is missing",
                   where, member->offset, h->offset);
        return prefix_member(member, f);
    }
    uint64_t advance = h->payload_size;
    if (h->type == XBSTREAM_SPARSE && check_map(r, &advance, f) < 0)
        return prefix_member(member, f);
    if (advance > INT64_MAX - member->offset) {
        diag_fault(f, EX_DATAERR, "xbstream chunk %s makes its member too large", where);
        return prefix_member(member, f);
    }
    member->offset += advance;

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
    if (r->remaining == 0) // nothing will come, but the checksum is still to be looked at
        submit_piece(r, (struct view){.data = r->head.bytes, .origin = c->place.origin});
    return 0;
}

static void end_chunk(struct reader *r) {
    chunk_unref(r->chunk);
    r->chunk = NULL;
    gather_clear(&r->map);
    r->head.have = 0;
    r->state = IN_HEAD;
}

static bool take_head(struct reader *r, struct view *v) {
    struct fault f;
    size_t need;
    int parsed = xbstream_parse(r->head.bytes, r->head.have, r->max_chunk, &r->head.place,
                                &r->header, &need, &f);
    if (parsed == 0)
        return v->size > 0 && (head_fill(&r->head, need, v, &r->position), true);
    if (parsed < 0) {
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
    if (r->header.type == XBSTREAM_END)
        end_chunk(r);
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

static bool take_payload(struct reader *r, struct view *v) {
    if (r->remaining == 0) {
        end_chunk(r);
        return true;
    }
    if (v->size == 0)
        return false;
    size_t n = v->size < PIECE_MAX ? v->size : PIECE_MAX;
    struct view part = view_split(v, n < r->remaining ? n : (size_t)r->remaining);
    r->position += part.size;
    if (r->state == IN_IGNORED)
        r->remaining -= part.size;
    else
        submit_piece(r, part);
    return !r->stage.failed;
}

static void take(struct reader *r, struct view v) {
    bool more = !stage_is_closed(&r->stage);
    r->origin = v.origin + (v.exact ? v.size : 0);
    r->exact = v.exact;
    while (more)
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

// ---- Salvage.

static const char magic[] = "XBSTCK01";
enum {
    MAGIC_SIZE = sizeof magic - 1,
    AT_TYPE = 9,
    // No file is larger; the offset in a damaged head may say so.
    OFFSET_BITS_MAX = 44
};

static size_t find_chunk(void *context, const uint8_t *data, size_t size) {
    (void)context;
    return resync_find(data, size, magic, MAGIC_SIZE);
}

// The answer for a window that does not hold *size bytes.
static enum resync_answer need_more(const struct resync_window *w, const size_t *size,
                                    struct fault *why) {
    if (!w->end)
        return RESYNC_MORE;
    diag_fault(why, EX_DATAERR, "the input ends inside a chunk, after %zu of at least %zu bytes",
               w->have, *size);
    return RESYNC_NOTHING;
}

// Judges the chunk in the window, whose head is parsed; *size is that of the head, and becomes that
// of the chunk.
static enum resync_answer probe_payload(const struct xbstream_chunk *c,
                                        const struct resync_window *w, size_t *size,
                                        struct fault *why) {
    size_t head = *size;
    *size += c->map_size + (size_t)c->payload_size;
    if (w->have < *size)
        return need_more(w, size, why);
    uint32_t crc = checksum_crc32(0, w->data + head, *size - head);
    if (crc == c->crc && *size > head)
        return RESYNC_UNIT;
    diag_fault(why, EX_DATAERR, "CRC-32 of the chunk: expected 0x%08" PRIx32 ", found 0x%08" PRIx32,
               c->crc, crc);
    if (w->have < *size + MAGIC_SIZE && !w->end) {
        *size += MAGIC_SIZE;
        return RESYNC_MORE;
    }
    if (!resync_follows(w, *size, magic, MAGIC_SIZE))
        return RESYNC_NOTHING;
    return crc == c->crc ? RESYNC_UNIT : RESYNC_HIT;
}

// A chunk that says it is an end, but has something else than a chunk behind it: it may be one with
// a payload, whose type is damaged.
static enum resync_answer probe_other_types(const struct reader *r, const struct resync_window *w,
                                            size_t *size, struct fault *why) {
    static const char types[] = {XBSTREAM_PAYLOAD, XBSTREAM_SPARSE};
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t head[HEAD_MAX];
        size_t have = w->have < sizeof head ? w->have : sizeof head;
        struct xbstream_chunk c;
        memcpy(head, w->data, have);
        head[AT_TYPE] = (uint8_t)types[i];
        int parsed = xbstream_parse(head, have, r->max_chunk, &w->place, &c, size, why);
        enum resync_answer answer = parsed == 0  ? need_more(w, size, why)
                                    : parsed > 0 ? probe_payload(&c, w, size, why)
                                                 : RESYNC_NOTHING;
        if (answer != RESYNC_NOTHING)
            return answer;
    }
    return RESYNC_NOTHING;
}

static const struct member *known_member(const struct reader *r, const struct xbstream_chunk *c) {
    const struct name *name = names_find(r->names, c->path, c->path_size);
    return name != NULL ? name->value : NULL;
}

static enum resync_answer probe(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why) {
    const struct reader *r = context;
    struct xbstream_chunk c;
    int parsed = xbstream_parse(w->data, w->have, r->max_chunk, &w->place, &c, size, why);
    if (parsed < 0)
        return RESYNC_NOTHING;
    if (parsed == 0)
        return need_more(w, size, why);
    if (c.type != XBSTREAM_END)
        return probe_payload(&c, w, size, why);
    // An end has nothing that verifies it but what comes next.
    if (w->have < *size + MAGIC_SIZE && !w->end) {
        *size += MAGIC_SIZE;
        return RESYNC_MORE;
    }
    if (resync_follows(w, *size, magic, MAGIC_SIZE))
        return RESYNC_UNIT;
    size_t end = *size;
    const struct member *m = known_member(r, &c);
    enum resync_answer other = probe_other_types(r, w, size, why);
    if (other == RESYNC_MORE)
        return other;
    diag_fault(why, EX_DATAERR, "damaged xbstream chunk: no chunk follows its end");
    size_t rest = w->have - 1 < end + MAGIC_SIZE - 2 ? w->have - 1 : end + MAGIC_SIZE - 2;
    bool overlaps =
        find_chunk(NULL, w->data + 1, rest) < end - 1; // its path takes in the next chunk
    if (other == RESYNC_UNIT || overlaps || (m != NULL && m->ended))
        return RESYNC_NOTHING;
    *size = end;
    return m != NULL ? RESYNC_UNIT : RESYNC_HIT;
}

// A hole in a member, or the news, in order, that it lacks something.
struct hole {
    struct unit unit;
    struct reader *reader;
    struct member *member; // NULL: the loss is of the stream
    bool retract;
    struct salvage_loss loss;
    char why[SALVAGE_WHY_MAX + 1];
};

static void deliver_hole(struct unit *unit) {
    const struct hole *h = (struct hole *)unit;
    const struct reader *r = h->reader;
    const struct xbstream_target *target = &r->target;
    const struct member *m = h->member;
    if (r->stage.broken)
        return;
    salvage_lost(m != NULL ? m->scope : r->stage.salvage, &h->loss, h->why);
    if (h->loss.zeros > 0)
        target->data(target->context, m->target, (struct view){.size = (size_t)h->loss.zeros});
    if (h->retract && target->retract != NULL)
        target->retract(target->context, m->name->bytes, m->name->size, m->scope);
}

static void release_hole(struct unit *unit) {
    free(unit);
}

static void submit_hole(struct reader *r, struct member *m, const struct salvage_loss *loss,
                        bool retract, const char *why) {
    struct hole *h = calloc(1, sizeof *h);
    if (h == NULL) {
        stage_fail_memory(&r->stage);
        return;
    }
    h->unit.deliver = deliver_hole;
    h->unit.release = release_hole;
    h->unit.cost = sizeof *h;
    h->reader = r;
    h->member = m;
    h->retract = retract;
    h->loss = *loss;
    h->loss.format = "xbstream";
    snprintf(h->why, sizeof h->why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    if (m != NULL)
        m->offset += loss->zeros;
    ordered_submit(r->stage.ordered, &h->unit);
}

// `length` bytes at `position` of the stream are lost, or of no use; they are, or say that they
// are, of the member, if there is one. Where they belong in it is not known.
static void drop(struct reader *r, struct member *m, uint64_t position, uint64_t length,
                 const char *why) {
    struct salvage_loss loss = {.offset = position, .length = length};
    if (position + length > r->salvaging->lost_until)
        r->salvaging->lost_until = position + length;
    submit_hole(r, m, &loss, m != NULL && m->ended && !m->refused, why);
}

// The member has so many zeros where something before `position` is missing.
static void fill(struct reader *r, struct member *m, uint64_t position, uint64_t size) {
    struct salvage_loss loss = {.offset = position,
                                .placed = true,
                                .output_offset = m->offset,
                                .zeros = size,
                                .exact = true};
    submit_hole(r, m, &loss, false, "the chunks before this one are missing");
}

// Something may be missing at the member's end.
static void doubt_end(struct reader *r, struct member *m, uint64_t position, bool retract,
                      const char *why) {
    struct salvage_loss loss = {.offset = position, .placed = true, .output_offset = m->offset};
    submit_hole(r, m, &loss, retract, why);
}

// The member of the header, begun if it is new. NULL if its name is refused, in which case the
// bytes at `position` are lost, or on failure.
static struct member *salvage_member_of(struct reader *r, uint64_t position, size_t size) {
    struct fault f;
    struct member *m = find_member(r, &f);
    if (m == NULL) {
        struct name *name = names_find(r->names, r->header.path, r->header.path_size);
        m = name != NULL ? name->value : NULL;
        if (m == NULL || f.status != EX_DATAERR) {
            stage_fail(&r->stage, &f);
            return NULL;
        }
        m->refused = m->ended = true;
        r->unfinished--;
    }
    if (m->scope == NULL) {
        m->began = position;
        m->scope = salvage_member(r->stage.salvage->record, m->name->bytes, m->name->size);
        if (m->scope == NULL) {
            stage_fail_memory(&r->stage);
            return NULL;
        }
        if (!m->refused && r->target.salvage != NULL)
            r->target.salvage(r->target.context, m->target, m->scope);
    }
    if (!m->refused)
        return m;
    drop(r, m, position, size, "its name is refused");
    return NULL;
}

// Passes a sound chunk on, which continues its member.
static void feed(struct reader *r, struct member *m, struct view v, uint64_t position) {
    m->seen = position + v.size;
    r->position = position;
    take(r, v);
}

static void forget_doubtful(struct reader *r) {
    slab_unref(r->salvaging->doubtful.view.slab);
    r->salvaging->doubtful.member = NULL;
    r->salvaging->doubtful.view.slab = NULL;
}

// Whether the doubtful chunk is where it belongs, now that a chunk of its member comes at `next`,
// or none (UINT64_MAX).
static bool is_vouched_for(const struct salvaging *s, uint64_t next) {
    uint64_t end = s->doubtful.offset + s->doubtful.advance;
    if (next == end || (next == UINT64_MAX && s->doubtful.lost))
        return true;
    return next > end && s->doubtful.lost &&
           s->lost_until > s->doubtful.position + s->doubtful.view.size;
}

// A chunk of the member comes at `next`, or it ends, or there is no more time to wait (UINT64_MAX):
// the chunk that waited for that is passed on, or lost.
static void settle_doubtful(struct reader *r, struct member *m, uint64_t next) {
    struct salvaging *s = r->salvaging;
    if (s->doubtful.member == NULL || (m != NULL && s->doubtful.member != m))
        return;
    m = s->doubtful.member;
    uint64_t position = s->doubtful.position, size = s->doubtful.view.size;
    if (is_vouched_for(s, next)) {
        if (position >= s->lost_until) // what is missing, of whatever member
            s->lost_until = position + 1;
        fill(r, m, position, s->doubtful.offset - m->offset);
        feed(r, m, s->doubtful.view, position);
    } else {
        drop(r, m, position, size, "the chunk does not continue its member");
    }
    forget_doubtful(r);
}

static void hold_doubtful(struct reader *r, struct member *m, struct view v, uint64_t position,
                          uint64_t offset, uint64_t advance) {
    struct salvaging *s = r->salvaging;
    s->doubtful.lost = s->lost_until > m->seen;
    s->doubtful.member = m;
    s->doubtful.view = v;
    slab_ref(v.slab);
    s->doubtful.position = position;
    s->doubtful.offset = offset;
    s->doubtful.advance = advance;
}

static void suspect(struct reader *r, const struct member *m) {
    if (m->began < r->salvaging->misnamed_from)
        r->salvaging->misnamed_from = m->began;
}

static void salvage_end(struct reader *r, struct view v, uint64_t position, const char *hit) {
    struct salvaging *s = r->salvaging;
    bool known = known_member(r, &r->header) != NULL;
    struct member *m = salvage_member_of(r, position, v.size);
    if (m == NULL)
        return;
    if (m->ended) {
        drop(r, m, position, v.size, "the member ends a second time");
        return;
    }
    settle_doubtful(r, m, UINT64_MAX);
    m->empty = !known;
    if (hit != NULL)
        doubt_end(r, m, position, false, hit);
    else if (s->lost_until > m->seen ||
             (s->doubtful.member != NULL && s->doubtful.offset == m->offset))
        doubt_end(r, m, position, false,
                  "what is lost or out of place before its end may be of it");
    feed(r, m, v, position);
}

// Takes a chunk with a payload, or, where that is hit, what its head says.
static void salvage_payload(struct reader *r, struct view v, uint64_t position, size_t head,
                            const char *hit) {
    const struct xbstream_chunk c = r->header;
    struct salvaging *s = r->salvaging;
    uint64_t advance = c.payload_size, data;
    struct member *m = salvage_member_of(r, position, v.size);
    if (m == NULL)
        return;
    bool sparse = c.type == XBSTREAM_SPARSE;
    if (sparse && hit == NULL &&
        !measure_map(v.data + head, c.map_size, c.payload_size, &data, &advance))
        hit = "lengths in the sparse map do not add up to the payload";
    if (m->ended || advance >> OFFSET_BITS_MAX != 0 || c.offset >> OFFSET_BITS_MAX != 0 ||
        (sparse && hit != NULL)) {
        drop(r, m, position, v.size,
             m->ended      ? "the chunk comes after the end of its member"
             : hit != NULL ? hit
                           : "the chunk's offset makes its member too large");
        return;
    }
    settle_doubtful(r, m, c.offset);
    if (c.offset > m->offset && (hit == NULL || s->lost_until <= m->seen))
        settle_doubtful(r, NULL, UINT64_MAX); // which may be this one's, under a damaged name
    if (c.offset > m->offset && hit == NULL) {
        hold_doubtful(r, m, v, position, c.offset, advance);
        return;
    }
    if (c.offset < m->offset)
        suspect(r, m);
    if (c.offset < m->offset || (c.offset > m->offset && s->lost_until <= m->seen)) {
        drop(r, m, position, v.size, "the chunk does not continue its member");
        return;
    }
    if (c.offset > m->offset)
        fill(r, m, position, c.offset - m->offset);
    if (hit == NULL) {
        feed(r, m, v, position);
        return;
    }
    struct salvage_loss loss = {.offset = position,
                                .length = v.size,
                                .placed = true,
                                .output_offset = m->offset,
                                .zeros = advance,
                                .exact = true};
    m->seen = position + v.size;
    submit_hole(r, m, &loss, false, hit);
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct reader *r = context;
    struct place place = {.origin = v.origin, .exact = v.exact, .position = position};
    struct fault f;
    size_t head;
    if (xbstream_parse(v.data, v.size, r->max_chunk, &place, &r->header, &head, &f) <= 0) {
        stage_fail(&r->stage, &f); // the probe has parsed it
        return;
    }
    r->any = true;
    if (r->header.type == XBSTREAM_END)
        salvage_end(r, v, position, hit);
    else if (r->header.type != XBSTREAM_IGNORED)
        salvage_payload(r, v, position, head, hit);
    else if (hit != NULL)
        drop(r, NULL, position, v.size, hit);
}

static void take_gap(void *context, const struct resync_gap *gap) {
    drop(context, NULL, gap->offset, gap->length, gap->why);
}

static bool begin_salvage(struct reader *r) {
    static const struct resync_format format = {
        .probe = probe, .find = find_chunk, .unit = take_unit, .gap = take_gap};
    if (r->salvaging != NULL)
        return true;
    r->salvaging = calloc(1, sizeof *r->salvaging);
    if (r->salvaging == NULL) {
        stage_fail_memory(&r->stage);
        return false;
    }
    r->salvaging->misnamed_from = UINT64_MAX;
    resync_begin(&r->salvaging->resync, &r->stage, &format, r);
    return true;
}

// The end of the stream has come before that of the member.
static void end_unfinished(struct name *name, void *context) {
    struct reader *r = context;
    struct member *m = name->value;
    if (m == NULL || m->ended)
        return;
    doubt_end(r, m, r->salvaging->resync.position, false, "the stream has no end of it");
    suspect(r, m);
    m->ended = true;
    submit_ending(r, m);
}

static void doubt_empty(struct name *name, void *context) {
    struct reader *r = context;
    struct member *m = name->value;
    if (m != NULL && m->empty && m->seen > r->salvaging->misnamed_from)
        doubt_end(r, m, m->seen, true, "it is empty, or its chunks have another's name");
}

// Takes what is left. Returns false if nothing is to be said of the end besides.
static bool finish_salvage(struct reader *r) {
    if (!begin_salvage(r))
        return false;
    resync_finish(&r->salvaging->resync);
    if (stage_is_closed(&r->stage))
        return false;
    settle_doubtful(r, NULL, UINT64_MAX);
    names_visit(r->names, end_unfinished, r);
    names_visit(r->names, doubt_empty, r);
    r->any = r->any || r->salvaging->resync.position > 0;
    r->unfinished = 0;
    return !r->stage.failed;
}

static void push(struct stage *stage, struct view v) {
    struct reader *r = (struct reader *)stage;
    if (stage->salvage == NULL)
        take(r, v);
    else if (!stage_is_closed(stage) && begin_salvage(r))
        resync_push(&r->salvaging->resync, v);
}

// The end of the input.
struct verdict {
    struct unit unit;
    struct reader *reader;
    struct fault fault; // status 0: none
};

static void visit_name(struct name *name, void *context) {
    const struct reader *r = context;
    const struct member *member = name->value;
    if (member != NULL && !member->ended)
        r->target.unfinished(r->target.context, name->bytes, name->size);
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
    if (r->target.unfinished != NULL)
        names_visit(r->names, visit_name, r);
    stage_break(&r->stage, &e->fault);
}

static void release_verdict(struct unit *unit) {
    free(unit);
}

static void finish(struct stage *stage) {
    struct reader *r = (struct reader *)stage;
    if (stage->salvage != NULL && !r->stage.failed && !finish_salvage(r))
        return;
    if (r->stage.failed)
        return;
    struct verdict *e = calloc(1, sizeof *e);
    if (e == NULL) {
        stage_fail_memory(&r->stage);
        return;
    }
    struct place end = {.origin = r->origin, .exact = r->exact, .position = r->position};
    char where[PLACE_TEXT_SIZE];
    place_text(&end, 0, where);
    if (r->state != IN_HEAD || r->head.have > 0)
        diag_fault(&e->fault, EX_DATAERR,
                   "xbstream ends too early, inside a chunk, %s; it was cut short: fetch the "
                   "backup again",
                   where);
    else if (!r->any)
        diag_fault(&e->fault, EX_DATAERR, "input is empty: expected an xbstream");
    else if (r->unfinished > 0)
        diag_fault(
            &e->fault, EX_DATAERR,
            "xbstream ends too early, %s: expected the end of %u more member%s; it was cut short: "
            "fetch the backup again",
            where, r->unfinished, r->unfinished == 1 ? "" : "s");
    e->unit.deliver = deliver_verdict;
    e->unit.release = release_verdict;
    e->reader = r;
    ordered_submit(r->stage.ordered, &e->unit);
    if (e->fault.status != 0)
        r->stage.failed = true;
}

static void free_member(struct name *name, void *context) {
    (void)context;
    free(name->value);
}

static void free_reader(struct stage *stage) {
    struct reader *r = (struct reader *)stage;
    gather_clear(&r->map);
    chunk_unref(r->chunk);
    if (r->salvaging != NULL) {
        slab_unref(r->salvaging->doubtful.view.slab);
        resync_clear(&r->salvaging->resync);
    }
    free(r->salvaging);
    names_visit(r->names, free_member, NULL);
    names_free(r->names);
    free(r);
}

struct stage *xbstream_reader_new(struct ordered *o, uint64_t max_chunk,
                                  struct xbstream_target target) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_reader};
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->stage.ops = &operations;
    r->stage.ordered = o;
    r->max_chunk = max_chunk;
    r->target = target;
    return &r->stage;
}
