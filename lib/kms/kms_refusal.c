// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_refusal.h"

#include "secret/json_secret.h"

#include <stdio.h>
#include <string.h>

enum kind {
    UNKNOWN,
    DENIED,
    NO_KEY,
    KEY_DISABLED,
    KEY_PENDING_DELETION,
    KEY_STATE,
    BAD_BLOB,
    OTHER_KEY,
    BAD_REQUEST,
    CREDENTIALS,
    TOKEN_EXPIRED,
    CLOCK,
    ACCOUNT,
    NONCE,
    THROTTLED,
    SERVICE_SIDE,
};

struct rule {
    const char *code; // with a '*' at its end: every code with this beginning
    enum kind kind;
};

// AWS KMS API Reference, Decrypt and Common Errors; retry classes as in the AWS SDKs.
static const struct rule aws_rules[] = {
    {"AccessDeniedException", DENIED},
    {"AccessDenied", DENIED},
    {"OptInRequired", ACCOUNT},
    {"NotFoundException", NO_KEY},
    {"DisabledException", KEY_DISABLED},
    {"KMSInvalidStateException", KEY_STATE},
    {"InvalidCiphertextException", BAD_BLOB},
    {"IncorrectKeyException", OTHER_KEY},
    {"InvalidKeyUsageException", BAD_REQUEST},
    {"InvalidGrantTokenException", BAD_REQUEST},
    {"ValidationException", BAD_REQUEST},
    {"ValidationError", BAD_REQUEST},
    {"SerializationException", BAD_REQUEST},
    {"UnrecognizedClientException", CREDENTIALS},
    {"InvalidClientTokenId", CREDENTIALS},
    {"InvalidSignatureException", CREDENTIALS},
    {"SignatureDoesNotMatch", CREDENTIALS},
    {"IncompleteSignature*", CREDENTIALS},
    {"MissingAuthenticationToken*", CREDENTIALS},
    {"ExpiredToken*", TOKEN_EXPIRED},
    {"RequestExpired", CLOCK},
    {"Throttling*", THROTTLED},
    {"Throttled*", THROTTLED},
    {"TooManyRequestsException", THROTTLED},
    {"RequestThrottled*", THROTTLED},
    {"RequestLimitExceeded", THROTTLED},
    {"LimitExceededException", THROTTLED},
    {"KMSInternalException", SERVICE_SIDE},
    {"KeyUnavailableException", SERVICE_SIDE},
    {"DependencyTimeoutException", SERVICE_SIDE},
    {"InternalFailure", SERVICE_SIDE},
    {"InternalServerError", SERVICE_SIDE},
    {"ServiceUnavailable*", SERVICE_SIDE},
    {NULL, UNKNOWN},
};

// Alibaba Cloud KMS, error codes of API version 2016-01-20, and those of the API gateway.
static const struct rule aliyun_rules[] = {
    {"Forbidden.KeyNotFound", NO_KEY},
    {"Forbidden.AliasNotFound", NO_KEY},
    {"Forbidden.KeyVersionNotFound", NO_KEY},
    {"Rejected.Disabled", KEY_DISABLED},
    {"Rejected.PendingDeletion", KEY_PENDING_DELETION},
    {"Rejected.PendingImport", KEY_STATE},
    {"Rejected.Throttling", THROTTLED},
    {"Forbidden.NoPermission", DENIED},
    {"Forbidden.RAM", DENIED},
    {"NoPermission", DENIED},
    {"Forbidden.KmsServiceNotEnabled", ACCOUNT},
    {"Forbidden.InDebt*", ACCOUNT},
    {"Forbidden.ProhibitedByRiskControl", ACCOUNT},
    {"Forbidden.AccessKey", CREDENTIALS},
    {"InvalidAccessKeyId*", CREDENTIALS},
    {"InvalidAccessKeySecret", CREDENTIALS},
    {"SignatureDoesNotMatch", CREDENTIALS},
    {"IncompleteSignature", CREDENTIALS},
    {"InvalidSecurityToken.Expired", TOKEN_EXPIRED},
    {"InvalidSecurityToken.*", CREDENTIALS},
    {"IllegalTimestamp", CLOCK},
    {"InvalidTimeStamp*", CLOCK},
    {"SignatureNonceUsed", NONCE},
    {"InvalidParameter*", BAD_BLOB},
    {"MissingParameter*", BAD_REQUEST},
    {"UnsupportedOperation", BAD_REQUEST},
    {"UnsupportedHTTPMethod", BAD_REQUEST},
    {"Throttling*", THROTTLED},
    {"InternalFailure", SERVICE_SIDE},
    {"InternalError", SERVICE_SIDE},
    {"ServiceUnavailable*", SERVICE_SIDE},
    {"Forbidden.*", DENIED},
    {NULL, UNKNOWN},
};

