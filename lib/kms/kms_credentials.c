// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_credentials.h"

#include "secret/json_secret.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 16 << 10 };

int kms_credentials_set(struct secret *s, const char *text, size_t size, const char *what,
                        struct fault *f) {
    secret_free(s);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return diag_fault(f, EX_CONFIG,
                              "%s: expected printable text, found a control character", what);
    if (size > VALUE_MAX)
        return diag_fault(f, EX_CONFIG, "%s: expected at most %d bytes, found %zu", what, VALUE_MAX,
                          size);
    if (secret_new(s, size + 1, f) < 0)
        return -1;
    memcpy(s->data, text, size);
    s->size = size;
    return 0;
}

int kms_credentials_from_env(struct secret *s, const char *const *names, struct fault *f) {
    *s = SECRET_NONE;
    for (; *names != NULL; names++) {
        struct secret value;
        int found = secret_from_env(&value, *names, VALUE_MAX, f);
        if (found < 0)
            return -1;
        if (found > 0) {
            char what[100];
            snprintf(what, sizeof what, "environment variable %s", *names);
            int result = kms_credentials_set(s, (const char *)value.data, value.size, what, f);
            secret_free(&value);
            return result < 0 ? -1 : 1;
        }
    }
    return 0;
}

int kms_credentials_from_json(struct kms_credentials *c, const json_t *object, const char *key,
                              const char *token, const char *what, struct fault *f) {
    const char *id_text = json_secret_string(object, "AccessKeyId");
    const char *key_text = json_secret_string(object, key);
    const char *token_text = json_secret_string(object, token);
    if (id_text == NULL || key_text == NULL)
        return diag_fault(f, EX_CONFIG, "%s: expected a JSON object with AccessKeyId and %s", what,
                          key);
    if (kms_credentials_set(&c->id, id_text, strlen(id_text), what, f) < 0 ||
        kms_credentials_set(&c->key, key_text, strlen(key_text), what, f) < 0)
        return -1;
    if (token_text != NULL)
        return kms_credentials_set(&c->token, token_text, strlen(token_text), what, f);
    secret_free(&c->token);
    return 0;
}

static int copy(struct secret *to, const struct secret *from, struct fault *f) {
    secret_free(to);
    return from->data == NULL
               ? 0
               : kms_credentials_set(to, (const char *)from->data, from->size, "credentials", f);
}

int kms_credentials_copy(struct kms_credentials *to, const struct kms_credentials *from,
                         struct fault *f) {
    snprintf(to->source, sizeof to->source, "%s", from->source);
    to->renewable = from->renewable;
    return copy(&to->id, &from->id, f) < 0 || copy(&to->key, &from->key, f) < 0 ||
                   copy(&to->token, &from->token, f) < 0
               ? -1
               : 0;
}

const char *kms_credentials_text(const struct secret *s) {
    return s->data != NULL ? (const char *)s->data : "";
}

static void scrub(const struct secret *s, char *text) {
    enum { SHOWS = 8 }; // a match this long is not a coincidence
    if (s->size < SHOWS)
        return;
    const char *secret = (const char *)s->data;
    const char *end = text + strlen(text);
    char *place;
    // Continue after the match: a secret may itself begin with such stars.
    while ((place = memmem(text, (size_t)(end - text), secret, SHOWS)) != NULL) {
        size_t i = 0;
        for (; i < s->size && place[i] == secret[i]; i++)
            place[i] = '*';
        text = place + i;
    }
}

void kms_credentials_scrub(const struct kms_credentials *c, char *text) {
    scrub(&c->key, text);
    scrub(&c->token, text);
}

void kms_credentials_free(struct kms_credentials *c) {
    secret_free(&c->id);
    secret_free(&c->key);
    secret_free(&c->token);
}
