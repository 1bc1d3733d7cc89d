// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt_dec.h"

#include "engine/resync.h"
#include "engine/salvage.h"
#include "format/plaintext.h"
#include "format/xbcrypt_resync.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

// Chunks with a right CRC and a wrong hash at the start of an input after which, as none was right,
// salvage gives up: it is the key that is wrong. And losses that wait for that to be known.
enum { WRONG_KEY_CHUNKS = 8, EARLY_MAX = 32 };

// A loss whose size in the output is not yet known, because the version is not.
struct early_loss {
    uint64_t offset, length;
    bool known; // the next one is
    uint64_t payload_size;
    char why[SALVAGE_WHY_MAX + 1];
};

// What a decoder that salvages knows besides.
struct salvaging {
    struct resync resync;
    unsigned version; // of the last sound chunk; 0: there was none
    struct early_loss early[EARLY_MAX];
    unsigned early_count;
};

struct decoder {
    struct stage stage;
    struct xbcrypt_dec_settings *settings;
    struct stage *next;
    uint64_t position; // in the input
    uint64_t produced; // plaintext bytes of all chunks submitted
    bool judged;       // the first plaintext has been looked at
    bool in_payload;
    struct head head;
    struct xbcrypt_header header;
    struct gather payload;
    unsigned last_version; // of the chunk submitted before; 0: none
    struct salvaging *salvaging;
};

// One chunk.
struct chunk {
    struct unit unit;
    struct decoder *decoder;
    struct xbcrypt_header header;
    struct place place;
    uint8_t *data;     // the payload; then the plaintext, which takes its place
    struct slab *slab; // holds it; NULL once the plaintext has been stored
    uint64_t offset;   // of the plaintext in the output
    size_t input_size; // of the chunk with its head
    bool suspect;      // says version 2, and the chunk before did not
    bool failed;
    struct fault fault;
};

// A version 2 chunk among others, or the first: its magic may be a damaged "3".
static int check_version(struct chunk *c, unsigned thread) {
    struct slab *scratch = slab_new(c->header.payload_size + 1);
    if (scratch == NULL)
        return diag_fault_memory(&c->fault);
    bool damaged = xbcrypt_is_really_version3(c->decoder->settings->key, thread, &c->header,
                                              c->data, scratch->data);
    slab_unref(scratch);
    if (!damaged)
        return 0;
    char where[PLACE_TEXT_SIZE];
    return diag_fault(&c->fault, EX_DATAERR,
                      "damaged xbcrypt chunk %s: its magic says version 2, its hash version 3; "
                      "fetch the backup again",
                      place_text(&c->place, 0, where));
}

// The plaintext is stored by the thread that decrypts it. Not with version 1 or 2: their first
// chunk has to be judged before it goes out.
static bool is_placed(const struct chunk *c) {
    return c->decoder->next->ops->place != NULL && c->header.version == 3;
}

// Decrypts in place, and stores the plaintext if it may.
static int decrypt(struct chunk *c, unsigned thread) {
    struct decoder *d = c->decoder;
    if (c->suspect && check_version(c, thread) < 0)
        return -1;
    if (xbcrypt_decrypt(d->settings->key, thread, &c->header, c->data, c->data, &c->place,
                        &c->fault) < 0)
        return -1;
    if (!is_placed(c))
        return 0;
    return d->next->ops->place(d->next, c->offset, c->data, c->header.data_size, &c->fault);
}

static enum job_result run_chunk(struct job *job, unsigned thread) {
    struct chunk *c = (struct chunk *)job;
    c->failed = decrypt(c, thread) < 0;
    if (is_placed(c)) { // release the memory now rather than at delivery
        slab_unref(c->slab);
        c->slab = NULL;
    }
    return JOB_DONE;
}

static void warn(struct decoder *d, const char *text) {
    if (d->settings->warn == NULL)
        return;
    char line[400];
    if (d->stage.name != NULL)
        snprintf(line, sizeof line, "%.*s: %s", diag_cut(d->stage.name, 200), d->stage.name, text);
    else
        snprintf(line, sizeof line, "%s", text);
    d->settings->warn(line);
}

