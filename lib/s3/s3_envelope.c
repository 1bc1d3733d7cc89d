// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_envelope.h"

#include "base/base64.h"
#include "os/fdio.h"
#include "os/noclobber.h"
#include "secret/json_secret.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    AES_GCM_WRAPPED_SIZE = S3_GCM_IV_SIZE + S3_DATA_KEY_SIZE + 16,
    AES_KEY_WRAPPED_SIZE = S3_DATA_KEY_SIZE + 8,
    AES_ECB_WRAPPED_SIZE = S3_DATA_KEY_SIZE + 16,
};

static const char bound_name[] = "aws:x-amz-cek-alg"; // the context pair that binds the content

// `code` is the name in format 3, NULL if that format does not have it.
static const struct {
    const char *name, *code;
} wraps[] = {
    [S3_WRAP_KMS] = {"kms", NULL},
    [S3_WRAP_KMS_CONTEXT] = {"kms+context", "12"},
    [S3_WRAP_AES_GCM] = {"AES/GCM", "02"},
    [S3_WRAP_RSA_OAEP_SHA1] = {"RSA-OAEP-SHA1", "22"},
    [S3_WRAP_AES_KEY_WRAP] = {"AESWrap", NULL},
    [S3_WRAP_RSA_OAEP_SHA256] = {"RSA/ECB/OAEPWithSHA-256AndMGF1Padding", NULL},
    [S3_WRAP_AES_ECB] = {"AES/ECB (format 1)", NULL},
    [S3_WRAP_RSA_PKCS1] = {"RSA PKCS#1 v1.5 (format 1)", NULL},
};
enum { WRAP_NAMED_COUNT = S3_WRAP_AES_ECB, WRAP_COUNT = S3_WRAP_RSA_PKCS1 + 1 };

static const char *const content_names[] = {
    [S3_CONTENT_CBC] = "AES/CBC/PKCS5Padding",
    [S3_CONTENT_GCM] = "AES/GCM/NoPadding",
    [S3_CONTENT_COMMIT] = "115",
};

const char *s3_envelope_content_name(enum s3_content content) {
    return content_names[content];
}

const char *s3_envelope_wrap_name(enum s3_wrap wrap) {
    return wraps[wrap].name;
}

const char *s3_envelope_wrap_code(enum s3_wrap wrap) {
    return wraps[wrap].code;
}

bool s3_envelope_wrap_by_kms(enum s3_wrap wrap) {
    return wrap == S3_WRAP_KMS || wrap == S3_WRAP_KMS_CONTEXT;
}

bool s3_envelope_authenticated(enum s3_content content) {
    return content != S3_CONTENT_CBC;
}

static const char *show(const char *text, char *out, size_t size) {
    return diag_name(text, strlen(text), out, size);
}

// The sources merged: a value of each key and the name of the file that it came from.
struct view {
    const char *value[S3_KEY_COUNT];
    const char *shown[S3_KEY_COUNT];
};

static bool has_wrapped_key(const struct s3_metadata *m) {
    return m->value[S3_KEY_WRAPPED_1] != NULL || m->value[S3_KEY_WRAPPED_2] != NULL ||
           m->value[S3_KEY_WRAPPED_3] != NULL;
}

static bool is_empty(const struct s3_metadata *m) {
    for (size_t i = 0; i < S3_KEY_COUNT; i++)
        if (i != S3_KEY_LENGTH && m->value[i] != NULL)
            return false;
    return true;
}

static bool stays_on_object(size_t key) {
    return key == S3_KEY_CONTENT || key == S3_KEY_MESSAGE_ID || key == S3_KEY_COMMITMENT;
}

// Checks which keys the object metadata and the instruction file have. The file must have the
// wrapped key.
static int check_pair(const struct s3_metadata *object, const struct s3_metadata *file,
                      struct fault *f) {
    bool split = file->value[S3_KEY_WRAPPED_3] != NULL;
    for (size_t i = 0; i < S3_KEY_COUNT; i++) {
        if (i == S3_KEY_LENGTH)
            continue;
        if (split && stays_on_object(i) && file->value[i] != NULL)
            return diag_fault(f, EX_DATAERR,
                              "%s: an instruction file may not hold %s, which belongs to the "
                              "metadata of the object",
                              file->shown, s3_metadata_key_name(i));
        if (object->value[i] != NULL && !(split && stays_on_object(i)))
            return diag_fault(f, EX_DATAERR,
                              "%s: %s must not be given with the instruction file %s, which holds "
                              "the wrapped key",
                              object->shown, s3_metadata_key_name(i), file->shown);
    }
    const char *a = object->value[S3_KEY_LENGTH], *b = file->value[S3_KEY_LENGTH];
    if (a != NULL && b != NULL && strcmp(a, b) != 0)
        return diag_fault(f, EX_DATAERR, "%s differs between %s and %s",
                          s3_metadata_key_name(S3_KEY_LENGTH), object->shown, file->shown);
    return 0;
}

