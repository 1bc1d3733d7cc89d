// SPDX-License-Identifier: Apache-2.0
// QuickLZ packets, each decoded also by the plain decoder of the unit tests. First byte: 0 the rest
// is a packet; else the rest is data, to be encoded at level (byte % 3 + 1), by the library's
// encoder and the tests' plain one, and decoded again.
//
// Parsers: quicklz.c quicklz_enc.c
#include "format/quicklz.h"
#include "format/quicklz_enc.h"
#include "fuzz.h"
#include "quicklz_encode.h"
#include "quicklz_plain.h"
#include "repair.h"

#include "archives.h"
#include "base/byteorder.h"
#include "qp_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MOST = 1 << 20 };

// Decodes by both. Returns the data, which the caller frees, or NULL where both refuse the packet.
static uint8_t *decode(const uint8_t *bytes, size_t size, size_t *out_size) {
    struct quicklz_header h;
    const char *wrong = quicklz_parse_header(bytes, size, &h);
    if (wrong != NULL || h.stored_size > size || h.size > SIZE_MOST)
        return NULL;
    if (h.header_size != quicklz_header_size(bytes[0]) || h.stored_size < h.header_size ||
        h.stored_size > h.size + 400 || h.size > 85 * h.stored_size || h.level < 1 || h.level > 3)
        fuzz_broken("a header's claims are not possible: %zu bytes stored, %zu decoded",
                    h.stored_size, h.size);
    uint8_t *packet = fuzz_copy(bytes, h.stored_size);
    uint8_t *fast = malloc(h.size + QUICKLZ_SLACK), *plain = malloc(h.size + 1);
    size_t at = SIZE_MAX;
    if (fast == NULL || plain == NULL)
        abort();
    wrong = quicklz_decode(&h, packet, fast, &at);
    bool good = quicklz_plain_decode(packet, h.stored_size, plain, h.size);
    if (good != (wrong == NULL))
        fuzz_broken("the decoders disagree: %s", wrong == NULL ? "the plain one refuses" : wrong);
    if (good && memcmp(fast, plain, h.size) != 0)
        fuzz_broken("the decoders made different data");
    if (!good && at > h.stored_size)
        fuzz_broken("a mistake at byte %zu of a packet of %zu", at, h.stored_size);
    free(packet);
    free(plain);
    if (!good) {
        free(fast);
        return NULL;
    }
    *out_size = h.size;
    return fast;
}

static void check_packet(int level, const uint8_t *packet, size_t packet_size, const uint8_t *data,
                         size_t size) {
    size_t decoded_size = 0;
    uint8_t *decoded = decode(packet, packet_size, &decoded_size);
    if (decoded == NULL || decoded_size != size || (size > 0 && memcmp(decoded, data, size) != 0))
        fuzz_broken("encoded at level %d, decoded as other data", level);
    free(decoded);
}

static void encode_and_decode(int level, const uint8_t *data, size_t size) {
    uint8_t *packet = malloc(size + QUICKLZ_ENC_SLACK);
    if (packet == NULL)
        abort();
    check_packet(level, packet, quicklz_encode(level, data, size, packet), data, size);
    if (size > 0 && size <= QUICKLZ_ENC_SIZE_MAX) {
        uint8_t *copy = fuzz_copy(data, size); // of exactly its size
        struct quicklz_enc *e = quicklz_enc_new(level);
        if (e == NULL)
            abort();
        check_packet(level, packet, quicklz_enc_packet(e, copy, size, packet), data, size);
        quicklz_enc_free(e);
        free(copy);
    }
    free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in);
    size_t decoded_size;
    if (mode != 0)
        encode_and_decode(mode % 3 + 1, in.data, in.size);
    else
        free(decode(in.data, in.size, &decoded_size));
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    if (size > 1 && data[0] == 0 && seed % 4 != 0)
        repair_quicklz(data + 1, size - 1);
}

// The first packets of an archive of the fixtures, the small ones.
struct adding {
    fuzz_add *add;
    unsigned count;
};

static void add_file(void *context, const char *path) {
    (void)context, (void)path;
}

static void add_packet(void *context, const uint8_t *packet, size_t size) {
    struct adding *a = context;
    if (size > 2500 || a->count == 12)
        return;
    struct bytes seed = {0};
    bytes_zeros(&seed, 1);
    bytes_add(&seed, packet, size);
    a->add(seed.data, seed.size);
    a->count++;
    bytes_free(&seed);
}

static void add_encoded(fuzz_add *add, int level, const void *data, size_t size) {
    struct bytes seed = {0};
    uint8_t *packet = malloc(size + 400);
    if (packet == NULL)
        abort();
    bytes_zeros(&seed, 1);
    bytes_add(&seed, packet, quicklz_encode(level, data, size, packet));
    add(seed.data, seed.size);
    free(packet);
    bytes_free(&seed);
}

// A short match after literals or a match, then literals, and each size claimed down to one that
// ends inside the match: what is allowed near the end.
static void add_ends(fuzz_add *add, int level, bool after_match) {
    enum { RUN = 24, MATCH = 5, LITERALS = 14, SIZE = 2 * RUN + LITERALS + MATCH + LITERALS };
    struct bytes data = {0}, run = {0}, seed = {0};
    uint8_t packet[SIZE + 400];
    bytes_noise(&run, RUN, 5);
    bytes_add(&data, run.data, RUN);
    if (after_match)
        bytes_noise(&data, LITERALS, 6);
    bytes_add(&data, run.data, RUN); // so that it gets smaller, and is not stored as it is
    if (!after_match)
        bytes_noise(&data, LITERALS, 6);
    bytes_add(&data, run.data + 8, MATCH);
    bytes_noise(&data, LITERALS, 7);
    size_t size = quicklz_encode(level, data.data, SIZE, packet);
    for (uint32_t claimed = SIZE + 2; claimed > SIZE - LITERALS - MATCH; claimed--) {
        if (packet[0] & 2)
            le32_put(packet + 5, claimed);
        else
            packet[2] = (uint8_t)claimed;
        bytes_zeros(&seed, 1);
        bytes_add(&seed, packet, size);
        add(seed.data, seed.size);
        bytes_free(&seed);
    }
    bytes_free(&data);
    bytes_free(&run);
}

void fuzz_seeds(fuzz_add *add) {
    static const char *const archives[] = {"tree.L1.qp", "tree.L2.qp", "tree.L3.qp"};
    for (size_t i = 0; i < 3; i++) {
        char path[400];
        size_t size;
        snprintf(path, sizeof path, "%s/qpress/%s", FIXTURES, archives[i]);
        uint8_t *archive = qp_read_file(path, &size);
        struct adding a = {.add = add};
        qp_walk_archive(archive, size, &(struct qp_visitor){add_file, add_packet, &a});
        free(archive);
    }
    static const char text[] =
        "\1Each member of an archive is a member of an archive that has members, each a member "
        "of an archive; and 0123456789 0123456789 is 0123456789 again, again, again, again";
    struct bytes run = {0};
    bytes_zeros(&run, 900);
    bytes_noise(&run, 40, 7);
    bytes_zeros(&run, 300);
    for (int level = 1; level <= 3; level++) {
        add_encoded(add, level, text, sizeof text);
        add_encoded(add, level, run.data, run.size);
        add_encoded(add, level, text, 5);
        add_ends(add, level, false);
        add_ends(add, level, true);
    }
    bytes_free(&run);
    add(text, sizeof text);
}
