// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_call.h"

#include "kms/kms_response.h"
#include "kms/kms_retry.h"
#include "secret/json_secret.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// The refusal in an error reply: complete if it is JSON.
static struct kms_refusal read_refusal(const struct kms_call *call,
                                       const struct http_reply *reply) {
    struct kms_refusal r = {.service = call->service, .http_status = reply->status};
    snprintf(r.request_id, sizeof r.request_id, "%s", reply->request_id);
    struct fault ignored; // a gateway's page is not JSON
    json_t *root = json_secret_parse(reply->body, reply->size, "reply", &ignored);
    if (root == NULL || !kms_refusal_from_json(&r, root)) {
        if (reply->error_type[0] != '\0')
            snprintf(r.code, sizeof r.code, "%.*s", (int)strcspn(reply->error_type, ":"),
                     reply->error_type);
        else
            snprintf(r.code, sizeof r.code, "HTTP status %d", reply->status);
    }
    json_decref(root);
    r.service = call->service;
    r.local_time = time(NULL);
    r.service_time = reply->date;
    kms_credentials_scrub(call->credentials, r.code);
    kms_credentials_scrub(call->credentials, r.message);
    kms_credentials_scrub(call->credentials, r.request_id);
    return r;
}

static int take_reply(const struct http_reply *reply, json_t **root, struct secret *text,
                      struct kms_report *report, struct fault *f) {
    struct fault bad;
    *root = json_secret_parse(reply->body, reply->size, "the service's reply", &bad);
    if (*root == NULL && bad.status == EX_OSERR) {
        *f = bad;
        return -1;
    }
    if (!json_is_object(*root)) {
        json_decref(*root);
        *root = NULL;
        return diag_fault(f, EX_UNAVAILABLE,
                          "expected a JSON object as reply, found something else (%zu bytes); "
                          "check that the endpoint is the key service",
                          reply->size);
    }
    snprintf(report->request_id, sizeof report->request_id, "%s", reply->request_id);
    kms_response_report(*root, report);
    if (text == NULL)
        return 0;
    if (secret_new(text, reply->size + 1, f) < 0) {
        json_decref(*root);
        *root = NULL;
        return -1;
    }
    memcpy(text->data, reply->body, reply->size);
    text->size = reply->size;
    if (text->data[text->size - 1] != '\n') // an object has a last character
        text->data[text->size++] = '\n';
    return 0;
}

// Makes one try. Returns 0, or -1, *f, and in *again whether another try may help.
static int try_once(const struct kms_call *call, const struct kms_request *options, json_t **root,
                    struct secret *text, struct kms_report *report, enum kms_retry *again,
                    struct fault *f) {
    *again = KMS_RETRY_NEVER;
    struct http_request request = {.timeout = options->timeout, .ca_file = options->ca_file};
    if (call->prepare(call->context, &request, f) < 0)
        return -1;
    struct http_reply reply;
    enum http_result done = http_call(&request, &reply, f);
    if (done != HTTP_DONE) {
        *again = done == HTTP_AGAIN ? KMS_RETRY_YES : KMS_RETRY_NEVER;
        return -1;
    }
    int result;
    if (reply.status == 200) {
        result = take_reply(&reply, root, text, report, f);
    } else if (reply.status >= 300 && reply.status < 400) {
        result = diag_fault(f, EX_UNAVAILABLE,
                            "the endpoint answers with a redirect (status %d), which is not "
                            "followed; see --region and --endpoint",
                            reply.status);
    } else {
        struct kms_refusal refusal = read_refusal(call, &reply);
        *again = kms_refusal_retry(&refusal);
        result = kms_refusal_fault(&refusal, call->action, f);
    }
    http_reply_free(&reply);
    return result;
}

int kms_call(const struct kms_call *call, const struct kms_request *request, json_t **root,
             struct secret *text, struct kms_report *report, struct fault *f) {
    *root = NULL;
    if (text != NULL)
        *text = SECRET_NONE;
    if (request->confine != NULL && request->confine(request, call->files, f) < 0)
        return -1;
    bool repeated = false; // the last try was made at once
    unsigned tries = 0, pauses = 0;
    for (;;) {
        enum kms_retry again;
        tries++;
        if (try_once(call, request, root, text, report, &again, f) == 0)
            return 0;
        bool renew = again == KMS_RETRY_RENEWED && call->credentials->renewable;
        if ((renew || again == KMS_RETRY_ONCE) && !repeated) {
            repeated = true;
            if (renew && call->renew(call->context, f) < 0)
                return -1;
            continue;
        }
        if (again != KMS_RETRY_YES || pauses == request->retries)
            break;
        repeated = false; // credentials may expire again during a long wait
        kms_retry_pause(pauses++);
    }
    size_t used = strlen(f->text);
    if (tries > 1 && used + 30 < sizeof f->text)
        snprintf(f->text + used, sizeof f->text - used, " (%u tries)", tries);
    return -1;
}