static void merge(struct view *v, const struct s3_metadata *sources, size_t count) {
    memset(v, 0, sizeof *v);
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; i < S3_KEY_COUNT; i++)
            if (sources[s].value[i] != NULL) {
                v->value[i] = sources[s].value[i];
                v->shown[i] = sources[s].shown;
            }
}

static int two_formats(enum s3_metadata_key a, enum s3_metadata_key b, struct fault *f) {
    return diag_fault(f, EX_DATAERR, "keys of two formats: %s and %s; nothing says which is right",
                      s3_metadata_key_name(a), s3_metadata_key_name(b));
}

// The format; 0 if no key shows it; -1 if there are keys of several formats.
static int find_format(const struct view *v, struct fault *f) {
    static const struct {
        enum s3_metadata_key key;
        int format;
    } marks[] = {
        {S3_KEY_WRAPPED_1, 1}, {S3_KEY_WRAPPED_2, 2},  {S3_KEY_WRAPPED_3, 3},
        {S3_KEY_CONTENT, 3},   {S3_KEY_MESSAGE_ID, 3}, {S3_KEY_COMMITMENT, 3},
    };
    int format = 0;
    enum s3_metadata_key first = S3_KEY_COUNT;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (v->value[marks[i].key] == NULL)
            continue;
        if (format != 0 && format != marks[i].format)
            return two_formats(first, marks[i].key, f);
        if (format == 0)
            first = marks[i].key;
        format = marks[i].format;
    }
    return format;
}

static int missing(enum s3_metadata_key key, struct fault *f) {
    return diag_fault(f, EX_DATAERR, "%s is missing: the envelope is not complete",
                      s3_metadata_key_name(key));
}

static int unexpected(const struct view *v, enum s3_metadata_key key, const char *expected,
                      struct fault *f) {
    char shown[80];
    return diag_fault(f, EX_DATAERR, "%s: %s: expected %s, found '%s'", v->shown[key],
                      s3_metadata_key_name(key), expected,
                      show(v->value[key], shown, sizeof shown));
}

// Decodes the value of a key into out, which has room for S3_WRAPPED_MAX bytes.
static int decode(const struct view *v, enum s3_metadata_key key, uint8_t *out, size_t *size,
                  struct fault *f) {
    const char *text = v->value[key];
    if (text == NULL)
        return missing(key, f);
    static_assert(BASE64_DECODED_MAX(S3_WRAPPED_MAX / 3 * 4) <= S3_WRAPPED_MAX,
                  "the longest text fits");
    size_t length = strlen(text);
    if (length > S3_WRAPPED_MAX / 3 * 4)
        return diag_fault(f, EX_DATAERR, "%s: %s: too long", v->shown[key],
                          s3_metadata_key_name(key));
    if (base64_decode(text, length, BASE64_PADDED, out, size, f) < 0) {
        char name[sizeof((struct s3_metadata *)0)->shown + 40];
        snprintf(name, sizeof name, "%s: %s", v->shown[key], s3_metadata_key_name(key));
        diag_prefix(f, name);
        return -1;
    }
    return 0;
}

// The same for a value whose size is fixed.
static int decode_exactly(const struct view *v, enum s3_metadata_key key, uint8_t *out,
                          size_t expected, struct fault *f) {
    uint8_t bytes[S3_WRAPPED_MAX];
    size_t size;
    if (decode(v, key, bytes, &size, f) < 0)
        return -1;
    if (size != expected)
        return diag_fault(f, EX_DATAERR,
                          "%s: %s: wrong length: expected %zu bytes, found %zu bytes",
                          v->shown[key], s3_metadata_key_name(key), expected, size);
    memcpy(out, bytes, size);
    return 0;
}

static int read_length(struct s3_envelope *e, const struct view *v, struct fault *f) {
    const char *text = v->value[S3_KEY_LENGTH];
    if (text == NULL)
        return 0;
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || strlen(text) > 18)
        return unexpected(v, S3_KEY_LENGTH, "a decimal number of bytes", f);
    e->length = strtoull(text, NULL, 10);
    e->has_length = true;
    return 0;
}