// Looks at the first plaintext of a version 1 or 2 stream. Returns false if that fails the stream.
static bool judge(struct decoder *d, const struct chunk *c) {
    if (!d->settings->warned_legacy) {
        d->settings->warned_legacy = true;
        char text[160];
        snprintf(text, sizeof text,
                 "xbcrypt version %u stores nothing that tells a wrong key from a right one; check "
                 "what comes out before you rely on it",
                 c->header.version);
        warn(d, text);
    }
    if (c->header.data_size == 0)
        return true; // the next chunk will show
    d->judged = true;
    if (plaintext_judge(c->data, c->header.data_size) != PLAINTEXT_RANDOM)
        return true;
    if (!d->settings->accept_random) {
        struct fault f;
        char where[PLACE_TEXT_SIZE];
        diag_fault(&f, EX_DATAERR,
                   "this looks like the wrong key: the data of xbcrypt chunk %s decrypts to random "
                   "bytes; if it is data that is random by nature, use --no-strict",
                   place_text(&c->place, 0, where));
        stage_break(&d->stage, &f);
        return false;
    }
    if (!d->settings->warned_wrong)
        warn(d, "this looks like the wrong key: what comes out are random bytes");
    d->settings->warned_wrong = true;
    return true;
}

static struct salvage_loss loss_of(uint64_t offset, uint64_t length, uint64_t output_offset) {
    return (struct salvage_loss){.format = "xbcrypt",
                                 .offset = offset,
                                 .length = length,
                                 .placed = true,
                                 .output_offset = output_offset};
}

static void deliver_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    struct decoder *d = c->decoder;
    if (d->stage.broken)
        return;
    if (c->failed && c->fault.status == EX_DATAERR && d->stage.salvage != NULL) {
        struct salvage_loss loss = loss_of(c->place.position, c->input_size, c->offset);
        loss.zeros = c->header.data_size;
        loss.exact = true;
        salvage_lost(d->stage.salvage, &loss, c->fault.text);
        stage_push(d->next, (struct view){.size = c->header.data_size});
        return;
    }
    if (c->failed) {
        stage_break(&d->stage, &c->fault);
        return;
    }
    if (c->header.version < 3 && !d->judged && !judge(d, c))
        return;
    if (is_placed(c)) {
        d->next->ops->placed(d->next, c->header.data_size);
        return;
    }
    stage_push(d->next, (struct view){.data = c->data,
                                      .size = c->header.data_size,
                                      .slab = c->slab,
                                      .origin = c->place.origin});
}

static void release_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    slab_unref(c->slab);
    free(c);
}

static size_t head_size(const struct xbcrypt_header *h) {
    return h->version == 1 ? XBCRYPT_HEAD_V1 : XBCRYPT_HEAD;
}

// Takes over the gathered payload.
static void submit_chunk(struct decoder *d) {
    struct chunk *c = calloc(1, sizeof *c);
    if (c == NULL) {
        stage_fail_memory(&d->stage);
        return;
    }
    c->unit.job.run = run_chunk;
    c->unit.deliver = deliver_chunk;
    c->unit.release = release_chunk;
    c->unit.cost = sizeof *c + d->header.payload_size;
    c->decoder = d;
    c->header = d->header;
    c->place = d->head.place;
    c->data = d->payload.slab->data + (d->payload.data - d->payload.slab->data);
    c->slab = d->payload.slab;
    c->offset = d->produced;
    c->input_size = head_size(&d->header) + d->header.payload_size;
    c->suspect = d->header.version == 2 && d->last_version != 2;
    d->last_version = d->header.version;
    d->payload = (struct gather){0};
    d->produced += d->header.data_size;
    ordered_submit(d->stage.ordered, &c->unit);
}

// Takes part of the view; false when there is nothing more to do with it.
static bool take(struct decoder *d, struct view *v) {
    struct fault f;
    if (!d->in_payload) {
        size_t need;
        int parsed = xbcrypt_parse(d->head.bytes, d->head.have, d->settings->max_chunk,
                                   &d->head.place, &d->header, &need, &f);
        if (parsed < 0) {
            stage_fail(&d->stage, &f);
            return false;
        }
        if (parsed == 0)
            return v->size > 0 && (head_fill(&d->head, need, v, &d->position), true);
        d->in_payload = true;
        gather_begin(&d->payload, d->header.payload_size);
    }
    if (v->size == 0 && d->payload.need > 0)
        return false;
    int gathered = gather_fill(&d->payload, v, &d->position);
    if (gathered < 0)
        stage_fail_memory(&d->stage);
    else if (gathered > 0) {
        submit_chunk(d);
        d->head.have = 0;
        d->in_payload = false;
    }
    return !d->stage.failed;
}

