// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_aws.h"

#include "base/base64.h"
#include "kms/aws_credentials.h"
#include "kms/aws_request.h"
#include "kms/kms_call.h"
#include "kms/kms_input.h"
#include "kms/kms_response.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <string.h>

struct operation {
    const struct kms_request *request;
    struct aws_config config;
    char *body;
    char target[64]; // a header, as a whole line
    struct aws_request signing;
};

static int prepare(void *context, struct http_request *http, struct fault *f) {
    struct operation *o = context;
    http->method = "POST";
    http->url = o->config.endpoint;
    http->body = o->body;
    http->headers[http->header_count++] = "Content-Type: application/x-amz-json-1.1";
    http->headers[http->header_count++] = o->target;
    return aws_request_sign(&o->signing, http, "kms", o->config.region, &o->config.keys, f);
}

static int renew(void *context, struct fault *f) {
    struct operation *o = context;
    return aws_credentials_find(&o->config, o->request, f);
}

// Calls an operation with the JSON object `input`, and drops its reference.
static int call(const struct kms_request *request, const char *name, json_t *input, json_t **root,
                struct secret *text, struct kms_report *report, struct fault *f) {
    struct operation o = {.request = request};
    char action[64];
    if (request->context != NULL)
        json_object_set(input, "EncryptionContext", request->context);
    if (request->key_id != NULL)
        json_object_set_new(input, "KeyId", json_string(request->key_id));
    o.body = json_dumps(input, JSON_COMPACT);
    json_decref(input);
    int result = o.body == NULL ? diag_fault_memory(f) : aws_config_load(&o.config, request, f);
    snprintf(report->warning, sizeof report->warning, "%s", o.config.warning);
    if (result == 0)
        result = aws_credentials_find(&o.config, request, f);
    if (result == 0) {
        const char *id = kms_credentials_text(&o.config.keys.id);
        snprintf(report->asked, sizeof report->asked, "%s (region %s) as %s from %s", o.config.host,
                 o.config.region, diag_shown(id, 150), o.config.keys.source);
        snprintf(o.target, sizeof o.target, "X-Amz-Target: TrentService.%s", name);
        snprintf(action, sizeof action, "kms:%s", name);
        struct kms_call details = {.service = KMS_SERVICE_AWS,
                                   .action = action,
                                   .context = &o,
                                   .prepare = prepare,
                                   .renew = renew,
                                   .credentials = &o.config.keys,
                                   .files = (const char *const *)o.config.files.paths};
        result = kms_call(&details, request, root, text, report, f);
    }
    wiped_free(o.body);
    aws_request_free(&o.signing);
    aws_config_free(&o.config);
    return result;
}

// {"NAME": the bytes in base64}, or NULL.
static json_t *object_of_bytes(const char *name, const struct secret *bytes) {
    char *text = wiped_malloc(BASE64_ENCODED_MAX(bytes->size));
    if (text == NULL)
        return NULL;
    size_t size = base64_encode(bytes->data, bytes->size, text);
    json_t *object = json_pack("{s:s%}", name, text, size);
    wiped_free(text);
    return object;
}

int kms_aws_unwrap(const struct kms_request *request, const struct secret *input,
                   struct secret *plaintext, struct kms_report *report, struct fault *f) {
    *plaintext = SECRET_NONE;
    struct secret blob;
    if (kms_input_blob(&blob, request->input, input, f) < 0)
        return -1;
    json_t *object = object_of_bytes("CiphertextBlob", &blob), *root;
    secret_free(&blob);
    if (object == NULL)
        return diag_fault_memory(f);
    if (call(request, "Decrypt", object, &root, NULL, report, f) < 0)
        return -1;
    int result = kms_response_check_key(request->key_id, root, f);
    if (result == 0)
        result = kms_response_member(root, "Plaintext", plaintext, f);
    json_decref(root);
    return result;
}

int kms_aws_wrap(const struct kms_request *request, const struct secret *plaintext,
                 struct secret *wrapped, struct kms_report *report, struct fault *f) {
    *wrapped = SECRET_NONE;
    json_t *object = object_of_bytes("Plaintext", plaintext), *root;
    if (object == NULL)
        return diag_fault_memory(f);
    if (call(request, "Encrypt", object, &root, NULL, report, f) < 0)
        return -1;
    int result = kms_response_member(root, "CiphertextBlob", wrapped, f);
    json_decref(root);
    return result;
}

int kms_aws_generate(const struct kms_request *request, struct secret *reply,
                     struct kms_report *report, struct fault *f) {
    *reply = SECRET_NONE;
    json_t *object = json_pack("{s:s}", "KeySpec", "AES_256"), *root;
    if (object == NULL)
        return diag_fault_memory(f);
    if (call(request, "GenerateDataKey", object, &root, reply, report, f) < 0)
        return -1;
    json_decref(root);
    return 0;
}
