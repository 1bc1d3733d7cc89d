// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_response.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secret/json_secret.h"

// Runs the provider on `size` bytes of text in a block of exactly that size.
static int unwrap(const char *text, size_t size, struct secret *plaintext,
                  struct kms_report *report, struct fault *f) {
    struct kms_request request = {.master_key = NULL};
    struct secret input;
    assert_int_equal(secret_new(&input, size + 1, f), 0);
    memcpy(input.data, text, size);
    input.size = size;
    int result = kms_response_unwrap(&request, &input, plaintext, report, f);
    secret_free(&input);
    return result;
}

static void test_good_forms(void **state) {
    (void)state;
    static const char *const forms[] = {
        "{\"Plaintext\":\"S14dTbl6ABEiM0RVZneImQ==\"}",
        "{\"Plaintext\":\"S14dTbl6ABEiM0RVZneImQ\"}",
        "{\"KeyId\":\"k\",\"Plaintext\":\"S14dTbl6ABEiM0RV\\nZneImQ\\u003d=\",\"New\":{\"a\":[1]}}",
        " \n\"S14dTbl6ABEiM0RVZneImQ==\"\n",
        "S14dTbl6ABEiM0RVZneImQ==",
        "S14dTbl6ABEiM0RVZneImQ\r\n",
        "\n  S14dTbl6ABEiM0RVZneImQ==\n\n",
    };
    for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
        struct secret plaintext;
        struct kms_report report = {.asked = ""};
        struct fault f;
        assert_int_equal(unwrap(forms[k], strlen(forms[k]), &plaintext, &report, &f), 0);
        assert_int_equal(plaintext.size, 16);
        assert_memory_equal(plaintext.data, "K^\x1dM\xb9z\0\x11\"3DUfw\x88\x99", 16);
        secret_free(&plaintext);
    }
}

static void test_report(void **state) {
    (void)state;
    static const char text[] =
        "{\"Plaintext\":\"QUJD\",\"KeyId\":\"key-\\u001bx\",\"RequestId\":\"R-7\"}";
    struct secret plaintext;
    struct kms_report report = {.asked = ""};
    struct fault f;
    assert_int_equal(unwrap(text, strlen(text), &plaintext, &report, &f), 0);
    assert_string_equal(report.key_id, "key-\\x1bx");
    assert_string_equal(report.request_id, "R-7");
    secret_free(&plaintext);
}

static void test_bad_forms(void **state) {
    (void)state;
#define ASK                                                                                        \
    "; ask the client for JSON (aws: --output json; aliyun: no --output), or for the Plaintext "   \
    "alone (aws: --query Plaintext --output text)"
#define NOT "reply: expected JSON or one line of base64, found "
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "reply: expected a string Plaintext, found no such member"},
        {"{\"PlainText\":\"QUJD\"}", "reply: expected a string Plaintext, found no such member"},
        {"{\"a\":{\"Plaintext\":\"QUJD\"}}",
         "reply: expected a string Plaintext, found no such member"},
        {"{\"Plaintext\":7}", "reply: expected a string Plaintext, found another type"},
        {"{\"Plaintext\":null}", "reply: expected a string Plaintext, found another type"},
        {"{\"Plaintext\":\"\"}",
         "reply: Plaintext: bad base64: expected at least one byte, found none"},
        {"{\"Plaintext\":\"QUJ*\"}",
         "reply: Plaintext: bad base64 at input offset 3: expected a base64 character, found a "
         "character outside the base64 alphabet"},
        {"{\"Plaintext\":\"QUJD\",\"Plaintext\":\"QUJD\"}",
         "reply: bad JSON at input offset 31: expected each member once, found one again"},
        {"{\"Plaintext\":\"QUJD\"", "reply: JSON cut short at input offset 19: expected more, "
                                    "found the end"},
        {"{\"Plaintext\":\"QUJD\"} {\"Plaintext\":\"QUJD\"}",
         "reply: bad JSON at input offset 22: expected the end after one value, found more"},
        {"[\"QUJD\"]", "reply: expected a JSON object, found an array"},
        {"{Plaintext:\"QUJD\"}", "reply: bad JSON before input offset 10 (line 1, column 10)"},
        {"{\"Plaintext\":\"QUJD\\u0000\"}", NULL},
        {"\"\"", "bad base64: expected at least one byte, found none"},
        {"SYMMETRIC_DEFAULT\tarn:x\tQUJD\n",
         NOT "the columns of --output text, whose order may change" ASK},
        {"KeyId: x\nPlaintext: QUJD\n", NOT "YAML" ASK},
        {"<KMS><Plaintext>QUJD</Plaintext></KMS>", NOT "XML" ASK},
        {"-----\n|Decrypt|\n-----\n", NOT "a table" ASK},
        {"QUJD\nQUJD\n", NOT "several lines" ASK},
        {"hello, world", NOT "neither (bad base64 at input offset 5: expected a base64 character, "
                             "found a character outside the base64 alphabet)" ASK},
        {"\xef\xbb\xbf{}", NOT "neither (bad base64 at input offset 0: expected a base64 "
                               "character, found a byte that is not ASCII)" ASK},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct secret plaintext;
        struct kms_report report = {.asked = ""};
        struct fault f;
        assert_int_equal(unwrap(cases[k].text, strlen(cases[k].text), &plaintext, &report, &f), -1);
        assert_int_equal(f.status, EX_DATAERR);
        assert_null(plaintext.data);
        assert_null(strstr(f.text, "QUJD"));
        if (cases[k].message != NULL)
            assert_string_equal(f.text, cases[k].message);
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"{\"Code\":\"Forbidden.NoPermission\",\"Message\":\"x\"}", EX_NOPERM},
        {"{\"code\":\"Rejected.Disabled\"}", EX_UNAVAILABLE},
        {"{\"__type\":\"InvalidCiphertextException\"}", EX_DATAERR},
        {"An error occurred (AccessDeniedException) when calling the Decrypt operation: no\n",
         EX_NOPERM},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct secret plaintext;
        struct kms_report report = {.asked = ""};
        struct fault f;
        assert_int_equal(unwrap(cases[k].text, strlen(cases[k].text), &plaintext, &report, &f), -1);
        assert_int_equal(f.status, cases[k].status);
    }
}

