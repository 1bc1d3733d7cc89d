// SPDX-License-Identifier: Apache-2.0
// Replies of key services, and ciphertexts. First byte % 6: what a client printed; a service's
// reply (status by the second byte, then the error header's text up to a NUL, then the body); a
// client's error text; an endpoint and a key identifier, each up to a NUL; a key identifier up to a
// NUL and a reply; a ciphertext as people have it. The linker puts __wrap_http_call in http_call's
// place.
//
// Parsers: kms_input.c utf16.c kms_response.c kms_refusal.c kms_call.c kms_region.c json_secret.c
#include "fuzz.h"
#include "kms/kms_call.h"
#include "kms/kms_input.h"
#include "kms/kms_region.h"
#include "kms/kms_response.h"
#include "secret/json_secret.h"
#include "secret/keytext.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As the headers say, whatever that becomes.
__typeof__(http_call) __wrap_http_call;

static struct {
    uint8_t status;
    struct fuzz_input error, body;
    unsigned calls;
} service;

enum http_result __wrap_http_call(const struct http_request *request, struct http_reply *reply,
                                  struct fault *f) {
    static const int statuses[] = {200, 200, 400, 403, 404, 413, 429, 500, 503, 301, 204};
    (void)request;
    size_t count = sizeof statuses / sizeof statuses[0];
    if (++service.calls > 2)
        fuzz_broken("a call without retries, tried a third time");
    *reply = (struct http_reply){.date = -1};
    if (service.status == 0xff) {
        diag_fault(f, EX_UNAVAILABLE, "not reached");
        return HTTP_FAILED;
    }
    size_t size = service.body.size < HTTP_REPLY_MAX ? service.body.size : HTTP_REPLY_MAX;
    reply->status = statuses[service.status % count];
    reply->body = wiped_malloc(size + 1);
    if (reply->body == NULL)
        abort();
    if (size > 0)
        memcpy(reply->body, service.body.data, size);
    reply->body[size] = '\0';
    reply->size = size;
    if (service.error.size > 0)
        diag_name(service.error.data, service.error.size, reply->error_type,
                  sizeof reply->error_type);
    snprintf(reply->request_id, sizeof reply->request_id, "request");
    return HTTP_DONE;
}

static void check_report(const struct kms_report *report) {
    fuzz_check_text(report->key_id, sizeof report->key_id);
    fuzz_check_text(report->request_id, sizeof report->request_id);
    fuzz_check_text(report->warning, sizeof report->warning);
}

static const int refusals[] = {EX_NOPERM, EX_DATAERR, EX_UNAVAILABLE, EX_TEMPFAIL, EX_CONFIG, 0};

static void check_response(struct fuzz_input in) {
    struct kms_request request = {.retries = 0, .no_sandbox = true};
    struct kms_report report = {.asked = ""};
    struct fault f;
    uint8_t *copy = fuzz_copy(in.data, in.size);
    struct secret input = {.size = in.size, .data = copy, .capacity = in.size}, plaintext;
    if (kms_response_unwrap(&request, &input, &plaintext, &report, &f) < 0) {
        fuzz_check_fault(&f, refusals);
        if (plaintext.data != NULL)
            fuzz_broken("a plaintext and a fault");
    } else if (plaintext.size == 0) {
        fuzz_broken("an empty plaintext");
    }
    check_report(&report);
    secret_free(&plaintext);
    free(copy);
}

static int prepare(void *context, struct http_request *request, struct fault *f) {
    (void)context, (void)f;
    request->method = "POST";
    return 0;
}

static int renew(void *context, struct fault *f) {
    (void)context, (void)f;
    return 0;
}

