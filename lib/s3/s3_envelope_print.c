// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_envelope_print.h"

#include "base/base64.h"
#include "secret/json_secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USER_METADATA_MAX = 2048 }; // bytes of names and values together, by S3's rules

static const char *const content_meanings[] = {
    [S3_CONTENT_CBC] = "AES-256-CBC; not authenticated",
    [S3_CONTENT_GCM] = "AES-256-GCM; authenticated",
    [S3_CONTENT_COMMIT] = "AES-256-GCM with key commitment; authenticated",
};

static const char *const wrap_meanings[] = {
    [S3_WRAP_KMS] = "AWS KMS; kmsunwrap --envelope unwraps it",
    [S3_WRAP_KMS_CONTEXT] =
        "AWS KMS, bound to the content algorithm; kmsunwrap --envelope unwraps it",
    [S3_WRAP_AES_GCM] = "AES key of the user; --wrapping-key",
    [S3_WRAP_RSA_OAEP_SHA1] = "RSA key of the user; --wrapping-key",
    [S3_WRAP_AES_KEY_WRAP] = "AES key of the user; --wrapping-key",
    [S3_WRAP_RSA_OAEP_SHA256] = "RSA key of the user; --wrapping-key",
    [S3_WRAP_AES_ECB] = "AES key of the user; --wrapping-key",
    [S3_WRAP_RSA_PKCS1] = "RSA key of the user; --wrapping-key",
};

void s3_envelope_print_words(const struct s3_envelope *e, void (*line)(const char *text)) {
    char text[700];
    snprintf(text, sizeof text, "format: %d", e->format);
    line(text);
    snprintf(text, sizeof text, "content: %s (%s)", s3_envelope_content_name(e->content),
             content_meanings[e->content]);
    line(text);
    snprintf(text, sizeof text, "key wrap: %s (%s)", s3_envelope_wrap_name(e->wrap),
             wrap_meanings[e->wrap]);
    line(text);
    for (size_t i = 0; i < e->context_count; i++) {
        const struct s3_pair *p = &e->context[i];
        snprintf(text, sizeof text, "%s: %s=%s",
                 s3_envelope_wrap_by_kms(e->wrap) ? "encryption context" : "material description",
                 diag_shown(p->name, 200), diag_shown(p->value, 400));
        line(text);
    }
    if (e->has_length)
        snprintf(text, sizeof text, "plaintext: %" PRIu64 " bytes", e->length);
    else
        snprintf(text, sizeof text, "plaintext: length not stored");
    line(text);
}

// The text of a value without its NUL and with room for two more bytes, from malloc, because
// jansson may have another allocator. NULL if memory ran out.
static char *dump(const json_t *value, size_t flags, size_t *size) {
    *size = json_dumpb(value, NULL, 0, flags);
    char *text = *size == 0 ? NULL : malloc(*size + 2);
    if (text != NULL && json_dumpb(value, text, *size, flags) == *size)
        return text;
    free(text);
    return NULL;
}

// Adds a member with a new string. Returns false when memory ran out.
static bool set(json_t *map, const char *name, const char *value) {
    return json_object_set_new(map, name, json_string(value)) == 0;
}

static bool set_key(json_t *map, enum s3_metadata_key key, const char *value) {
    return set(map, s3_metadata_key_name(key), value);
}

static bool set_bytes(json_t *map, enum s3_metadata_key key, const uint8_t *bytes, size_t size) {
    char text[BASE64_ENCODED_MAX(S3_WRAPPED_MAX) + 1];
    text[base64_encode(bytes, size, text)] = '\0';
    return set_key(map, key, text);
}

// The context as a JSON object, or NULL when memory ran out.
static json_t *context_object(const struct s3_envelope *e) {
    json_t *context = json_object();
    bool ok = context != NULL;
    for (size_t i = 0; ok && i < e->context_count; i++)
        ok = set(context, e->context[i].name, e->context[i].value);
    if (ok)
        return context;
    json_decref(context);
    return NULL;
}

