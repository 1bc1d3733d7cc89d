// SPDX-License-Identifier: Apache-2.0
#include "archive/autodetect.h"

#include "base/place.h"
#include "engine/gather.h"
#include "format/foreign.h"
#include "format/gzip_dec.h"
#include "format/lz4_dec.h"
#include "format/qpress_dec.h"
#include "format/zstd_dec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Shared by the layers.
struct chain {
    const struct autodetect_settings *settings;
    struct ordered *behind;
    struct stage *xbstream, *tar;            // the stages after the layers
    enum sniff found[AUTODETECT_LAYERS + 1]; // outermost first
    unsigned count;
    unsigned references;
};

// One layer: gathers the first bytes, and then only passes its input on.
struct layer {
    struct stage stage;
    struct chain *chain;
    unsigned depth;
    uint64_t position;
    struct gather head;
    struct stage *target;  // the next stage, once the format is known; NULL before
    struct stage *decoder; // the target, if that is a decoder
    struct stage *inner;   // the layer that the decoder pushes into
};

static struct stage *layer_new(struct ordered *o, struct chain *chain, unsigned depth);

// ---- Passing data to the queue behind.

static void pass(const struct layer *l, struct view v) {
    const struct chain *c = l->chain;
    if (l->target == l->decoder) {
        stage_push(l->target, v);
    } else if (!ordered_failing(c->behind)) {
        stage_push(l->target, v);
        ordered_pump(c->behind); // so that the results of one delivery do not pile up
    }
}

// ---- Recognising layers.

static struct stage *make_decoder(struct layer *l, enum sniff kind) {
    const struct autodetect_settings *s = l->chain->settings;
    struct ordered *o = l->stage.ordered;
    switch (kind) {
    case SNIFF_XBCRYPT:
        return xbcrypt_dec_new(o, s->decrypt, l->inner);
    case SNIFF_QPRESS:
        return qpress_dec_new_single(o, s->max_chunk, l->inner);
    case SNIFF_GZIP:
        return gzip_dec_new(o, l->inner);
    case SNIFF_LZ4:
        return lz4_dec_new(o, l->inner);
    default:
        return zstd_dec_new(o, s->max_chunk, l->inner);
    }
}

static int refuse(const struct layer *l, enum sniff kind, struct fault *f) {
    const struct chain *c = l->chain;
    char hint[FOREIGN_HINT_SIZE];
    const char *where = place_text(&l->head.place, 0);
    size_t shown = l->head.have < 8 ? l->head.have : 8;
    if (foreign_advice(kind, hint) != NULL && !(kind == SNIFF_ZEROS && l->depth > 0))
        return diag_fault(f, EX_DATAERR, "found %s %s: expected an xbstream or a tar archive; %s",
                          sniff_text(kind), where, foreign_advice(kind, hint));
    diag_fault(f, EX_DATAERR,
               "cannot tell what this is %s: expected an xbstream or a tar archive, or one "
               "in gzip, qpress, xbcrypt, LZ4 or Zstandard; found \"%s\"%s",
               where, diag_shown_name(l->head.data, shown, 40),
               l->depth > 0 && c->found[l->depth - 1] == SNIFF_XBCRYPT
                   ? "; it was decrypted: the key may be wrong"
                   : "");
    foreign_explain(f, l->head.data, l->head.have, &l->head.place);
    return -1;
}

static void report(const struct chain *c) {
    char text[400] = "";
    size_t used = 0;
    for (unsigned i = 0; i < c->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? ", in it " : "",
                                 sniff_text(c->found[i]));
    if (c->settings->found != NULL)
        c->settings->found(text);
}

