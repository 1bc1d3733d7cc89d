// SPDX-License-Identifier: Apache-2.0
#include "kms/acs3.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "secret/wiped.h"

static const char *member(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

// Requests signed by Alibaba Cloud's own client libraries, and the example that its documentation
// prints: the same Authorization, character for character.
static void test_vectors(void **state) {
    (void)state;
    json_t *root = json_load_file(FIXTURES "/kms/alibaba-v3.json", 0, NULL);
    assert_non_null(root);
    json_t *vectors = json_object_get(root, "vectors");
    assert_int_equal(json_array_size(vectors), 11);
    size_t index;
    json_t *vector;
    json_array_foreach(vectors, index, vector) {
        struct acs3_pair headers[16];
        size_t count = 0;
        const char *name;
        json_t *value;
        // The vectors' members stand in the order of their names, as the headers must.
        json_object_foreach(json_object_get(vector, "signed_header_values"), name, value) {
            assert_true(count < 16);
            assert_true(count == 0 || strcmp(headers[count - 1].name, name) < 0);
            headers[count].name = name;
            headers[count++].value = json_string_value(value);
        }
        const char *query = strchr(member(vector, "request_target"), '?');
        char hash[65];
        struct fault f;
        const char *body = member(vector, "body");
        assert_int_equal(acs3_sha256(body, strlen(body), hash, &f), 0);
        assert_string_equal(
            hash, member(json_object_get(vector, "signed_header_values"), "x-acs-content-sha256"));
        json_t *credentials = json_object_get(vector, "credentials");
        char *authorization;
        assert_int_equal(acs3_sign(member(vector, "method"), query != NULL ? query + 1 : "",
                                   headers, count, member(credentials, "accessKeyId"),
                                   member(credentials, "accessKeySecret"), &authorization, &f),
                         0);
        assert_string_equal(authorization, member(vector, "authorization"));
        wiped_free(authorization);
        // And the query or the form from its parameters.
        json_t *parameters = json_object_get(vector, "params");
        struct acs3_pair pairs[16];
        size_t pair_count = 0;
        json_object_foreach(parameters, name, value) {
            pairs[pair_count].name = name;
            pairs[pair_count++].value = json_string_value(value);
        }
        if (pair_count > 0) {
            char *made = acs3_query(pairs, pair_count);
            assert_string_equal(made, query != NULL ? query + 1 : body);
            wiped_free(made);
        }
    }
    json_decref(root);
}

static void test_encoding(void **state) {
    (void)state;
    static const struct acs3_pair pairs[] = {{"a b", "c*d~e"}, {"x", "\xc3\xa9/+=&%"}};
    char *made = acs3_query(pairs, 2);
    assert_string_equal(made, "a%20b=c%2Ad~e&x=%C3%A9%2F%2B%3D%26%25");
    wiped_free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