static void check_call(struct fuzz_input in) {
    static uint8_t id[] = "id", key[] = "a secret of the caller", token[] = "";
    service.status = fuzz_byte(&in);
    service.error = fuzz_text(&in);
    service.body = in;
    service.calls = 0;
    struct kms_credentials credentials = {
        .id = {.size = 2, .data = id, .capacity = 3},
        .key = {.size = sizeof key - 1, .data = key, .capacity = sizeof key},
        .token = {.size = 0, .data = token, .capacity = 1},
        .renewable = service.status & 0x40};
    struct kms_call call = {.service = service.status & 0x80 ? KMS_SERVICE_ALIYUN : KMS_SERVICE_AWS,
                            .action = "kms:Decrypt",
                            .prepare = prepare,
                            .renew = renew,
                            .credentials = &credentials};
    struct kms_request request = {.retries = 0, .no_sandbox = true};
    struct kms_report report = {.asked = ""};
    struct secret text = SECRET_NONE, blob;
    json_t *root;
    struct fault f, bad;
    if (kms_call(&call, &request, &root, &text, &report, &f) < 0) {
        fuzz_check_fault(&f, refusals);
        if (root != NULL)
            fuzz_broken("a reply and a fault");
        if (strstr(f.text, "a secret") != NULL)
            fuzz_broken("a message shows a secret: %s", f.text);
    } else {
        if (!json_is_object(root) || text.size == 0 || text.data[text.size - 1] != '\n')
            fuzz_broken("a reply that is no object, or a text without an end");
        if (kms_response_member(root, "CiphertextBlob", &blob, &bad) < 0)
            fuzz_check_fault(&bad, (int[]){EX_DATAERR, 0});
        secret_free(&blob);
    }
    check_report(&report);
    json_decref(root);
    secret_free(&text);
}

static void check_cli(struct fuzz_input in) {
    struct kms_refusal r = {.http_status = 0};
    struct fault f;
    if (!kms_refusal_from_cli(&r, in.data, in.size))
        return;
    if (r.code[0] == '\0')
        fuzz_broken("a refusal without a code");
    fuzz_check_text(r.code, sizeof r.code);
    fuzz_check_text(r.message, sizeof r.message);
    fuzz_check_text(r.request_id, sizeof r.request_id);
    (void)kms_refusal_retry(&r);
    kms_refusal_fault(&r, "kms:Decrypt", &f);
    fuzz_check_fault(&f, refusals);
}

