// SPDX-License-Identifier: Apache-2.0
#include "secret/json_secret.h"

#include "secret/wiped.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

// If jansson gets no memory, it reports bad data or nothing, and its parser reads and writes
// outside of a text that it could not copy whole. So it then gets memory from this reserve, each
// block after its size; its result is not used.
enum { RESERVE_SIZE = 128 << 10, UNIT = alignof(max_align_t) };
static struct {
    alignas(max_align_t) char bytes[RESERVE_SIZE];
    size_t used;
} reserve;
static bool short_of_memory;

static void *allocate(size_t size) {
    void *memory = wiped_malloc(size);
    if (memory != NULL)
        return memory;
    short_of_memory = true;
    if (size > RESERVE_SIZE || (size + UNIT - 1) / UNIT * UNIT + UNIT > RESERVE_SIZE - reserve.used)
        return NULL;
    char *block = reserve.bytes + reserve.used;
    memcpy(block, &size, sizeof size);
    reserve.used += (size + UNIT - 1) / UNIT * UNIT + UNIT;
    return block + UNIT;
}

static void release(void *memory) {
    char *block = memory;
    if ((uintptr_t)block < (uintptr_t)reserve.bytes ||
        (uintptr_t)block >= (uintptr_t)(reserve.bytes + RESERVE_SIZE)) {
        wiped_free(memory);
        return;
    }
    size_t size;
    memcpy(&size, block - UNIT, sizeof size);
    explicit_bzero(block, size);
}

void json_secret_start(void) {
    json_set_alloc_funcs(allocate, release);
    json_object_seed(0); // from /dev/urandom, which cannot be opened later (sandbox.h)
}

bool json_secret_short_of_memory(void) {
    return short_of_memory;
}

json_t *json_secret_parse(const void *text, size_t size, const char *what, struct fault *f) {
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value != NULL && !short_of_memory)
        return value;
    if (short_of_memory) {
        json_decref(value);
        diag_fault_memory(f);
        return NULL;
    }
    // jansson's own text quotes the input, which may be a key.
    switch (json_error_code(&error)) {
    case json_error_out_of_memory:
        diag_fault_memory(f);
        break;
    case json_error_duplicate_key:
        diag_fault(f, EX_DATAERR,
                   "%s: bad JSON at input offset %d: expected each member once, found one again",
                   what, error.position);
        break;
    case json_error_end_of_input_expected:
        diag_fault(f, EX_DATAERR,
                   "%s: bad JSON at input offset %d: expected the end after one value, found more",
                   what, error.position);
        break;
    case json_error_premature_end_of_input:
        diag_fault(f, EX_DATAERR,
                   "%s: JSON cut short at input offset %zu: expected more, found the end", what,
                   size);
        break;
    case json_error_invalid_utf8:
        diag_fault(f, EX_DATAERR,
                   "%s: bad JSON at input offset %d: expected UTF-8, found other bytes", what,
                   error.position);
        break;
    default:
        diag_fault(f, EX_DATAERR, "%s: bad JSON before input offset %d (line %d, column %d)", what,
                   error.position, error.line, error.column);
        break;
    }
    explicit_bzero(&error, sizeof error);
    return NULL;
}

const char *json_secret_string(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}