static bool set_context(json_t *map, enum s3_metadata_key key, const struct s3_envelope *e) {
    json_t *context = context_object(e);
    size_t size;
    char *text = context != NULL ? dump(context, JSON_COMPACT | JSON_ENSURE_ASCII, &size) : NULL;
    bool ok = text != NULL;
    if (ok) {
        text[size] = '\0';
        ok = set_key(map, key, text);
    }
    free(text);
    json_decref(context);
    return ok;
}

static bool set_format_2(json_t *map, const struct s3_envelope *e) {
    return set_bytes(map, S3_KEY_WRAPPED_2, e->wrapped, e->wrapped_size) &&
           set_bytes(map, S3_KEY_IV, e->iv, e->iv_size) &&
           set_key(map, S3_KEY_CEK_ALG, s3_envelope_content_name(e->content)) &&
           (e->content == S3_CONTENT_CBC || set_key(map, S3_KEY_TAG_LEN, "128")) &&
           set_key(map, S3_KEY_WRAP_ALG, s3_envelope_wrap_name(e->wrap)) &&
           set_context(map, S3_KEY_MATDESC, e);
}

static bool set_format_3(json_t *map, const struct s3_envelope *e) {
    return set_key(map, S3_KEY_CONTENT, s3_envelope_content_name(e->content)) &&
           set_bytes(map, S3_KEY_WRAPPED_3, e->wrapped, e->wrapped_size) &&
           set_key(map, S3_KEY_WRAP, s3_envelope_wrap_code(e->wrap)) &&
           set_context(map, S3_KEY_CONTEXT, e) &&
           set_bytes(map, S3_KEY_COMMITMENT, e->commitment, sizeof e->commitment) &&
           set_bytes(map, S3_KEY_MESSAGE_ID, e->message_id, sizeof e->message_id);
}

static int check_limits(json_t *map, struct fault *f) {
    size_t total = 0;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        const char *text = json_string_value(value);
        for (const char *p = text; *p != '\0'; p++)
            if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
                return diag_fault(f, EX_DATAERR,
                                  "%s: metadata of an object can only hold printable ASCII", name);
        total += strlen(name) + strlen(text);
    }
    if (total > USER_METADATA_MAX)
        return diag_fault(f, EX_DATAERR,
                          "the envelope takes %zu bytes of metadata: expected at most %d, the most "
                          "that S3 keeps with an object; use a shorter encryption context",
                          total, USER_METADATA_MAX);
    return 0;
}

static bool is_utf8(const char *text) {
    json_t *checked = json_string(text);
    bool is = checked != NULL || json_secret_short_of_memory(); // the caller checks this
    json_decref(checked);
    return is;
}

int s3_envelope_print_json(const struct s3_envelope *e, char **text, struct fault *f) {
    *text = NULL;
    bool commits = e->content == S3_CONTENT_COMMIT;
    if (e->format != (commits ? 3 : 2) || !s3_envelope_wrap_by_kms(e->wrap) ||
        (commits && e->wrap != S3_WRAP_KMS_CONTEXT) || e->wrapped_size > S3_WRAPPED_MAX)
        return diag_fault(f, EX_SOFTWARE, "an envelope that cannot be written");
    for (size_t i = 0; i < e->context_count; i++)
        if (!is_utf8(e->context[i].name) || !is_utf8(e->context[i].value))
            return diag_fault(f, EX_DATAERR, "the encryption context is not UTF-8");
    json_t *map = json_object();
    if (map == NULL)
        return diag_fault_memory(f);
    char length[24];
    snprintf(length, sizeof length, "%" PRIu64, e->length);
    int result;
    if (!(commits ? set_format_3(map, e) : set_format_2(map, e)) ||
        (e->has_length && !set_key(map, S3_KEY_LENGTH, length)))
        result = diag_fault_memory(f);
    else
        result = check_limits(map, f);
    if (result == 0) {
        size_t size;
        *text = dump(map, JSON_INDENT(4), &size);
        if (*text == NULL)
            result = diag_fault_memory(f);
        else
            memcpy(*text + size, "\n", 2);
    }
    json_decref(map);
    return result;
}

int s3_envelope_print_context(json_t **context, const struct s3_envelope *e, struct fault *f) {
    *context = NULL;
    if (e->context_count == 0)
        return 0;
    *context = context_object(e);
    return *context != NULL ? 0 : diag_fault_memory(f);
}
