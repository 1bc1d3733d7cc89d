// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_metadata.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char prefix[] = "x-amz-meta-";

static const char *const key_names[S3_KEY_COUNT] = {
    [S3_KEY_WRAPPED_1] = "x-amz-key",
    [S3_KEY_WRAPPED_2] = "x-amz-key-v2",
    [S3_KEY_WRAPPED_3] = "x-amz-3",
    [S3_KEY_IV] = "x-amz-iv",
    [S3_KEY_MATDESC] = "x-amz-matdesc",
    [S3_KEY_WRAP_ALG] = "x-amz-wrap-alg",
    [S3_KEY_CEK_ALG] = "x-amz-cek-alg",
    [S3_KEY_TAG_LEN] = "x-amz-tag-len",
    [S3_KEY_LENGTH] = "x-amz-unencrypted-content-length",
    [S3_KEY_CONTENT] = "x-amz-c",
    [S3_KEY_WRAP] = "x-amz-w",
    [S3_KEY_CONTEXT] = "x-amz-t",
    [S3_KEY_DESCRIPTION] = "x-amz-m",
    [S3_KEY_MESSAGE_ID] = "x-amz-i",
    [S3_KEY_COMMITMENT] = "x-amz-d",
};

const char *s3_metadata_key_name(enum s3_metadata_key key) {
    return key_names[key];
}

static const char *show(const char *text, char *out, size_t size) {
    return diag_name(text, strlen(text), out, size);
}
void s3_metadata_free(struct s3_metadata *m) {
    for (size_t i = 0; i < S3_KEY_COUNT; i++)
        free(m->value[i]);
    memset(m, 0, sizeof *m);
}

// Keeps the value if the name is one of ours.
static int take(struct s3_metadata *m, const char *name, size_t name_size, const char *value,
                size_t value_size, struct fault *f) {
    size_t prefix_size = sizeof prefix - 1;
    if (name_size > prefix_size && strncasecmp(name, prefix, prefix_size) == 0) {
        name += prefix_size;
        name_size -= prefix_size;
    }
    for (size_t i = 0; i < S3_KEY_COUNT; i++) {
        if (strlen(key_names[i]) != name_size || strncasecmp(name, key_names[i], name_size) != 0)
            continue;
        if (m->value[i] != NULL)
            return diag_fault(f, EX_DATAERR, "%s: %s is there twice", m->shown, key_names[i]);
        m->value[i] = strndup(value, value_size);
        return m->value[i] == NULL ? diag_fault_memory(f) : 0;
    }
    return 0;
}

// Keeps the size of the object beside its metadata. That of a part (an answer with a ContentRange)
// says nothing.
static void take_body_size(struct s3_metadata *m, const char *text, size_t size) {
    char digits[20] = "";
    if (size == 0 || size >= sizeof digits || text[0] < '0' || text[0] > '9')
        return;
    memcpy(digits, text, size);
    char *end;
    m->body_size = strtoull(digits, &end, 10);
    m->has_body_size = *end == '\0';
}

static bool is_envelope_name(const char *name) {
    if (strncasecmp(name, prefix, sizeof prefix - 1) == 0)
        name += sizeof prefix - 1;
    for (size_t i = 0; i < S3_KEY_COUNT; i++)
        if (strcasecmp(name, key_names[i]) == 0)
            return true;
    return false;
}

static int take_json_map(struct s3_metadata *m, json_t *map, struct fault *f) {
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        if (!is_envelope_name(name))
            continue;
        if (!json_is_string(value)) {
            char shown[80];
            return diag_fault(f, EX_DATAERR, "%s: %s: expected a string", m->shown,
                              show(name, shown, sizeof shown));
        }
        if (take(m, name, strlen(name), json_string_value(value), json_string_length(value), f) < 0)
            return -1;
    }
    return 0;
}

