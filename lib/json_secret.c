// SPDX-License-Identifier: Apache-2.0
#include "json_secret.h"

#include "wiped.h"

#include <string.h>

// jansson reports some of its own failures to get memory as bad data, and some not at all.
static bool short_of_memory;

static void *allocate(size_t size) {
    void *memory = wiped_malloc(size);
    if (memory == NULL)
        short_of_memory = true;
    return memory;
}

void json_secret_start(void) {
    json_set_alloc_funcs(allocate, wiped_free);
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
    // jansson's own text quotes what it found, which may be a key.
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
