// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_file.h"

#include "base/base64.h"
#include "kms/kms_input.h"
#include "secret/keywrap.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

static void say(struct kms_report *report, const struct kms_request *request,
                const struct secret *master_key) {
    snprintf(report->asked, sizeof report->asked, "master key file %s (AES-%zu)",
             diag_shown(request->master_key, 200), 8 * master_key->size);
    if (master_key->exposed)
        snprintf(report->warning, sizeof report->warning, "%s",
                 secret_exposed_text("master key file", request->master_key));
}

int kms_file_unwrap(const struct kms_request *request, const struct secret *input,
                    struct secret *plaintext, struct kms_report *report, struct fault *f) {
    *plaintext = SECRET_NONE;
    struct secret wrapped = SECRET_NONE, master_key = SECRET_NONE;
    int result = kms_input_blob(&wrapped, request->input, input, f);
    if (result == 0)
        result = keywrap_read_master_key(&master_key, request->master_key, f);
    if (result == 0) {
        say(report, request, &master_key);
        result = keywrap_unwrap(&master_key, wrapped.data, wrapped.size, plaintext, f);
    }
    secret_free(&master_key);
    secret_free(&wrapped);
    return result;
}

int kms_file_wrap(const struct kms_request *request, const struct secret *plaintext,
                  struct secret *wrapped, struct kms_report *report, struct fault *f) {
    *wrapped = SECRET_NONE;
    struct secret master_key = SECRET_NONE;
    int result = keywrap_read_master_key(&master_key, request->master_key, f);
    if (result == 0)
        result = secret_new(wrapped, KEYWRAP_SIZE(plaintext->size), f);
    if (result == 0) {
        say(report, request, &master_key);
        result = keywrap_wrap(&master_key, plaintext->data, plaintext->size, wrapped->data, f);
        wrapped->size = wrapped->capacity;
    }
    if (result < 0)
        secret_free(wrapped);
    secret_free(&master_key);
    return result;
}

// Adds text, or the base64 of a secret, to the reply, which has room for it.
static void add_text(struct secret *reply, const char *text) {
    memcpy(reply->data + reply->size, text, strlen(text));
    reply->size += strlen(text);
}

static void add_base64(struct secret *reply, const struct secret *bytes) {
    reply->size += base64_encode(bytes->data, bytes->size, (char *)reply->data + reply->size);
}

int kms_file_generate(const struct kms_request *request, struct secret *reply,
                      struct kms_report *report, struct fault *f) {
    enum { KEY_SIZE = 32, ROOM = 256 };
    *reply = SECRET_NONE;
    struct secret key = SECRET_NONE, wrapped = SECRET_NONE;
    int result = secret_new(&key, KEY_SIZE, f);
    if (result == 0 && RAND_priv_bytes(key.data, KEY_SIZE) != 1)
        result = diag_fault(f, EX_OSERR, "cannot get random bytes");
    key.size = result == 0 ? KEY_SIZE : 0;
    if (result == 0)
        result = kms_file_wrap(request, &key, &wrapped, report, f);
    if (result == 0)
        result = secret_new(reply, ROOM, f);
    if (result == 0) {
        add_text(reply, "{\"CiphertextBlob\": \"");
        add_base64(reply, &wrapped);
        add_text(reply, "\", \"Plaintext\": \"");
        add_base64(reply, &key);
        add_text(reply, "\"}\n");
    }
    secret_free(&wrapped);
    secret_free(&key);
    return result;
}