static int add_pair(struct s3_envelope *e, const char *name, const char *value, struct fault *f) {
    struct s3_pair *pair = &e->context[e->context_count];
    pair->name = strdup(name);
    pair->value = strdup(value);
    e->context_count++; // now s3_envelope_free sees it
    return pair->name == NULL || pair->value == NULL ? diag_fault_memory(f) : 0;
}

// The JSON map of strings inside the value of a key.
static int read_context(struct s3_envelope *e, const struct view *v, enum s3_metadata_key key,
                        struct fault *f) {
    const char *text = v->value[key];
    if (text == NULL)
        return 0;
    json_error_t error;
    json_t *map = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (map == NULL && json_error_code(&error) == json_error_out_of_memory)
        return diag_fault_memory(f);
    if (!json_is_object(map)) {
        json_decref(map);
        return unexpected(v, key, "a JSON object of strings", f);
    }
    int result = 0;
    e->context = calloc(json_object_size(map) + 1, sizeof *e->context);
    if (e->context == NULL)
        result = diag_fault_memory(f);
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        if (result == 0 && !json_is_string(value))
            result = unexpected(v, key, "a JSON object of strings", f);
        if (result == 0)
            result = add_pair(e, name, json_string_value(value), f);
    }
    json_decref(map);
    return result;
}

static int read_wrapped(struct s3_envelope *e, const struct view *v, enum s3_metadata_key key,
                        struct fault *f) {
    if (v->value[key] == NULL)
        return missing(key, f);
    e->wrapped = malloc(S3_WRAPPED_MAX);
    e->wrapped_base64 = strdup(v->value[key]);
    if (e->wrapped == NULL || e->wrapped_base64 == NULL)
        return diag_fault_memory(f);
    if (decode(v, key, e->wrapped, &e->wrapped_size, f) < 0)
        return -1;
    if (e->wrapped_size == 0)
        return diag_fault(f, EX_DATAERR, "%s: %s: empty", v->shown[key], s3_metadata_key_name(key));
    if (e->format == 1)
        e->wrap = e->wrapped_size <= AES_ECB_WRAPPED_SIZE ? S3_WRAP_AES_ECB : S3_WRAP_RSA_PKCS1;
    size_t expected = e->wrapped_size;
    if (e->wrap == S3_WRAP_AES_GCM)
        expected = AES_GCM_WRAPPED_SIZE;
    else if (e->wrap == S3_WRAP_AES_KEY_WRAP)
        expected = AES_KEY_WRAPPED_SIZE;
    else if (e->wrap == S3_WRAP_AES_ECB)
        expected = AES_ECB_WRAPPED_SIZE;
    if (e->wrapped_size != expected)
        return diag_fault(f, EX_DATAERR,
                          "%s: %s: wrong length for %s: expected %zu bytes, found %zu bytes",
                          v->shown[key], s3_metadata_key_name(key), wraps[e->wrap].name, expected,
                          e->wrapped_size);
    return 0;
}

static int read_format_1(struct s3_envelope *e, const struct view *v, struct fault *f) {
    e->content = S3_CONTENT_CBC;
    e->iv_size = S3_CBC_IV_SIZE;
    // Format 1 has no key for an algorithm. If there is one, formats are mixed.
    static const enum s3_metadata_key foreign[] = {S3_KEY_WRAP_ALG, S3_KEY_CEK_ALG, S3_KEY_TAG_LEN};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (v->value[foreign[i]] != NULL)
            return two_formats(S3_KEY_WRAPPED_1, foreign[i], f);
    if (read_wrapped(e, v, S3_KEY_WRAPPED_1, f) < 0 ||
        decode_exactly(v, S3_KEY_IV, e->iv, e->iv_size, f) < 0)
        return -1;
    return read_context(e, v, S3_KEY_MATDESC, f);
}

static int unsupported(const struct view *v, enum s3_metadata_key key, struct fault *f) {
    char shown[80];
    return diag_fault(f, EX_DATAERR, "%s: %s: unsupported content algorithm '%s'", v->shown[key],
                      s3_metadata_key_name(key), show(v->value[key], shown, sizeof shown));
}

