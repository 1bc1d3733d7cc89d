// SPDX-License-Identifier: Apache-2.0
#include "kms/sts_aws.h"

#include "kms/acs3.h"
#include "kms/aws_request.h"
#include "secret/wiped.h"

#include <string.h>

struct assume {
    const struct sts_aws *sts;
    const struct kms_credentials *keys; // NULL: the request is not signed
    char *body;
    struct aws_request signing;
};

static int prepare(void *context, struct http_request *http, struct fault *f) {
    struct assume *a = context;
    http->method = "POST";
    http->url = a->sts->endpoint;
    http->body = a->body;
    http->headers[http->header_count++] =
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8";
    return a->keys == NULL ? 0
                           : aws_request_sign(&a->signing, http, "sts", a->sts->region, a->keys, f);
}

// ---- The XML of replies: the text of an element without attributes, which occurs once.

struct element {
    const char *text;
    size_t size;
};

static bool find(const char *xml, size_t size, const char *name, struct element *e) {
    char open[40], close[40];
    int length = snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    const char *start = memmem(xml, size, open, (size_t)length);
    if (start == NULL)
        return false;
    e->text = start + length;
    const char *end = memmem(e->text, size - (size_t)(e->text - xml), close, strlen(close));
    e->size = end != NULL ? (size_t)(end - e->text) : 0;
    return end != NULL;
}

static bool refusal(const struct http_reply *reply, struct kms_refusal *r) {
    struct element e;
    if (!find(reply->body, reply->size, "Code", &e))
        return false;
    kms_refusal_set(r->code, sizeof r->code, e.text, e.size);
    if (find(reply->body, reply->size, "Message", &e))
        kms_refusal_set(r->message, sizeof r->message, e.text, e.size);
    if (find(reply->body, reply->size, "RequestId", &e))
        kms_refusal_set(r->request_id, sizeof r->request_id, e.text, e.size);
    return true;
}

static int take_keys(const struct http_reply *reply, struct kms_credentials *keys,
                     struct fault *f) {
    struct element all, id, key, token;
    if (!find(reply->body, reply->size, "Credentials", &all) ||
        !find(all.text, all.size, "AccessKeyId", &id) ||
        !find(all.text, all.size, "SecretAccessKey", &key) ||
        !find(all.text, all.size, "SessionToken", &token) || memchr(all.text, '&', all.size))
        return diag_fault(f, EX_UNAVAILABLE,
                          "expected credentials as the reply of STS, found something else; check "
                          "that the endpoint is that service");
    return kms_credentials_set(&keys->id, id.text, id.size, "STS", f) < 0 ||
                   kms_credentials_set(&keys->key, key.text, key.size, "STS", f) < 0 ||
                   kms_credentials_set(&keys->token, token.text, token.size, "STS", f) < 0
               ? -1
               : 0;
}

// ----

static char *make_body(const struct kms_role *role, const char *token) {
    char session[40];
    struct acs3_pair pairs[7] = {
        {"Action", token != NULL ? "AssumeRoleWithWebIdentity" : "AssumeRole"},
        {"Version", "2011-06-15"},
        {"RoleArn", role->arn},
        {"RoleSessionName", kms_role_session(role, session)}};
    size_t count = 4;
    if (token != NULL)
        pairs[count++] = (struct acs3_pair){"WebIdentityToken", token};
    if (role->duration != NULL)
        pairs[count++] = (struct acs3_pair){"DurationSeconds", role->duration};
    if (role->external_id != NULL && token == NULL)
        pairs[count++] = (struct acs3_pair){"ExternalId", role->external_id};
    return acs3_query(pairs, count);
}

int sts_aws_assume(const struct sts_aws *sts, const struct kms_role *role,
                   const struct kms_request *request, struct kms_credentials *keys,
                   struct fault *f) {
    struct secret token = SECRET_NONE;
    struct assume a = {.sts = sts, .keys = role->token_file == NULL ? keys : NULL};
    if (role->token_file != NULL && kms_role_token(role, &token, f) < 0)
        return -1;
    a.body = make_body(role, role->token_file != NULL ? (const char *)token.data : NULL);
    secret_free(&token);
    struct kms_role_call call = {.timeout = request->timeout,
                                 .retries = request->retries,
                                 .ca_file = request->ca_file,
                                 .service = KMS_SERVICE_AWS,
                                 .context = &a,
                                 .prepare = prepare,
                                 .refusal = refusal};
    struct http_reply reply = {.date = -1};
    int result = a.body == NULL ? diag_fault_memory(f) : kms_role_ask(role, &call, &reply, f);
    if (result == 0)
        result = take_keys(&reply, keys, f);
    http_reply_free(&reply);
    aws_request_free(&a.signing);
    wiped_free(a.body);
    return result;
}
