// SPDX-License-Identifier: Apache-2.0
#include "engine/digest.h"

#include "os/interrupt.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

enum { ZEROS_SIZE = 64 << 10 };

struct digest {
    struct stage stage;
    struct stage *next;
    int (*done)(void *, const uint8_t *, struct fault *);
    void *context;
    EVP_MD_CTX *sum;
    bool stale;            // hashed bytes have been overwritten
    struct hash *previous; // the last hash, after which the next one runs; until it is released
};

// A piece to be hashed.
struct hash {
    struct unit unit;
    struct digest *digest;
    struct view view; // holds a reference
    enum { HASHED, REFUSED, INTERRUPTED } result;
};

static void hash_zeros(struct hash *h) {
    static const uint8_t zeros[ZEROS_SIZE];
    size_t left = h->view.size;
    while (left > 0 && h->result == HASHED) {
        size_t n = left < ZEROS_SIZE ? left : ZEROS_SIZE;
        left -= n;
        if (interrupt_pending() != 0) // a hole may be large
            h->result = INTERRUPTED;
        else if (EVP_DigestUpdate(h->digest->sum, zeros, n) != 1)
            h->result = REFUSED;
    }
}

static enum job_result run_hash(struct job *job, unsigned thread) {
    (void)thread;
    struct hash *h = (struct hash *)job;
    if (h->view.data == NULL)
        hash_zeros(h);
    else if (EVP_DigestUpdate(h->digest->sum, h->view.data, h->view.size) != 1)
        h->result = REFUSED;
    return JOB_DONE;
}

static void deliver_hash(struct unit *unit) {
    const struct hash *h = (struct hash *)unit;
    struct fault f;
    if (h->result == HASHED)
        return;
    if (h->result == INTERRUPTED)
        diag_fault(&f, EX_TEMPFAIL, "%s", "");
    else
        diag_fault(&f, EX_SOFTWARE, "OpenSSL cannot compute a SHA-256");
    stage_break(&h->digest->stage, &f);
}

static void release_hash(struct unit *unit) {
    struct hash *h = (struct hash *)unit;
    if (h->digest->previous == h)
        h->digest->previous = NULL;
    slab_unref(h->view.slab);
    free(h);
}

static void push(struct stage *stage, struct view v) {
    struct digest *d = (struct digest *)stage;
    if (stage_is_closed(&d->stage) || v.size == 0)
        return;
    struct hash *h = stage_unit(&d->stage, sizeof *h, deliver_hash, &v);
    if (h == NULL)
        return;
    h->unit.job.run = run_hash;
    h->unit.job.after = d->previous != NULL ? &d->previous->unit.job : NULL;
    h->unit.release = release_hash;
    h->unit.cost = sizeof *h + (v.data != NULL ? v.size : 0);
    h->digest = d;
    h->view = v;
    d->previous = h;
    ordered_submit(d->stage.ordered, &h->unit);
    stage_push(d->next, v);
}

static void deliver_end(struct stage *stage, void *context) {
    (void)context;
    struct digest *d = (struct digest *)stage;
    uint8_t sha256[DIGEST_SIZE];
    struct fault f;
    int result = 0;
    if (!d->stale && EVP_DigestFinal_ex(d->sum, sha256, NULL) != 1)
        result = diag_fault(&f, EX_SOFTWARE, "OpenSSL cannot compute a SHA-256");
    if (result == 0)
        result = d->done(d->context, d->stale ? NULL : sha256, &f);
    if (result == 0)
        stage_finish(d->next);
    else
        stage_break(&d->stage, &f);
}

static int seek(struct stage *stage, uint64_t offset, struct fault *f) {
    struct digest *d = (struct digest *)stage;
    (void)f;
    d->stale = true;
    stage_seek(d->next, offset);
    return 0;
}

static void finish(struct stage *stage) {
    struct digest *d = (struct digest *)stage;
    if (d->stage.failed)
        return;
    stage_end_in_order(stage, deliver_end, NULL);
}

static void free_digest(struct stage *stage) {
    struct digest *d = (struct digest *)stage;
    EVP_MD_CTX_free(d->sum);
    free(d);
}

struct stage *digest_new(struct ordered *o, struct stage *next,
                         int (*done)(void *context, const uint8_t *sha256, struct fault *f),
                         void *context) {
    static const struct stage_operations operations = {
        .push = push, .finish = finish, .seek = seek, .free = free_digest};
    struct digest *d = stage_new(sizeof *d, &operations, o);
    if (d == NULL)
        return NULL;
    d->sum = EVP_MD_CTX_new();
    if (d->sum == NULL || EVP_DigestInit_ex(d->sum, EVP_sha256(), NULL) != 1) {
        free_digest(&d->stage);
        return NULL;
    }
    d->next = next;
    d->done = done;
    d->context = context;
    return &d->stage;
}

static int hash_file(EVP_MD_CTX *sum, int fd, uint8_t *buffer, size_t size, struct fault *f) {
    ssize_t n;
    for (off_t at = 0; (n = pread(fd, buffer, size, at)) != 0; at += n > 0 ? n : 0) {
        if (interrupt_pending() != 0)
            return diag_fault(f, EX_TEMPFAIL, "%s", "");
        if (n < 0 && errno != EINTR)
            return diag_fault_errno(f, EX_IOERR, errno, "cannot read what was written");
        if (n > 0 && EVP_DigestUpdate(sum, buffer, (size_t)n) != 1)
            return diag_fault(f, EX_SOFTWARE, "OpenSSL cannot compute a SHA-256");
    }
    return 0;
}

int digest_file(int fd, uint8_t sha256[static DIGEST_SIZE], struct fault *f) {
    enum { BUFFER = 256 << 10 };
    uint8_t *buffer = malloc(BUFFER);
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    int result = buffer == NULL || sum == NULL ? diag_fault_memory(f) : 0;
    if (result == 0 && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) != 1)
        result = diag_fault(f, EX_SOFTWARE, "OpenSSL cannot compute a SHA-256");
    if (result == 0)
        result = hash_file(sum, fd, buffer, BUFFER, f);
    if (result == 0 && EVP_DigestFinal_ex(sum, sha256, NULL) != 1)
        result = diag_fault(f, EX_SOFTWARE, "OpenSSL cannot compute a SHA-256");
    EVP_MD_CTX_free(sum);
    free(buffer);
    return result;
}