// The status and the advice for a kind of refusal.
static const struct {
    int status;
    enum kms_retry retry;
    const char *advice[2]; // by enum kms_service; %s stands for the action
} kinds[] = {
    [UNKNOWN] = {EX_UNAVAILABLE,
                 KMS_RETRY_NEVER,
                 {"see the service's list of error codes",
                  "see the service's list of error codes"}},
    [DENIED] = {EX_NOPERM,
                KMS_RETRY_NEVER,
                {"grant the RAM user or role the action %s on this key",
                 "the caller needs %s on this key: add the role or user to the key's users, and "
                 "allow the action in its IAM policy"}},
    [NO_KEY] = {EX_UNAVAILABLE,
                KMS_RETRY_NEVER,
                {"the key is gone, or belongs to another region or account: see --region and the "
                 "credentials",
                 "the key is gone, or belongs to another region or account: see --region and the "
                 "credentials"}},
    [KEY_DISABLED] = {EX_UNAVAILABLE,
                      KMS_RETRY_NEVER,
                      {"enable the key in the KMS console, then try again",
                       "enable the key in the KMS console, then try again"}},
    [KEY_PENDING_DELETION] = {EX_UNAVAILABLE,
                              KMS_RETRY_NEVER,
                              {"cancel the key's deletion in the KMS console before its date",
                               "cancel the key's deletion in the KMS console before its date"}},
    [KEY_STATE] = {EX_UNAVAILABLE,
                   KMS_RETRY_NEVER,
                   {"see the key's state in the KMS console: its material is missing",
                    "see the key's state in the KMS console: cancel a pending deletion before its "
                    "date, import missing material"}},
    [BAD_BLOB] = {EX_DATAERR,
                  KMS_RETRY_NEVER,
                  {"the ciphertext is damaged, the encryption context is not the one it was made "
                   "with, or it belongs to another region",
                   "the ciphertext is damaged, the encryption context is not the one it was made "
                   "with, or it belongs to another region"}},
    [OTHER_KEY] = {EX_DATAERR,
                   KMS_RETRY_NEVER,
                   {"the ciphertext was wrapped with another key than that of --key-id",
                    "the ciphertext was wrapped with another key than that of --key-id"}},
    [BAD_REQUEST] =
        {EX_UNAVAILABLE,
         KMS_RETRY_NEVER,
         {"check that the ciphertext is complete, and that the endpoint is one of this service",
          "check that the ciphertext is complete, and that the key is symmetric and for "
          "encryption"}},
    [CREDENTIALS] = {EX_NOPERM,
                     KMS_RETRY_NEVER,
                     {"the access key id or secret is wrong or inactive: see which credentials are "
                      "used with -v",
                      "the access key id or secret is wrong or inactive: see which credentials are "
                      "used with -v"}},
    [TOKEN_EXPIRED] =
        {EX_NOPERM,
         KMS_RETRY_RENEWED,
         {"the temporary credentials have expired: get new ones",
          "the temporary credentials have expired: get new ones (aws sso login, or aws "
          "configure export-credentials)"}},
    [CLOCK] = {EX_CONFIG, KMS_RETRY_ONCE, {"set this machine's clock", "set this machine's clock"}},
    [ACCOUNT] = {EX_UNAVAILABLE,
                 KMS_RETRY_NEVER,
                 {"see the account's state in the console: KMS not enabled, or bills unpaid",
                  "see the account's state in the console"}},
    [NONCE] = {EX_TEMPFAIL, KMS_RETRY_ONCE, {"try again", "try again"}},
    [THROTTLED] = {EX_TEMPFAIL, KMS_RETRY_YES, {"try again later", "try again later"}},
    [SERVICE_SIDE] = {EX_TEMPFAIL,
                      KMS_RETRY_YES,
                      {"the service has a problem: try again later",
                       "the service has a problem: try again later"}},
};