// As a C string.
static char *string(struct fuzz_input text) {
    char *copy = malloc(text.size + 1);
    if (copy == NULL)
        abort();
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

static void check_texts(struct fuzz_input in) {
    char *endpoint = string(fuzz_text(&in)), *key_id = string(fuzz_text(&in));
    char url[200], host[100], region[20];
    struct fault f;
    for (enum http_plain plain = HTTP_PLAIN_NEVER; plain <= HTTP_PLAIN_ANYWHERE; plain++) {
        if (kms_region_endpoint(endpoint, plain, "endpoint", url, sizeof url, host, sizeof host,
                                &f) < 0) {
            fuzz_check_fault(&f, (int[]){EX_CONFIG, 0});
            continue;
        }
        if (plain == HTTP_PLAIN_NEVER && strncasecmp(url, "https://", 8) != 0)
            fuzz_broken("%s is taken for https", url);
        if (host[0] == '\0' || strpbrk(host, " \r\n/@?#") != NULL)
            fuzz_broken("a host of \"%s\"", host);
    }
    if (kms_region_of_arn(key_id, region, sizeof region) && !kms_region_valid(region))
        fuzz_broken("a region of \"%s\"", region);
    free(endpoint);
    free(key_id);
}

static void check_key(struct fuzz_input in) {
    char *key_id = string(fuzz_text(&in));
    struct fault f;
    json_t *reply = json_secret_parse(in.data, in.size, "reply", &f);
    if (reply == NULL)
        fuzz_check_fault(&f, (int[]){EX_DATAERR, 0});
    else if (kms_response_check_key(key_id, reply, &f) < 0)
        fuzz_check_fault(&f, (int[]){EX_DATAERR, 0});
    json_decref(reply);
    free(key_id);
}

// What is taken for a ciphertext is one line of base64, and that line is taken as it is.
static void check_input(struct fuzz_input in) {
    struct secret input, line, again;
    struct fault f;
    if (secret_new(&input, in.size + 1, &f) < 0)
        abort();
    if (in.size > 0)
        memcpy(input.data, in.data, in.size);
    input.size = in.size;
    if (kms_input_clean(&input, &f) < 0)
        fuzz_broken("not cleaned: %s", f.text);
    (void)kms_input_kind(&input);
    if (kms_input_ciphertext(&line, NULL, &input, &f) < 0) {
        fuzz_check_fault(&f, refusals);
        if (line.data != NULL)
            fuzz_broken("a ciphertext and a fault");
    } else {
        if (strlen((const char *)line.data) != line.size)
            fuzz_broken("a line with a NUL in it, or without one at its end");
        if (keytext_decode(&again, line.data, line.size, &f) < 0)
            fuzz_broken("a line that is no base64: %s", f.text);
        secret_free(&again);
        secret_free(&line);
    }
    secret_free(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool started;
    if (!started)
        json_secret_start();
    started = true;
    struct fuzz_input in = {data, size};
    switch (fuzz_byte(&in) % 6) {
    case 0:
        check_response(in);
        break;
    case 1:
        check_call(in);
        break;
    case 2:
        check_cli(in);
        break;
    case 3:
        check_texts(in);
        break;
    case 4:
        check_key(in);
        break;
    default:
        check_input(in);
    }
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
    static const char *const replies[] = {
        "aliyun-decrypt.json",        "aws-decrypt.json",     "aws-decrypt-query-json.txt",
        "aws-decrypt-query-text.txt", "aws-decrypt.txt",      "aws-decrypt.yaml",
        "aws-generate-data-key.json", "aws-decrypt-error.txt"};
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "kms/%s", replies[i]);
        fuzz_add_fixture(add, "\0", 1, path, 1000);
        fuzz_add_fixture(add, "\1\0\0", 3, path, 1000);
        fuzz_add_fixture(add, "\2", 1, path, 1000);
        fuzz_add_fixture(add, "\5", 1, path, 1000);
    }
#define SEED(text) add(text, sizeof text - 1)
    SEED("\1\3\0{\"__type\":\"com.amazonaws.kms#AccessDeniedException\",\"message\":\"no.\"}");
    SEED("\1\x82\0{\"Code\":\"Forbidden.KeyNotFound\",\"Message\":\"a secret of the caller\","
         "\"RequestId\":\"8C1\"}");
    SEED("\1\x42"
         "ExpiredTokenException:http://x\0{}");
    SEED("\1\x02\0{\"__type\":\"InvalidSignatureException\",\"Message\":\"Signature expired\"}");
    SEED("\1\x86\0{\"code\":\"Throttling\",\"message\":\"\"}");
    SEED("\1\7\0<html>");
    SEED("\2ERROR: SDK.ServerError\nErrorCode: Forbidden.AccessDenied\nRecommend: \nRequestId: "
         "7F\nMessage: The request is forbidden\n");
    SEED("\3http://127.0.0.1:8080\0arn:aws:kms:us-east-1:1:key/k");
    SEED("\3[::1]:1\0acs:kms:cn-hangzhou:1:key/k");
    SEED("\3kms.cn-hangzhou.aliyuncs.com/\0acs:kms::");
    SEED("\4key/k\0{\"KeyId\":\"acs:kms:cn-hangzhou:1:key/k\"}");
    SEED("\4"
         "alias/k\0{\"KeyId\":7}");
    SEED("\5\1\2\2\0x binary");
    SEED("\5UVVsRFFVaElkR2hwY3lCcGN5QjBkMmxqWlE9PQ==");
    SEED("\5'QUJD\r\nREVG'");
    SEED("\5{\"CiphertextBlob\": \"QUJDRA==\"}");
    SEED("\5\xff\xfe\"\0Q\0U\0J\0D\0\"\0");
    SEED("\5\xef\xbb\xbfQUJD");
#undef SEED
}
