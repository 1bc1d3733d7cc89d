// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt_dec.h"

#include "format/foreign.h"
#include "format/plaintext.h"
#include "format/xbcrypt_dec_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct chunk {
    struct xbcrypt_chunk crypt; // decrypted in place
    struct xbcrypt_header header;
    struct slab *slab; // holds its data; NULL once the plaintext has been stored
    uint64_t offset;   // of the plaintext in the output
    size_t input_size; // of the chunk with its header
    bool suspect;      // it says version 2, the chunk before did not
};

// One chunk, or two that follow each other.
struct pair {
    struct unit unit;
    struct decoder *decoder;
    unsigned count;
    struct chunk chunks[XBCRYPT_PAIR];
};

// A version 2 chunk among others, or the first: its magic may be a damaged "3".
static void check_version(struct decoder *d, struct chunk *c, unsigned thread) {
    struct fault *f = &c->crypt.fault;
    struct slab *scratch = slab_new(c->header.payload_size + 1);
    if (scratch == NULL) {
        c->crypt.failed = true;
        diag_fault_memory(f);
        return;
    }
    c->crypt.failed = xbcrypt_is_really_version3(d->settings->key, thread, &c->header,
                                                 c->crypt.payload, scratch->data);
    slab_unref(scratch);
    if (c->crypt.failed)
        diag_fault(f, EX_DATAERR,
                   "damaged xbcrypt chunk %s: its magic says version 2, its hash version 3; "
                   "fetch the backup again",
                   place_text(&c->crypt.place, 0));
}

// Whether the thread that decrypts the plaintext also stores it. Not with version 1 or 2: their
// first chunk must be judged before it is passed on.
static bool is_placed(const struct decoder *d, const struct chunk *c) {
    return d->next->ops->place != NULL && c->header.version == 3;
}