// Both services refuse signatures that are 5 (AWS) or 15 minutes old.
static bool clocks_differ(const struct kms_refusal *r) {
    enum { TOLERANCE = 240 }; // seconds
    if (r->local_time <= 0 || r->service_time <= 0)
        return false;
    double difference = difftime(r->local_time, r->service_time);
    return difference > TOLERANCE || difference < -TOLERANCE;
}

static enum kind kind_of(const struct kms_refusal *r) {
    const struct rule *rule = r->service == KMS_SERVICE_AWS ? aws_rules : aliyun_rules;
    for (; rule->code != NULL; rule++) {
        size_t size = strlen(rule->code);
        if (rule->code[size - 1] == '*' ? strncmp(r->code, rule->code, size - 1) == 0
                                        : strcmp(r->code, rule->code) == 0)
            break;
    }
    enum kind kind = rule->kind;
    // For a wrong clock AWS uses the code of a wrong signature.
    if (kind == CREDENTIALS && (strstr(r->message, "Signature expired") != NULL ||
                                strstr(r->message, "Signature not yet current") != NULL))
        kind = CLOCK;
    if (kind == CREDENTIALS && clocks_differ(r))
        kind = CLOCK;
    if (kind == UNKNOWN && (r->http_status == 429 || r->http_status == 503))
        kind = THROTTLED;
    if (kind == UNKNOWN &&
        (r->http_status == 500 || r->http_status == 502 || r->http_status == 504))
        kind = SERVICE_SIDE;
    return kind;
}

void kms_refusal_set(char *out, size_t out_size, const char *text, size_t size) {
    const char *line = memchr(text, '\n', size);
    if (line != NULL)
        size = (size_t)(line - text);
    while (size > 0 && memchr(" \r.", text[size - 1], 3) != NULL)
        size--;
    diag_name(text, size, out, out_size);
}

// For a wrong signature a service echoes the whole request with the session token: only the first
// sentence is kept.
static void keep_first_sentence(struct kms_refusal *r) {
    if (strstr(r->code, "Signature") == NULL)
        return;
    char *end = strstr(r->message, ". ");
    if (end != NULL)
        *end = '\0';
}

bool kms_refusal_from_json(struct kms_refusal *r, const json_t *reply) {
    const char *code = json_secret_string(reply, "__type");
    size_t code_size = 0;
    if (code != NULL) {
        r->service = KMS_SERVICE_AWS;
        code_size = strcspn(code, ":");
        const char *hash = memrchr(code, '#', code_size);
        if (hash != NULL) {
            code_size -= (size_t)(hash + 1 - code);
            code = hash + 1;
        }
    } else {
        code = json_secret_string(reply, "Code");
        if (code == NULL)
            code = json_secret_string(reply, "code");
        if (code == NULL)
            return false;
        r->service = KMS_SERVICE_ALIYUN;
        code_size = strlen(code);
    }
    if (code_size == 0)
        return false;
    kms_refusal_set(r->code, sizeof r->code, code, code_size);
    const char *message = json_secret_string(reply, "message");
    if (message == NULL)
        message = json_secret_string(reply, "Message");
    if (message != NULL)
        kms_refusal_set(r->message, sizeof r->message, message, strlen(message));
    const char *id = json_secret_string(reply, "RequestId");
    if (id != NULL)
        kms_refusal_set(r->request_id, sizeof r->request_id, id, strlen(id));
    keep_first_sentence(r);
    return true;
}

