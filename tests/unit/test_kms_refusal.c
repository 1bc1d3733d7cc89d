// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_refusal.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

// Every error body of the vectors that is JSON gives the code and the retry class written there.
static void vectors(const char *path) {
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    json_t *errors = json_object_get(root, "errors");
    assert_true(json_array_size(errors) > 10);
    size_t index;
    json_t *error;
    json_array_foreach(errors, index, error) {
        json_t *body = json_loads(json_string_value(json_object_get(error, "body")), 0, NULL);
        const char *code = json_string_value(json_object_get(error, "code"));
        struct kms_refusal r = {.service = KMS_SERVICE_AWS,
                                .http_status =
                                    (int)json_integer_value(json_object_get(error, "http_status"))};
        if (body == NULL || !kms_refusal_from_json(&r, body))
            assert_true(strncmp(code, "4", 1) == 0 || strncmp(code, "5", 1) == 0 ||
                        strstr(json_string_value(json_object_get(error, "remark")), "XML") != NULL);
        else
            assert_string_equal(r.code, code);
        bool retryable = json_is_true(json_object_get(error, "retryable"));
        assert_int_equal(kms_refusal_retry(&r) == KMS_RETRY_YES, retryable);
        json_decref(body);
    }
    json_decref(root);
}

static void test_vectors(void **state) {
    (void)state;
    vectors(FIXTURES "/kms/aws-errors.json");
    vectors(FIXTURES "/kms/alibaba-errors.json");
}

static struct kms_refusal parse(const char *text) {
    struct kms_refusal r = {.service = KMS_SERVICE_AWS};
    json_t *body = json_loads(text, 0, NULL);
    assert_non_null(body);
    assert_true(kms_refusal_from_json(&r, body));
    json_decref(body);
    return r;
}

static void test_aws_type_is_stripped(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{\"__type\":\"NotFoundException\"}",
        "{\"__type\":\"com.amazonaws.kms#NotFoundException\"}",
        "{\"__type\":\"com.amazonaws.kms#NotFoundException:http://x.invalid/a#b\"}",
        "{\"__type\":\"NotFoundException:\"}",
    };
    for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++)
        assert_string_equal(parse(forms[k]).code, "NotFoundException");
}

static void test_no_code(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{}", "{\"message\":\"x\"}", "{\"Code\":5}", "{\"__type\":\"\"}", "{\"__type\":\"#\"}",
        "[]"};
    for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
        json_t *body = json_loads(forms[k], 0, NULL);
        struct kms_refusal r = {.code = "as it was"};
        assert_false(kms_refusal_from_json(&r, body));
        assert_string_equal(r.code, "as it was");
        json_decref(body);
    }
}

// A wrong signature is answered with the request itself, in which the session token stands.
static void test_echoed_request_is_not_kept(void **state) {
    (void)state;
    struct kms_refusal r =
        parse("{\"__type\":\"InvalidSignatureException\",\"message\":\"The request signature we "
              "calculated does not match the signature you provided. Check your key.\\n\\nThe "
              "Canonical String for this request should have been\\n'POST\\n/\\n\\nhost:x\\n"
              "x-amz-security-token:SECRETTOKEN'\"}");
    assert_string_equal(r.message, "The request signature we calculated does not match the "
                                   "signature you provided");
    r = parse(
        "{\"Code\":\"SignatureDoesNotMatch\",\"Message\":\"Specified signature is not matched "
        "with our calculation. server string to sign is:POST&SecurityToken%3DSECRETTOKEN\"}");
    assert_null(strstr(r.message, "SECRETTOKEN"));
    r = parse("{\"Code\":\"Forbidden.RAM\",\"Message\":\"first\\nsecond\"}");
    assert_string_equal(r.message, "first");
}

static void test_message_is_printable_and_cut(void **state) {
    (void)state;
    struct kms_refusal r = parse("{\"Code\":\"A\\u001b[31m\",\"Message\":\"\\u0007x\"}");
    assert_string_equal(r.code, "A\\x1b[31m");
    assert_string_equal(r.message, "\\x07x");
    char text[2000] = "{\"__type\":\"AccessDeniedException\",\"message\":\"";
    size_t used = strlen(text);
    memset(text + used, 'm', 1500);
    strcpy(text + used + 1500, "\"}");
    r = parse(text);
    assert_true(strlen(r.message) < sizeof r.message);
    struct fault f;
    kms_refusal_fault(&r, "kms:Decrypt", &f);
    assert_non_null(strstr(f.text, "; the caller needs kms:Decrypt on this key")); // never cut off
}

