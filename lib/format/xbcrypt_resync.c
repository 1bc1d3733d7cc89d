// SPDX-License-Identifier: Apache-2.0
#include "format/xbcrypt_resync.h"

#include "base/byteorder.h"
#include "base/checksum.h"

#include <inttypes.h>
#include <string.h>

static const char magic[] = XBCRYPT_MAGIC;
enum { MAGIC_SIZE = sizeof magic - 1, AT_ORIGINAL_SIZE = 16, AT_ENCRYPTED_SIZE = 24 };

enum resync_answer xbcrypt_resync_probe(uint64_t max_chunk, const struct resync_window *w,
                                        size_t *size, struct fault *why) {
    struct xbcrypt_header h;
    int parsed = xbcrypt_parse(w->data, w->have, max_chunk, &w->place, &h, size, why);
    if (parsed < 0)
        return RESYNC_NOTHING;
    size_t head = h.version == 1 ? XBCRYPT_HEAD_V1 : XBCRYPT_HEAD;
    if (parsed > 0)
        *size = head + h.payload_size;
    if (w->have < *size) {
        if (!w->end)
            return RESYNC_MORE;
        diag_fault(why, EX_DATAERR, "the input ends inside the chunk, after %zu of %zu bytes",
                   w->have, *size);
        return RESYNC_NOTHING;
    }
    uint32_t crc = checksum_crc32(0, w->data + head, h.payload_size);
    if (crc == h.crc)
        return RESYNC_UNIT;
    diag_fault(why, EX_DATAERR, "CRC-32 of the chunk: expected 0x%08" PRIx32 ", found 0x%08" PRIx32,
               h.crc, crc);
    if (w->have < *size + MAGIC_SIZE && !w->end) {
        *size += MAGIC_SIZE;
        return RESYNC_MORE;
    }
    return resync_follows(w, *size, magic, MAGIC_SIZE) ? RESYNC_HIT : RESYNC_NOTHING;
}

size_t xbcrypt_resync_find(void *context, const uint8_t *data, size_t size) {
    (void)context;
    return resync_find(data, size, magic, MAGIC_SIZE);
}

static bool is_chunk(const struct resync_gap *gap, size_t head, uint64_t *payload_size) {
    if (gap->length < head || gap->head_size < AT_ENCRYPTED_SIZE + 8)
        return false;
    *payload_size = gap->length - head;
    return *payload_size == le64_get(gap->head + AT_ORIGINAL_SIZE) ||
           *payload_size == le64_get(gap->head + AT_ENCRYPTED_SIZE);
}

bool xbcrypt_resync_gap_is_chunk(const struct resync_gap *gap, unsigned version,
                                 uint64_t *payload_size) {
    bool says1 = gap->head_size > MAGIC_SIZE && gap->head[MAGIC_SIZE] == '1';
    if (version != 1 && is_chunk(gap, XBCRYPT_HEAD, payload_size))
        return true;
    return (version == 1 || (version == 0 && says1)) &&
           is_chunk(gap, XBCRYPT_HEAD_V1, payload_size);
}