// The text between `before` and `after` (or the end of the line). Returns NULL if there is none.
static const char *between(const char *text, size_t size, const char *before, const char *after,
                           size_t *found_size) {
    const char *start = memmem(text, size, before, strlen(before));
    if (start == NULL)
        return NULL;
    start += strlen(before);
    size_t rest = size - (size_t)(start - text);
    const char *line = memchr(start, '\n', rest);
    if (line != NULL)
        rest = (size_t)(line - start);
    if (after != NULL) {
        const char *end = memmem(start, rest, after, strlen(after));
        if (end == NULL)
            return NULL;
        rest = (size_t)(end - start);
    }
    *found_size = rest;
    return start;
}

bool kms_refusal_from_cli(struct kms_refusal *r, const void *text, size_t size) {
    size_t found_size;
    const char *found = between(text, size, "An error occurred (", ")", &found_size);
    if (found != NULL) {
        r->service = KMS_SERVICE_AWS;
        kms_refusal_set(r->code, sizeof r->code, found, found_size);
        found = between(text, size, " operation: ", NULL, &found_size);
        if (found == NULL) // the AWS CLI adds how often it tried
            found = between(text, size, "): ", NULL, &found_size);
        if (found != NULL)
            kms_refusal_set(r->message, sizeof r->message, found, found_size);
        keep_first_sentence(r);
        return r->code[0] != '\0';
    }
    found = between(text, size, "ErrorCode: ", NULL, &found_size);
    if (found == NULL)
        return false;
    r->service = KMS_SERVICE_ALIYUN;
    kms_refusal_set(r->code, sizeof r->code, found, found_size);
    found = between(text, size, "\nMessage: ", NULL, &found_size);
    if (found != NULL)
        kms_refusal_set(r->message, sizeof r->message, found, found_size);
    found = between(text, size, "\nRequestId: ", NULL, &found_size);
    if (found != NULL)
        kms_refusal_set(r->request_id, sizeof r->request_id, found, found_size);
    keep_first_sentence(r);
    return r->code[0] != '\0';
}

enum kms_retry kms_refusal_retry(const struct kms_refusal *r) {
    return kinds[kind_of(r)].retry;
}

// The times of both clocks, or nothing.
static void show_clocks(const struct kms_refusal *r, char *out, size_t out_size) {
    struct tm local, service;
    char local_text[32], service_text[32];
    out[0] = '\0';
    if (!clocks_differ(r) || gmtime_r(&r->local_time, &local) == NULL ||
        gmtime_r(&r->service_time, &service) == NULL)
        return;
    strftime(local_text, sizeof local_text, "%Y-%m-%dT%H:%M:%SZ", &local);
    strftime(service_text, sizeof service_text, "%Y-%m-%dT%H:%M:%SZ", &service);
    snprintf(out, out_size, ": it says %s, the service's says %s", local_text, service_text);
}

int kms_refusal_fault(const struct kms_refusal *r, const char *action, struct fault *f) {
    enum kind kind = kind_of(r);
    const char *advice = kinds[kind].advice[r->service];
    const char *place = strstr(advice, "%s");
    bool has_id = r->request_id[0] != '\0';
    char clocks[120] = "";
    if (kind == CLOCK)
        show_clocks(r, clocks, sizeof clocks);
    return diag_fault(f, kinds[kind].status, "%s%s%s%s%s%s; %.*s%s%s%s", r->code,
                      r->message[0] != '\0' ? ": " : "", r->message, has_id ? " (request " : "",
                      r->request_id, has_id ? ")" : "",
                      place != NULL ? (int)(place - advice) : (int)strlen(advice), advice,
                      place != NULL ? action : "", place != NULL ? place + 2 : "", clocks);
}
