// SPDX-License-Identifier: Apache-2.0
#include "format/qpress_resync.h"

#include "base/byteorder.h"
#include "base/checksum.h"

#include <inttypes.h>
#include <string.h>

static const char block_tag[] = QPRESS_BLOCK_TAG, end_tag[] = QPRESS_END_TAG;
enum { END_SIZE = 2 * QPRESS_TAG, NAME_AT = 5 };

static bool has_tag(const struct resync_window *w, const char *tag) {
    return w->have >= QPRESS_TAG && memcmp(w->data, tag, QPRESS_TAG) == 0;
}

// Whether an item of a file is at `at`, or the input ends there.
static bool file_goes_on(const struct resync_window *w, size_t at) {
    return resync_follows(w, at, block_tag, QPRESS_TAG) ||
           resync_follows(w, at, end_tag, QPRESS_TAG);
}

static enum resync_answer need(const struct resync_window *w, size_t wanted, size_t *size) {
    *size = wanted;
    return w->end ? RESYNC_NOTHING : RESYNC_MORE;
}

static enum resync_answer probe_block(const struct qpress_state *s, const struct resync_window *w,
                                      size_t *size, struct fault *why) {
    struct quicklz_header h;
    size_t head = QPRESS_BLOCK_HEAD + 1;
    if (w->have >= head)
        head += quicklz_header_size(w->data[QPRESS_BLOCK_HEAD]) - 1;
    diag_fault(why, EX_DATAERR, "the input ends inside a block");
    if (w->have < head)
        return need(w, head, size);
    const char *wrong =
        quicklz_parse_header(w->data + QPRESS_BLOCK_HEAD, head - QPRESS_BLOCK_HEAD, &h);
    if (wrong != NULL || h.size > s->max_block) {
        diag_fault(why, EX_DATAERR, "damaged QuickLZ packet: %s %s",
                   wrong != NULL ? wrong : "it is too large",
                   place_text(&w->place, QPRESS_BLOCK_HEAD));
        return RESYNC_NOTHING;
    }
    *size = QPRESS_BLOCK_HEAD + h.stored_size;
    if (w->have < *size)
        return need(w, *size, size);
    uint32_t expected = le32_get(w->data + 2 * QPRESS_TAG);
    uint32_t adler = checksum_adler32(w->data + QPRESS_BLOCK_HEAD, h.stored_size);
    if (adler == expected)
        return RESYNC_UNIT;
    diag_fault(why, EX_DATAERR,
               "Adler-32 of the block: expected 0x%08" PRIx32 ", found 0x%08" PRIx32, expected,
               adler);
    if (w->have < *size + QPRESS_TAG && !w->end)
        return need(w, *size + QPRESS_TAG, size);
    return file_goes_on(w, *size) ? RESYNC_HIT : RESYNC_NOTHING;
}

// Judges whether the header of a file or a folder with its name is at `at`: RESYNC_UNIT and its
// size, RESYNC_MORE, RESYNC_NOTHING.
static enum resync_answer probe_name(const struct resync_window *w, size_t at, size_t *size) {
    if (w->have < at + NAME_AT)
        return need(w, at + NAME_AT, size);
    uint32_t name = le32_get(w->data + at + 1);
    if (name > MEMBER_NAME_MAX)
        return RESYNC_NOTHING;
    size_t end = at + NAME_AT + name + 1;
    if (w->have < end)
        return need(w, end, size);
    *size = end - at;
    return w->data[end - 1] == 0 ? RESYNC_UNIT : RESYNC_NOTHING;
}

static enum resync_answer probe_head(const struct resync_window *w, size_t *size) {
    enum resync_answer answer = probe_name(w, 0, size);
    if (answer != RESYNC_UNIT)
        return answer;
    size_t end = *size;
    if (w->have < end + QPRESS_TAG && !w->end)
        return need(w, end + QPRESS_TAG, size);
    bool goes_on = w->have > end && file_goes_on(w, end);
    if (w->data[0] == 'F')
        return goes_on ? RESYNC_UNIT : w->searching ? RESYNC_NOTHING : RESYNC_HIT;
    if (goes_on) // it is a file's
        return RESYNC_NOTHING;
    if (!w->searching)
        return RESYNC_UNIT;
    return end > NAME_AT + 1 && w->have > end && memchr("FDU", w->data[end], 3) != NULL
               ? RESYNC_UNIT
               : RESYNC_NOTHING;
}

