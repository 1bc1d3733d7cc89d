// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_response.h"

#include "kms/kms_input.h"
#include "kms/kms_refusal.h"
#include "secret/json_secret.h"
#include "secret/keytext.h"

#include <string.h>

#define ASK_FOR_JSON                                                                               \
    "ask the client for JSON (aws: --output json; aliyun: no --output), or for the Plaintext "     \
    "alone (aws: --query Plaintext --output text)"

int kms_response_member(const json_t *reply, const char *name, struct secret *bytes,
                        struct fault *f) {
    *bytes = SECRET_NONE;
    const json_t *member = json_object_get(reply, name);
    if (!json_is_string(member))
        return diag_fault(f, EX_DATAERR, "reply: expected a string %s, found %s", name,
                          member == NULL ? "no such member" : "another type");
    if (keytext_decode(bytes, json_string_value(member), json_string_length(member), f) < 0) {
        char prefix[40];
        snprintf(prefix, sizeof prefix, "reply: %s", name);
        diag_prefix(f, prefix);
        return -1;
    }
    return 0;
}

void kms_response_report(const json_t *reply, struct kms_report *report) {
    const char *id = json_secret_string(reply, "KeyId");
    if (id != NULL)
        diag_name(id, strlen(id), report->key_id, sizeof report->key_id);
    id = json_secret_string(reply, "RequestId");
    if (id != NULL)
        diag_name(id, strlen(id), report->request_id, sizeof report->request_id);
}

// The fault for a ciphertext instead of a reply.
static int is_wrapped(struct fault *f) {
    return diag_fault(f, EX_DATAERR,
                      "reply: expected a Plaintext, found a ciphertext, which a key service has to "
                      "unwrap: use --provider=aliyun or --provider=aws");
}

// The reply inside of what a library returns, or the reply itself.
static const json_t *inner_reply(const json_t *reply) {
    static const char *const around[] = {"body", "Body", "data", "Data"};
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        const json_t *inner = json_object_get(reply, around[i]);
        if (json_is_object(inner) && json_object_get(reply, "Plaintext") == NULL)
            return inner;
    }
    return reply;
}

static const char *member_name(const json_t *reply) {
    bool other =
        json_object_get(reply, "Plaintext") == NULL && json_object_get(reply, "plaintext") != NULL;
    return other ? "plaintext" : "Plaintext";
}

static int unwrap_object(const json_t *reply, struct secret *plaintext, struct kms_report *report,
                         struct fault *f) {
    struct kms_refusal refusal = {.http_status = 0};
    if (json_object_get(reply, "Plaintext") == NULL && kms_refusal_from_json(&refusal, reply))
        return kms_refusal_fault(&refusal, "kms:Decrypt", f);
    if (json_object_get(reply, "Plaintext") == NULL &&
        json_object_get(reply, "CiphertextBlob") != NULL)
        return is_wrapped(f);
    kms_response_report(reply, report);
    return kms_response_member(reply, member_name(reply), plaintext, f);
}

// Text that is not JSON: one line of base64, or a client's output in another format.
static int unwrap_line(const struct secret *input, struct secret *plaintext, struct fault *f) {
    const char *text = (const char *)input->data;
    size_t size = input->size;
    struct kms_refusal refusal = {.http_status = 0};
    if (kms_refusal_from_cli(&refusal, text, size))
        return kms_refusal_fault(&refusal, "kms:Decrypt", f);
    while (size > 0 && memchr(" \t\r\n", text[size - 1], 4) != NULL)
        size--;
    while (size > 0 && memchr(" \t\r\n", text[0], 4) != NULL) {
        text++;
        size--;
    }
    const char *format = NULL;
    if (memmem(text, size, "Plaintext:", 10) != NULL)
        format = "YAML";
    else if (size > 0 && text[0] == '<')
        format = "XML";
    else if (size > 0 && (text[0] == '|' || text[0] == '-'))
        format = "a table";
    else if (memchr(text, '\t', size) != NULL)
        format = "the columns of --output text, whose order may change";
    else if (memchr(text, '\n', size) != NULL)
        format = "several lines";
    if (format != NULL)
        return diag_fault(f, EX_DATAERR,
                          "reply: expected JSON or one line of base64, found %s; " ASK_FOR_JSON,
                          format);
    struct fault bad;
    if (keytext_decode(plaintext, text, size, &bad) == 0) {
        if (!kms_input_is_aws_blob(plaintext))
            return 0;
        secret_free(plaintext);
        return is_wrapped(f);
    }
    if (bad.status != EX_DATAERR) {
        *f = bad;
        return -1;
    }
    return diag_fault(
        f, EX_DATAERR,
        "reply: expected JSON or one line of base64, found neither (%s); " ASK_FOR_JSON, bad.text);
}

int kms_response_unwrap(const struct kms_request *request, const struct secret *input,
                        struct secret *plaintext, struct kms_report *report, struct fault *f) {
    (void)request;
    *plaintext = SECRET_NONE;
    size_t start = 0;
    while (start < input->size && memchr(" \t\r\n", input->data[start], 4) != NULL)
        start++;
    if (kms_input_is_aws_blob(input))
        return is_wrapped(f);
    if (start == input->size || memchr("{[\"", input->data[start], 3) == NULL)
        return unwrap_line(input, plaintext, f);
    json_t *reply = json_secret_parse(input->data, input->size, "reply", f);
    size_t used = reply == NULL ? strlen(f->text) : 0;
    if (reply == NULL && f->status == EX_DATAERR && memchr(input->data, '\'', input->size) != NULL)
        snprintf(f->text + used, sizeof f->text - used,
                 "; if Python has printed it: print json.dumps(reply, default=lambda b: "
                 "base64.b64encode(b).decode())");
    if (reply == NULL)
        return -1;
    int result;
    if (json_is_string(reply))
        result = keytext_decode(plaintext, json_string_value(reply), json_string_length(reply), f);
    else if (json_is_object(reply))
        result = unwrap_object(inner_reply(reply), plaintext, report, f);
    else
        result = diag_fault(f, EX_DATAERR, "reply: expected a JSON object, found an array");
    json_decref(reply);
    return result;
}

int kms_response_check_key(const char *key_id, const json_t *reply, struct fault *f) {
    if (key_id == NULL || strncmp(key_id, "alias/", 6) == 0 || strstr(key_id, ":alias/") != NULL)
        return 0;
    const char *used = json_secret_string(reply, "KeyId");
    const char *wanted = strrchr(key_id, '/');
    wanted = wanted != NULL ? wanted + 1 : key_id;
    const char *got = used != NULL ? strrchr(used, '/') : NULL;
    got = got != NULL ? got + 1 : used;
    if (got != NULL && strcmp(wanted, got) == 0)
        return 0;
    char wanted_shown[120], got_shown[120] = "no name of it";
    if (got != NULL)
        diag_name(got, strlen(got), got_shown, sizeof got_shown);
    return diag_fault(
        f, EX_DATAERR, "the ciphertext was wrapped with another key: expected %s, found %s",
        diag_name(wanted, strlen(wanted), wanted_shown, sizeof wanted_shown), got_shown);
}
