// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_context.h"

#include "secret/json_secret.h"
#include "secret/secret.h"

#include <string.h>

enum { FILE_MAX = 16 << 10 }; // AWS takes 8 KiB, Alibaba Cloud 8192 characters

// Adds one pair. Returns 0 or -1.
static int add(json_t *context, const char *name, size_t name_size, const char *value,
               struct fault *f) {
    const char *shown = diag_shown_name(name, name_size, 100);
    if (name_size == 0)
        return diag_fault(f, EX_USAGE, "encryption context: expected NAME=VALUE, found no name");
    if (json_object_getn(context, name, name_size) != NULL)
        return diag_fault(f, EX_USAGE,
                          "encryption context: expected each name once, found %s again", shown);
    json_t *text = json_string(value);
    if (text == NULL) // jansson gives no reason; of the two possible ones, this is the user's
        return diag_fault(f, EX_USAGE, "encryption context: %s: expected UTF-8", shown);
    if (json_object_setn_new(context, name, name_size, text) < 0)
        return diag_fault(f, EX_USAGE, "encryption context: %s: expected UTF-8", shown);
    return 0;
}

static int add_file(json_t *context, const char *path, struct fault *f) {
    struct secret text;
    if (secret_read_file(&text, path, FILE_MAX, "encryption context", f) < 0)
        return -1;
    json_t *object = json_secret_parse(text.data, text.size, "encryption context", f);
    secret_free(&text);
    if (object == NULL)
        return -1;
    int result = 0;
    if (!json_is_object(object))
        result = diag_fault(f, EX_DATAERR,
                            "encryption context: expected a JSON object, found another value");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        if (result == 0 && !json_is_string(value))
            result =
                diag_fault(f, EX_DATAERR,
                           "encryption context: expected strings as values, found another type");
        if (result == 0)
            result = add(context, name, strlen(name), json_string_value(value), f);
    }
    json_decref(object);
    return result;
}

int kms_context_load(json_t **context, const char *const *arguments, size_t count,
                     struct fault *f) {
    *context = NULL;
    if (count == 0)
        return 0;
    json_t *object = json_object();
    if (object == NULL)
        return diag_fault_memory(f);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const char *argument = arguments[i];
        const char *sign = strchr(argument, '=');
        if (argument[0] == '@')
            result = add_file(object, argument + 1, f);
        else if (sign == NULL)
            result = diag_fault(f, EX_USAGE,
                                "--encryption-context: expected NAME=VALUE or @FILE, found no '='");
        else
            result = add(object, argument, (size_t)(sign - argument), sign + 1, f);
    }
    if (result < 0)
        json_decref(object);
    else
        *context = object;
    return result;
}