// The AWS CLI's reply cut at every byte and with every byte changed in turn: never a message with
// any of the key in it, and a result only if the Plaintext is still whole base64.
static void test_damage_never_shows_the_key(void **state) {
    (void)state;
    char text[1024];
    FILE *file = fopen(FIXTURES "/kms/aws-decrypt.json", "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    static const char key[] = "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=";
    struct secret plaintext;
    struct fault f;
    for (size_t cut = 0; cut + 2 < size; cut++) {
        struct kms_report report = {.asked = ""};
        assert_int_equal(unwrap(text, cut, &plaintext, &report, &f), -1);
        for (size_t i = 0; i + 5 < sizeof key; i++) {
            char part[6] = "";
            memcpy(part, key + i, 5);
            assert_null(strstr(f.text, part));
        }
    }
    static const char changes[] = "\0\n\"\\{}[],:= x\x80";
    for (size_t at = 0; at < size; at++)
        for (size_t c = 0; c < sizeof changes - 1; c++) {
            char was = text[at];
            text[at] = changes[c];
            struct kms_report report = {.asked = ""};
            if (unwrap(text, size, &plaintext, &report, &f) < 0)
                for (size_t i = 0; i + 5 < sizeof key; i++) {
                    char part[6] = "";
                    memcpy(part, key + i, 5);
                    assert_null(strstr(f.text, part));
                }
            secret_free(&plaintext);
            text[at] = was;
        }
}

// Whether a freed block that malloc gives out again still holds what was in it. 16 bytes at its
// start are the allocator's own.
static bool remembers(void *(*allocate)(size_t), void (*release)(void *), size_t size) {
    char *block = allocate(size);
    assert_non_null(block);
    memset(block, 'k', size);
    release(block);
    volatile char *again = allocate(size);
    bool found = false;
    for (size_t i = 16; i < size; i++)
        found = found || again[i] == 'k';
    release((void *)(uintptr_t)again);
    return found;
}

static void test_json_memory_is_wiped(void **state) {
    (void)state;
    json_malloc_t allocate;
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    release(NULL);
    if (!remembers(malloc, free, 500)) {
        // Sanitizers' allocators; cmocka's own skip counts as a failure in its TAP output.
        print_message("# skipped: this allocator does not give a freed block out again\n");
        return;
    }
    assert_false(remembers(allocate, release, 500));
}

int main(void) {
    json_secret_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_forms),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_bad_forms),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damage_never_shows_the_key),
        cmocka_unit_test(test_json_memory_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