static int read_content_2(struct s3_envelope *e, const struct view *v, struct fault *f) {
    const char *cek = v->value[S3_KEY_CEK_ALG];
    // The first clients left it out; one reader also accepts the other name of the same padding.
    if (cek == NULL || strcmp(cek, content_names[S3_CONTENT_CBC]) == 0 ||
        strcmp(cek, "AES/CBC/PKCS7Padding") == 0)
        e->content = S3_CONTENT_CBC;
    else if (strcmp(cek, content_names[S3_CONTENT_GCM]) == 0)
        e->content = S3_CONTENT_GCM;
    else
        return unsupported(v, S3_KEY_CEK_ALG, f);
    const char *tag = v->value[S3_KEY_TAG_LEN];
    if (tag == NULL)
        return 0;
    if (e->content == S3_CONTENT_CBC)
        return diag_fault(f, EX_DATAERR,
                          "%s: x-amz-tag-len is given for a content algorithm without a tag; the "
                          "metadata may have been changed",
                          v->shown[S3_KEY_TAG_LEN]);
    if (strcmp(tag, "128") != 0)
        return unexpected(v, S3_KEY_TAG_LEN, "the tag length 128", f);
    return 0;
}

// Reads the name of the wrap in format 2 (code false) or its code in format 3.
static int read_wrap(struct s3_envelope *e, const struct view *v, enum s3_metadata_key key,
                     bool code, struct fault *f) {
    const char *text = v->value[key];
    if (text == NULL)
        return missing(key, f);
    for (size_t i = 0; i < WRAP_NAMED_COUNT; i++) {
        const char *name = code ? wraps[i].code : wraps[i].name;
        if (name != NULL && strcmp(text, name) == 0) {
            e->wrap = (enum s3_wrap)i;
            return 0;
        }
    }
    return unexpected(v, key, code ? "the key wrap 02, 12 or 22" : "a known key wrap", f);
}

// With these wraps the name of the content algorithm is bound to the data key: by a pair of the
// encryption context, which must be checked before a KMS is called, or inside the wrapped key.
static int check_binding(const struct s3_envelope *e, struct fault *f) {
    if (e->wrap != S3_WRAP_KMS_CONTEXT && e->wrap != S3_WRAP_AES_GCM &&
        e->wrap != S3_WRAP_RSA_OAEP_SHA1)
        return 0;
    if (e->content == S3_CONTENT_CBC)
        return diag_fault(f, EX_DATAERR,
                          "the key wrap %s is not used with AES/CBC; the metadata may have been "
                          "changed",
                          wraps[e->wrap].name);
    if (e->wrap != S3_WRAP_KMS_CONTEXT)
        return 0;
    for (size_t i = 0; i < e->context_count; i++) {
        if (strcmp(e->context[i].name, bound_name) != 0)
            continue;
        if (strcmp(e->context[i].value, content_names[e->content]) == 0)
            return 0;
        char shown[80];
        return diag_fault(f, EX_DATAERR,
                          "%s in the encryption context: expected '%s', which the metadata says, "
                          "found '%s'; the metadata may have been changed",
                          bound_name, content_names[e->content],
                          show(e->context[i].value, shown, sizeof shown));
    }
    return diag_fault(f, EX_DATAERR, "%s is missing in the encryption context", bound_name);
}

static int read_format_2(struct s3_envelope *e, const struct view *v, struct fault *f) {
    if (read_content_2(e, v, f) < 0 || read_wrap(e, v, S3_KEY_WRAP_ALG, false, f) < 0)
        return -1;
    e->iv_size = e->content == S3_CONTENT_CBC ? S3_CBC_IV_SIZE : S3_GCM_IV_SIZE;
    if (read_wrapped(e, v, S3_KEY_WRAPPED_2, f) < 0 ||
        decode_exactly(v, S3_KEY_IV, e->iv, e->iv_size, f) < 0 ||
        read_context(e, v, S3_KEY_MATDESC, f) < 0)
        return -1;
    return check_binding(e, f);
}

