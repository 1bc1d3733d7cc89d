// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_aliyun.h"

#include "base/base64.h"
#include "kms/acs3.h"
#include "kms/acs3_request.h"
#include "kms/aliyun_credentials.h"
#include "kms/kms_call.h"
#include "kms/kms_input.h"
#include "kms/kms_response.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <string.h>

struct operation {
    const struct kms_request *request;
    struct aliyun_config config;
    struct acs3_request signing;
    char *url;
};

static int prepare(void *context, struct http_request *http, struct fault *f) {
    struct operation *o = context;
    http->url = o->url;
    return acs3_request_sign(&o->signing, http, &o->config.keys, f);
}

static int renew(void *context, struct fault *f) {
    struct operation *o = context;
    return aliyun_credentials_find(&o->config, o->request, f);
}

// Calls an action with its parameter `name` (NULL: none), and those of the request. The parameters
// are in alphabetical order, which a signed query needs.
static int call(const struct kms_request *request, const char *action, const char *name,
                const char *value, json_t **root, struct secret *text, struct kms_report *report,
                struct fault *f) {
    struct operation o = {.request = request,
                          .signing = {.action = action, .version = "2016-01-20"}};
    // A plaintext must not be in a URL, because proxies and gateways log URLs.
    o.signing.in_body = strcmp(action, "Encrypt") == 0;
    char *query = NULL;
    bool is_decrypt = strcmp(action, "Decrypt") == 0;
    char *context = NULL;
    struct acs3_pair parameters[4];
    size_t count = 0;
    int result = 0;
    if (request->context != NULL && (context = json_dumps(request->context, JSON_COMPACT)) == NULL)
        result = diag_fault_memory(f);
    if (is_decrypt)
        parameters[count++] = (struct acs3_pair){name, value};
    if (context != NULL)
        parameters[count++] = (struct acs3_pair){"EncryptionContext", context};
    if (!is_decrypt) // Decrypt has no such parameter: the blob names the key
        parameters[count++] = (struct acs3_pair){"KeyId", request->key_id};
    if (!is_decrypt)
        parameters[count++] = (struct acs3_pair){name, value};
    if (result == 0)
        result = aliyun_config_load(&o.config, request, f);
    snprintf(report->warning, sizeof report->warning, "%s", o.config.warning);
    if (result == 0 && (query = acs3_query(parameters, count)) == NULL)
        result = diag_fault_memory(f);
    o.signing.parameters = query;
    o.signing.host = o.config.host;
    if (result == 0 && (o.url = acs3_request_url(&o.signing, o.config.endpoint)) == NULL)
        result = diag_fault_memory(f);
    if (result == 0)
        result = aliyun_credentials_find(&o.config, request, f);
    if (result == 0) {
        char permission[64];
        const char *id = kms_credentials_text(&o.config.keys.id);
        snprintf(report->asked, sizeof report->asked, "%s as %s from %s", o.config.host,
                 diag_shown(id, 150), o.config.keys.source);
        snprintf(permission, sizeof permission, "kms:%s", action);
        struct kms_call details = {.service = KMS_SERVICE_ALIYUN,
                                   .action = permission,
                                   .context = &o,
                                   .prepare = prepare,
                                   .renew = renew,
                                   .credentials = &o.config.keys,
                                   .files = (const char *const *)o.config.files.paths};
        result = kms_call(&details, request, root, text, report, f);
    }
    wiped_free(context);
    wiped_free(query);
    wiped_free(o.url);
    acs3_request_free(&o.signing);
    aliyun_config_free(&o.config);
    return result;
}

int kms_aliyun_unwrap(const struct kms_request *request, const struct secret *input,
                      struct secret *plaintext, struct kms_report *report, struct fault *f) {
    *plaintext = SECRET_NONE;
    struct secret blob; // with a NUL after its text
    if (kms_input_ciphertext(&blob, request->input, input, f) < 0)
        return -1;
    json_t *root;
    int result =
        call(request, "Decrypt", "CiphertextBlob", (const char *)blob.data, &root, NULL, report, f);
    secret_free(&blob);
    if (result < 0)
        return -1;
    result = kms_response_check_key(request->key_id, root, f);
    if (result == 0)
        result = kms_response_member(root, "Plaintext", plaintext, f);
    json_decref(root);
    return result;
}

int kms_aliyun_wrap(const struct kms_request *request, const struct secret *plaintext,
                    struct secret *wrapped, struct kms_report *report, struct fault *f) {
    *wrapped = SECRET_NONE;
    char *text = wiped_malloc(BASE64_ENCODED_MAX(plaintext->size) + 1);
    if (text == NULL)
        return diag_fault_memory(f);
    text[base64_encode(plaintext->data, plaintext->size, text)] = '\0';
    json_t *root;
    int result = call(request, "Encrypt", "Plaintext", text, &root, NULL, report, f);
    wiped_free(text);
    if (result < 0)
        return -1;
    result = kms_response_member(root, "CiphertextBlob", wrapped, f);
    json_decref(root);
    return result;
}

int kms_aliyun_generate(const struct kms_request *request, struct secret *reply,
                        struct kms_report *report, struct fault *f) {
    *reply = SECRET_NONE;
    json_t *root;
    if (call(request, "GenerateDataKey", "KeySpec", "AES_256", &root, reply, report, f) < 0)
        return -1;
    json_decref(root);
    return 0;
}
