// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_metadata.h"

#include "base/utf16.h"
#include "s3/s3_encoded_word.h"
#include "s3/s3_scan.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char prefix[] = "x-amz-meta-";

// What a parser returns for text that is not of its form; names of keys may still be in it.
enum { FORM_UNKNOWN = -2 };

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

// Finds the key of an envelope with that name, with or without the prefix. Returns the key, or
// S3_KEY_COUNT.
static enum s3_metadata_key find_key(const char *name, size_t size) {
    size_t prefix_size = sizeof prefix - 1;
    if (size > prefix_size && strncasecmp(name, prefix, prefix_size) == 0) {
        name += prefix_size;
        size -= prefix_size;
    }
    size_t i = 0;
    while (i < S3_KEY_COUNT &&
           !(strlen(key_names[i]) == size && strncasecmp(name, key_names[i], size) == 0))
        i++;
    return (enum s3_metadata_key)i;
}

// Keeps the value if the name is a key of an envelope.
static int take(struct s3_metadata *m, const char *name, size_t name_size, const char *value,
                size_t value_size, struct fault *f) {
    enum s3_metadata_key key = find_key(name, name_size);
    if (key == S3_KEY_COUNT)
        return 0;
    if (m->value[key] != NULL)
        return diag_fault(f, EX_DATAERR, "%s: %s appears twice", m->shown, key_names[key]);
    if (s3_encoded_word_decode(&m->value[key], value, value_size, f) == 0)
        return 0;
    char name_shown[sizeof m->shown + 40];
    snprintf(name_shown, sizeof name_shown, "%s: %s", m->shown, key_names[key]);
    if (f->status == EX_DATAERR)
        diag_prefix(f, name_shown);
    return -1;
}

static bool has_key(const struct s3_metadata *m) {
    for (size_t i = 0; i < S3_KEY_COUNT; i++)
        if (m->value[i] != NULL)
            return true;
    return false;
}

// The fault for a text that is not the metadata of an object.
static int no_metadata(const struct s3_metadata *m, const char *found, struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "%s: holds no metadata of an object, so it does not tell whether the object "
                      "is encrypted: found %s; give what 'aws s3api head-object' prints",
                      m->shown, found);
}

static void keep_body_size(struct s3_metadata *m, uint64_t size, const char *name) {
    m->has_body_size = true;
    m->body_size = size;
    m->body_size_name = name;
}

// Keeps the size of the object.
static void take_body_size(struct s3_metadata *m, const char *text, size_t size, const char *name) {
    char digits[20] = "";
    if (size == 0 || size >= sizeof digits || text[0] < '0' || text[0] > '9')
        return;
    memcpy(digits, text, size);
    char *end;
    uint64_t value = strtoull(digits, &end, 10);
    if (*end == '\0')
        keep_body_size(m, value, name);
}

// ---- JSON