// Whether the end of a file with a damaged tag is here: what may follow it can follow nothing else.
static enum resync_answer probe_damaged_end(const struct qpress_state *s,
                                            const struct resync_window *w, size_t *size) {
    static const uint8_t zeros[QPRESS_TAG];
    if (w->have < END_SIZE)
        return need(w, END_SIZE, size);
    if (memcmp(w->data + QPRESS_TAG, zeros, QPRESS_TAG) != 0)
        return RESYNC_NOTHING;
    if (w->have == END_SIZE && !w->end)
        return need(w, END_SIZE + 1, size);
    enum resync_answer next = RESYNC_UNIT;
    if (w->have > END_SIZE) {
        uint8_t first = w->data[END_SIZE];
        next = first == 'U'                   ? s->depth > 0 ? RESYNC_UNIT : RESYNC_NOTHING
               : first == 'F' || first == 'D' ? probe_name(w, END_SIZE, size)
                                              : RESYNC_NOTHING;
    }
    if (next != RESYNC_UNIT)
        return next;
    *size = END_SIZE;
    return RESYNC_HIT;
}

enum resync_answer qpress_resync_probe(const struct qpress_state *s, const struct resync_window *w,
                                       size_t *size, struct fault *why) {
    struct qpress_item item;
    uint64_t block_size;
    if (!s->begun && !w->searching) {
        int parsed =
            qpress_parse_archive(w->data, w->have, s->max_block, &w->place, &block_size, size, why);
        if (parsed == 0)
            diag_fault(why, EX_DATAERR, "the input ends inside the header of the archive");
        return parsed > 0 ? RESYNC_UNIT : parsed < 0 ? RESYNC_NOTHING : need(w, *size, size);
    }
    bool top = !s->in_file && !w->searching;
    if (top && w->data[0] == 'U' && s->depth > 0) {
        *size = 1;
        return RESYNC_UNIT;
    }
    diag_fault(why, EX_DATAERR, "the input ends inside an item of the archive");
    if (w->have < QPRESS_TAG)
        return need(w, QPRESS_TAG, size);
    if (has_tag(w, block_tag))
        return probe_block(s, w, size, why);
    if (has_tag(w, end_tag)) {
        if (w->have < END_SIZE)
            return need(w, END_SIZE, size);
        *size = END_SIZE;
        return RESYNC_UNIT;
    }
    enum resync_answer answer = RESYNC_NOTHING;
    if ((top || w->searching) && (w->data[0] == 'F' || w->data[0] == 'D'))
        answer = probe_head(w, size);
    else if (s->in_file && !w->searching)
        answer = probe_damaged_end(s, w, size);
    if (answer == RESYNC_NOTHING || answer == RESYNC_HIT) {
        size_t ignored;
        if (qpress_parse_item(w->data, w->have, s->in_file, &w->place, &item, &ignored, why) >= 0)
            diag_fault(why, EX_DATAERR, "damaged qpress archive: what follows is no item");
    }
    return answer;
}

size_t qpress_resync_find(void *context, const uint8_t *data, size_t size) {
    (void)context;
    for (size_t at = 0; at < size; at++) {
        const char *tag = data[at] == 'N' ? block_tag : data[at] == 'E' ? end_tag : NULL;
        size_t n = size - at < QPRESS_TAG ? size - at : QPRESS_TAG;
        if (tag != NULL && memcmp(data + at, tag, n) == 0)
            return at;
        // A name is shorter than 64 KiB: two bytes of its size are zero.
        if ((data[at] == 'F' || data[at] == 'D') &&
            (n < NAME_AT || (data[at + 3] == 0 && data[at + 4] == 0)))
            return at;
    }
    return size;
}

bool qpress_resync_parse(const uint8_t *unit, size_t size, const struct place *place,
                         struct qpress_item *item, struct quicklz_header *packet) {
    struct fault f;
    size_t ignored;
    if (size == QPRESS_ARCHIVE_HEAD && memcmp(unit, QPRESS_ARCHIVE_TAG, QPRESS_TAG) == 0)
        return false;
    bool in_file = size > QPRESS_TAG && (memcmp(unit, block_tag, QPRESS_TAG) == 0 ||
                                         memcmp(unit, end_tag, QPRESS_TAG) == 0);
    if (qpress_parse_item(unit, size, in_file, place, item, &ignored, &f) <= 0 ||
        (item->kind == QPRESS_LEAVE && size > 1))
        *item = (struct qpress_item){.kind = QPRESS_FILE_END};
    if (item->kind == QPRESS_BLOCK)
        quicklz_parse_header(unit + QPRESS_BLOCK_HEAD, size - QPRESS_BLOCK_HEAD, packet);
    return true;
}
