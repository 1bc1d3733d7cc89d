// SPDX-License-Identifier: Apache-2.0
#include "xbcrypt_dec.h"

#include "plaintext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
};

// One chunk.
struct chunk {
    struct unit unit;
    struct decoder *decoder;
    struct xbcrypt_header header;
    struct place place;
    const uint8_t *payload;
    struct slab *slab;   // holds it
    struct slab *output; // for the plaintext; NULL where that takes the payload's place
    const uint8_t *data; // the plaintext
    uint64_t offset;     // of the plaintext in the output
    bool suspect;        // says version 2 where that is new
    bool failed;
    struct fault fault;
};

// A version 2 chunk among others, or the first: its magic may be a damaged "3".
static int check_version(struct chunk *c, unsigned thread) {
    struct slab *scratch = slab_new(c->header.payload_size + 1);
    if (scratch == NULL)
        return diag_fault_memory(&c->fault);
    bool damaged = xbcrypt_is_really_version3(c->decoder->settings->key, thread, &c->header,
                                              c->payload, scratch->data);
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

// Decrypts, where it may be where the payload stands.
static int decrypt(struct chunk *c, unsigned thread) {
    struct decoder *d = c->decoder;
    if (c->suspect && check_version(c, thread) < 0)
        return -1;
    uint8_t *out = c->slab->data + (c->payload - c->slab->data);
    if (c->slab->mapped) {
        c->output = slab_new(c->header.payload_size + 1);
        if (c->output == NULL)
            return diag_fault_memory(&c->fault);
        out = c->output->data;
    }
    c->data = out;
    if (xbcrypt_decrypt(d->settings->key, thread, &c->header, c->payload, out, &c->place,
                        &c->fault) < 0)
        return -1;
    if (!is_placed(c))
        return 0;
    return d->next->ops->place(d->next, c->offset, out, c->header.data_size, &c->fault);
}

static enum job_result run_chunk(struct job *job, unsigned thread) {
    struct chunk *c = (struct chunk *)job;
    c->failed = decrypt(c, thread) < 0;
    // What is done with is not held until its turn comes.
    if (c->output != NULL || is_placed(c)) {
        slab_unref(c->slab);
        c->slab = NULL;
    }
    if (is_placed(c)) {
        slab_unref(c->output);
        c->output = NULL;
    }
    return JOB_DONE;
}

static void warn(struct decoder *d, const char *text) {
    if (d->settings->warn == NULL)
        return;
    char line[400];
    if (d->stage.name != NULL)
        snprintf(line, sizeof line, "%.200s: %s", d->stage.name, text);
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

static void deliver_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    struct decoder *d = c->decoder;
    if (d->stage.broken)
        return;
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
                                      .slab = c->output != NULL ? c->output : c->slab,
                                      .origin = c->place.origin});
}

static void release_chunk(struct unit *unit) {
    struct chunk *c = (struct chunk *)unit;
    slab_unref(c->slab);
    slab_unref(c->output);
    free(c);
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
    c->payload = d->payload.data;
    c->slab = d->payload.slab;
    c->offset = d->produced;
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

static void push(struct stage *stage, struct view v) {
    struct decoder *d = (struct decoder *)stage;
    while (!stage_is_closed(&d->stage) && take(d, &v))
        ;
}

static void finish(struct stage *stage) {
    struct decoder *d = (struct decoder *)stage;
    if (stage_is_closed(&d->stage))
        return;
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
