// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"
#include "engine/resync.h"
#include "format/xbstream_reader_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The state of a reader that salvages; reader->resync is its first member.
struct salvaging {
    struct resync resync;
    uint64_t lost_until; // in the stream: the end of the last part that is lost or out of place
    uint64_t lost;       // lost bytes of the stream
    // The offset in the stream at which the first member began that has chunks which may belong to
    // another: its own do not fit, or it does not end. A later member that ended without data may
    // have had them.
    uint64_t misnamed_from;
    bool misnamed; // there is such a member
    // A chunk that does not continue its member: the member's next chunk shows whether its offset
    // is right. `lost`: something before it was lost, so that its offset is accepted, but not as
    // exact, if nothing contradicts it; `explained`: the loss is just one chunk of the missing
    // size. `member` NULL: none.
    struct {
        struct member *member;
        struct view view; // holds a reference
        uint64_t position, offset, advance;
        bool lost, explained;
    } doubtful;
};

static struct salvaging *salvaging_of(const struct reader *r) {
    return (struct salvaging *)r->resync;
}

static const char magic[] = XBSTREAM_MAGIC;
enum {
    MAGIC_SIZE = sizeof magic - 1,
    AT_TYPE = 9,
    // Files are never larger, but the offset in a damaged header may be.
    OFFSET_BITS_MAX = 44,
    // How far an unconfirmed offset may jump, in bytes, beyond the number of bytes of the stream so
    // far.
    GAP_MAX = 1 << 30
};

static size_t find_chunk(void *context, const uint8_t *data, size_t size) {
    (void)context;
    return resync_find(data, size, magic, MAGIC_SIZE);
}

// The answer for a window that has fewer than *size bytes.
static enum resync_answer need_more(const struct resync_window *w, const size_t *size,
                                    struct fault *why) {
    if (!w->end)
        return RESYNC_MORE;
    diag_fault(why, EX_DATAERR, "the input ends inside a chunk, after %zu of at least %zu bytes",
               w->have, *size);
    return RESYNC_NOTHING;
}

// The same for a chunk whose header is parsed, and names its member.
static enum resync_answer need_payload(const struct xbstream_chunk *c,
                                       const struct resync_window *w, const size_t *size,
                                       struct fault *why) {
    enum resync_answer answer = need_more(w, size, why);
    if (answer == RESYNC_NOTHING && c->path_size > 0)
        diag_fault(why, EX_DATAERR,
                   "the input ends inside a chunk of %s, after %zu of at least %zu bytes",
                   diag_shown_name((const char *)c->path, c->path_size, 100), w->have, *size);
    return answer;
}

// Judges the chunk in the window, whose header is parsed; *size is the header's, and becomes the
// chunk's.
static enum resync_answer probe_payload(const struct xbstream_chunk *c,
                                        const struct resync_window *w, size_t *size,
                                        struct fault *why) {
    size_t head = *size;
    *size += c->map_size + (size_t)c->payload_size;
    if (w->have < *size)
        return need_payload(c, w, size, why);
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

// A chunk that claims to be an end, but no chunk follows it: it may be a chunk with a payload whose
// type is damaged.
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

static enum resync_answer probe(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why) {
    const struct reader *r = context;
    struct xbstream_chunk c;
    int parsed = xbstream_parse(w->data, w->have, r->max_chunk, &w->place, &c, size, why);
    if (parsed < 0)
        return RESYNC_NOTHING;
    if (parsed == 0)
        return need_more(w, size, why);
    if (c.type == XBSTREAM_SEEK) // already confirmed by what follows it
        return RESYNC_UNIT;
    bool bare = c.type == XBSTREAM_RENAME || c.type == XBSTREAM_REMOVE;
    if (c.type != XBSTREAM_END && !bare)
        return probe_payload(&c, w, size, why);
    // These carry no checksum; only what follows confirms one.
    if (w->have < *size + MAGIC_SIZE && !w->end) {
        *size += MAGIC_SIZE;
        return RESYNC_MORE;
    }
    if (resync_follows(w, *size, magic, MAGIC_SIZE))
        return RESYNC_UNIT;
    if (bare) {
        diag_fault(why, EX_DATAERR, "damaged xbstream chunk: no chunk follows it");
        return RESYNC_NOTHING;
    }
    size_t end = *size;
    const struct member *m = xbstream_reader_known(r, &c);
    enum resync_answer other = probe_other_types(r, w, size, why);
    if (other == RESYNC_MORE)
        return other;
    diag_fault(why, EX_DATAERR, "damaged xbstream chunk: no chunk follows its end");
    size_t rest = w->have - 1 < end + MAGIC_SIZE - 2 ? w->have - 1 : end + MAGIC_SIZE - 2;
    bool overlaps =
        find_chunk(NULL, w->data + 1, rest) < end - 1; // its path would include the next chunk
    if (other == RESYNC_UNIT || overlaps || (m != NULL && m->ended))
        return RESYNC_NOTHING;
    *size = end;
    return m != NULL ? RESYNC_UNIT : RESYNC_HIT;
}

// A hole in a member, or, in order, the note that it lacks something.
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
    const struct archive_target *target = &r->target;
    const struct member *m = h->member;
    if (r->stage.broken)
        return;
    salvage_lost(m != NULL ? m->scope : r->stage.salvage, &h->loss, h->why);
    if (h->loss.zeros > 0)
        target->data(target->context, m->target, (struct view){.size = (size_t)h->loss.zeros});
    if (h->retract && target->retract != NULL)
        target->retract(target->context, m->target);
}