static int parse_json(struct s3_metadata *m, const char *text, size_t size, struct fault *f) {
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return diag_fault_memory(f);
        char shown[200];
        return diag_fault(f, EX_DATAERR, "%s: not valid JSON at line %d: %s", m->shown, error.line,
                          show(error.text, shown, sizeof shown));
    }
    json_t *metadata = json_object_get(root, "Metadata");
    json_t *length = json_object_get(root, "ContentLength");
    int result;
    if (!json_is_object(root))
        result = diag_fault(f, EX_DATAERR, "%s: expected a JSON object", m->shown);
    else if (json_object_get(root, "EncryptedEnvelopeKey") != NULL)
        result = diag_fault(f, EX_DATAERR,
                            "%s: an instruction file of the oldest .NET client "
                            "(EncryptedEnvelopeKey): this form is not supported",
                            m->shown);
    else
        result = take_json_map(m, json_is_object(metadata) ? metadata : root, f);
    if (json_is_object(metadata) && json_is_integer(length) && json_integer_value(length) >= 0 &&
        json_object_get(root, "ContentRange") == NULL) {
        m->body_size = (uint64_t)json_integer_value(length);
        m->has_body_size = true;
    }
    json_decref(root);
    return result;
}

static bool is_token(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && memchr("!#$%&'*+-.^_`|~", text[i], 15) == NULL)
            return false;
    return size > 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool name_is(const char *name, size_t size, const char *expected) {
    return size == strlen(expected) && strncasecmp(name, expected, size) == 0;
}

static int parse_headers(struct s3_metadata *m, const char *text, size_t size, struct fault *f) {
    const char *end = text + size;
    bool ended = false; // by an empty line
    bool is_part = false;
    for (size_t number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line = text;
        const char *stop = newline != NULL ? newline : end;
        text = newline != NULL ? newline + 1 : end;
        while (stop > line && is_blank(stop[-1]))
            stop--;
        if (stop == line) {
            ended = true;
            continue;
        }
        size_t line_size = (size_t)(stop - line);
        if (line_size > 5 && memcmp(line, "HTTP/", 5) == 0) {
            // What came before belongs to an interim answer or a redirect.
            for (size_t i = 0; i < S3_KEY_COUNT; i++) {
                free(m->value[i]);
                m->value[i] = NULL;
            }
            m->has_body_size = false;
            ended = is_part = false;
            continue;
        }
        const char *colon = memchr(line, ':', line_size);
        if (ended || colon == NULL || !is_token(line, (size_t)(colon - line)))
            return diag_fault(f, EX_DATAERR,
                              "%s: line %zu: expected JSON or HTTP header lines; metadata saved by "
                              "the AWS CLI needs --output json",
                              m->shown, number);
        const char *value = colon + 1;
        while (value < stop && is_blank(*value))
            value++;
        if (memchr(value, '\0', (size_t)(stop - value)) != NULL)
            return diag_fault(f, EX_DATAERR, "%s: line %zu: a NUL byte", m->shown, number);
        size_t name_size = (size_t)(colon - line), value_size = (size_t)(stop - value);
        if (name_is(line, name_size, "content-length"))
            take_body_size(m, value, value_size);
        is_part = is_part || name_is(line, name_size, "content-range");
        if (take(m, line, name_size, value, value_size, f) < 0)
            return -1;
    }
    m->has_body_size = m->has_body_size && !is_part;
    return 0;
}

int s3_metadata_parse(struct s3_metadata *m, const void *data, size_t size, const char *name,
                      struct fault *f) {
    memset(m, 0, sizeof *m);
    show(name, m->shown, sizeof m->shown);
    const char *text = data;
    const unsigned char *bytes = data;
    if (size > S3_METADATA_MAX)
        return diag_fault(f, EX_DATAERR,
                          "%s: too long for metadata of an object: expected at most %d bytes",
                          m->shown, S3_METADATA_MAX);
    if (size >= 2 &&
        ((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff)))
        return diag_fault(f, EX_DATAERR,
                          "%s: UTF-16 text, as PowerShell's > writes it; save it as UTF-8",
                          m->shown);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    size_t start = 0;
    while (start < size && is_blank(text[start]))
        start++;
    if (start == size)
        return diag_fault(f, EX_DATAERR, "%s: empty: expected JSON or HTTP header lines", m->shown);
    int result = memchr("{[\"", text[start], 3) != NULL ? parse_json(m, text, size, f)
                                                        : parse_headers(m, text, size, f);
    if (result < 0)
        s3_metadata_free(m);
    return result;
}