static int take_json_map(struct s3_metadata *m, const json_t *map, struct fault *f) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, name, value) {
        if (find_key(name, strlen(name)) == S3_KEY_COUNT)
            continue;
        if (json_is_array(value) && json_array_size(value) == 1)
            value = json_array_get(value, 0); // as HTTP libraries keep headers
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

// Whether an object without a member for metadata can be the metadata itself: a map of strings
// without the names that an error has.
static bool is_bare_map(json_t *root) {
    static const char *const errors[] = {"code", "message", "error", "__type", "status"};
    const char *name;
    json_t *value;
    bool has_ours = false, is_map = true;
    json_object_foreach(root, name, value) {
        has_ours = has_ours || find_key(name, strlen(name)) != S3_KEY_COUNT;
        is_map = is_map && json_is_string(value);
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
            is_map = is_map && strcasecmp(name, errors[i]) != 0;
    }
    return has_ours || is_map;
}

// What an object without metadata is, for the message.
static const char *describe(const json_t *root) {
    static const struct {
        const char *member, *meaning;
    } kinds[] = {
        {"Contents", "a list of objects"},
        {"Versions", "a list of versions"},
        {"Error", "an error"},
        {"error", "an error"},
        {"Errors", "an error"},
        {"Code", "an error"},
        {"code", "an error"},
        {"message", "an error"},
        {"IsDir", "a listing by rclone without --metadata"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (json_object_get(root, kinds[i].member) != NULL)
            return kinds[i].meaning;
    return "JSON without a member Metadata";
}

// The size of the whole object, as head-object, rclone and mc call it. That of a part (an answer
// with a ContentRange) says nothing.
static void take_json_size(struct s3_metadata *m, const json_t *root) {
    static const char *const names[] = {"ContentLength", "Size", "size"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *size = json_object_get(root, names[i]);
        if (json_is_integer(size) && json_integer_value(size) >= 0 &&
            json_object_get(root, "ContentRange") == NULL)
            keep_body_size(m, (uint64_t)json_integer_value(size), names[i]);
    }
}

static int take_json(struct s3_metadata *m, json_t *root, struct fault *f) {
    if (json_is_array(root)) { // rclone lsjson
        if (json_array_size(root) != 1 || !json_is_object(json_array_get(root, 0)))
            return no_metadata(m, "a list; ask for one object (rclone: --stat --metadata)", f);
        root = json_array_get(root, 0);
    }
    if (!json_is_object(root))
        return diag_fault(f, EX_DATAERR, "%s: expected a JSON object", m->shown);
    if (json_object_get(root, "EncryptedEnvelopeKey") != NULL)
        return diag_fault(f, EX_DATAERR,
                          "%s: an instruction file of the oldest .NET client "
                          "(EncryptedEnvelopeKey): this form is not supported",
                          m->shown);
    static const char *const members[] = {"Metadata", "metadata", "UserMetadata", "userMetadata"};
    const json_t *metadata = NULL;
    for (size_t i = 0; i < sizeof members / sizeof members[0] && metadata == NULL; i++)
        metadata = json_object_get(root, members[i]); // head-object; mc stat, new and old
    if (json_is_object(metadata)) {
        take_json_size(m, root);
        return take_json_map(m, metadata, f);
    }
    return is_bare_map(root) ? take_json_map(m, root, f) : no_metadata(m, describe(root), f);
}

static int parse_json(struct s3_metadata *m, const char *text, size_t size, struct fault *f) {
    json_error_t error;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return diag_fault_memory(f);
        char shown[200];
        diag_fault(f, EX_DATAERR, "%s: not valid JSON at line %d: %s", m->shown, error.line,
                   show(error.text, shown, sizeof shown));
        // A dictionary that Python printed, say; else JSON that was cut.
        return memchr(text, '\'', size) != NULL ? FORM_UNKNOWN : -1;
    }
    int result = take_json(m, root, f);
    json_decref(root);
    return result;
}

// ---- Text

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct line {
    const char *text;
    size_t size, number;
};

// Leaves out blanks at the start.
static void trim(struct line *line) {
    while (line->size > 0 && is_blank(line->text[0])) {
        line->text++;
        line->size--;
    }
}

// Takes the part before the next of the `separators`, or all of the text, off the text, without
// blanks at its end. Returns false at the end of the text.
static bool next_part(struct line *text, const char *separators, struct line *part) {
    if (text->size == 0)
        return false;
    size_t size = 0, count = strlen(separators);
    while (size < text->size && memchr(separators, text->text[size], count) == NULL)
        size++;
    *part = (struct line){.text = text->text, .size = size, .number = text->number};
    bool ended = size < text->size;
    if (ended && text->text[size] == '\n')
        text->number++;
    text->text += size + ended;
    text->size -= size + ended;
    while (part->size > 0 && is_blank(part->text[part->size - 1]))
        part->size--;
    return true;
}

// Divides a line at its first colon. Returns false if it has none.
static bool divide(const struct line *line, struct line *name, struct line *value) {
    const char *colon = memchr(line->text, ':', line->size);
    if (colon == NULL)
        return false;
    *name = (struct line){.text = line->text, .size = (size_t)(colon - line->text)};
    *value =
        (struct line){.text = colon + 1, .size = (size_t)(line->text + line->size - colon - 1)};
    trim(value);
    return true;
}

static bool is_token(const struct line *name) {
    for (size_t i = 0; i < name->size; i++)
        if (!isalnum((unsigned char)name->text[i]) &&
            memchr("!#$%&'*+-.^_`|~", name->text[i], 15) == NULL)
            return false;
    return name->size > 0;
}

static bool name_is(const struct line *name, const char *expected) {
    return name->size == strlen(expected) && strncasecmp(name->text, expected, name->size) == 0;
}

static bool starts_with(const struct line *line, const char *text) {
    return line->size >= strlen(text) && memcmp(line->text, text, strlen(text)) == 0;
}

static int not_known(const struct s3_metadata *m, size_t number, struct fault *f) {
    diag_fault(f, EX_DATAERR,
               "%s: line %zu: expected JSON or HTTP header lines; metadata saved by the AWS "
               "CLI needs --output json",
               m->shown, number);
    return FORM_UNKNOWN;
}

// Text of any other form, in which the names of our keys stand with their values. Returns 1; 0 if
// it has none; or -1 and *f.
static int scan(struct s3_metadata *m, const char *text, size_t size, struct fault *f) {
    struct s3_scan s = {.text = text, .size = size, .line = 1, .before = '\n'};
    struct s3_scan_pair pair;
    struct s3_metadata found = {0};
    char *value = malloc(size);
    if (value == NULL)
        return diag_fault_memory(f);
    if (memchr(text, '\0', size) != NULL)
        s.size = 0;
    memcpy(found.shown, m->shown, sizeof found.shown);
    int result = 0;
    while (result >= 0 && s3_scan_next(&s, &pair, value)) {
        enum s3_metadata_key key = find_key(pair.name, pair.name_size);
        const char *known = key != S3_KEY_COUNT ? found.value[key] : NULL;
        if (known != NULL && strlen(known) == pair.value_size &&
            memcmp(known, value, pair.value_size) == 0)
            continue; // a reply that has its headers, too
        result = take(&found, pair.name, pair.name_size, value, pair.value_size, f);
    }
    free(value);
    uint64_t length;
    if (s3_scan_number(text, size, "ContentLength", &length))
        keep_body_size(&found, length, "ContentLength");
    else if (s3_scan_number(text, size, "Content-Length", &length))
        keep_body_size(&found, length, "Content-Length");
    if (result == 0 && has_key(&found)) {
        s3_metadata_free(m);
        *m = found;
        return 1;
    }
    s3_metadata_free(&found);
    return result;
}

// What the other forms do not have: words of ours behind single quotes, or no form at all. `result`
// and *f are those of the form that was tried.
static int parse_any(struct s3_metadata *m, const char *text, size_t size, int result,
                     struct fault *f) {
    struct fault other;
    int scanned = result == FORM_UNKNOWN ? scan(m, text, size, &other) : 0;
    if (scanned < 0)
        *f = other;
    return scanned > 0 ? 0 : result;
}

static int take_line(struct s3_metadata *m, const struct line *line, const struct line *name,
                     const struct line *value, struct fault *f) {
    if (memchr(line->text, '\0', line->size) != NULL)
        return diag_fault(f, EX_DATAERR, "%s: line %zu: a NUL byte", m->shown, line->number);
    return take(m, name->text, name->size, value->text, value->size, f);
}

// HTTP header lines, of one reply or of several in a row, of which the last one counts.
struct headers {
    unsigned status; // 0: no status line
    bool of_object;  // a header that comes with objects was there
    bool is_part;
    bool ended; // by an empty line
};

static void begin_headers(struct s3_metadata *m, struct headers *h, const struct line *line) {
    for (size_t i = 0; i < S3_KEY_COUNT; i++) {
        free(m->value[i]);
        m->value[i] = NULL;
    }
    m->has_body_size = false;
    *h = (struct headers){.status = 0};
    const char *blank = memchr(line->text, ' ', line->size);
    size_t left = blank != NULL ? (size_t)(line->text + line->size - blank) : 0;
    for (size_t i = 1; i < left && i <= 3 && isdigit((unsigned char)blank[i]); i++)
        h->status = 10 * h->status + (unsigned)(blank[i] - '0');
}

static int take_header(struct s3_metadata *m, struct headers *h, const struct line *line,
                       struct fault *f) {
    struct line name, value;
    if (h->ended || !divide(line, &name, &value) || !is_token(&name))
        return not_known(m, line->number, f);
    if (name_is(&name, "content-length"))
        take_body_size(m, value.text, value.size, "Content-Length");
    h->is_part = h->is_part || name_is(&name, "content-range");
    h->of_object = h->of_object || name_is(&name, "etag") || name_is(&name, "last-modified") ||
                   (name.size > 6 && strncasecmp(name.text, "x-amz-", 6) == 0);
    return take_line(m, line, &name, &value, f);
}

static int parse_headers(struct s3_metadata *m, struct line text, struct fault *f) {
    struct headers h = {.status = 0};
    struct line line;
    int result = 0;
    while (next_part(&text, "\n", &line)) {
        if (line.size == 0)
            h.ended = true;
        else if (starts_with(&line, "HTTP/"))
            begin_headers(m, &h, &line);
        else if ((result = take_header(m, &h, &line, f)) < 0)
            return result;
    }
    m->has_body_size = m->has_body_size && !h.is_part;
    char found[40];
    snprintf(found, sizeof found, "an answer of HTTP status %u", h.status);
    if (h.status >= 300)
        return no_metadata(m, found, f);
    if (!has_key(m) && h.status == 0 && !h.of_object)
        return no_metadata(m, "other header lines", f);
    return 0;
}

// What `s3cmd info` prints: "s3://BUCKET/KEY (object):", then indented lines "NAME: VALUE".
static int parse_s3cmd(struct s3_metadata *m, struct line text, struct fault *f) {
    struct line line, name, value;
    next_part(&text, "\n", &line);
    if (memmem(line.text, line.size, "(object)", 8) == NULL)
        return no_metadata(m, "what s3cmd says of a bucket", f);
    while (next_part(&text, "\n", &line)) {
        if (starts_with(&line, "s3://"))
            return no_metadata(m, "what s3cmd says of several objects", f);
        trim(&line);
        if (!divide(&line, &name, &value))
            continue;
        if (name_is(&name, "File size"))
            take_body_size(m, value.text, value.size, "File size");
        if (take_line(m, &line, &name, &value, f) < 0)
            return -1;
    }
    return 0;
}

// A table as a browser copies it from the S3 console: cells between tabs and line ends, of which
// one is a name and the next one its value.
static int parse_table(struct s3_metadata *m, struct line text, struct fault *f) {
    struct line cell, name;
    bool named = false;
    size_t first = text.number;
    while (next_part(&text, "\t\n", &cell)) {
        trim(&cell);
        if (cell.size == 0)
            continue;
        bool is_name = find_key(cell.text, cell.size) != S3_KEY_COUNT;
        if (named && is_name)
            return diag_fault(f, EX_DATAERR, "%s: line %zu: expected the value of %.*s", m->shown,
                              cell.number, (int)name.size, name.text);
        if (named && take_line(m, &cell, &name, &cell, f) < 0)
            return -1;
        named = is_name;
        name = cell;
    }
    return has_key(m) ? 0 : not_known(m, first, f);
}

// Text that is not JSON: its first line decides.
static int parse_text(struct s3_metadata *m, struct line text, struct fault *f) {
    struct line rest = text, first, name, value;
    do {
        text = rest;
        next_part(&rest, "\n", &first);
    } while (first.size == 0);
    if (first.text[0] == '<')
        return no_metadata(m, "XML, as S3 answers with an error", f);
    if (memmem(first.text, first.size, "rror occurred (", 15) != NULL)
        return no_metadata(m, "an error of the AWS CLI", f);
    if (starts_with(&first, "s3://"))
        return parse_s3cmd(m, text, f);
    bool is_header =
        starts_with(&first, "HTTP/") || (divide(&first, &name, &value) && is_token(&name));
    bool is_table = memchr(first.text, '\t', first.size) != NULL ||
                    find_key(first.text, first.size) != S3_KEY_COUNT;
    return is_table && !is_header ? parse_table(m, text, f) : parse_headers(m, text, f);
}

static int parse(struct s3_metadata *m, const char *data, size_t size, struct fault *f) {
    struct line text = {.text = data, .size = size, .number = 1};
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        text.text += 3;
        text.size -= 3;
    }
    size_t start = 0;
    while (start < text.size && is_blank(text.text[start]))
        start++;
    if (start == text.size)
        return diag_fault(f, EX_DATAERR, "%s: empty: expected JSON or HTTP header lines", m->shown);
    int result = memchr("{[\"", text.text[start], 3) != NULL
                     ? parse_json(m, text.text, text.size, f)
                     : parse_text(m, text, f);
    return parse_any(m, text.text, text.size, result, f);
}

static int parse_utf16(struct s3_metadata *m, const void *data, size_t size, struct fault *f) {
    char *text = malloc(UTF16_UTF8_MAX(size) + 1);
    if (text == NULL)
        return diag_fault_memory(f);
    int result =
        utf16_decode(data, size, text, &size)
            ? parse(m, text, size, f)
            : diag_fault(f, EX_DATAERR,
                         "%s: expected UTF-16 text by its first bytes, found other data", m->shown);
    free(text);
    return result;
}

int s3_metadata_parse(struct s3_metadata *m, const void *data, size_t size, const char *name,
                      struct fault *f) {
    memset(m, 0, sizeof *m);
    show(name, m->shown, sizeof m->shown);
    if (size > S3_METADATA_MAX)
        return diag_fault(f, EX_DATAERR,
                          "%s: too long for metadata of an object: expected at most %d bytes",
                          m->shown, S3_METADATA_MAX);
    int result =
        utf16_has_mark(data, size) ? parse_utf16(m, data, size, f) : parse(m, data, size, f);
    if (result < 0)
        s3_metadata_free(m);
    return result < 0 ? -1 : 0;
}