static int read_format_3(struct s3_envelope *e, const struct view *v, struct fault *f) {
    // Half of a split envelope is the likely mistake: say which half is missing.
    if (v->value[S3_KEY_WRAPPED_3] == NULL)
        return diag_fault(f, EX_DATAERR,
                          "x-amz-3 is missing: the wrapped key is in the instruction file (the "
                          "object's name and '.instruction'); give that file too, with another -e");
    if (v->value[S3_KEY_CONTENT] == NULL && v->value[S3_KEY_MESSAGE_ID] == NULL &&
        v->value[S3_KEY_COMMITMENT] == NULL)
        return diag_fault(f, EX_DATAERR,
                          "x-amz-c, x-amz-d and x-amz-i are missing: this is an instruction file; "
                          "give the metadata of the object too, with another -e");
    e->content = S3_CONTENT_COMMIT;
    if (v->value[S3_KEY_CONTENT] == NULL)
        return missing(S3_KEY_CONTENT, f);
    if (strcmp(v->value[S3_KEY_CONTENT], content_names[S3_CONTENT_COMMIT]) != 0)
        return unsupported(v, S3_KEY_CONTENT, f);
    if (read_wrap(e, v, S3_KEY_WRAP, true, f) < 0 || read_wrapped(e, v, S3_KEY_WRAPPED_3, f) < 0 ||
        decode_exactly(v, S3_KEY_MESSAGE_ID, e->message_id, sizeof e->message_id, f) < 0 ||
        decode_exactly(v, S3_KEY_COMMITMENT, e->commitment, sizeof e->commitment, f) < 0 ||
        read_context(e, v, s3_envelope_wrap_by_kms(e->wrap) ? S3_KEY_CONTEXT : S3_KEY_DESCRIPTION,
                     f) < 0)
        return -1;
    return check_binding(e, f);
}

int s3_envelope_make(struct s3_envelope *e, const struct s3_metadata *sources, size_t count,
                     struct fault *f) {
    memset(e, 0, sizeof *e);
    bool found = false;
    const struct s3_metadata *object = &sources[0];
    for (size_t i = 0; i < count; i++)
        found = found || !is_empty(&sources[i]);
    if (found && count == 2) {
        if (has_wrapped_key(&sources[0]) && has_wrapped_key(&sources[1]))
            return diag_fault(f, EX_DATAERR,
                              "both %s and %s hold a wrapped key: expected the metadata of an "
                              "object and its instruction file",
                              sources[0].shown, sources[1].shown);
        size_t file = has_wrapped_key(&sources[1]) ? 1 : 0;
        object = &sources[1 - file];
        if (has_wrapped_key(&sources[file]) && check_pair(object, &sources[file], f) < 0)
            return -1;
    }
    e->has_body_size = object->has_body_size;
    e->body_size = object->body_size;
    e->body_size_name = object->body_size_name;
    struct view v;
    merge(&v, sources, count);
    if (read_length(e, &v, f) < 0)
        return -1;
    if (!found)
        return 0;
    e->format = find_format(&v, f);
    switch (e->format) {
    case 1:
        return read_format_1(e, &v, f) < 0 ? -1 : 1;
    case 2:
        return read_format_2(e, &v, f) < 0 ? -1 : 1;
    case 3:
        return read_format_3(e, &v, f) < 0 ? -1 : 1;
    case 0:
        return diag_fault(f, EX_DATAERR,
                          "the wrapped key (x-amz-key, x-amz-key-v2 or x-amz-3) is missing: the "
                          "envelope is not complete");
    default:
        return -1;
    }
}

void s3_envelope_free(struct s3_envelope *e) {
    for (size_t i = 0; i < e->context_count; i++) {
        free(e->context[i].name);
        free(e->context[i].value);
    }
    free(e->context);
    free(e->wrapped);
    free(e->wrapped_base64);
    memset(e, 0, sizeof *e);
}

static int load_one(struct s3_metadata *m, const char *path, struct fault *f) {
    char shown[200];
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    show(name, shown, sizeof shown);
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return diag_fault_errno(f, diag_open_status(errno, EX_NOINPUT), errno,
                                "cannot open the envelope %s", shown);
    noclobber_add(fd);
    int result;
    char *text = malloc(S3_METADATA_MAX + 1);
    ssize_t n = text == NULL ? 0 : fdio_read_full(fd, text, S3_METADATA_MAX + 1);
    if (text == NULL)
        result = diag_fault_memory(f);
    else if (n < 0)
        result = diag_fault_errno(f, EX_IOERR, errno, "cannot read the envelope %s", shown);
    else
        result = s3_metadata_parse(m, text, (size_t)n, name, f);
    free(text);
    if (!is_stdin)
        close(fd); // opened for reading: nothing can be lost
    return result;
}

int s3_envelope_load(struct s3_envelope *e, const char *const *paths, size_t count,
                     struct fault *f) {
    memset(e, 0, sizeof *e);
    struct s3_metadata sources[2] = {0};
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = load_one(&sources[i], paths[i], f);
    if (result == 0)
        result = s3_envelope_make(e, sources, count, f);
    for (size_t i = 0; i < count; i++)
        s3_metadata_free(&sources[i]);
    if (json_secret_short_of_memory()) {
        s3_envelope_free(e);
        return diag_fault_memory(f);
    }
    return result;
}
