// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"

#include "archives.h"
#include "engine/salvage.h"
#include "os/fdio.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char fuzz_key[33] = "4b5e1d4db97a00112233445566778899";
unsigned fuzz_threads = 1;

void fuzz_broken(const char *format, ...) {
    va_list arguments;
    fputs("broken: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

// Bytes of the well-formed UTF-8 character at text[0], 0 if there is none.
static size_t character(const char *text, size_t size) {
    const unsigned char *t = (const unsigned char *)text;
    if (t[0] < 0x80)
        return t[0] >= 0x20 && t[0] != 0x7f ? 1 : 0;
    size_t length = t[0] >= 0xf0 ? 4 : t[0] >= 0xe0 ? 3 : 2;
    if (t[0] < 0xc2 || t[0] > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((t[i] & 0xc0) != 0x80)
            return 0;
    unsigned second = t[1];
    if ((t[0] == 0xe0 && second < 0xa0) || (t[0] == 0xed && second > 0x9f) ||
        (t[0] == 0xf0 && second < 0x90) || (t[0] == 0xf4 && second > 0x8f))
        return 0;
    // U+0080 to U+009F are control characters, too.
    return t[0] == 0xc2 && second < 0xa0 ? 0 : length;
}

void fuzz_check_text(const char *text, size_t room) {
    size_t size = strnlen(text, room);
    if (size == room)
        fuzz_broken("a text is not terminated");
    for (size_t at = 0; at < size;) {
        size_t n = character(text + at, size - at);
        if (n == 0)
            fuzz_broken("a text is not printable at byte %zu: 0x%02x", at, (unsigned char)text[at]);
        at += n;
    }
}

void fuzz_check_fault(const struct fault *f, const int *statuses) {
    while (*statuses != 0 && *statuses != f->status)
        statuses++;
    if (*statuses == 0)
        fuzz_broken("status %d: %.600s", f->status, f->text);
    fuzz_check_text(f->text, sizeof f->text);
    if (f->text[0] == '\0')
        fuzz_broken("a fault without a text");
}

uint8_t fuzz_byte(struct fuzz_input *in) {
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

struct fuzz_input fuzz_text(struct fuzz_input *in) {
    struct fuzz_input text = *in;
    if (in->size == 0)
        return text;
    const uint8_t *end = memchr(in->data, '\0', in->size);
    size_t taken = in->size;
    if (end != NULL) {
        text.size = (size_t)(end - in->data);
        taken = text.size + 1;
    }
    in->data += taken;
    in->size -= taken;
    return text;
}

struct feeding fuzz_feeding(uint8_t choice) {
    static const size_t sizes[] = {1, 2, 3, 7, 16, 61, 250, 1021};
    return (struct feeding){.threads = fuzz_threads,
                            .held = choice & 0x40,
                            .first = sizes[choice & 7],
                            .rest = sizes[choice >> 3 & 7]};
}

static bool same_text(const char *a, const char *b, bool but_digits) {
    for (;; a++, b++) {
        if (but_digits) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        }
        if (*a != *b || *a == '\0')
            return *a == *b;
    }
}

// A stage that is told to salvage, and what it then reports.
struct salvaging {
    feed_maker *make;
    void *context;
    struct salvage *record; // NULL: it is not
};
static struct bytes *losses; // of the run

static void note_loss(const char *line) {
    fuzz_check_text(line, strlen(line) + 1);
    bytes_text(losses, line);
    bytes_text(losses, "\n");
}

static struct stage *make_salvaging(struct ordered *o, struct stage *next, void *context) {
    struct salvaging *s = context;
    struct stage *stage = s->make(o, next, s->context);
    if (stage != NULL && s->record != NULL)
        stage->salvage = next->salvage = salvage_whole(s->record);
    return stage;
}

// The report must be JSON, and the verdict fit the losses.
static void check_record(struct salvage *record, const struct fed *fed) {
    struct fault f;
    int fd = open(fuzz_file(FUZZ_FILES - 1, "", 0), O_RDWR | O_CLOEXEC);
    if (fd < 0 || salvage_write(record, fd, fed->status != 0 ? fed->fault.text : NULL) < 0 ||
        lseek(fd, 0, SEEK_SET) != 0)
        fuzz_broken("a report that cannot be written");
    json_error_t error;
    json_t *report = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
    if (report == NULL)
        fuzz_broken("a report that is no JSON: %s", error.text);
    json_decref(report);
    close(fd);
    if ((salvage_verdict(record, &f) == 0) != (salvage_losses(record) == 0))
        fuzz_broken("%llu losses, and another verdict", (unsigned long long)salvage_losses(record));
    if (salvage_losses(record) > 0)
        fuzz_check_fault(&f, (int[]){EX_DATAERR, 0});
}

static void run_stage(feed_maker *make, void *context, const uint8_t *data, size_t size,
                      const struct feeding *feeding, const struct fuzz_how *how, struct fed *fed,
                      struct bytes *lost) {
    struct salvaging s = {.make = make, .context = context};
    struct fault f;
    losses = lost;
    if (how->salvage && salvage_new(&s.record, &f) < 0)
        fuzz_broken("no record: %s", f.text);
    feed_run(make_salvaging, &s, data, size, feeding, fed);
    if (fed->status != 0)
        fuzz_check_fault(&fed->fault, (int[]){EX_DATAERR, how->other_status, 0});
    if (fed->finishes != (fed->status == 0 ? 1 : 0))
        fuzz_broken("%s: status %d, and the next stage was finished %u times",
                    feeding_text(feeding), fed->status, fed->finishes);
    if (how->salvage) {
        salvage_print(s.record, note_loss);
        check_record(s.record, fed);
    }
    salvage_free(s.record);
}

void fuzz_stage(feed_maker *make, void *context, const uint8_t *data, size_t size,
                const struct fuzz_how *how, struct fed *result) {
    struct feeding whole = {.threads = fuzz_threads, .held = how->pieces & 0x80};
    struct feeding pieces = fuzz_feeding(how->pieces);
    struct bytes lost = {0}, lost_again = {0};
    struct fed again;
    run_stage(make, context, data, size, &whole, how, result, &lost);
    run_stage(make, context, data, size, &pieces, how, &again, &lost_again);
    if (result->status != again.status)
        fuzz_broken("%s: status %d (%s), whole %d (%s)", feeding_text(&pieces), again.status,
                    again.fault.text, result->status, result->fault.text);
    if (result->status != 0 && !how->faults_vary &&
        !same_text(result->fault.text, again.fault.text, how->places_vary))
        fuzz_broken("%s: \"%s\", whole \"%s\"", feeding_text(&pieces), again.fault.text,
                    result->fault.text);
    if (result->size != again.size ||
        (again.size > 0 && memcmp(result->data, again.data, again.size) != 0))
        fuzz_broken("%s: %zu bytes, whole %zu, or others", feeding_text(&pieces), again.size,
                    result->size);
    bytes_add(&lost, "", 1);
    bytes_add(&lost_again, "", 1);
    if (!same_text((char *)lost.data, (char *)lost_again.data, how->places_vary))
        fuzz_broken("%s: losses\n%swhole\n%s", feeding_text(&pieces), (char *)lost_again.data,
                    (char *)lost.data);
    bytes_free(&lost);
    bytes_free(&lost_again);
    fed_free(&again);
}

const char *fuzz_file(unsigned number, const void *data, size_t size) {
    static struct {
        int fd; // plus 1; 0: not yet open
        char path[32];
    } files[FUZZ_FILES];
    if (files[number].fd == 0) {
        files[number].fd = 1 + memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(files[number].path, sizeof files[number].path, "/proc/self/fd/%d",
                 files[number].fd - 1);
    }
    int fd = files[number].fd - 1;
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    return files[number].path;
}

uint8_t *fuzz_copy(const void *data, size_t size) {
    uint8_t *copy = malloc(size);
    if (copy == NULL && size > 0)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

void fuzz_add_fixture(fuzz_add *add, const void *head, size_t head_size, const char *file,
                      size_t limit) {
    struct bytes whole, seed = {0};
    char path[400];
    snprintf(path, sizeof path, "%s/%s", FIXTURES, file);
    bytes_load(&whole, path);
    bytes_add(&seed, head, head_size);
    bytes_add(&seed, whole.data, whole.size < limit ? whole.size : limit);
    add(seed.data, seed.size);
    bytes_free(&whole);
    bytes_free(&seed);
}
