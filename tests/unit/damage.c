// SPDX-License-Identifier: Apache-2.0
#include "damage.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

json_t *damage_report(struct salvage *record) {
    int fd = memfd_create("report", 0);
    if (fd < 0 || salvage_write(record, fd, NULL) < 0 || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    json_error_t error;
    json_t *report = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    close(fd);
    if (report == NULL)
        fail_msg("the report is no JSON: %s", error.text);
    return report;
}

uint64_t damage_number(const json_t *loss, const char *field) {
    const json_t *value = json_object_get(loss, field);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

struct run {
    struct patient *patient;
    struct salvage *record;
};

static struct stage *make(struct ordered *o, struct stage *next, void *context) {
    struct run *run = context;
    struct stage *stage = run->patient->make(o, next, run->patient->context);
    stage->salvage = salvage_whole(run->record);
    return stage;
}

// The known damage: bytes [from, to) of the damaged input differ from the original.
struct damage {
    size_t from, to;
    char text[100];
};

// Checks the output against the losses: zeros where a loss says so, otherwise the original; after
// the first loss of unknown size, pieces of the original in their order.
static void check_output(const struct patient *p, const struct damage *damage,
                         const struct fed *out, const json_t *losses) {
    const struct bytes *original = &p->original;
    size_t at = 0, source = 0; // in the output, in the original
    bool shifted = false;
    for (size_t i = 0; i <= json_array_size(losses); i++) {
        const json_t *loss = json_array_get(losses, i);
        if (loss != NULL && json_object_get(loss, "output_offset") == NULL)
            continue; // nothing that comes out is missing
        size_t until = loss != NULL ? damage_number(loss, "output_offset") : out->size;
        if (until < at || until > out->size)
            fail_msg("%s: loss at output %zu, after %zu, of %zu", damage->text, until, at,
                     out->size);
        size_t size = until - at;
        if (shifted && size > 0) {
            const uint8_t *found =
                memmem(original->data + source, original->size - source, out->data + at, size);
            if (found == NULL)
                fail_msg("%s: output %zu to %zu is not of the original", damage->text, at, until);
            source = (size_t)(found - original->data);
        } else if (source + size > original->size ||
                   (size > 0 && memcmp(original->data + source, out->data + at, size) != 0)) {
            fail_msg("%s: output %zu to %zu differs and is not reported", damage->text, at, until);
        }
        at += size;
        source += size;
        if (loss == NULL)
            break;
        size_t zeros = damage_number(loss, "zeros");
        assert_true(at + zeros <= out->size);
        for (size_t k = 0; k < zeros; k++)
            assert_int_equal(out->data[at + k], 0);
        at += zeros;
        if (!json_is_true(json_object_get(loss, "exact")))
            shifted = true;
        else
            source += zeros;
    }
    if (!shifted && source != original->size)
        fail_msg("%s: output ends at %zu of %zu, and that is not reported", damage->text, source,
                 original->size);
}

// Each loss of input touches the damage or the units next to it.
static void check_bounds(const struct patient *p, const struct damage *damage, size_t size,
                         const json_t *losses) {
    size_t first, start, end, most = 0;
    p->unit(p, damage->from < p->input.size ? damage->from : p->input.size - 1, &first, &end);
    for (size_t at = 0; at < p->input.size; at = end) {
        p->unit(p, at, &start, &end);
        most = end - start > most ? end - start : most;
    }
    for (size_t i = 0; i < json_array_size(losses); i++) {
        const json_t *loss = json_array_get(losses, i);
        assert_string_equal(json_string_value(json_object_get(loss, "format")), p->format);
        size_t offset = damage_number(loss, "offset"), length = damage_number(loss, "length");
        if (offset + length > size || offset + most < first || offset > damage->to + most ||
            offset + length > damage->to + 2 * most)
            fail_msg("%s: loss of %zu at %zu is far from it", damage->text, length, offset);
    }
}

static void run(struct patient *p, const struct damage *damage, const struct bytes *input) {
    static const struct feeding ways[] = {{.threads = 1, .held = true},
                                          {.threads = 3, .first = 1, .rest = 1},
                                          {.threads = 7, .held = true, .first = 7, .rest = 50}};
    static unsigned count;
    json_t *before = NULL;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (i > 0 && (count += 1) % 7 != i) // threads take their time to start
            continue;
        struct run run = {.patient = p};
        struct fault f;
        struct fed out;
        assert_int_equal(salvage_new(&run.record, &f), 0);
        feed_run(make, &run, input->data, input->size, &ways[i], &out);
        if (out.status != 0)
            fail_msg("%s, %s: %s", damage->text, feeding_text(&ways[i]), out.fault.text);
        assert_int_equal(out.finishes, 1);
        json_t *report = damage_report(run.record);
        const json_t *losses = json_object_get(report, "lost");
        bool same = out.size == p->original.size &&
                    (out.size == 0 || memcmp(out.data, p->original.data, out.size) == 0);
        if (!same && json_array_size(losses) == 0)
            fail_msg("%s: the output differs, and nothing is reported", damage->text);
        assert_true(json_is_boolean(json_object_get(report, "complete")));
        assert_int_equal(json_is_true(json_object_get(report, "complete")),
                         json_array_size(losses) == 0);
        check_output(p, damage, &out, losses);
        check_bounds(p, damage, input->size, losses);
        if (before != NULL && !json_equal(before, report))
            fail_msg("%s: another report, %s", damage->text, feeding_text(&ways[i]));
        json_decref(before);
        before = report;
        salvage_free(run.record);
        fed_free(&out);
    }
    json_decref(before);
}

void damage_none(struct patient *p) {
    struct damage damage = {.text = "no damage"};
    struct run one = {.patient = p};
    struct fault f;
    assert_int_equal(salvage_new(&one.record, &f), 0);
    struct fed out;
    feed_run(make, &one, p->input.data, p->input.size, &(struct feeding){.threads = 3}, &out);
    assert_int_equal(out.status, 0);
    assert_int_equal(salvage_losses(one.record), 0);
    assert_int_equal(salvage_verdict(one.record, &f), 0);
    assert_int_equal(out.size, p->original.size);
    assert_memory_equal(out.data, p->original.data, out.size);
    fed_free(&out);
    salvage_free(one.record);
    run(p, &damage, &p->input);
}

void damage_flips(struct patient *p, size_t step) {
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    struct bytes input = {0};
    bytes_add(&input, p->input.data, p->input.size);
    for (size_t at = 0; at < input.size; at += step)
        for (size_t i = 0; i < sizeof masks; i++) {
            struct damage damage = {.from = at, .to = at + 1};
            snprintf(damage.text, sizeof damage.text, "byte %zu ^ 0x%02x", at, masks[i]);
            input.data[at] ^= masks[i];
            run(p, &damage, &input);
            input.data[at] ^= masks[i];
        }
    bytes_free(&input);
}

enum way { ZEROED, TAKEN_OUT, PUT_IN, CUT, WAYS };

// Whether exactly whole units are missing, which a format without a count cannot show.
static bool is_seamless(const struct patient *p, size_t from, size_t to) {
    size_t first, last, end;
    p->unit(p, from, &first, &end);
    if (to == p->input.size)
        return from == first;
    p->unit(p, to, &last, &end);
    return from == first && to == last;
}

static void damage_range(struct patient *p, enum way way, size_t at, size_t size) {
    static const char *const names[WAYS] = {"zeroed", "taken out", "put in", "cut"};
    const struct bytes *whole = &p->input;
    struct bytes input = {0};
    struct damage damage = {.from = at, .to = way == CUT ? whole->size : at + size};
    snprintf(damage.text, sizeof damage.text, "%zu bytes at %zu %s", size, at, names[way]);
    if (p->countless && (way == TAKEN_OUT || way == CUT) && is_seamless(p, at, damage.to))
        return;
    size_t after = way == CUT ? whole->size : way == PUT_IN ? at : at + size;
    bytes_add(&input, whole->data, at);
    if (way == ZEROED)
        bytes_zeros(&input, size);
    if (way == PUT_IN)
        bytes_noise(&input, size, 7);
    bytes_add(&input, whole->data + after, whole->size - after);
    run(p, &damage, &input);
    bytes_free(&input);
}

void damage_ranges(struct patient *p, size_t step) {
    static const size_t sizes[] = {2, 9, 70, 300};
    for (size_t at = 0; at < p->input.size; at += step)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (enum way way = 0; way < WAYS; way++)
                if (at + sizes[i] <= p->input.size && (way != CUT || i == 0))
                    damage_range(p, way, at, sizes[i]);
}