static enum job_result run_pair(struct job *job, unsigned thread) {
    struct pair *p = (struct pair *)job;
    struct decoder *d = p->decoder;
    struct xbcrypt_chunk *sound[XBCRYPT_PAIR];
    unsigned count = 0;
    for (unsigned i = 0; i < p->count; i++) {
        struct chunk *c = &p->chunks[i];
        if (c->suspect)
            check_version(d, c, thread);
        if (!c->crypt.failed)
            sound[count++] = &c->crypt;
    }
    xbcrypt_decrypt(d->settings->key, thread, sound, count);
    for (unsigned i = 0; i < p->count; i++) {
        struct chunk *c = &p->chunks[i];
        if (!is_placed(d, c))
            continue;
        if (!c->crypt.failed)
            c->crypt.failed = d->next->ops->place(d->next, c->offset, c->crypt.out,
                                                  c->header.data_size, &c->crypt.fault) < 0;
        slab_unref(c->slab); // free it now rather than at delivery
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

// Judges the first plaintext of a version 1 or 2 stream. Returns false if that fails the stream.
static bool judge(struct decoder *d, const struct chunk *c) {
    d->settings->legacy = true;
    if (c->header.data_size == 0)
        return true; // the next chunk decides
    d->judged = true;
    enum plaintext found = plaintext_judge(c->crypt.out, c->header.data_size);
    if (found == PLAINTEXT_KNOWN)
        d->settings->plaintext_known = true;
    if (found == PLAINTEXT_KNOWN || found == PLAINTEXT_PLAIN)
        d->settings->not_random = true;
    if (found != PLAINTEXT_RANDOM || d->settings->plaintext_known)
        return true; // random by nature, such as encrypted columns: the key is right
    if (!d->settings->accept_random) {
        struct fault f;
        diag_fault(&f, EX_DATAERR,
                   "this looks like the wrong key: the data of xbcrypt chunk %s decrypts to random "
                   "bytes; if it is data that is random by nature, use --no-strict",
                   place_text(&c->crypt.place, 0));
        stage_break(&d->stage, &f);
        return false;
    }
    if (!d->settings->warned_wrong)
        warn(d, "this looks like the wrong key: the plaintext is random bytes; open it with the "
                "program that made it before you rely on it");
    d->settings->warned_wrong = true;
    return true;
}

const char *xbcrypt_dec_doubt(const struct xbcrypt_dec_settings *s) {
    return s->legacy && !s->not_random && !s->warned_wrong
               ? "xbcrypt versions 1 and 2 cannot tell a wrong key from a right one, and the data "
                 "are too short to show it: check the result before you rely on it"
               : NULL;
}

static void deliver_chunk(struct decoder *d, struct chunk *c) {
    const struct xbcrypt_chunk *done = &c->crypt;
    if (done->failed && done->fault.status == EX_DATAERR && d->stage.salvage != NULL) {
        struct salvage_loss loss = xbcrypt_dec_loss(done->place.position, c->input_size, c->offset);
        loss.zeros = c->header.data_size;
        loss.exact = true;
        salvage_lost(d->stage.salvage, &loss, done->fault.text);
        stage_push(d->next, (struct view){.size = c->header.data_size});
        return;
    }
    if (done->failed) {
        stage_break(&d->stage, &done->fault);
        return;
    }
    if (c->header.version < 3 && !d->judged && !judge(d, c))
        return;
    if (is_placed(d, c)) {
        d->next->ops->placed(d->next, c->header.data_size);
        return;
    }
    stage_push(d->next, (struct view){.data = done->out,
                                      .size = c->header.data_size,
                                      .slab = c->slab,
                                      .origin = done->place.origin});
}

static void deliver_pair(struct unit *unit) {
    struct pair *p = (struct pair *)unit;
    for (unsigned i = 0; i < p->count && !p->decoder->stage.broken; i++)
        deliver_chunk(p->decoder, &p->chunks[i]);
}

static void release_pair(struct unit *unit) {
    struct pair *p = (struct pair *)unit;
    for (unsigned i = 0; i < p->count; i++)
        slab_unref(p->chunks[i].slab);
    free(p);
}

void xbcrypt_dec_flush(struct decoder *d) {
    struct pair *p = d->pair;
    d->pair = NULL;
    if (p != NULL)
        ordered_submit(d->stage.ordered, &p->unit);
}

void xbcrypt_dec_submit(struct decoder *d) {
    if (d->pair == NULL) {
        d->pair = stage_unit(&d->stage, sizeof *d->pair, deliver_pair, NULL);
        if (d->pair == NULL)
            return;
        d->pair->unit.job.run = run_pair;
        d->pair->unit.release = release_pair;
        d->pair->decoder = d;
    }
    struct chunk *c = &d->pair->chunks[d->pair->count++];
    d->pair->unit.cost += d->header.payload_size;
    c->header = d->header;
    c->crypt.header = &c->header;
    c->crypt.place = d->head.place;
    c->crypt.payload = d->payload.data;
    c->crypt.out = d->payload.slab->data + (d->payload.data - d->payload.slab->data);
    c->slab = d->payload.slab;
    c->offset = d->produced;
    c->input_size = xbcrypt_dec_head_size(&d->header) + d->header.payload_size;
    c->suspect = d->header.version == 2 && d->last_version != 2;
    d->last_version = d->header.version;
    d->payload = (struct gather){0};
    d->produced += d->header.data_size;
    if (d->pair->count == XBCRYPT_PAIR || d->header.payload_size > XBCRYPT_PAIR_MAX)
        xbcrypt_dec_flush(d);
}

// Takes part of the view; false when there is nothing more to do with it.
static bool take(struct decoder *d, struct view *v) {
    struct fault f;
    if (!d->in_payload) {
        size_t need;
        int parsed = xbcrypt_parse(d->head.bytes, d->head.have, d->settings->max_chunk,
                                   &d->head.place, &d->header, &need, &f);
        if (parsed < 0 && foreign_wants_more(d->head.bytes, d->head.have, &d->head.place))
            return v->size > 0 && (head_fill(&d->head, SNIFF_SIZE, v, &d->position), true);
        if (parsed < 0) {
            xbcrypt_dec_flush(d);
            foreign_explain(&f, d->head.bytes, d->head.have, &d->head.place);
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
    if (gathered < 0) {
        xbcrypt_dec_flush(d);
        stage_fail_memory(&d->stage);
    } else if (gathered > 0) {
        xbcrypt_dec_submit(d);
        d->head.have = 0;
        d->in_payload = false;
    }
    return !d->stage.failed;
}

static void push(struct stage *stage, struct view v) {
    struct decoder *d = (struct decoder *)stage;
    if (stage->salvage != NULL) {
        xbcrypt_salvage_push(d, v);
        return;
    }
    while (!stage_is_closed(&d->stage) && take(d, &v))
        ordered_relieve(stage->ordered);
    xbcrypt_dec_flush(d); // pass on what is there, whatever comes next
}

static void finish(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    if (stage_is_closed(&d->stage))
        return;
    if (stage->salvage != NULL) {
        xbcrypt_salvage_finish(d);
        return;
    }
    if (d->in_payload || d->head.have > 0) {
        struct fault f;
        uint64_t have = d->head.have + d->payload.have;
        size_t need;
        if (!d->in_payload && xbcrypt_parse(d->head.bytes, d->head.have, d->settings->max_chunk,
                                            &d->head.place, &d->header, &need, &f) < 0)
            foreign_explain(&f, d->head.bytes, d->head.have, &d->head.place); // there is no more
        else if (d->in_payload)
            diag_fault(&f, EX_DATAERR,
                       "input ends inside the xbcrypt chunk %s: expected %zu bytes, found %" PRIu64
                       "; it was cut short: fetch the backup again",
                       place_text(&d->head.place, 0), d->head.have + d->header.payload_size, have);
        else if (d->head.place.position == 0 && have <= strlen(XBCRYPT_MAGIC) &&
                 memcmp(d->head.bytes, XBCRYPT_MAGIC, d->head.have) != 0)
            diag_fault(&f, EX_DATAERR,
                       "%" PRIu64
                       " byte%s: too short for an xbcrypt stream, %s; it is something else",
                       have, have == 1 ? "" : "s", place_text(&d->head.place, 0));
        else
            diag_fault(&f, EX_DATAERR,
                       "input ends inside the head of the xbcrypt chunk %s, after %" PRIu64
                       " bytes; it was cut short: fetch the backup again",
                       place_text(&d->head.place, 0), have);
        stage_fail(&d->stage, &f);
        return;
    }
    stage_finish_in_order(stage, d->next);
}

static void free_decoder(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    gather_clear(&d->payload);
    if (d->pair != NULL)
        release_pair(&d->pair->unit);
    resync_free(d->resync);
    free(d);
}

struct stage *xbcrypt_dec_new(struct ordered *o, struct xbcrypt_dec_settings *settings,
                              struct stage *next) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_decoder};
    struct decoder *d = stage_new(sizeof *d, &operations, o);
    if (d == NULL)
        return NULL;
    d->settings = settings;
    d->next = next;
    return &d->stage;
}