static void submit_hole(struct reader *r, struct member *m, const struct salvage_loss *loss,
                        bool retract, const char *why) {
    struct hole *h = stage_unit(&r->stage, sizeof *h, deliver_hole, NULL);
    if (h == NULL)
        return;
    h->reader = r;
    h->member = m;
    h->retract = retract;
    h->loss = *loss;
    h->loss.format = "xbstream";
    snprintf(h->why, sizeof h->why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    if (m != NULL)
        m->offset += loss->zeros;
    if (m != NULL && m->size < m->offset)
        m->size = m->offset;
    ordered_submit(r->stage.ordered, &h->unit);
}

// `length` bytes at `position` of the stream are lost or useless; they belong, or claim to belong,
// to the member, if there is one. Their offset in it is not known.
static void drop(struct reader *r, struct member *m, uint64_t position, uint64_t length,
                 const char *why) {
    struct salvage_loss loss = {.offset = position, .length = length};
    if (position + length > salvaging_of(r)->lost_until)
        salvaging_of(r)->lost_until = position + length;
    salvaging_of(r)->lost += length;
    submit_hole(r, m, &loss, m != NULL && m->ended && !m->refused, why);
}

// The member gets that many zeros for the missing part before `position`. Not `exact`: only one
// header, which no checksum covers, says how many.
static void fill(struct reader *r, struct member *m, uint64_t position, uint64_t size, bool exact) {
    struct salvage_loss loss = {.offset = position,
                                .placed = true,
                                .output_offset = m->offset,
                                .zeros = size,
                                .exact = exact};
    submit_hole(r, m, &loss, false, "the chunks before this one are missing");
}

// Whether that much may be missing before a chunk at `position`, if only its own header says so.
static bool is_plausible(uint64_t size, uint64_t position) {
    return size <= position || size - position <= GAP_MAX;
}

// Something may be missing at the member's end.
static void doubt_end(struct reader *r, struct member *m, uint64_t position, bool retract,
                      const char *why) {
    struct salvage_loss loss = {.offset = position, .placed = true, .output_offset = m->offset};
    submit_hole(r, m, &loss, retract, why);
}

static void suspect(struct reader *r, const struct member *m) {
    struct salvaging *s = salvaging_of(r);
    if (!s->misnamed || m->began < s->misnamed_from)
        s->misnamed_from = m->began;
    s->misnamed = true;
}

// A chunk of the member has ended there.
static void see(const struct reader *r, struct member *m, uint64_t position) {
    m->seen = position;
    m->lost_before = salvaging_of(r)->lost;
}

// Passes on a sound chunk that continues its member.
static void feed(struct reader *r, struct member *m, struct view v, uint64_t position) {
    see(r, m, position + v.size);
    r->position = position;
    xbstream_reader_take(r, v);
}

static void forget_doubtful(struct reader *r) {
    slab_unref(salvaging_of(r)->doubtful.view.slab);
    salvaging_of(r)->doubtful.member = NULL;
    salvaging_of(r)->doubtful.view.slab = NULL;
}

enum vouched { REFUSED, BELIEVED, SURE };

// Whether the offset of the doubtful chunk is right, now that the next chunk of its member is at
// `next`, or there is none (UINT64_MAX).
static enum vouched vouch(const struct salvaging *s, uint64_t next) {
    uint64_t end = s->doubtful.offset + s->doubtful.advance;
    if (next == end)
        return SURE;
    bool more_lost = next > end && s->lost_until > s->doubtful.position + s->doubtful.view.size;
    if (!s->doubtful.lost || (next != UINT64_MAX && !more_lost))
        return REFUSED;
    if (s->doubtful.explained)
        return SURE;
    return is_plausible(s->doubtful.offset - s->doubtful.member->offset, s->doubtful.position)
               ? BELIEVED
               : REFUSED;
}

// The next chunk of the member is at `next`, or the member ends or cannot wait longer (UINT64_MAX):
// the doubtful chunk is passed on, or lost.
static void settle_doubtful(struct reader *r, struct member *m, uint64_t next) {
    struct salvaging *s = salvaging_of(r);
    if (s->doubtful.member == NULL || (m != NULL && s->doubtful.member != m))
        return;
    m = s->doubtful.member;
    uint64_t position = s->doubtful.position, size = s->doubtful.view.size;
    enum vouched vouched = vouch(s, next);
    if (vouched != REFUSED) {
        if (position >= s->lost_until) // the missing bytes, of whatever member
            s->lost_until = position + 1;
        fill(r, m, position, s->doubtful.offset - m->offset, vouched == SURE);
        feed(r, m, s->doubtful.view, position);
    } else {
        drop(r, m, position, size, "the chunk does not continue its member");
    }
    forget_doubtful(r);
}

// Ends the open member with the oldest last chunk, whose end is missing.
static void end_unfinished(struct reader *r, uint64_t position, const char *why) {
    struct member *m = (struct member *)chain_first(&r->open);
    settle_doubtful(r, m, UINT64_MAX);
    doubt_end(r, m, position, false, why);
    suspect(r, m);
    xbstream_reader_end(r, m);
}

// The member of the header, begun if it is new. NULL if its name is refused, in which case the
// bytes at `position` are lost, or on failure.
static struct member *salvage_member_of(struct reader *r, uint64_t position, size_t size) {
    struct fault f;
    struct member *m = xbstream_reader_member(r, &f);
    if (m == NULL) {
        m = xbstream_reader_known(r, &r->header);
        if (m == NULL || f.status != EX_DATAERR) {
            stage_fail(&r->stage, &f);
            return NULL;
        }
        m->refused = true;
        xbstream_reader_close(r, m);
    }
    if (m->scope == NULL) {
        m->began = position;
        m->scope = salvage_member(r->stage.salvage->record, m->name, m->name_size);
        if (m->scope == NULL) {
            stage_fail_memory(&r->stage);
            return NULL;
        }
        if (!m->refused && r->target.salvage != NULL)
            r->target.salvage(r->target.context, m->target, m->scope);
    }
    if (m->refused) {
        drop(r, m, position, size, "its name is refused");
        return NULL;
    }
    if (!m->ended) { // it becomes the latest one
        chain_remove(&m->open);
        chain_add(&r->open, &m->open);
    }
    if (r->unfinished > XBSTREAM_OPEN_MAX)
        end_unfinished(r, position, "too many later members have no end, so it is ended here");
    return m;
}

static void hold_doubtful(struct reader *r, struct member *m, struct view v, uint64_t position,
                          const struct xbstream_chunk *c, uint64_t advance) {
    struct salvaging *s = salvaging_of(r);
    uint64_t head = v.size - c->payload_size, lost = s->lost - m->lost_before;
    s->doubtful.lost = s->lost_until > m->seen;
    s->doubtful.explained = c->type == XBSTREAM_PAYLOAD && lost == head + c->offset - m->offset;
    s->doubtful.member = m;
    s->doubtful.view = v;
    slab_ref(v.slab);
    s->doubtful.position = position;
    s->doubtful.offset = c->offset;
    s->doubtful.advance = advance;
}

static void salvage_end(struct reader *r, struct view v, uint64_t position, const char *hit) {
    struct salvaging *s = salvaging_of(r);
    struct member *m = salvage_member_of(r, position, v.size);
    if (m == NULL)
        return;
    if (m->ended) {
        drop(r, m, position, v.size, "the member ends a second time");
        return;
    }
    settle_doubtful(r, m, UINT64_MAX);
    m->empty = m->size == 0;
    if (hit != NULL)
        doubt_end(r, m, position, false, hit);
    else if (s->lost_until > m->seen ||
             (s->doubtful.member != NULL && s->doubtful.offset == m->offset))
        doubt_end(r, m, position, false,
                  "something lost or out of place before its end may belong to it");
    feed(r, m, v, position);
}

// Takes a chunk with a payload or, if that is damaged, the values of its header.
static void salvage_payload(struct reader *r, struct view v, uint64_t position, size_t head,
                            const char *hit) {
    const struct xbstream_chunk c = r->header;
    struct salvaging *s = salvaging_of(r);
    uint64_t advance = c.payload_size, data;
    struct fault f;
    if (xbstream_changes_forget_rewritten(r, &f) < 0) {
        stage_fail(&r->stage, &f);
        return;
    }
    struct member *m = salvage_member_of(r, position, v.size);
    if (m == NULL)
        return;
    bool sparse = c.type == XBSTREAM_SPARSE;
    if (sparse && hit == NULL &&
        !xbstream_measure_map(v.data + head, c.map_size, c.payload_size, &data, &advance))
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
        settle_doubtful(r, NULL, UINT64_MAX); // which may belong to this one, under a damaged name
    if (c.offset > m->offset && hit == NULL) {
        hold_doubtful(r, m, v, position, &c, advance);
        return;
    }
    if (c.offset < m->offset)
        suspect(r, m);
    // The offset of a damaged chunk is accepted only if it continues the member: the next sound
    // chunk shows how much is missing.
    if (c.offset != m->offset) {
        drop(r, m, position, v.size, hit != NULL ? hit : "the chunk does not continue its member");
        return;
    }
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
    see(r, m, position + v.size);
    submit_hole(r, m, &loss, false, hit);
}

// Renames or removes. A change that is impossible is a loss; an earlier loss may be the cause.
static void salvage_change(struct reader *r, uint64_t position, size_t size) {
    struct fault f;
    if (xbstream_changes_apply(r, &f) == 0)
        return;
    if (f.status == EX_DATAERR)
        drop(r, NULL, position, size, f.text);
    else
        stage_fail(&r->stage, &f);
}

static void salvage_seek(struct reader *r, uint64_t position, size_t size) {
    struct fault f;
    struct member *m = salvage_member_of(r, position, size);
    if (m == NULL)
        return;
    settle_doubtful(r, m, UINT64_MAX);
    if (m->ended || r->header.offset > m->size) {
        drop(r, m, position, size,
             m->ended ? "the chunk comes after the end of its member"
                      : "the chunk seeks beyond the end of its member");
        return;
    }
    m->seen = position + size;
    if (xbstream_changes_seek(r, &f) < 0)
        stage_fail(&r->stage, &f);
}

// Parses a unit that the probe has found. Returns the size of its head; or 0 and *f.
static size_t parse_unit(struct reader *r, struct view v, const struct place *place,
                         struct fault *f) {
    size_t head;
    int parsed = xbstream_parse(v.data, v.size, r->max_chunk, place, &r->header, &head, f);
    if (parsed != 0)
        return parsed > 0 ? head : 0;
    // A seek: the chunk after it confirms it.
    memcpy(r->head.bytes, v.data, v.size);
    memcpy(r->head.bytes + v.size, magic, MAGIC_SIZE);
    parsed = xbstream_parse(r->head.bytes, v.size + MAGIC_SIZE, r->max_chunk, place, &r->header,
                            &head, f);
    return parsed > 0 ? head : 0;
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct reader *r = context;
    struct place place = {.origin = v.origin, .exact = v.exact, .position = position};
    struct fault f;
    size_t head = parse_unit(r, v, &place, &f);
    if (head == 0) {
        stage_fail(&r->stage, &f);
        return;
    }
    r->any = true;
    r->head.place = place;
    if (r->header.type == XBSTREAM_END)
        salvage_end(r, v, position, hit);
    else if (r->header.type == XBSTREAM_RENAME || r->header.type == XBSTREAM_REMOVE)
        salvage_change(r, position, v.size);
    else if (r->header.type == XBSTREAM_SEEK)
        salvage_seek(r, position, v.size);
    else if (r->header.type != XBSTREAM_IGNORED)
        salvage_payload(r, v, position, head, hit);
    else if (hit != NULL)
        drop(r, NULL, position, v.size, hit);
}

static void take_gap(void *context, const struct resync_gap *gap) {
    drop(context, NULL, gap->offset, gap->length, gap->why);
}

static const struct resync_format format = {.size = sizeof(struct salvaging),
                                            .probe = probe,
                                            .find = find_chunk,
                                            .unit = take_unit,
                                            .gap = take_gap};

static void doubt_empty(void *user, void *context) {
    struct reader *r = context;
    struct member *m = user;
    const struct salvaging *s = salvaging_of(r);
    if (m->empty && s->misnamed && m->seen > s->misnamed_from)
        doubt_end(r, m, m->seen, true,
                  "it is empty, or its chunks have the name of another member");
}

bool xbstream_salvage_finish(struct reader *r) {
    if (!resync_start(&r->resync, &r->stage, &format, r))
        return false;
    resync_finish(r->resync);
    if (stage_is_closed(&r->stage))
        return false;
    settle_doubtful(r, NULL, UINT64_MAX);
    while (r->unfinished > 0 && !r->stage.failed)
        end_unfinished(r, r->resync->position, "its end is missing");
    xbstream_roster_visit(&r->roster, doubt_empty, r);
    r->any = r->any || r->resync->position > 0;
    return !r->stage.failed;
}

void xbstream_salvage_push(struct reader *r, struct view v) {
    if (resync_start(&r->resync, &r->stage, &format, r))
        resync_push(r->resync, v);
}

void xbstream_salvage_free(struct reader *r) {
    if (r->resync != NULL)
        slab_unref(salvaging_of(r)->doubtful.view.slab);
    resync_free(r->resync);
}
