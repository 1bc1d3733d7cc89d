// SPDX-License-Identifier: Apache-2.0
// The QuickLZ encoder, judged by two decoders, and beside what qpress made of the same data.
#include "archives.h"
#include "base/byteorder.h"
#include "format/quicklz.h"
#include "format/quicklz_enc.h"
#include "qp_walk.h"
#include "quicklz_plain.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 0xa5, GUARD_SIZE = 64 };

struct encoders {
    struct quicklz_enc *level[QUICKLZ_ENC_LEVEL_MAX + 1];
};

static struct encoders new_encoders(void) {
    struct encoders e = {{NULL}};
    for (int level = 1; level <= QUICKLZ_ENC_LEVEL_MAX; level++) {
        e.level[level] = quicklz_enc_new(level);
        assert_non_null(e.level[level]);
    }
    return e;
}

static void free_encoders(struct encoders *e) {
    for (int level = 1; level <= QUICKLZ_ENC_LEVEL_MAX; level++)
        quicklz_enc_free(e->level[level]);
}

// Encodes data in memory of exactly its size, and checks that both decoders get it back, that
// nothing was written outside the room, and the promises about the size. Returns the packet, which
// the caller frees.
static uint8_t *encode(struct encoders *e, int level, const uint8_t *data, size_t size,
                       size_t *packet_size) {
    uint8_t *copy = malloc(size), *plain = malloc(size), *fast = malloc(size + QUICKLZ_SLACK);
    size_t room = size + QUICKLZ_ENC_SLACK;
    uint8_t *packet = malloc(room + GUARD_SIZE);
    assert_true(copy != NULL && plain != NULL && fast != NULL && packet != NULL);
    memcpy(copy, data, size);
    memset(packet, GUARD, room + GUARD_SIZE);
    *packet_size = quicklz_enc_packet(e->level[level], copy, size, packet);
    for (size_t i = 0; i < GUARD_SIZE; i++)
        assert_int_equal(packet[room + i], GUARD);
    assert_memory_equal(copy, data, size);
    assert_true(*packet_size >= 9);
    assert_true(*packet_size <= (size + 9 > 12 ? size + 9 : 12));

    struct quicklz_header h;
    size_t at;
    assert_null(quicklz_parse_header(packet, *packet_size, &h));
    assert_int_equal(h.level, level);
    assert_int_equal(h.size, size);
    assert_int_equal(h.stored_size, *packet_size);
    // In memory that ends with the packet, so that a read past it is found.
    packet = realloc(packet, *packet_size);
    assert_non_null(packet);
    assert_true(quicklz_plain_decode(packet, *packet_size, plain, size));
    assert_memory_equal(plain, data, size);
    assert_null(quicklz_decode(&h, packet, fast, &at));
    assert_memory_equal(fast, data, size);
    free(copy);
    free(plain);
    free(fast);
    return packet;
}

static void check_all_levels(struct encoders *e, const uint8_t *data, size_t size) {
    for (int level = 1; level <= QUICKLZ_ENC_LEVEL_MAX; level++) {
        size_t packet_size, again;
        uint8_t *packet = encode(e, level, data, size, &packet_size);
        uint8_t *second = encode(e, level, data, size, &again);
        assert_int_equal(packet_size, again);
        assert_memory_equal(packet, second, again);
        free(packet);
        free(second);
    }
}

// Data that repeats after `period` bytes.
static void add_periodic(struct bytes *b, size_t period, size_t size) {
    struct bytes unit = {0};
    bytes_noise(&unit, period, (unsigned)period);
    for (size_t i = 0; i < size; i += period)
        bytes_add(b, unit.data, size - i < period ? size - i : period);
    bytes_free(&unit);
}

// Words of 3 to 9 letters, of which some are common.
static void add_words(struct bytes *b, size_t size, unsigned seed) {
    struct bytes noise = {0};
    bytes_noise(&noise, 2 * size + 16, seed);
    for (size_t i = 0; b->size < size; i += 2) {
        char word[16];
        unsigned which = noise.data[i] < 200 ? noise.data[i] % 16u : noise.data[i + 1] * 7u;
        int n = snprintf(word, sizeof word, "%.*s%u ", 1 + noise.data[i] % 5, "memberstage", which);
        bytes_add(b, word, (size_t)n);
    }
    b->size = size;
    bytes_free(&noise);
}

static void test_every_small_size(void **state) {
    (void)state;
    struct encoders e = new_encoders();
    for (size_t size = 1; size <= 300; size++) {
        struct bytes b = {0};
        bytes_noise(&b, size, 1);
        check_all_levels(&e, b.data, size);
        bytes_free(&b);
        bytes_zeros(&b, size);
        check_all_levels(&e, b.data, size);
        bytes_free(&b);
        add_words(&b, size, 3);
        check_all_levels(&e, b.data, size);
        bytes_free(&b);
        for (size_t period = 1; period <= 5; period++) {
            add_periodic(&b, period, size);
            check_all_levels(&e, b.data, size);
            bytes_free(&b);
        }
    }
    free_encoders(&e);
}

