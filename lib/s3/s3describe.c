// SPDX-License-Identifier: Apache-2.0
#include "s3/s3describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

void s3_describe(const struct s3_envelope *e, void (*line)(const char *text)) {
    char text[700], name[200], value[400];
    snprintf(text, sizeof text, "format: %d", e->format);
    line(text);
    snprintf(text, sizeof text, "content: %s (%s)", s3_content_name(e->content),
             content_meanings[e->content]);
    line(text);
    snprintf(text, sizeof text, "key wrap: %s (%s)", s3_wrap_name(e->wrap), wrap_meanings[e->wrap]);
    line(text);
    for (size_t i = 0; i < e->context_count; i++) {
        const struct s3_pair *p = &e->context[i];
        snprintf(text, sizeof text, "%s: %s=%s",
                 s3_wrap_by_kms(e->wrap) ? "encryption context" : "material description",
                 diag_name(p->name, strlen(p->name), name, sizeof name),
                 diag_name(p->value, strlen(p->value), value, sizeof value));
        line(text);
    }
    if (e->has_length)
        snprintf(text, sizeof text, "plaintext: %" PRIu64 " bytes", e->length);
    else
        snprintf(text, sizeof text, "plaintext: length not stored");
    line(text);
}

const char *s3_backup_magic(const uint8_t *data, size_t size) {
    static const char *const magics[] = {"TAPE", "MSSQLBAK"};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (size >= strlen(magics[i]) && memcmp(data, magics[i], strlen(magics[i])) == 0)
            return magics[i];
    return NULL;
}
