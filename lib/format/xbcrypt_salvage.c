// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt_dec_private.h"
#include "format/xbcrypt_resync.h"

#include <stdio.h>

// WRONG_KEY_CHUNKS: if so many chunks at the start of an input have a right CRC and a wrong hash,
// and none a right one, the key is wrong and salvage stops. EARLY_MAX: losses that wait until the
// version is known.
enum { WRONG_KEY_CHUNKS = 8, EARLY_MAX = 32 };

// A loss whose size in the output is not yet known, because the version is not.
struct early_loss {
    uint64_t offset, length;
    bool known; // the next field is known
    uint64_t payload_size;
    unsigned version; // according to the chunk's own header; 0: that is lost, too
    char why[SALVAGE_WHY_MAX + 1];
};

// The state of a decoder that salvages; d->resync is its first member.
struct salvaging {
    struct resync resync;
    unsigned version; // of the last sound chunk; 0: there was none
    bool sure;        // the version is certain; false: it is a guess
    struct early_loss early[EARLY_MAX];
    unsigned early_count;
};

static struct salvaging *salvaging_of(const struct decoder *d) {
    return (struct salvaging *)d->resync;
}

static void submit_loss(struct decoder *d, const struct early_loss *lost) {
    struct salvage_loss loss = xbcrypt_dec_loss(lost->offset, lost->length, d->produced);
    uint64_t hash = salvaging_of(d)->version == 3 ? XBCRYPT_HASH : 0;
    bool sized = lost->known && lost->payload_size >= hash;
    loss.exact = sized && salvaging_of(d)->sure;
    loss.zeros = sized ? lost->payload_size - hash : 0;
    d->produced += loss.zeros;
    salvage_submit(&d->stage, d->next, d->stage.salvage, &loss, lost->why);
}

// The version is known now: that of the first sound chunk (`sure`), or a guess.
static void settle(struct decoder *d, unsigned version, bool sure) {
    struct salvaging *s = salvaging_of(d);
    s->version = version;
    s->sure = sure;
    for (unsigned i = 0; i < s->early_count; i++)
        submit_loss(d, &s->early[i]);
    s->early_count = 0;
}

// No chunk was sound so far: assume version 3, the most common one. It is certain if several
// headers, and not only one that may be damaged, say so.
static void guess_version(struct decoder *d) {
    const struct salvaging *s = salvaging_of(d);
    unsigned agree = 0;
    for (unsigned i = 0; i < s->early_count; i++)
        agree += s->early[i].version == 3;
    settle(d, 3, agree > 1 && agree == s->early_count);
}

static void lose(struct decoder *d, struct early_loss lost, const char *why) {
    struct salvaging *s = salvaging_of(d);
    snprintf(lost.why, sizeof lost.why, "%.*s", diag_cut(why, SALVAGE_WHY_MAX), why);
    if (s->version != 0) {
        submit_loss(d, &lost);
        return;
    }
    s->early[s->early_count++] = lost;
    if (s->early_count == EARLY_MAX)
        guess_version(d);
}

static struct early_loss chunk_loss(const struct xbcrypt_header *h, uint64_t offset, size_t size) {
    return (struct early_loss){.offset = offset,
                               .length = size,
                               .known = true,
                               .payload_size = h->payload_size,
                               .version = h->version};
}

// Decrypts a chunk at once, as one of version 3. Returns 1 if its hash is right, 0 and *f if it is
// not, -1 and *f.
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
    struct xbcrypt_chunk chunk = {
        .header = &as3, .payload = payload, .out = scratch->data, .place = *place};
    // The main thread's contexts: it runs no job here.
    xbcrypt_decrypt(d->settings->key, 0, &(struct xbcrypt_chunk *){&chunk}, 1);
    slab_unref(scratch);
    if (!chunk.failed)
        return 1;
    *f = chunk.fault;
    return f->status == EX_DATAERR ? 0 : -1;
}

// Finds the version of a chunk with a right CRC; no checksum covers its magic, so version 3 is
// tried if it is the first chunk, or says another version than the one before. Returns false if the
// chunk cannot be used.
static bool find_version(struct decoder *d, struct xbcrypt_header *h, struct view payload,
                         const struct place *place, size_t size) {
    struct xbcrypt_dec_settings *shared = d->settings;
    if (h->version == salvaging_of(d)->version || (h->version == 3 && shared->key_proved))
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
    if (h->version < 3) // these have no hash that could be wrong
        return true;
    if (salvaging_of(d)->version == 0 && shared->wrong_hashes++ == 0)
        shared->wrong_hash = f;
    if (shared->wrong_hashes == WRONG_KEY_CHUNKS && !shared->key_proved) {
        stage_fail(&d->stage, &shared->wrong_hash);
        return false;
    }
    lose(d, chunk_loss(h, place->position, size), f.text);
    return false;
}

static enum resync_answer probe(void *context, const struct resync_window *w, size_t *size,
                                struct fault *why) {
    const struct decoder *d = context;
    return xbcrypt_resync_probe(d->settings->max_chunk, w, size, why);
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
        lose(d, chunk_loss(&h, position, v.size), hit);
        return;
    }
    view_split(&v, xbcrypt_dec_head_size(&h));
    if (!find_version(d, &h, v, &place, size))
        return;
    if (h.version != salvaging_of(d)->version || !salvaging_of(d)->sure)
        settle(d, h.version, true);
    d->header = h;
    d->head.place = place;
    d->last_version = h.version; // already handled
    gather_begin(&d->payload, v.size);
    if (gather_append(&d->payload, v) < 0)
        stage_fail_memory(&d->stage);
    else {
        xbcrypt_dec_submit(d);
        xbcrypt_dec_flush(d);
    }
}

static void take_gap(void *context, const struct resync_gap *gap) {
    struct decoder *d = context;
    struct early_loss lost = {.offset = gap->offset, .length = gap->length};
    lost.known = xbcrypt_resync_gap_is_chunk(gap, salvaging_of(d)->version, &lost.payload_size);
    lose(d, lost, gap->why);
}

static const struct resync_format format = {.size = sizeof(struct salvaging),
                                            .probe = probe,
                                            .find = xbcrypt_resync_find,
                                            .unit = take_unit,
                                            .gap = take_gap};

void xbcrypt_salvage_push(struct decoder *d, struct view v) {
    if (resync_start(&d->resync, &d->stage, &format, d))
        resync_push(d->resync, v);
}

void xbcrypt_salvage_finish(struct decoder *d) {
    if (!resync_start(&d->resync, &d->stage, &format, d))
        return;
    struct salvaging *s = salvaging_of(d);
    resync_finish(d->resync);
    if (stage_is_closed(&d->stage))
        return;
    const struct xbcrypt_dec_settings *shared = d->settings;
    if (s->version == 0 && shared->wrong_hashes > 0 && d->stage.name == NULL) {
        stage_fail(&d->stage, &shared->wrong_hash);
        return;
    }
    if (s->version == 0)
        guess_version(d);
    stage_finish_in_order(&d->stage, d->next);
}