static void submit_loss(struct decoder *d, const struct early_loss *lost) {
    struct salvage_loss loss = loss_of(lost->offset, lost->length, d->produced);
    uint64_t hash = d->salvaging->version == 3 ? XBCRYPT_HASH : 0;
    loss.exact = lost->known && lost->payload_size >= hash;
    loss.zeros = loss.exact ? lost->payload_size - hash : 0;
    d->produced += loss.zeros;
    salvage_submit(&d->stage, d->next, d->stage.salvage, &loss, lost->why);
}

// The version is known now: that of the first sound chunk.
static void settle(struct decoder *d, unsigned version) {
    struct salvaging *s = d->salvaging;
    s->version = version;
    for (unsigned i = 0; i < s->early_count; i++)
        submit_loss(d, &s->early[i]);
    s->early_count = 0;
}

static void lose(struct decoder *d, uint64_t offset, uint64_t length, bool known,
                 uint64_t payload_size, const char *why) {
    struct salvaging *s = d->salvaging;
    struct early_loss lost = {
        .offset = offset, .length = length, .known = known, .payload_size = payload_size};
    snprintf(lost.why, sizeof lost.why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    if (s->version != 0) {
        submit_loss(d, &lost);
        return;
    }
    s->early[s->early_count++] = lost;
    if (s->early_count == EARLY_MAX) // as most inputs are
        settle(d, 3);
}

// Decrypts a chunk here and now, as one of version 3. Returns 1 if its hash is right, 0 and *f if
// it is not, -1 and *f.
static int try_version3(struct decoder *d, const struct xbcrypt_header *h, const uint8_t *payload,
                        const struct place *place, struct fault *f) {
    struct xbcrypt_header as3 = *h;
    if (h->version == 1 || h->payload_size < XBCRYPT_HASH)
        return diag_fault(f, EX_DATAERR, "the chunk is not of version 3"), 0;
    as3.version = 3;
    as3.data_size = h->payload_size - XBCRYPT_HASH;
    struct slab *scratch = slab_new(h->payload_size + 1);
    if (scratch == NULL)
        return diag_fault_memory(f);
    // The main thread's contexts: it runs no job here.
    int result = xbcrypt_decrypt(d->settings->key, 0, &as3, payload, scratch->data, place, f);
    slab_unref(scratch);
    return result == 0 ? 1 : f->status == EX_DATAERR ? 0 : -1;
}

// The version that a chunk with a right CRC is of, whatever its magic says, which no checksum
// covers: where it is the first, or says another than the one before, it is tried. Returns false if
// the chunk cannot be used.
static bool find_version(struct decoder *d, struct xbcrypt_header *h, struct view payload,
                         const struct place *place, size_t size) {
    struct xbcrypt_dec_settings *shared = d->settings;
    if (h->version == d->salvaging->version || (h->version == 3 && shared->key_proved))
        return true;
    struct fault f;
    int really3 = try_version3(d, h, payload.data, place, &f);
    if (really3 < 0) {
        stage_fail(&d->stage, &f);
        return false;
    }
    if (really3 > 0) {
        shared->key_proved = true;
        h->version = 3;
        h->data_size = h->payload_size - XBCRYPT_HASH;
        return true;
    }
    if (h->version < 3) // which have nothing that could be wrong
        return true;
    if (d->salvaging->version == 0 && shared->wrong_hashes++ == 0)
        shared->wrong_hash = f;
    if (shared->wrong_hashes == WRONG_KEY_CHUNKS && !shared->key_proved) {
        stage_fail(&d->stage, &shared->wrong_hash);
        return false;
    }
    lose(d, place->position, size, true, h->payload_size, f.text);
    return false;
}

static enum resync_answer probe(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why) {
    const struct decoder *d = context;
    return xbcrypt_probe(d->settings->max_chunk, w, size, why);
}

static void take_unit(void *context, struct view v, uint64_t position, const char *hit) {
    struct decoder *d = context;
    struct place place = {.origin = v.origin, .exact = v.exact, .position = position};
    struct xbcrypt_header h;
    struct fault f;
    size_t need, size = v.size;
    if (xbcrypt_parse(v.data, v.size, d->settings->max_chunk, &place, &h, &need, &f) <= 0) {
        stage_fail(&d->stage, &f); // the probe has parsed it
        return;
    }
    if (hit != NULL) {
        lose(d, position, v.size, true, h.payload_size, hit);
        return;
    }
    view_split(&v, head_size(&h));
    if (!find_version(d, &h, v, &place, size))
        return;
    if (h.version != d->salvaging->version)
        settle(d, h.version);
    d->header = h;
    d->head.place = place;
    d->last_version = h.version; // has been seen to
    gather_begin(&d->payload, v.size);
    if (gather_append(&d->payload, v) < 0)
        stage_fail_memory(&d->stage);
    else
        submit_chunk(d);
}

static void take_gap(void *context, const struct resync_gap *gap) {
    struct decoder *d = context;
    uint64_t payload_size = 0;
    bool known = xbcrypt_gap_is_chunk(gap, d->salvaging->version, &payload_size);
    lose(d, gap->offset, gap->length, known, payload_size, gap->why);
}

static bool begin_salvage(struct decoder *d) {
    static const struct resync_format format = {
        .probe = probe, .find = xbcrypt_find, .unit = take_unit, .gap = take_gap};
    if (d->salvaging != NULL)
        return true;
    d->salvaging = calloc(1, sizeof *d->salvaging);
    if (d->salvaging == NULL) {
        stage_fail_memory(&d->stage);
        return false;
    }
    resync_begin(&d->salvaging->resync, &d->stage, &format, d);
    return true;
}

static void finish_salvage(struct decoder *d) {
    if (!begin_salvage(d))
        return;
    struct salvaging *s = d->salvaging;
    resync_finish(&s->resync);
    if (stage_is_closed(&d->stage))
        return;
    const struct xbcrypt_dec_settings *shared = d->settings;
    if (s->version == 0 && shared->wrong_hashes > 0 && d->stage.name == NULL) {
        stage_fail(&d->stage, &shared->wrong_hash);
        return;
    }
    if (s->version == 0)
        settle(d, 3);
    stage_finish_in_order(&d->stage, d->next);
}

static void push(struct stage *stage, struct view v) {
    struct decoder *d = (struct decoder *)stage;
    if (stage->salvage != NULL) {
        if (!stage_is_closed(stage) && begin_salvage(d))
            resync_push(&d->salvaging->resync, v);
        return;
    }
    while (!stage_is_closed(&d->stage) && take(d, &v))
        ;
}

static void finish(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    if (stage_is_closed(&d->stage))
        return;
    if (stage->salvage != NULL) {
        finish_salvage(d);
        return;
    }
    if (d->in_payload || d->head.have > 0) {
        struct fault f;
        char where[PLACE_TEXT_SIZE];
        uint64_t have = d->head.have + d->payload.have;
        if (d->in_payload)
            diag_fault(&f, EX_DATAERR,
                       "input ends inside the xbcrypt chunk %s: expected %zu bytes, found %" PRIu64
                       "; it was cut short: fetch the backup again",
                       place_text(&d->head.place, 0, where), d->head.have + d->header.payload_size,
                       have);
        else
            diag_fault(&f, EX_DATAERR,
                       "input ends inside the head of the xbcrypt chunk %s, after %" PRIu64
                       " bytes; it was cut short: fetch the backup again",
                       place_text(&d->head.place, 0, where), have);
        stage_fail(&d->stage, &f);
        return;
    }
    stage_finish_in_order(stage, d->next);
}

static void free_decoder(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    gather_clear(&d->payload);
    if (d->salvaging != NULL)
        resync_clear(&d->salvaging->resync);
    free(d->salvaging);
    free(d);
}

struct stage *xbcrypt_dec_new(struct ordered *o, struct xbcrypt_dec_settings *settings,
                              struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_decoder};
    struct decoder *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->stage.ops = &operations;
    d->stage.ordered = o;
    d->settings = settings;
    d->next = next;
    return &d->stage;
}
