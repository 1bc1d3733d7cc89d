// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_role.h"

#include "kms/kms_retry.h"

#include <stdio.h>
#include <string.h>

const char *kms_role_session(const struct kms_role *role, char out[static 40]) {
    if (role->session != NULL)
        return role->session;
    snprintf(out, 40, "xbpipe-%lld", (long long)time(NULL));
    return out;
}

int kms_role_token(const struct kms_role *role, struct secret *token, struct fault *f) {
    enum { TOKEN_MAX = (16 << 10) - 1 };
    struct secret text;
    *token = SECRET_NONE;
    if (secret_read_file(&text, role->token_file, TOKEN_MAX, "token file", f) < 0)
        return -1;
    size_t size = text.size;
    while (size > 0 && strchr(" \t\r\n", text.data[size - 1]) != NULL)
        size--;
    int result = size == 0
                     ? diag_fault(f, EX_CONFIG, "the token file is empty")
                     : kms_credentials_set(token, (const char *)text.data, size, "token file", f);
    secret_free(&text);
    return result;
}

// Puts the role before the text, and replaces advice about keys by what was refused.
static int refuse(const struct kms_role *role, const struct kms_role_call *call,
                  const struct http_reply *reply, enum kms_retry *again, struct fault *f) {
    struct kms_refusal r = {.service = call->service, .http_status = reply->status};
    if (!call->refusal(reply, &r))
        snprintf(r.code, sizeof r.code, "HTTP status %d", reply->status);
    r.service = call->service;
    r.local_time = time(NULL);
    r.service_time = reply->date;
    *again = kms_refusal_retry(&r);
    if (reply->status >= 500 || reply->status == 429)
        *again = KMS_RETRY_YES;
    kms_refusal_fault(&r, "sts:AssumeRole", f);
    bool has_text = r.message[0] != '\0';
    return diag_fault(f, f->status, "role %s: %s%s%s", diag_shown(role->arn, 160), r.code,
                      has_text ? ": " : "", r.message);
}

int kms_role_ask(const struct kms_role *role, const struct kms_role_call *call,
                 struct http_reply *reply, struct fault *f) {
    for (unsigned tries = 0;; tries++) {
        struct http_request request = {.timeout = call->timeout, .ca_file = call->ca_file};
        *reply = (struct http_reply){.date = -1};
        if (call->prepare(call->context, &request, f) < 0)
            return -1;
        enum http_result done = http_call(&request, reply, f);
        enum kms_retry again = done == HTTP_AGAIN ? KMS_RETRY_YES : KMS_RETRY_NEVER;
        if (done == HTTP_DONE && reply->status == 200)
            return 0;
        if (done == HTTP_DONE)
            refuse(role, call, reply, &again, f);
        http_reply_free(reply);
        if (again != KMS_RETRY_YES || tries >= call->retries)
            return -1;
        kms_retry_pause(tries);
    }
}
