// SPDX-License-Identifier: Apache-2.0
// The body of an object as a stage: in every way that the input may come, what s3_content.h gives
// for it as a whole (whose known answers are those of five client libraries), and its messages.
#include "feed.h"
#include "s3/s3_body.h"
#include "s3vectors.h"

// cmocka needs these four before it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    uint8_t first[S3_BODY_HEAD_SIZE];
    size_t size;
    unsigned calls;
} seen;

static void see(const uint8_t *data, size_t size) {
    seen.size = size < sizeof seen.first ? size : sizeof seen.first;
    memcpy(seen.first, data, seen.size);
    seen.calls++;
}

struct expectation {
    const struct s3_envelope *envelope;
    const struct secret *key;
    const uint8_t *data, *plain;
    size_t size, plain_size;
    const char *message; // NULL: success
};

static void check(const struct feeding *how, void *context) {
    const struct expectation *e = context;
    struct s3_body body = {.first = see};
    struct fault f;
    struct fed r;
    seen.calls = 0;
    assert_int_equal(s3_content_decrypt(&body.stream, e->envelope, e->key, &f), 0);
    feed_run(s3_body_new, &body, e->data, e->size, how, &r);
    s3_content_free(body.stream);
    if (e->message == NULL && r.status != 0)
        fail_msg("%s: %s", feeding_text(how), r.fault.text);
    if (e->message != NULL && (r.status != EX_DATAERR || strcmp(r.fault.text, e->message) != 0))
        fail_msg("%s: %d, \"%s\"", feeding_text(how), r.status, r.fault.text);
    assert_int_equal(r.finishes, e->message == NULL);
    assert_int_equal(r.size, body.size);
    if (e->message == NULL)
        assert_int_equal(r.size, e->plain_size);
    assert_true(r.size <= e->plain_size);
    if (r.size > 0)
        assert_memory_equal(r.data, e->plain, r.size);
    size_t head = r.size < S3_BODY_HEAD_SIZE ? r.size : S3_BODY_HEAD_SIZE;
    assert_int_equal(body.head_size, head);
    assert_memory_equal(body.head, e->plain, head);
    assert_int_equal(seen.calls, e->size > 0);
    assert_memory_equal(seen.first, e->data, seen.size);
    fed_free(&r);
}

// Calls `use` for each vector with a short body.
static void each_vector(void (*use)(struct expectation *e)) {
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    size_t i, used = 0;
    json_array_foreach(vectors, i, vector) {
        struct s3_envelope envelope;
        struct secret key;
        struct fault f;
        struct expectation e = {.envelope = &envelope, .key = &key};
        uint8_t *data = s3vectors_read(s3vectors_string(vector, "object"), &e.size);
        uint8_t *plain = s3vectors_read(s3vectors_string(vector, "plaintext"), &e.plain_size);
        e.data = data;
        e.plain = plain;
        assert_int_equal(s3vectors_envelope(&envelope, vector, &f), 1);
        assert_int_equal(secret_new(&key, S3_DATA_KEY_SIZE, &f), 0);
        s3vectors_hex(vector, "data_key_hex", key.data, S3_DATA_KEY_SIZE);
        key.size = S3_DATA_KEY_SIZE;
        if (e.size <= FEED_SPLIT_MAX) {
            used++;
            use(&e);
        }
        secret_free(&key);
        s3_envelope_free(&envelope);
        free(data);
        free(plain);
    }
    json_decref(vectors);
    assert_true(used >= 20);
}

static void whole(struct expectation *e) {
    feed_each(e->size, check, e);
}

static void test_vectors(void **state) {
    (void)state;
    each_vector(whole);
}

// The last byte changed: what came before it has gone out, the end has not, and the message is the
// same for every way.
static void damaged(struct expectation *e) {
    uint8_t *copy = malloc(e->size);
    assert_non_null(copy);
    memcpy(copy, e->data, e->size);
    e->data = copy;
    char message[200];
    copy[e->size - 1] ^= 0x80;
    snprintf(message, sizeof message,
             "authentication failed at input offset %zu: the tag does not match: wrong key, or the "
             "object or its envelope is damaged or was changed",
             e->size - S3_TAG_SIZE);
    e->message = message;
    // With AES-CBC another last block may be good padding by chance.
    if (s3_envelope_authenticated(e->envelope->content))
        feed_each(e->size, check, e);
    free(copy);
}

static void test_damage(void **state) {
    (void)state;
    each_vector(damaged);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