static void test_periods_and_large_sizes(void **state) {
    (void)state;
    static const size_t periods[] = {1,  2,  3,   4,   5,   7,    8,    15,   16,    17,   63,
                                     64, 65, 255, 256, 259, 1023, 1024, 4096, 16383, 16384};
    static const size_t sizes[] = {4000, 65535, QUICKLZ_ENC_SIZE_MAX};
    struct encoders e = new_encoders();
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
            struct bytes b = {0};
            add_periodic(&b, periods[i], sizes[s]);
            check_all_levels(&e, b.data, b.size);
            bytes_free(&b);
        }
        struct bytes b = {0};
        add_words(&b, sizes[s], 4);
        check_all_levels(&e, b.data, b.size);
        // Half of it noise, before and after.
        bytes_noise(&b, sizes[s], 5);
        check_all_levels(&e, b.data + sizes[s] / 2, sizes[s]);
        bytes_noise(&b, sizes[s], 5);
        check_all_levels(&e, b.data + sizes[s] + sizes[s] / 2, sizes[s]);
        bytes_free(&b);
    }
    free_encoders(&e);
}

// Lengths of matches around each limit of their forms, near and far.
static void test_lengths_and_distances(void **state) {
    (void)state;
    static const size_t lengths[] = {3, 4, 9, 10, 17, 18, 19, 33, 34, 255, 256, 258, 259, 300};
    static const size_t gaps[] = {0, 1, 2, 50, 64, 1000, 1030, 16000, 16400, 60000};
    struct encoders e = new_encoders();
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
            for (size_t after = 0; after < 14; after++) {
                struct bytes b = {0}, run = {0};
                bytes_noise(&run, lengths[l], 6);
                bytes_add(&b, run.data, run.size);
                bytes_noise(&b, gaps[g], 7);
                bytes_add(&b, run.data, run.size);
                bytes_noise(&b, after, 8);
                check_all_levels(&e, b.data, b.size);
                bytes_free(&b);
                bytes_free(&run);
            }
        }
    }
    free_encoders(&e);
}

// What qpress made of packets of a level, and what the encoder makes of the same data.
struct comparison {
    struct encoders e;
    int level;
    size_t packets, theirs, ours;
    bool same; // compare the bytes of small packets
};

static void next_file(void *context, const char *path) {
    (void)context, (void)path;
}

static void compare_packet(void *context, const uint8_t *packet, size_t size) {
    struct comparison *c = context;
    struct quicklz_header h;
    size_t at, our_size;
    assert_null(quicklz_parse_header(packet, size, &h));
    assert_int_equal(h.level, c->level);
    uint8_t *data = malloc(h.size + QUICKLZ_SLACK);
    assert_non_null(data);
    assert_null(quicklz_decode(&h, packet, data, &at));
    uint8_t *ours = encode(&c->e, c->level, data, h.size, &our_size);
    // Nothing is to be gained on a few bytes, nor on noise: the very packets of qpress.
    if (c->same && (size < 20 || !h.compressed)) {
        assert_int_equal(our_size, size);
        assert_memory_equal(ours, packet, size);
    }
    c->packets++;
    c->theirs += size;
    c->ours += our_size;
    free(ours);
    free(data);
}

static void test_beside_qpress(void **state) {
    (void)state;
    for (int level = 1; level <= QUICKLZ_ENC_LEVEL_MAX; level++) {
        char path[400];
        size_t size;
        struct comparison c = {.e = new_encoders(), .level = level, .same = true};
        snprintf(path, sizeof path, "%s/qpress/tree.L%d.qp", FIXTURES, level);
        uint8_t *archive = qp_read_file(path, &size);
        qp_walk_archive(archive, size, &(struct qp_visitor){next_file, compare_packet, &c});
        print_message("level %d: %zu packets, qpress %zu bytes, here %zu\n", level, c.packets,
                      c.theirs, c.ours);
        assert_int_equal(c.packets, 9);
        assert_true(c.ours * 100 <= c.theirs * 101);
        free(archive);
        free_encoders(&c.e);
    }
}

static void test_beside_mariadb_backup(void **state) {
    (void)state;
    size_t size;
    struct comparison c = {.e = new_encoders(), .level = 1};
    uint8_t *stream = qp_read_file(FIXTURES "/mariadb/shop_qp.xb", &size);
    qp_walk_xbstream(stream, size, &(struct qp_visitor){next_file, compare_packet, &c});
    print_message("level 1: %zu packets, mariadb-backup %zu bytes, here %zu\n", c.packets, c.theirs,
                  c.ours);
    assert_true(c.packets > 300);
    assert_true(c.ours * 100 <= c.theirs * 101);
    free(stream);
    free_encoders(&c.e);
}

// Each level is smaller than the one before it.
static void test_levels(void **state) {
    (void)state;
    struct encoders e = new_encoders();
    struct bytes b = {0};
    size_t sizes[QUICKLZ_ENC_LEVEL_MAX + 1];
    add_words(&b, QUICKLZ_ENC_SIZE_MAX, 9);
    for (int level = 1; level <= QUICKLZ_ENC_LEVEL_MAX; level++)
        free(encode(&e, level, b.data, b.size, &sizes[level]));
    assert_true(sizes[1] < b.size * 2 / 3);
    assert_true(sizes[2] < sizes[1]);
    assert_true(sizes[3] < sizes[2]);
    bytes_free(&b);
    free_encoders(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_small_size),
        cmocka_unit_test(test_periods_and_large_sizes),
        cmocka_unit_test(test_lengths_and_distances),
        cmocka_unit_test(test_beside_qpress),
        cmocka_unit_test(test_beside_mariadb_backup),
        cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
