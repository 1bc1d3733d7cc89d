// SPDX-License-Identifier: Apache-2.0
#include "format/tar_extension.h"

#include <stdlib.h>
#include <string.h>

// A record, or a part of its value.
struct text {
    const char *bytes;
    size_t size;
};

static bool is(const struct text *key, const char *name) {
    return key->size == strlen(name) && memcmp(key->bytes, name, key->size) == 0;
}

static bool begins(const struct text *key, const char *name) {
    return key->size >= strlen(name) && memcmp(key->bytes, name, strlen(name)) == 0;
}

// Takes a decimal number, and `end` after it, off the text; end 0: all of the text is the number.
// Returns false if there is no number, or it is more than INT64_MAX.
static bool take_number(struct text *t, char end, uint64_t *value) {
    size_t i = 0;
    *value = 0;
    for (; i < t->size && t->bytes[i] >= '0' && t->bytes[i] <= '9'; i++) {
        if (*value > (INT64_MAX - 9) / 10)
            return false;
        *value = 10 * *value + (unsigned)(t->bytes[i] - '0');
    }
    if (i == 0 || (end == 0 ? i < t->size : i == t->size || t->bytes[i] != end))
        return false;
    i += end != 0;
    *t = (struct text){t->bytes + i, t->size - i};
    return true;
}

static int keep_name(char **name, size_t *size, const void *bytes, size_t count, struct fault *f) {
    free(*name);
    *size = count;
    *name = malloc(count + 1);
    if (*name == NULL)
        return diag_fault_memory(f);
    memcpy(*name, bytes, count);
    (*name)[count] = '\0';
    return 0;
}

// GNU sparse format 0.1: offsets and sizes with commas between.
static int take_map(struct tar_extension *e, struct text value, size_t most,
                    const struct place *place, struct fault *f) {
    while (value.size > 0) {
        uint64_t offset, size;
        bool last = memchr(value.bytes, ',', value.size) == NULL;
        if (last || !take_number(&value, ',', &offset))
            return 1;
        last = memchr(value.bytes, ',', value.size) == NULL;
        if (!take_number(&value, last ? 0 : ',', &size))
            return 1;
        if (tar_map_add(&e->map, offset, size, most, place, f) < 0)
            return -1;
    }
    return 0;
}

// GNU sparse format 0.0: a record for each offset, and one for each size.
static int take_run(struct tar_extension *e, bool is_offset, uint64_t number, size_t most,
                    const struct place *place, struct fault *f) {
    if (is_offset == e->pending)
        return 1;
    e->pending = is_offset;
    if (is_offset) {
        e->offset = number;
        return 0;
    }
    return tar_map_add(&e->map, e->offset, number, most, place, f);
}

// A record of GNU's sparse formats; `key` is the part after "GNU.sparse.". Returns 0; 1 if the
// value makes no sense; -1 and *f.
static int take_sparse(struct tar_extension *e, const struct text *key, struct text value,
                       size_t most, const struct place *place, struct fault *f) {
    uint64_t number;
    if (is(key, "name"))
        return keep_name(&e->sparse_name, &e->sparse_name_size, value.bytes, value.size, f);
    e->sparse = true;
    if (is(key, "map"))
        return take_map(e, value, most, place, f);
    if (!take_number(&value, 0, &number))
        return 1;
    if (is(key, "offset") || is(key, "numbytes"))
        return take_run(e, is(key, "offset"), number, most, place, f);
    if (is(key, "size") || is(key, "realsize")) {
        e->has_real_size = true;
        e->real_size = number;
    } else if (is(key, "major")) {
        e->map_in_data = number == 1;
        return number > 1;
    } else if (is(key, "minor")) {
        return number > 1;
    }
    return 0;
}

// The same for any record.
static int take_record(struct tar_extension *e, const struct text *key, struct text value,
                       size_t most, const struct place *place, struct fault *f) {
    static const char sparse[] = "GNU.sparse.";
    size_t prefix = sizeof sparse - 1;
    if (begins(key, sparse)) {
        struct text rest = {key->bytes + prefix, key->size - prefix};
        return take_sparse(e, &rest, value, most, place, f);
    }
    if (is(key, "path"))
        return keep_name(&e->name, &e->name_size, value.bytes, value.size, f);
    if (is(key, "size")) {
        e->has_size = true;
        return !take_number(&value, 0, &e->size);
    }
    return 0;
}

static bool is_of_one_file(const struct text *key) {
    return is(key, "path") || is(key, "size") || begins(key, "GNU.sparse.");
}

// Splits the record, "LENGTH KEY=VALUE\n", off the records. Returns false if there is none.
static bool take_parts(struct text *records, struct text *key, struct text *value) {
    struct text record = *records;
    uint64_t length;
    if (!take_number(&record, ' ', &length) || length > records->size)
        return false;
    size_t head = records->size - record.size;
    if (length <= head || records->bytes[length - 1] != '\n')
        return false;
    record.size = (size_t)length - head - 1;
    const char *equals = memchr(record.bytes, '=', record.size);
    if (equals == NULL || equals == record.bytes)
        return false;
    *key = (struct text){record.bytes, (size_t)(equals - record.bytes)};
    *value = (struct text){equals + 1, record.size - key->size - 1};
    *records = (struct text){records->bytes + length, records->size - (size_t)length};
    return true;
}

int tar_extension_add(struct tar_extension *e, const uint8_t *bytes, size_t size, bool global,
                      size_t most, const struct place *place, struct fault *f) {
    struct text records = {(const char *)bytes, size}, key, value;
    e->any = e->any || !global;
    while (records.size > 0) {
        const char *begin = records.bytes;
        const char *where = place_text(place, size - records.size);
        if (!take_parts(&records, &key, &value))
            return diag_fault(
                f, EX_DATAERR,
                "malformed pax record in tar archive %s: expected \"LENGTH KEY=VALUE\" "
                "and a newline, found \"%s\"",
                where, diag_shown_name(begin, records.size, 60));
        if (global && is_of_one_file(&key))
            return diag_fault(f, EX_DATAERR,
                              "pax record in tar archive %s: expected none about a single file in "
                              "a global header, found \"%s\"",
                              where, diag_shown_name(key.bytes, key.size, 60));
        int taken = take_record(e, &key, value, most, place, f);
        if (taken > 0)
            return diag_fault(f, EX_DATAERR,
                              "pax record in tar archive %s: expected a value of another form, "
                              "found \"%s\"",
                              where, diag_shown_name(key.bytes, key.size + 1 + value.size, 60));
        if (taken < 0)
            return -1;
    }
    if (e->pending)
        return diag_fault(f, EX_DATAERR,
                          "pax records in tar archive %s: expected the length of a run of a sparse "
                          "file after its offset, found the end",
                          place_text(place, size));
    return 0;
}

int tar_extension_name(struct tar_extension *e, const uint8_t *name, size_t size, struct fault *f) {
    e->any = true;
    // GNU's name has a terminator.
    while (size > 0 && name[size - 1] == '\0')
        size--;
    return keep_name(&e->name, &e->name_size, name, size, f);
}

void tar_extension_clear(struct tar_extension *e) {
    free(e->name);
    free(e->sparse_name);
    tar_map_clear(&e->map);
    *e = (struct tar_extension){0};
}

const char *tar_extension_entry_name(const struct tar_extension *e, const struct tar_entry *entry,
                                     size_t *size) {
    if (e->sparse_name_size > 0) {
        *size = e->sparse_name_size;
        return e->sparse_name;
    }
    *size = e->name_size > 0 ? e->name_size : entry->name_size;
    return e->name_size > 0 ? e->name : entry->name;
}