// Sets the target for the data that begins with the head. Returns 0, or -1 and *f.
static int identify(struct layer *l, struct fault *f) {
    struct chain *c = l->chain;
    enum sniff kind = sniff(l->head.data, l->head.have);
    c->found[c->count++] = kind;
    if (kind == SNIFF_XBSTREAM || kind == SNIFF_TAR) {
        l->target = kind == SNIFF_TAR ? c->tar : c->xbstream;
        if (c->settings->is_tar != NULL)
            *c->settings->is_tar = kind == SNIFF_TAR;
        report(c);
        return 0;
    }
    if (!sniff_is_layer(kind))
        return refuse(l, kind, f);
    if (kind == SNIFF_XBCRYPT && c->settings->decrypt == NULL)
        return diag_fault(f, EX_USAGE,
                          "the backup is encrypted as a whole: expected a key; use -f FILE, or set "
                          "XBCRYPT_ENCRYPTION_KEY");
    if (l->depth == AUTODETECT_LAYERS)
        return diag_fault(f, EX_DATAERR,
                          "packed too deep: expected at most %d layers around an xbstream or a tar "
                          "archive",
                          AUTODETECT_LAYERS);
    l->inner = layer_new(ordered_next(l->stage.ordered), c, l->depth + 1);
    l->target = l->decoder = l->inner != NULL ? make_decoder(l, kind) : NULL;
    if (l->target == NULL)
        return diag_fault_memory(f);
    l->decoder->salvage = l->inner->salvage = l->stage.salvage;
    return 0;
}

// A layer after the first gets its input while that is being delivered.
static void fail(struct layer *l, const struct fault *f) {
    if (l->depth == 0)
        stage_fail(&l->stage, f);
    else
        stage_break(&l->stage, f);
}

// Identifies, and passes on the head. Returns false on failure.
static bool settle(struct layer *l) {
    struct fault f;
    if (identify(l, &f) < 0) {
        fail(l, &f);
        return false;
    }
    pass(l, (struct view){.data = l->head.data,
                          .size = l->head.have,
                          .slab = l->head.slab,
                          .origin = l->head.place.origin,
                          .exact = l->head.place.exact});
    gather_clear(&l->head);
    return true;
}

static void push(struct stage *stage, struct view v) {
    struct layer *l = (struct layer *)stage;
    if (stage_is_closed(stage))
        return;
    if (l->target == NULL) {
        int gathered = gather_fill(&l->head, &v, &l->position);
        if (gathered < 0) {
            struct fault f;
            diag_fault_memory(&f);
            fail(l, &f);
            return;
        }
        bool known = gathered > 0 || sniff(l->head.data, l->head.have) != SNIFF_UNKNOWN;
        if (!known || !settle(l))
            return;
    }
    if (v.size > 0)
        pass(l, v);
}

static void finish(struct stage *stage) {
    struct layer *l = (struct layer *)stage;
    struct fault f;
    if (stage_is_closed(stage))
        return;
    if (l->target == NULL && l->head.have == 0) {
        if (l->depth == 0)
            diag_fault(&f, EX_DATAERR, "input is empty: expected an xbstream or a tar archive");
        else
            diag_fault(&f, EX_DATAERR, "%s holds nothing: expected an xbstream or a tar archive",
                       sniff_text(l->chain->found[l->depth - 1]));
        fail(l, &f);
        return;
    }
    if (l->target == NULL && !settle(l))
        return;
    // After a failure behind, pass() has kept data back: the end would come too early.
    if (l->target == l->decoder || !ordered_failing(l->chain->behind))
        stage_finish(l->target);
}

static void free_layer(struct stage *stage) {
    struct layer *l = (struct layer *)stage;
    gather_clear(&l->head);
    stage_free(l->decoder);
    stage_free(l->inner);
    if (--l->chain->references == 0)
        free(l->chain);
    free(l);
}

static struct stage *layer_new(struct ordered *o, struct chain *chain, unsigned depth) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .free = free_layer};
    struct layer *l = stage_new(sizeof *l, &operations, o);
    if (l == NULL)
        return NULL;
    l->chain = chain;
    chain->references++;
    l->depth = depth;
    gather_begin(&l->head, SNIFF_SIZE);
    return &l->stage;
}

int autodetect_queues(struct ordered **behind, struct ordered *o, struct fault *f) {
    *behind = o;
    for (int i = 0; i < AUTODETECT_LAYERS; i++)
        if (ordered_behind(behind, *behind, f) < 0)
            return -1;
    return 0;
}

struct stage *autodetect_new(struct ordered *o, const struct autodetect_settings *settings,
                             struct ordered *behind, struct stage *xbstream, struct stage *tar) {
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return NULL;
    chain->settings = settings;
    chain->behind = behind;
    chain->xbstream = xbstream;
    chain->tar = tar;
    struct stage *stage = layer_new(o, chain, 0);
    if (stage == NULL)
        free(chain);
    return stage;
}
