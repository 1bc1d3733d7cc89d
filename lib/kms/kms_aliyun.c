// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_aliyun.h"

#include "base/base64.h"
#include "base/hex.h"
#include "kms/acs3.h"
#include "kms/aliyun_config.h"
#include "kms/kms_call.h"
#include "kms/kms_input.h"
#include "kms/kms_response.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { HEADERS = 8 };

struct operation {
    const struct kms_request *request;
    struct aliyun_config config;
    const char *action;
    char *parameters; // encoded
    bool in_body;     // the parameters; else in the query
    char *url;
    char *authorization;
    char *lines[HEADERS]; // header lines of the last try
};

// Takes over `text` as the next header line, and adds it to the request.
static int add_line(struct operation *o, struct http_request *http, const char *name,
                    const char *value, struct fault *f) {
    size_t size = strlen(name) + strlen(value) + 3, i = http->header_count;
    char *line = wiped_malloc(size);
    if (line == NULL)
        return diag_fault_memory(f);
    snprintf(line, size, "%s: %s", name, value);
    wiped_free(o->lines[i]);
    o->lines[i] = line;
    http->headers[http->header_count++] = line;
    return 0;
}

static int make_nonce(char nonce[33], struct fault *f) {
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return diag_fault(f, EX_OSERR, "cannot get random bytes");
    hex_encode(bytes, sizeof bytes, false, nonce);
    nonce[32] = '\0';
    return 0;
}

static int prepare(void *context, struct http_request *http, struct fault *f) {
    struct operation *o = context;
    const struct kms_credentials *keys = &o->config.keys;
    const char *query = o->in_body ? "" : o->parameters;
    const char *body = o->in_body ? o->parameters : "";
    char nonce[33], date[32], hash[65];
    time_t now = time(NULL);
    struct tm utc;
    if (make_nonce(nonce, f) < 0 || acs3_sha256(body, strlen(body), hash, f) < 0)
        return -1;
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return diag_fault(f, EX_SOFTWARE, "cannot tell the time");
    // In the order that the signature wants.
    struct acs3_pair signed_headers[HEADERS];
    size_t count = 0;
    if (o->in_body)
        signed_headers[count++] =
            (struct acs3_pair){"content-type", "application/x-www-form-urlencoded"};
    signed_headers[count++] = (struct acs3_pair){"host", o->config.host};
    signed_headers[count++] = (struct acs3_pair){"x-acs-action", o->action};
    signed_headers[count++] = (struct acs3_pair){"x-acs-content-sha256", hash};
    signed_headers[count++] = (struct acs3_pair){"x-acs-date", date};
    if (keys->token.size > 0)
        signed_headers[count++] =
            (struct acs3_pair){"x-acs-security-token", kms_credentials_text(&keys->token)};
    signed_headers[count++] = (struct acs3_pair){"x-acs-signature-nonce", nonce};
    signed_headers[count++] = (struct acs3_pair){"x-acs-version", "2016-01-20"};
    char *authorization;
    if (acs3_sign("POST", query, signed_headers, count, kms_credentials_text(&keys->id),
                  kms_credentials_text(&keys->key), &authorization, f) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_line(o, http, signed_headers[i].name, signed_headers[i].value, f);
    wiped_free(o->authorization);
    size_t size = strlen(authorization) + sizeof "Authorization: ";
    o->authorization = wiped_malloc(size);
    if (o->authorization != NULL)
        snprintf(o->authorization, size, "Authorization: %s", authorization);
    wiped_free(authorization);
    if (result < 0 || o->authorization == NULL)
        return result < 0 ? -1 : diag_fault_memory(f);
    http->headers[http->header_count++] = o->authorization;
    http->headers[http->header_count++] = "Accept: application/json";
    if (!o->in_body)
        http->headers[http->header_count++] = "Content-Type:"; // libcurl's, which is not signed
    http->method = "POST";
    http->url = o->url;
    http->body = body;
    return 0;
}

static int renew(void *context, struct fault *f) {
    struct operation *o = context;
    return aliyun_config_credentials(&o->config, o->request, f);
}

static int make_url(struct operation *o, struct fault *f) {
    const char *query = o->in_body ? "" : o->parameters;
    size_t size = strlen(o->config.endpoint) + strlen(query) + 3;
    o->url = wiped_malloc(size);
    if (o->url == NULL)
        return diag_fault_memory(f);
    snprintf(o->url, size, "%s/%s%s", o->config.endpoint, query[0] != '\0' ? "?" : "", query);
    return 0;
}

// Calls an action with its parameter `name` (NULL: none), and those of the request. The order of
// the parameters is that of their names, as a signed query must have it.
static int call(const struct kms_request *request, const char *action, const char *name,
                const char *value, json_t **root, struct secret *text, struct kms_report *report,
                struct fault *f) {
    struct operation o = {.request = request, .action = action};
    // A plaintext must not stand in a URL, which proxies and gateways log.
    o.in_body = strcmp(action, "Encrypt") == 0;
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
    if (!is_decrypt) // Decrypt takes none: the blob names the key
        parameters[count++] = (struct acs3_pair){"KeyId", request->key_id};
    if (!is_decrypt)
        parameters[count++] = (struct acs3_pair){name, value};
    if (result == 0)
        result = aliyun_config_load(&o.config, request, f);
    snprintf(report->warning, sizeof report->warning, "%s", o.config.warning);
    if (result == 0 && (o.parameters = acs3_query(parameters, count)) == NULL)
        result = diag_fault_memory(f);
    if (result == 0)
        result = make_url(&o, f);
    if (result == 0)
        result = aliyun_config_credentials(&o.config, request, f);
    if (result == 0) {
        char shown[150], permission[64];
        const char *id = kms_credentials_text(&o.config.keys.id);
        snprintf(report->asked, sizeof report->asked, "%s as %s from %s", o.config.host,
                 diag_name(id, strlen(id), shown, sizeof shown), o.config.keys.source);
        snprintf(permission, sizeof permission, "kms:%s", action);
        struct kms_call details = {.service = KMS_SERVICE_ALIYUN,
                                   .action = permission,
                                   .context = &o,
                                   .prepare = prepare,
                                   .renew = renew,
                                   .credentials = &o.config.keys,
                                   .files = o.config.files};
        result = kms_call(&details, request, root, text, report, f);
    }
    wiped_free(context);
    wiped_free(o.parameters);
    wiped_free(o.url);
    wiped_free(o.authorization);
    for (size_t i = 0; i < HEADERS; i++)
        wiped_free(o.lines[i]);
    aliyun_config_free(&o.config);
    return result;
}

int kms_aliyun_unwrap(const struct kms_request *request, const struct secret *input,
                      struct secret *plaintext, struct kms_report *report, struct fault *f) {
    *plaintext = SECRET_NONE;
    struct secret blob; // with a NUL after its text
    if (kms_input_ciphertext(&blob, input, f) < 0)
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
