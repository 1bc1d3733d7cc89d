// SPDX-License-Identifier: Apache-2.0
#include "s3vectors.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *s3vectors_load(const char *file) {
    size_t size;
    uint8_t *text = s3vectors_read(file, &size);
    json_t *root = json_loadb((const char *)text, size, 0, NULL);
    free(text);
    assert_non_null(root);
    json_t *vectors = json_incref(json_object_get(root, "vectors"));
    json_decref(root);
    assert_true(json_array_size(vectors) > 0);
    return vectors;
}

uint8_t *s3vectors_read(const char *file, size_t *size) {
    char path[512];
    snprintf(path, sizeof path, "%s/s3/%s", FIXTURES, file);
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        fail_msg("cannot open %s", path);
    enum { ROOM = 1 << 20 };
    uint8_t *data = malloc(ROOM);
    assert_non_null(data);
    *size = fread(data, 1, ROOM, in);
    assert_true(feof(in) && !ferror(in));
    fclose(in);
    return data;
}

const char *s3vectors_string(const json_t *vector, const char *member) {
    return json_string_value(json_object_get(vector, member));
}

int s3vectors_envelope(struct s3_envelope *e, json_t *vector, struct fault *f) {
    struct s3_metadata sources[2];
    size_t count = 1;
    char text[4096];
    size_t text_size = json_dumpb(json_object_get(vector, "object_metadata"), text, sizeof text, 0);
    assert_in_range(text_size, 2, sizeof text);
    assert_int_equal(s3_metadata_parse(&sources[0], text, text_size, "object", f), 0);
    const char *file = s3vectors_string(vector, "instruction_file");
    if (file != NULL) {
        size_t size;
        uint8_t *data = s3vectors_read(file, &size);
        assert_int_equal(s3_metadata_parse(&sources[1], data, size, "instruction", f), 0);
        free(data);
        count = 2;
    }
    int result = s3_envelope_make(e, sources, count, f);
    for (size_t i = 0; i < count; i++)
        s3_metadata_free(&sources[i]);
    return result;
}

void s3vectors_hex(const json_t *vector, const char *member, uint8_t *out, size_t size) {
    const char *text = s3vectors_string(vector, member);
    assert_non_null(text);
    assert_int_equal(strlen(text), 2 * size);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
}
