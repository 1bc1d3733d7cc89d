// SPDX-License-Identifier: Apache-2.0
#include "format/tar_zeros.h"

#include "engine/salvage.h"
#include "format/tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { END_MARK = 2, AT_WRITER = 262, USUAL = 1 };

// Sizes of records in blocks; the usual one comes first.
static const uint16_t record_sizes[] = {20,  2,   3,   4,   5,   6,    8,    10,  12, 16,
                                        24,  30,  32,  40,  48,  60,   64,   80,  96, 100,
                                        126, 128, 200, 256, 512, 1024, 2048, 4096};
static const unsigned all_sizes = (1U << sizeof record_sizes / sizeof *record_sizes) - 1;

struct doubt {
    struct unit unit;
    struct stage *reader;
    const struct archive_target *target;
    char text[SALVAGE_WHY_MAX];
};

static void deliver_doubt(struct unit *unit) {
    const struct doubt *d = (struct doubt *)unit;
    if (!d->reader->broken && d->target->doubt != NULL)
        d->target->doubt(d->target->context, d->text);
}

// Notes that members may have been lost in that many blocks.
static int note(struct stage *reader, const struct archive_target *target,
                const struct place *place, uint64_t blocks, struct fault *f) {
    struct salvage_loss loss = {
        .format = "tar", .offset = place->position, .length = blocks * TAR_BLOCK};
    if (reader->salvage != NULL) {
        salvage_submit(reader, NULL, reader->salvage, &loss,
                       "zeros inside the archive: members may have been lost");
        return 0;
    }
    struct doubt *d = calloc(1, sizeof *d);
    if (d == NULL)
        return diag_fault_memory(f);
    d->unit.deliver = deliver_doubt;
    d->unit.cost = sizeof *d;
    d->reader = reader;
    d->target = target;
    snprintf(d->text, sizeof d->text,
             "zeros of %" PRIu64 " bytes %s inside the archive: members may have been lost",
             loss.length, place_text(place, 0));
    ordered_submit(reader->ordered, &d->unit);
    return 0;
}

// The record sizes with which an archive from `begin` on ends at block `end` with that many blocks
// of zeros.
static unsigned fit(const struct tar_zeros_begin *begin, uint64_t end, uint64_t blocks) {
    unsigned sizes = 0;
    for (unsigned i = 0; i < sizeof record_sizes / sizeof *record_sizes; i++) {
        uint64_t size = record_sizes[i];
        bool whole = (end - begin->archive) % size == 0 || (end - begin->writer) % size == 0;
        if (whole && blocks < size + END_MARK)
            sizes |= 1U << i;
    }
    return sizes & begin->sizes;
}

// The place of the `blocks` that end at `end`.
static struct place place_before(const struct place *end, uint64_t blocks) {
    struct place p = *end;
    p.position -= blocks * TAR_BLOCK;
    p.origin -= p.exact ? blocks * TAR_BLOCK : 0;
    return p;
}

static void begin_archive(struct tar_zeros *z, uint64_t block, unsigned sizes) {
    z->now = (struct tar_zeros_begin){.archive = block, .writer = block, .sizes = sizes};
}

// Judges two or more blocks of zeros.
static int judge(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                 const struct place *end, uint64_t blocks, bool last, struct fault *f) {
    uint64_t at = end->position / TAR_BLOCK;
    struct place place = place_before(end, blocks);
    unsigned sizes = fit(&z->now, at, blocks);
    unsigned joined = z->blocks > 0 ? fit(&z->before, at, blocks) : 0;
    // If the record size is the usual one only together with the data before, it is one archive.
    if (blocks != END_MARK && joined != 0 && (sizes == 0 || ((joined & ~sizes) & USUAL) != 0)) {
        int result = note(reader, target, &z->place, z->blocks, f);
        z->blocks = 0;
        begin_archive(z, at, joined);
        return result;
    }
    if (sizes == 0 && blocks != END_MARK)
        return last ? 0 : note(reader, target, &place, blocks, f);
    z->before = z->now;
    z->place = place;
    z->blocks = blocks;
    begin_archive(z, at, blocks == END_MARK ? z->now.sizes : sizes);
    return 0;
}

static int refuse_lone(struct stage *reader, const struct archive_target *target,
                       const struct place *place, struct fault *f) {
    if (reader->salvage != NULL)
        return note(reader, target, place, 1, f);
    return diag_fault(f, EX_DATAERR,
                      "damaged tar archive %s: expected an end mark, two blocks of zeros, or a "
                      "header, found one block of zeros; fetch the backup again",
                      place_text(place, 0));
}

int tar_zeros_header(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                     const struct place *place, uint64_t blocks, const uint8_t *header,
                     struct fault *f) {
    int result = 0;
    if (z->now.sizes == 0)
        z->now.sizes = all_sizes;
    if (blocks == 1) {
        struct place lone = place_before(place, 1);
        result = refuse_lone(reader, target, &lone, f);
    } else if (blocks > 1) {
        result = judge(z, reader, target, place, blocks, false, f);
    }
    if (z->any && memcmp(z->writer, header + AT_WRITER, sizeof z->writer) != 0)
        z->now.writer = place->position / TAR_BLOCK;
    memcpy(z->writer, header + AT_WRITER, sizeof z->writer);
    z->any = true;
    return result;
}

int tar_zeros_finish(struct tar_zeros *z, struct stage *reader, const struct archive_target *target,
                     const struct place *place, uint64_t blocks, struct fault *f) {
    return blocks > 1 ? judge(z, reader, target, place, blocks, true, f) : 0;
}