static void test_status_and_text(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *text;
    } cases[] = {
        {"{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}", EX_NOPERM,
         "AccessDeniedException: no; the caller needs kms:Encrypt on this key: add the role or "
         "user "
         "to the key's users, and allow the action in its IAM policy"},
        {"{\"Code\":\"Forbidden.NoPermission\",\"Message\":\"no.\",\"RequestId\":\"R-1\"}",
         EX_NOPERM,
         "Forbidden.NoPermission: no (request R-1); grant the RAM user or role the action "
         "kms:Encrypt on this key"},
        {"{\"__type\":\"InvalidCiphertextException\"}", EX_DATAERR,
         "InvalidCiphertextException; the ciphertext is damaged, the encryption context is not the "
         "one it was made with, or it belongs to another region"},
        {"{\"__type\":\"IncorrectKeyException\"}", EX_DATAERR,
         "IncorrectKeyException; the ciphertext was wrapped with another key than that of "
         "--key-id"},
        {"{\"__type\":\"DisabledException\"}", EX_UNAVAILABLE,
         "DisabledException; enable the key in the KMS console, then try again"},
        {"{\"Code\":\"Rejected.PendingDeletion\"}", EX_UNAVAILABLE,
         "Rejected.PendingDeletion; cancel the key's deletion in the KMS console before its date"},
        {"{\"__type\":\"ThrottlingException\"}", EX_TEMPFAIL,
         "ThrottlingException; try again later"},
        {"{\"Code\":\"IllegalTimestamp\"}", EX_CONFIG,
         "IllegalTimestamp; set this machine's clock"},
        {"{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired: "
         "20260115T101500Z is now earlier than 20260115T102500Z (20260115T103000Z - 5 min.)\"}",
         EX_CONFIG,
         "InvalidSignatureException: Signature expired: 20260115T101500Z is now earlier than "
         "20260115T102500Z (20260115T103000Z - 5 min.); set this machine's clock"},
        {"{\"__type\":\"SomethingNewException\",\"message\":\"why\"}", EX_UNAVAILABLE,
         "SomethingNewException: why; see the service's list of error codes"},
        {"{\"Code\":\"Forbidden.SomethingNew\"}", EX_NOPERM,
         "Forbidden.SomethingNew; grant the RAM user or role the action kms:Encrypt on this key"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct kms_refusal r = parse(cases[k].body);
        struct fault f;
        assert_int_equal(kms_refusal_fault(&r, "kms:Encrypt", &f), -1);
        assert_int_equal(f.status, cases[k].status);
        assert_string_equal(f.text, cases[k].text);
    }
}

static void test_http_status_where_the_code_says_nothing(void **state) {
    (void)state;
    static const int again[] = {429, 500, 502, 503, 504};
    struct kms_refusal r = {.service = KMS_SERVICE_AWS, .code = "new"};
    struct fault f;
    for (size_t k = 0; k < sizeof again / sizeof again[0]; k++) {
        r.http_status = again[k];
        assert_int_equal(kms_refusal_retry(&r), KMS_RETRY_YES);
        kms_refusal_fault(&r, "kms:Decrypt", &f);
        assert_int_equal(f.status, EX_TEMPFAIL);
    }
    r.http_status = 400;
    assert_int_equal(kms_refusal_retry(&r), KMS_RETRY_NEVER);
    kms_refusal_fault(&r, "kms:Decrypt", &f);
    assert_int_equal(f.status, EX_UNAVAILABLE);
}

static void test_client_texts(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum kms_service service;
        const char *code, *message, *request_id;
    } cases[] = {
        {"\nAn error occurred (InvalidCiphertextException) when calling the Decrypt operation: \n",
         KMS_SERVICE_AWS, "InvalidCiphertextException", "", ""},
        {"An error occurred (ThrottlingException) when calling the Decrypt operation (reached max "
         "retries: 2): Rate exceeded",
         KMS_SERVICE_AWS, "ThrottlingException", "Rate exceeded", ""},
        {"ERROR: SDK.ServerError\nErrorCode: Forbidden.KeyNotFound\nRecommend: https://x.invalid\n"
         "RequestId: 2075-96\nMessage: The specified Key is not found.\nRespHeaders: map[]\n",
         KMS_SERVICE_ALIYUN, "Forbidden.KeyNotFound", "The specified Key is not found", "2075-96"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct kms_refusal r = {.http_status = 0};
        assert_true(kms_refusal_from_cli(&r, cases[k].text, strlen(cases[k].text)));
        assert_int_equal(r.service, cases[k].service);
        assert_string_equal(r.code, cases[k].code);
        assert_string_equal(r.message, cases[k].message);
        assert_string_equal(r.request_id, cases[k].request_id);
        // Cut anywhere: never read past the end.
        for (size_t cut = 0; cut < strlen(cases[k].text); cut++) {
            char *copy = malloc(cut + 1);
            memcpy(copy, cases[k].text, cut);
            struct kms_refusal part = {.http_status = 0};
            kms_refusal_from_cli(&part, copy, cut);
            free(copy);
        }
    }
    struct kms_refusal r = {.http_status = 0};
    assert_false(kms_refusal_from_cli(&r, "S14dTbl6ABEiM0RVZneImQ==", 24));
    assert_false(kms_refusal_from_cli(&r, "An error occurred (", 19));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_aws_type_is_stripped),
        cmocka_unit_test(test_no_code),
        cmocka_unit_test(test_echoed_request_is_not_kept),
        cmocka_unit_test(test_message_is_printable_and_cut),
        cmocka_unit_test(test_status_and_text),
        cmocka_unit_test(test_http_status_where_the_code_says_nothing),
        cmocka_unit_test(test_client_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
