// SPDX-License-Identifier: Apache-2.0
#include "kms/sts_aliyun.h"

#include "kms/acs3.h"
#include "kms/acs3_request.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct assume {
    const struct sts_aliyun *sts;
    const struct kms_credentials *keys;
    struct acs3_request signing;
    char *url;
};

static int prepare_signed(void *context, struct http_request *http, struct fault *f) {
    struct assume *a = context;
    http->url = a->url;
    return acs3_request_sign(&a->signing, http, a->keys, f);
}

// The request with a token is not signed: its parameters are in the query, the token in the body.
static int prepare_unsigned(void *context, struct http_request *http, struct fault *f) {
    struct assume *a = context;
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return diag_fault(f, EX_SOFTWARE, "cannot tell the time");
    const struct acs3_pair pairs[] = {{"Action", "AssumeRoleWithOIDC"},
                                      {"Format", "JSON"},
                                      {"Timestamp", date},
                                      {"Version", "2015-04-01"}};
    char *query = acs3_query(pairs, sizeof pairs / sizeof pairs[0]);
    wiped_free(a->url);
    a->url = NULL;
    if (query != NULL)
        a->url = acs3_request_url(&(struct acs3_request){.parameters = query}, a->sts->endpoint);
    wiped_free(query);
    if (a->url == NULL)
        return diag_fault_memory(f);
    http->method = "POST";
    http->url = a->url;
    http->body = a->signing.parameters;
    http->headers[http->header_count++] = "Content-Type: application/x-www-form-urlencoded";
    http->headers[http->header_count++] = "Accept: application/json";
    return 0;
}

static bool refusal(const struct http_reply *reply, struct kms_refusal *r) {
    struct fault ignored; // a gateway's page is not JSON
    json_t *root = json_secret_parse(reply->body, reply->size, "reply", &ignored);
    bool found = root != NULL && kms_refusal_from_json(r, root);
    json_decref(root);
    return found;
}

static int take_keys(const struct http_reply *reply, struct kms_credentials *keys,
                     struct fault *f) {
    json_t *root = json_secret_parse(reply->body, reply->size, "reply of STS", f);
    json_t *given = json_object_get(root, "Credentials");
    int result = -1;
    if (root == NULL)
        f->status = f->status == EX_DATAERR ? EX_UNAVAILABLE : f->status;
    else if (!json_is_object(given))
        diag_fault(f, EX_UNAVAILABLE,
                   "expected credentials as the reply of STS, found something else; check that the "
                   "endpoint is that service");
    else
        result = kms_credentials_from_json(keys, given, "AccessKeySecret", "SecurityToken",
                                           "reply of STS", f);
    json_decref(root);
    return result;
}

// Sorted by name, which a signed query needs.
static char *make_parameters(const struct kms_role *role, const char *token) {
    char session[40];
    struct acs3_pair pairs[6];
    size_t count = 0;
    if (role->duration != NULL)
        pairs[count++] = (struct acs3_pair){"DurationSeconds", role->duration};
    if (role->external_id != NULL && token == NULL)
        pairs[count++] = (struct acs3_pair){"ExternalId", role->external_id};
    if (token != NULL) {
        pairs[count++] = (struct acs3_pair){"OIDCProviderArn", role->provider};
        pairs[count++] = (struct acs3_pair){"OIDCToken", token};
    }
    pairs[count++] = (struct acs3_pair){"RoleArn", role->arn};
    pairs[count++] = (struct acs3_pair){"RoleSessionName", kms_role_session(role, session)};
    return acs3_query(pairs, count);
}

int sts_aliyun_assume(const struct sts_aliyun *sts, const struct kms_role *role,
                      const struct kms_request *request, struct kms_credentials *keys,
                      struct fault *f) {
    bool by_token = role->token_file != NULL;
    struct secret token = SECRET_NONE;
    if (by_token && kms_role_token(role, &token, f) < 0)
        return -1;
    char *parameters = make_parameters(role, by_token ? (const char *)token.data : NULL);
    secret_free(&token);
    struct assume a = {.sts = sts,
                       .keys = keys,
                       .signing = {.host = sts->host,
                                   .action = "AssumeRole",
                                   .version = "2015-04-01",
                                   .parameters = parameters}};
    if (parameters != NULL)
        a.url = acs3_request_url(&a.signing, sts->endpoint);
    struct kms_role_call call = {.timeout = request->timeout,
                                 .retries = request->retries,
                                 .ca_file = request->ca_file,
                                 .service = KMS_SERVICE_ALIYUN,
                                 .context = &a,
                                 .prepare = by_token ? prepare_unsigned : prepare_signed,
                                 .refusal = refusal};
    struct http_reply reply = {.date = -1};
    int result = a.url == NULL ? diag_fault_memory(f) : kms_role_ask(role, &call, &reply, f);
    if (result == 0)
        result = take_keys(&reply, keys, f);
    http_reply_free(&reply);
    acs3_request_free(&a.signing);
    wiped_free(a.url);
    wiped_free(parameters);
    return result;
}
