// SPDX-License-Identifier: Apache-2.0
// Damaged qpress archives: what is sound comes out at its place, what is not is reported.
#include "archives.h"
#include "damage.h"
#include "feed.h"
#include "format/qpress_dec.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCK = 1 << 20, UNITS_MAX = 16, FILES_MAX = 16 };

static size_t starts[UNITS_MAX + 1]; // of the items
static size_t units;

static void unit(const struct patient *p, size_t at, size_t *start, size_t *stop) {
    (void)p;
    size_t i = 0;
    while (i + 1 < units && at >= starts[i + 1])
        i++;
    *start = starts[i];
    *stop = starts[i + 1];
}

static struct stage *make_single(struct ordered *o, struct stage *next, void *context) {
    (void)context;
    struct stage *stage = qpress_dec_new_single(o, MAX_BLOCK, next);
    stage->name = "member";
    return stage;
}

static void note(const struct patient *p) {
    starts[++units] = p->input.size;
}

// An archive of one file in blocks of 100 bytes, packed in every way.
static struct patient single(void) {
    struct patient p = {.make = make_single, .format = "qpress", .unit = unit};
    enum { BLOCK = 100, SIZE = 430 };
    units = 0;
    starts[0] = 0;
    for (unsigned i = 0; i < SIZE; i++) {
        uint8_t byte = i < 100 ? (uint8_t)(i / 9) : (uint8_t)(i * i >> 3);
        bytes_add(&p.original, &byte, 1);
    }
    qp_archive(&p.input, BLOCK);
    note(&p);
    qp_file(&p.input, "t1.ibd");
    note(&p);
    for (size_t at = 0; at < SIZE; at += BLOCK) {
        qp_block(&p.input, (int)(at / BLOCK % 4), at, p.original.data + at,
                 SIZE - at < BLOCK ? SIZE - at : BLOCK);
        note(&p);
    }
    qp_file_end(&p.input);
    note(&p);
    return p;
}

static void discharge(struct patient *p) {
    bytes_free(&p->input);
    bytes_free(&p->original);
}

static void test_whole(void **state) {
    (void)state;
    struct patient p = single();
    damage_none(&p);
    discharge(&p);
}

static void test_flips(void **state) {
    (void)state;
    struct patient p = single();
    damage_flips(&p, 1);
    discharge(&p);
}

static void test_ranges(void **state) {
    (void)state;
    struct patient p = single();
    damage_ranges(&p, 1);
    discharge(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
