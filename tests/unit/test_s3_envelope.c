// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_envelope.h"
#include "s3/s3_envelope_print.h"
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

// The envelope of one text.
static int make(struct s3_envelope *e, const char *text, struct fault *f) {
    struct s3_metadata m;
    memset(e, 0, sizeof *e);
    memset(f, 0, sizeof *f);
    if (s3_metadata_parse(&m, text, strlen(text), "a", f) < 0)
        return -1;
    int result = s3_envelope_make(e, &m, 1, f);
    s3_metadata_free(&m);
    return result;
}

// The envelope of object metadata "a" and instruction file "b".
static int make_pair(struct s3_envelope *e, const char *a, const char *b, struct fault *f) {
    struct s3_metadata m[2];
    memset(f, 0, sizeof *f);
    assert_int_equal(s3_metadata_parse(&m[0], a, strlen(a), "a", f), 0);
    assert_int_equal(s3_metadata_parse(&m[1], b, strlen(b), "b", f), 0);
    int result = s3_envelope_make(e, m, 2, f);
    s3_metadata_free(&m[0]);
    s3_metadata_free(&m[1]);
    return result;
}

static void refuse(const char *text, const char *message) {
    struct s3_envelope e;
    struct fault f;
    int result = make(&e, text, &f);
    s3_envelope_free(&e);
    assert_int_equal(result, -1);
    assert_int_equal(f.status, EX_DATAERR);
    assert_string_equal(f.text, message);
}

static void refuse_pair(const char *a, const char *b, const char *message) {
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(make_pair(&e, a, b, &f), -1);
    s3_envelope_free(&e);
    assert_int_equal(f.status, EX_DATAERR);
    assert_string_equal(f.text, message);
    assert_int_equal(make_pair(&e, b, a, &f), -1); // the order of the two does not matter
    s3_envelope_free(&e);
    assert_int_equal(f.status, EX_DATAERR);
}

static void compare_context(const struct s3_envelope *e, const json_t *expected) {
    assert_int_equal(e->context_count, json_object_size(expected));
    for (size_t i = 0; i < e->context_count; i++) {
        const char *value = json_string_value(json_object_get(expected, e->context[i].name));
        assert_non_null(value);
        assert_string_equal(e->context[i].value, value);
    }
}

static void test_vectors(void **state) {
    (void)state;
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    assert_int_equal(json_array_size(vectors), 28);
    size_t i;
    json_array_foreach(vectors, i, vector) {
        struct s3_envelope e;
        struct fault f = {0};
        const char *name = s3vectors_string(vector, "name");
        if (s3vectors_envelope(&e, vector, &f) != 1)
            fail_msg("%s: %s", name, f.text);
        assert_int_equal(e.format, json_integer_value(json_object_get(vector, "format")));
        assert_string_equal(s3_envelope_content_name(e.content),
                            s3vectors_string(vector, "content"));
        const char *wrap = s3vectors_string(vector, "wrap");
        if (e.format == 1) // these have no name in the metadata
            assert_int_equal(e.wrap,
                             strcmp(wrap, "AES") == 0 ? S3_WRAP_AES_ECB : S3_WRAP_RSA_PKCS1);
        else
            assert_string_equal(s3_envelope_wrap_name(e.wrap), wrap);
        const json_t *kms = json_object_get(vector, "kms");
        assert_int_equal(s3_envelope_wrap_by_kms(e.wrap), kms != NULL);
        if (kms != NULL) {
            assert_string_equal(e.wrapped_base64, s3vectors_string(kms, "CiphertextBlob"));
            compare_context(&e, json_object_get(kms, "EncryptionContext"));
        }
        s3_envelope_free(&e);
    }
    json_decref(vectors);
}

// Negative vectors that the envelope alone shows to be wrong, and the messages.
static void test_negative_vectors(void **state) {
    (void)state;
    static const struct {
        const char *name, *message;
    } expected[] = {
        {"gcm-taglen", "object: x-amz-tag-len: expected the tag length 128, found '96'"},
        {"both-formats",
         "keys of two formats: x-amz-key and x-amz-key-v2; nothing says which is right"},
        {"unknown-cek", "object: x-amz-cek-alg: unsupported content algorithm 'AES/CTR/NoPadding'"},
        {"no-iv", "x-amz-iv is missing: the envelope is not complete"},
        {"iv-length", "object: x-amz-iv: wrong length: expected 12 bytes, found 16 bytes"},
        {"v3-suite", "object: x-amz-c: unsupported content algorithm '116'"},
        {"v3-instr-exclusive", "instruction: an instruction file may not hold x-amz-d, which "
                               "belongs to the metadata of the object"},
    };
    json_t *vectors = s3vectors_load("negative.json"), *vector;
    assert_int_equal(json_array_size(vectors), 17);
    size_t i, seen = 0;
    json_array_foreach(vectors, i, vector) {
        struct s3_envelope e;
        struct fault f = {0};
        int result = s3vectors_envelope(&e, vector, &f);
        s3_envelope_free(&e);
        const char *message = NULL;
        for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++)
            if (strcmp(s3vectors_string(vector, "name"), expected[k].name) == 0)
                message = expected[k].message;
        assert_int_equal(result, message == NULL ? 1 : -1);
        if (message == NULL)
            continue;
        seen++;
        assert_int_equal(f.status, EX_DATAERR);
        assert_string_equal(f.text, message);
    }
    assert_int_equal(seen, sizeof expected / sizeof expected[0]);
    json_decref(vectors);
}

// Output of the AWS CLI and header lines give the same envelope as the bare map.
static void test_forms(void **state) {
    (void)state;
    static const char *const files[] = {"cli/head-ruby-v1-kms-cbc-1000.json",
                                        "cli/get-ruby-v1-kms-cbc-1000.json",
                                        "cli/head-query-metadata-ruby-v1-kms-cbc-1000.json",
                                        "cli/headers-ruby-v1-kms-cbc-1000.txt"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t size;
        uint8_t *text = s3vectors_read(files[i], &size);
        struct s3_metadata m;
        struct s3_envelope e;
        struct fault f;
        assert_int_equal(s3_metadata_parse(&m, text, size, files[i], &f), 0);
        assert_int_equal(s3_envelope_make(&e, &m, 1, &f), 1);
        assert_int_equal(e.format, 2);
        assert_int_equal(e.content, S3_CONTENT_CBC);
        assert_int_equal(e.wrap, S3_WRAP_KMS);
        assert_int_equal(e.iv[0], 0x0a);
        assert_int_equal(e.iv[15], 0xf5);
        assert_true(e.has_length);
        assert_int_equal(e.length, 1000);
        assert_int_equal(e.context_count, 1);
        assert_string_equal(e.context[0].name, "kms_cmk_id");
        assert_string_equal(
            e.context[0].value,
            "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        s3_envelope_free(&e);
        s3_metadata_free(&m);
        free(text);
    }
}

// The object's size beside its metadata, but not a part's.
static void test_body_size(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool known;
    } cases[] = {
        {"{\"ContentLength\":1008,\"Metadata\":{}}", true},
        {"{\"ContentLength\":1008,\"ContentRange\":\"bytes 0-1007/70016\",\"Metadata\":{}}", false},
        {"{\"ContentLength\":-1,\"Metadata\":{}}", false},
        {"{\"ContentLength\":\"1008\",\"Metadata\":{}}", false},
        {"{\"Size\":1008,\"IsDir\":false,\"Metadata\":{}}", true},
        {"[{\"Size\":1008,\"IsDir\":false,\"Metadata\":{}}]", true},
        {"{\"status\":\"success\",\"size\":1008,\"metadata\":{}}", true},
        {"s3://b/k (object):\n   File size: 1008\n   MD5 sum:   x\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1008\r\n", true},
        {"HTTP/1.1 206 OK\r\nContent-Length: 1008\r\ncontent-range: bytes 0-1007/70016\r\n", false},
        {"HTTP/1.1 301 Moved\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200 "
         "OK\r\ncontent-length:1008\r\n",
         true},
        {"ETag: a\r\nContent-Length: 10x\r\n", false},
        {"ETag: a\r\nContent-Length: -10\r\n", false},
        {"ETag: a\r\nContent-Length: 99999999999999999999\r\n", false},
        {"ETag: a\r\nContent-Length:\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct s3_envelope e;
        struct fault f;
        assert_int_equal(make(&e, cases[i].text, &f), 0);
        assert_int_equal(e.has_body_size, cases[i].known);
        if (cases[i].known)
            assert_int_equal(e.body_size, 1008);
    }
    // Of two sources it is the object's.
    struct s3_envelope e;
    const char *const pair[] = {FIXTURES "/s3/objects/ruby-v1-kms-cbc-instr-1000.bin.instruction",
                                FIXTURES "/s3/cli/head-ruby-v1-kms-cbc-instr-1000.json"};
    struct fault f;
    assert_int_equal(s3_envelope_load(&e, pair, 2, &f), 1);
    assert_true(e.has_body_size && e.body_size == 1008);
    s3_envelope_free(&e);
}

static void test_paths(void **state) {
    (void)state;
    struct s3_envelope e;
    struct fault f;
    const char *const pair[] = {FIXTURES "/s3/objects/ruby-v1-kms-cbc-instr-1000.bin.instruction",
                                FIXTURES "/s3/cli/head-ruby-v1-kms-cbc-instr-1000.json"};
    assert_int_equal(s3_envelope_load(&e, pair, 2, &f), 1);
    assert_true(e.has_length && e.length == 1000);
    s3_envelope_free(&e);
    assert_int_equal(s3_envelope_load(&e, pair, 1, &f), 1);
    assert_false(e.has_length);
    s3_envelope_free(&e);
    assert_int_equal(s3_envelope_load(&e, pair + 1, 1, &f), 0); // the object alone
    assert_true(e.has_length);
    s3_envelope_free(&e);
    const char *const absent[] = {FIXTURES "/s3/no-such-file"};
    assert_int_equal(s3_envelope_load(&e, absent, 1, &f), -1);
    assert_int_equal(f.status, EX_NOINPUT);
    const char *const directory[] = {FIXTURES "/s3"};
    assert_int_equal(s3_envelope_load(&e, directory, 1, &f), -1);
    assert_int_equal(f.status, EX_IOERR);
}

#define IV16 "\"x-amz-iv\":\"CoEBscDBIU6/AJgEXJj39Q==\""
#define IV12 "\"x-amz-iv\":\"OJgpaloTgrkWZ561\""
#define B28 "iQKH40nmBfgmdpvbMfkGgRenEh2tj2zZsG6jqw=="

// Names without case, with the prefix, extra keys, a byte order mark; an interim answer in headers.
static void test_lenience(void **state) {
    (void)state;
    static const char *const texts[] = {
        "\xef\xbb\xbf {\"X-Amz-Key-V2\":\"QUJD\",\"X-AMZ-IV\":\"CoEBscDBIU6/AJgEXJj39Q==\","
        "\"x-amz-wrap-alg\":\"kms\",\"x-amz-unknown\":{\"a\":1}}",
        "{\"Metadata\":{\"x-amz-meta-x-amz-key-v2\":\"QUJD\"," IV16 ",\"x-amz-wrap-alg\":\"kms\","
        "\"x-amz-cek-alg\":\"AES/CBC/PKCS7Padding\"},\"x-amz-key\":\"not part of the map\"}",
        "HTTP/1.1 301 Moved\r\nx-amz-key: QUJD\r\n\r\nHTTP/1.1 200 OK\r\n"
        "X-Amz-Meta-X-Amz-Key-V2:QUJD\r\nx-amz-iv:   CoEBscDBIU6/AJgEXJj39Q==  \r\n"
        "x-amz-meta-x-amz-wrap-alg: kms\r\n\r\n",
        "x-amz-key-v2: QUJD\nx-amz-iv: CoEBscDBIU6/AJgEXJj39Q==\nx-amz-wrap-alg: kms"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct s3_envelope e;
        struct fault f;
        if (make(&e, texts[i], &f) != 1)
            fail_msg("%zu: %s", i, f.text);
        assert_int_equal(e.content, S3_CONTENT_CBC);
        assert_int_equal(e.wrapped_size, 3);
        assert_memory_equal(e.wrapped, "ABC", 3);
        assert_int_equal(e.context_count, 0);
        s3_envelope_free(&e);
    }
}

// The first documentation of Java contradicts itself on x-amz-tag-len: without it the tag has 128
// bits. Without x-amz-cek-alg the content is AES-CBC.
static void test_defaults(void **state) {
    (void)state;
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(make(&e,
                          "{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\","
                          "\"x-amz-cek-alg\":\"AES/GCM/NoPadding\"," IV12 "}",
                          &f),
                     1);
    assert_int_equal(e.content, S3_CONTENT_GCM);
    s3_envelope_free(&e);
    assert_int_equal(
        make(&e, "{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\"," IV16 "}", &f), 1);
    assert_int_equal(e.content, S3_CONTENT_CBC);
    s3_envelope_free(&e);
}

static void test_plain(void **state) {
    (void)state;
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(make(&e, "{\"ContentLength\":5,\"Metadata\":{}}", &f), 0);
    assert_false(e.has_length);
    assert_int_equal(make(&e, "HTTP/1.1 200 OK\r\nETag: x\r\n\r\n", &f), 0);
    assert_int_equal(make(&e, "{\"x-amz-unencrypted-content-length\":\"70001\"}", &f), 0);
    assert_true(e.has_length);
    assert_int_equal(e.length, 70001);
}

static void test_forms_refused(void **state) {
    (void)state;
    refuse("", "a: empty: expected JSON or HTTP header lines");
    refuse(" \r\n\t", "a: empty: expected JSON or HTTP header lines");
    refuse("{\"x-amz-iv\":1}", "a: x-amz-iv: expected a string");
    refuse("{\"x-amz-iv\":\"a\",\"X-Amz-Iv\":\"b\"}", "a: x-amz-iv appears twice");
    refuse("x-amz-iv: a\nx-amz-meta-x-amz-iv: b\n", "a: x-amz-iv appears twice");
    refuse("\"a\"", "a: not valid JSON at line 1: '[' or '{' expected near '\"a\"'");
    refuse("{\"EncryptedEnvelopeKey\":\"QUJD\",\"IV\":\"QUJD\"}",
           "a: an instruction file of the oldest .NET client (EncryptedEnvelopeKey): this form is "
           "not supported");
    refuse("bytes\t1008\t\"62743f\"\t2026-01-01T00:00:00+00:00\nMETADATA\tQUJD\tkms\n",
           "a: line 1: expected JSON or HTTP header lines; metadata saved by the AWS CLI needs "
           "--output json");
    refuse("Metadata:\n  x-amz-iv: a\n", "the wrapped key (x-amz-key, x-amz-key-v2 or x-amz-3) is "
                                         "missing: the envelope is not complete");
    refuse("Metadata:\n  x-amz-other: a\n",
           "a: line 2: expected JSON or HTTP header lines; metadata saved by the AWS CLI needs "
           "--output json");
    refuse("ETag: a\n\nbody", "a: line 3: expected JSON or HTTP header lines; metadata saved by "
                              "the AWS CLI needs --output json");
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(make(&e, "{\"a\":\"b\",\"a\":\"c\"}", &f), -1);
    assert_non_null(strstr(f.text, "a: not valid JSON at line 1: duplicate object key"));
    struct s3_metadata m;
    assert_int_equal(s3_metadata_parse(&m, "\xff\xfe{\0}", 5, "a", &f), -1);
    assert_string_equal(f.text, "a: expected UTF-16 text by its first bytes, found other data");
    assert_int_equal(s3_metadata_parse(&m, "\xff\xfe{\0}\0", 6, "a", &f), 0);
    assert_int_equal(s3_metadata_parse(&m, "a\0b: c\n", 7, "a", &f), -1);
    assert_int_equal(s3_metadata_parse(&m, "x-amz-iv: c\0d\n", 14, "a", &f), -1);
    assert_string_equal(f.text, "a: line 1: a NUL byte");
    char *large = calloc(1, S3_METADATA_MAX + 1);
    assert_non_null(large);
    memset(large, ' ', S3_METADATA_MAX + 1);
    assert_int_equal(s3_metadata_parse(&m, large, S3_METADATA_MAX + 1, "a", &f), -1);
    assert_string_equal(f.text,
                        "a: too long for metadata of an object: expected at most 65536 bytes");
    memcpy(large, "{}", 2);
    assert_int_equal(s3_metadata_parse(&m, large, S3_METADATA_MAX, "a", &f), 0);
    s3_metadata_free(&m);
    free(large);
}

// What tells nothing about an object is never taken for an object without an envelope.
static void test_no_metadata(void **state) {
    (void)state;
    static const struct {
        const char *text, *found;
    } cases[] = {
        {"{\"Contents\":[{\"Key\":\"a\",\"Size\":5}],\"IsTruncated\":false}", "a list of objects"},
        {"{\"Versions\":[]}", "a list of versions"},
        {"{\"Error\":{\"Code\":\"NoSuchKey\"}}", "an error"},
        {"{\"Code\":\"NoSuchKey\",\"Message\":\"a\"}", "an error"},
        {"{\"status\":\"error\",\"error\":{\"message\":\"a\"}}", "an error"},
        {"{\"__type\":\"AccessDenied\"}", "JSON without a member Metadata"},
        {"{\"ContentLength\":1008,\"ETag\":\"a\"}", "JSON without a member Metadata"},
        {"{\"Metadata\":null}", "JSON without a member Metadata"},
        {"{\"Path\":\"a\",\"Size\":5,\"IsDir\":false}", "a listing by rclone without --metadata"},
        {"[]", "a list; ask for one object (rclone: --stat --metadata)"},
        {"[1]", "a list; ask for one object (rclone: --stat --metadata)"},
        {"[{\"Metadata\":{}},{\"Metadata\":{}}]",
         "a list; ask for one object (rclone: --stat --metadata)"},
        {"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>",
         "XML, as S3 answers with an error"},
        {"\nAn error occurred (404) when calling the HeadObject operation: Not Found\n",
         "an error of the AWS CLI"},
        {"fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
         "an error of the AWS CLI"},
        {"HTTP/1.1 404 Not Found\r\nx-amz-request-id: a\r\n\r\n", "an answer of HTTP status 404"},
        {"HTTP/1.1 200 OK\r\nETag: a\r\n\r\nHTTP/1.1 403 Forbidden\r\n",
         "an answer of HTTP status 403"},
        {"error: no such thing\n", "other header lines"},
        {"Content-Length: 5\n", "other header lines"},
        {"s3://b/ (bucket):\n   Location: a\n", "what s3cmd says of a bucket"},
        {"s3://b/k (object):\n   File size: 5\ns3://b/l (object):\n",
         "what s3cmd says of several objects"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char message[300];
        snprintf(message, sizeof message,
                 "a: holds no metadata of an object, so it does not tell whether the object is "
                 "encrypted: found %s; give what 'aws s3api head-object' prints",
                 cases[i].found);
        refuse(cases[i].text, message);
    }
}

#define KMS_KEY "AQICAHig"
#define CBC_IV "CoEBscDBIU6/AJgEXJj39Q=="
#define ARN "arn:aws:kms:us-east-1:111122223333:key/a"

static void check_listed(const void *text, size_t size, bool has_size) {
    struct s3_metadata m;
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(s3_metadata_parse(&m, text, size, "a", &f), 0);
    assert_int_equal(s3_envelope_make(&e, &m, 1, &f), 1);
    assert_int_equal(e.format, 2);
    assert_string_equal(e.wrapped_base64, KMS_KEY);
    assert_int_equal(e.iv[0], 0x0a);
    assert_int_equal(e.context_count, 1);
    assert_string_equal(e.context[0].value, ARN);
    assert_int_equal(e.has_body_size, has_size);
    assert_true(!has_size || e.body_size == 1008);
    s3_envelope_free(&e);
    s3_metadata_free(&m);
}

// The listings of other clients: of rclone 1.60 and s3cmd 2.3 as they printed them, of mc and the
// S3 console by their descriptions.
static void test_other_clients(void **state) {
    (void)state;
    static const char *const files[] = {"cli/rclone-lsjson-stat.json", "cli/s3cmd-info.txt",
                                        "cli/mc-stat.json"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t size;
        uint8_t *text = s3vectors_read(files[i], &size);
        check_listed(text, size, true);
        free(text);
    }
    static const char *const tables[] = {
        "Type\tKey\tValue\nSystem defined\tContent-Type\tbinary/octet-stream\n"
        "User defined\tx-amz-meta-x-amz-key-v2\t" KMS_KEY "\nUser defined\tx-amz-meta-x-amz-iv"
        "\t" CBC_IV "\nUser defined\tx-amz-meta-x-amz-wrap-alg\tkms\n"
        "User defined\tx-amz-meta-x-amz-matdesc\t{\"kms_cmk_id\":\"" ARN "\"}\n",
        // Without its head, with the line ends of Windows and blanks around the cells.
        "User defined\tx-amz-meta-x-amz-key-v2\t " KMS_KEY "\r\n\r\nUser defined\t"
        "X-Amz-Meta-X-Amz-Iv \t" CBC_IV "\r\nUser defined\tx-amz-meta-x-amz-wrap-alg\tkms\r\n"
        "User defined\tx-amz-meta-x-amz-matdesc\t{\"kms_cmk_id\":\"" ARN "\"}",
        // A cell a line.
        "x-amz-meta-x-amz-key-v2\n" KMS_KEY "\nx-amz-meta-x-amz-iv\n" CBC_IV "\n"
        "x-amz-meta-x-amz-wrap-alg\nkms\nx-amz-meta-x-amz-matdesc\n{\"kms_cmk_id\":\"" ARN "\"}\n",
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        check_listed(tables[i], strlen(tables[i]), false);
    refuse("User defined\tx-amz-meta-x-amz-iv\t\nUser defined\tx-amz-meta-x-amz-iv\tb\n",
           "a: x-amz-iv appears twice");
    refuse("x-amz-meta-x-amz-iv\nx-amz-meta-x-amz-key\n",
           "a: line 2: expected the value of x-amz-meta-x-amz-iv");
}

// PowerShell's > writes UTF-16, of either byte order, with a mark.
static void test_utf16(void **state) {
    (void)state;
    static const char text[] = "{\"ContentLength\":1008,\"Metadata\":{\"x-amz-key-v2\":\"" KMS_KEY
                               "\",\"x-amz-iv\":\"" CBC_IV "\",\"x-amz-wrap-alg\":\"kms\","
                               "\"x-amz-matdesc\":\"{\\\"kms_cmk_id\\\":\\\"" ARN "\\\"}\"}}";
    for (size_t low = 0; low < 2; low++) {
        uint8_t wide[2 * sizeof text] = {0};
        wide[low] = 0xff;
        wide[1 - low] = 0xfe;
        for (size_t i = 0; i + 1 < sizeof text; i++)
            wide[2 + 2 * i + low] = (uint8_t)text[i];
        check_listed(wide, 2 * sizeof text, true);
    }
}

// Values as S3 hands them back if they hold other characters than ASCII: the bytes of the stored
// UTF-8, each as a character, as UTF-8, in encoded words.
static void test_encoded_words(void **state) {
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"=?UTF-8?Q?{\"k\":\"K=C3=83=C2=B6ln\"}?=", "K\xc3\xb6ln"},
        {"=?utf-8?b?eyJrIjoiS8ODwrZsbiJ9?=", "K\xc3\xb6ln"},
        {"=?UTF-8?Q?{\"k\":\"K=C3=83=C2=B6l?= =?UTF-8?Q?n\"}?=", "K\xc3\xb6ln"},
        {"=?UTF-8?Q?{\"k\":\"K=C3=83=C2?=\t=?UTF-8?Q?=B6ln\"}?=", "K\xc3\xb6ln"},
        // Encoded once only: what would come out is no UTF-8.
        {"=?UTF-8?Q?{\"k\":\"K=C3=B6ln\"}?=", "K\xc3\xb6ln"},
        {"=?UTF-8?Q?{\"k\":\"=E5=B1=B1_a=3D\"}?=", "\xe5\xb1\xb1 a="},
        {"=?US-ASCII?Q?{\"k\":\"a\"}?=", "a"},
        {"{\"k\":\"=?UTF-8?Q?a?= b =?UTF-8?Q?c?=\"}", "a b c"},
        {"{\"k\":\"=?a?b\"}", "=?a?b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "x-amz-meta-x-amz-key-v2: QUJD\nx-amz-meta-x-amz-iv: " CBC_IV
                 "\nx-amz-meta-x-amz-wrap-alg: kms\nx-amz-meta-x-amz-matdesc: %s\n",
                 cases[i].value);
        struct s3_envelope e;
        struct fault f;
        assert_int_equal(make(&e, text, &f), 1);
        assert_int_equal(e.context_count, 1);
        assert_string_equal(e.context[0].value, cases[i].expected);
        s3_envelope_free(&e);
    }
    static const char *const damaged[] = {"=?UTF-8?Q?a=C?=", "=?UTF-8?Q?a=XY?=", "=?UTF-8?B?a?=",
                                          "=?UTF-8?X?a?=",   "=?KOI8-R?Q?a?=",   "=?UTF-8?Q?=00?="};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "x-amz-iv: %s\n", damaged[i]);
        refuse(text, "a: x-amz-iv: an encoded word (RFC 2047) that is damaged or not in UTF-8");
    }
}

static void test_format_1_refused(void **state) {
    (void)state;
    refuse("{" IV16 "}", "the wrapped key (x-amz-key, x-amz-key-v2 or x-amz-3) is missing: the "
                         "envelope is not complete");
    refuse("{\"x-amz-key\":\"QUJD\"," IV16 "}",
           "a: x-amz-key: wrong length for AES/ECB (format 1): expected 48 bytes, found 3 bytes");
    refuse("{\"x-amz-key\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\"," IV16 "}",
           "keys of two formats: x-amz-key and x-amz-wrap-alg; nothing says which is right");
    refuse("{\"x-amz-key\":\"QUJD\",\"x-amz-3\":\"QUJD\"}",
           "keys of two formats: x-amz-key and x-amz-3; nothing says which is right");
}

static void test_format_2_refused(void **state) {
    (void)state;
    refuse("{\"x-amz-key-v2\":\"QUJD\"," IV16 "}",
           "x-amz-wrap-alg is missing: the envelope is not complete");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms2\"," IV16 "}",
           "a: x-amz-wrap-alg: expected a known key wrap, found 'kms2'");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-d\":\"QUJD\"}",
           "keys of two formats: x-amz-key-v2 and x-amz-d; nothing says which is right");
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(make(&e, "{\"x-amz-key-v2\":\"QUI\",\"x-amz-wrap-alg\":\"kms\"," IV16 "}", &f),
                     -1);
    assert_non_null(strstr(f.text, "a: x-amz-key-v2: base64")); // the rest is base64.h's
    s3_envelope_free(&e);
    refuse("{\"x-amz-key-v2\":\"\",\"x-amz-wrap-alg\":\"kms\"," IV16 "}", "a: x-amz-key-v2: empty");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"AES/GCM\",\"x-amz-cek-alg\":"
           "\"AES/GCM/NoPadding\"," IV12 "}",
           "a: x-amz-key-v2: wrong length for AES/GCM: expected 60 bytes, found 3 bytes");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"AESWrap\"," IV16 "}",
           "a: x-amz-key-v2: wrong length for AESWrap: expected 40 bytes, found 3 bytes");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\",\"x-amz-matdesc\":\"[]\"," IV16
           "}",
           "a: x-amz-matdesc: expected a JSON object of strings, found '[]'");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\",\"x-amz-matdesc\":"
           "\"{\\\"a\\\":1}\"," IV16 "}",
           "a: x-amz-matdesc: expected a JSON object of strings, found '{\"a\":1}'");
    // GCM relabelled as CBC
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\",\"x-amz-tag-len\":\"128\"," IV16
           "}",
           "a: x-amz-tag-len is given for a content algorithm without a tag; the metadata may "
           "have been changed");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\"," IV12 "}",
           "a: x-amz-iv: wrong length: expected 16 bytes, found 12 bytes");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms+context\",\"x-amz-matdesc\":"
           "\"{\\\"aws:x-amz-cek-alg\\\":\\\"AES/GCM/NoPadding\\\"}\"," IV16 "}",
           "the key wrap kms+context is not used with AES/CBC; the metadata may have been changed");
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms+context\",\"x-amz-cek-alg\":"
           "\"AES/GCM/NoPadding\"," IV12 "}",
           "aws:x-amz-cek-alg is missing in the encryption context");
    refuse(
        "{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms+context\",\"x-amz-cek-alg\":"
        "\"AES/GCM/NoPadding\",\"x-amz-matdesc\":\"{\\\"aws:x-amz-cek-alg\\\":\\\"115\\\"}\"," IV12
        "}",
        "aws:x-amz-cek-alg in the encryption context: expected 'AES/GCM/NoPadding', which the "
        "metadata says, found '115'; the metadata may have been changed");
    static const char *const lengths[] = {"", "-1", "1.5", "0x10", "12 ", "9999999999999999999"};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char text[200], message[200];
        snprintf(text, sizeof text, "{\"x-amz-unencrypted-content-length\":\"%s\"}", lengths[i]);
        snprintf(message, sizeof message,
                 "a: x-amz-unencrypted-content-length: expected a decimal number of bytes, found "
                 "'%s'",
                 lengths[i]);
        refuse(text, message);
    }
}

// Lengths that no key and no initial value has: 21 bytes for one of 16, and a wrapped key of more
// than the 8190 bytes that are read of any.
enum { LONG_BASE64 = 8190 / 3 * 4 };

static void test_lengths_refused(void **state) {
    (void)state;
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\",\"x-amz-iv\":"
           "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
           "a: x-amz-iv: wrong length: expected 16 bytes, found 21 bytes");
    static char text[LONG_BASE64 + 100];
    for (unsigned more = 0; more < 2; more++) {
        struct s3_envelope e;
        struct fault f;
        int used =
            snprintf(text, sizeof text, "{\"x-amz-wrap-alg\":\"kms\"," IV16 ",\"x-amz-key-v2\":\"");
        memset(text + used, 'A', LONG_BASE64 + 4 * more);
        strcpy(text + used + LONG_BASE64 + 4 * more, "\"}");
        assert_int_equal(make(&e, text, &f), more ? -1 : 1);
        if (more)
            assert_string_equal(f.text, "a: x-amz-key-v2: too long");
        else
            assert_int_equal(e.wrapped_size, LONG_BASE64 / 4 * 3);
        s3_envelope_free(&e);
    }
}

// What binds the content algorithm to the key need not be the first pair of the context.
static void test_bound_late(void **state) {
    (void)state;
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(
        make(&e,
             "{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms+context\",\"x-amz-cek-alg\":"
             "\"AES/GCM/NoPadding\",\"x-amz-matdesc\":\"{\\\"A\\\":\\\"AES/CBC\\\","
             "\\\"aws:x-amz-cek-alg\\\":\\\"AES/GCM/NoPadding\\\"}\"," IV12 "}",
             &f),
        1);
    assert_int_equal(e.context_count, 2);
    s3_envelope_free(&e);
    refuse("{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms+context\",\"x-amz-cek-alg\":"
           "\"AES/GCM/NoPadding\",\"x-amz-matdesc\":\"{\\\"A\\\":\\\"AES/GCM/NoPadding\\\","
           "\\\"aws:x-amz-cek-alg\\\":\\\"115\\\"}\"," IV12 "}",
           "aws:x-amz-cek-alg in the encryption context: expected 'AES/GCM/NoPadding', which the "
           "metadata says, found '115'; the metadata may have been changed");
}

static void test_format_3_refused(void **state) {
    (void)state;
    refuse("{\"x-amz-3\":\"QUJD\",\"x-amz-w\":\"12\",\"x-amz-d\":\"" B28 "\",\"x-amz-i\":\"" B28
           "\"}",
           "x-amz-c is missing: the envelope is not complete");
    refuse("{\"x-amz-c\":\"115\",\"x-amz-d\":\"" B28 "\",\"x-amz-i\":\"" B28 "\"}",
           "x-amz-3 is missing: the wrapped key is in the instruction file (the object's name and "
           "'.instruction'); give that file too, with another -e");
    refuse("{\"x-amz-3\":\"QUJD\",\"x-amz-w\":\"12\"}",
           "x-amz-c, x-amz-d and x-amz-i are missing: this is an instruction file; give the "
           "metadata of the object too, with another -e");
    refuse("{\"x-amz-3\":\"QUJD\",\"x-amz-w\":\"12\",\"x-amz-c\":\"115\"}",
           "x-amz-i is missing: the envelope is not complete");
    refuse("{\"x-amz-3\":\"QUJD\",\"x-amz-w\":\"kms\",\"x-amz-c\":\"115\"}",
           "a: x-amz-w: expected the key wrap 02, 12 or 22, found 'kms'");
    refuse("{\"x-amz-3\":\"QUJD\",\"x-amz-w\":\"12\",\"x-amz-c\":\"115\",\"x-amz-d\":\"QUJD\","
           "\"x-amz-i\":\"" B28 "\"}",
           "a: x-amz-d: wrong length: expected 28 bytes, found 3 bytes");
    refuse("{\"x-amz-3\":\"QUJD\",\"x-amz-w\":\"12\",\"x-amz-c\":\"115\",\"x-amz-d\":\"" B28
           "\",\"x-amz-i\":\"" B28 "\"}",
           "aws:x-amz-cek-alg is missing in the encryption context");
}

static void test_pairs_refused(void **state) {
    (void)state;
    static const char v2[] = "{\"x-amz-key-v2\":\"QUJD\",\"x-amz-wrap-alg\":\"kms\"," IV16
                             ",\"x-amz-unencrypted-content-length\":\"5\"}";
    refuse_pair(v2, v2,
                "both a and b hold a wrapped key: expected the metadata of an object and its "
                "instruction file");
    refuse_pair(
        "{" IV16 "}", v2,
        "a: x-amz-iv must not be given with the instruction file b, which holds the wrapped "
        "key");
    refuse_pair("{\"x-amz-c\":\"115\"}", v2,
                "a: x-amz-c must not be given with the instruction file b, which holds the wrapped "
                "key");
    refuse_pair("{\"x-amz-unencrypted-content-length\":\"6\"}", v2,
                "x-amz-unencrypted-content-length differs between a and b");
    refuse_pair("{\"x-amz-w\":\"12\"}", "{\"x-amz-3\":\"QUJD\"}",
                "a: x-amz-w must not be given with the instruction file b, which holds the wrapped "
                "key");
    struct s3_envelope e;
    struct fault f;
    assert_int_equal(make_pair(&e, "{\"x-amz-unencrypted-content-length\":\"5\"}", v2, &f), 1);
    s3_envelope_free(&e);
    assert_int_equal(make_pair(&e, "{\"Metadata\":{}}", "{}", &f), 0);
    s3_envelope_free(&e);
}

// No prefix of a JSON envelope is an envelope.
static void test_cut_anywhere(void **state) {
    (void)state;
    static const char *const files[] = {"cli/head-ruby-v1-kms-cbc-1000.json",
                                        "cli/head-python-v3-kmscontext-commit-1000.json",
                                        "objects/go-v1-kms-gcm-instr-1000.bin.instruction"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t size;
        uint8_t *text = s3vectors_read(files[i], &size);
        while (size > 0 && text[size - 1] != '}')
            size--;
        for (size_t cut = 0; cut < size; cut++) {
            struct s3_metadata m;
            struct fault f;
            // A copy of just that size, so that a sanitizer sees reads beyond it.
            uint8_t *copy = malloc(cut + (cut == 0));
            assert_non_null(copy);
            memcpy(copy, text, cut);
            assert_int_equal(s3_metadata_parse(&m, copy, cut, "a", &f), -1);
            assert_int_equal(f.status, EX_DATAERR);
            free(copy);
        }
        free(text);
    }
}

// What is printed is read again as the same envelope, and has the members of the real clients.
static void test_print(void **state) {
    (void)state;
    json_t *vectors = s3vectors_load("vectors.json"), *vector;
    size_t i, printed = 0;
    json_array_foreach(vectors, i, vector) {
        struct s3_envelope e;
        struct fault f;
        char *text;
        assert_int_equal(s3vectors_envelope(&e, vector, &f), 1);
        bool writable = s3_envelope_wrap_by_kms(e.wrap);
        assert_int_equal(s3_envelope_print_json(&e, &text, &f), writable ? 0 : -1);
        if (writable) {
            printed++;
            json_t *map = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
            json_t *original = json_object_get(vector, "object_metadata");
            if (json_object_get(vector, "instruction_file") == NULL &&
                strncmp(s3vectors_string(vector, "name"), "python", 6) != 0)
                assert_true(json_equal(map, original));
            json_decref(map);
            struct s3_envelope again;
            assert_int_equal(make(&again, text, &f), 1);
            assert_int_equal(again.format, e.format);
            assert_int_equal(again.content, e.content);
            assert_int_equal(again.wrap, e.wrap);
            assert_string_equal(again.wrapped_base64, e.wrapped_base64);
            assert_memory_equal(again.iv, e.iv, sizeof e.iv);
            assert_memory_equal(again.message_id, e.message_id, sizeof e.message_id);
            assert_memory_equal(again.commitment, e.commitment, sizeof e.commitment);
            assert_int_equal(again.has_length, e.has_length);
            assert_int_equal(again.length, e.length);
            assert_int_equal(again.context_count, e.context_count);
            s3_envelope_free(&again);
        } else {
            assert_int_equal(f.status, EX_SOFTWARE);
        }
        free(text);
        s3_envelope_free(&e);
    }
    assert_true(printed > 10);
    json_decref(vectors);
}

static void test_print_limits(void **state) {
    (void)state;
    char value[2100], accent[] = "\xc3\xa9";
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct s3_pair pair = {.name = accent, .value = value};
    uint8_t wrapped[] = {1, 2, 3};
    struct s3_envelope e = {.format = 2,
                            .wrapped = wrapped,
                            .wrapped_size = 3,
                            .iv_size = 16,
                            .context = &pair,
                            .context_count = 1};
    char *text;
    struct fault f;
    assert_int_equal(s3_envelope_print_json(&e, &text, &f), -1);
    assert_int_equal(f.status, EX_DATAERR);
    assert_non_null(strstr(f.text, "expected at most 2048"));
    assert_null(text);
    value[10] = '\0'; // other characters than ASCII are escaped
    assert_int_equal(s3_envelope_print_json(&e, &text, &f), 0);
    assert_non_null(strstr(text, "u00E9"));
    struct s3_envelope again;
    assert_int_equal(make(&again, text, &f), 1);
    assert_string_equal(again.context[0].name, accent);
    s3_envelope_free(&again);
    free(text);
    value[3] = 0x7f; // what JSON does not escape, and a header does not hold
    assert_int_equal(s3_envelope_print_json(&e, &text, &f), -1);
    assert_string_equal(f.text,
                        "x-amz-matdesc: metadata of an object can only hold printable ASCII");
    value[3] = 'x';
    accent[1] = 'x';
    assert_int_equal(s3_envelope_print_json(&e, &text, &f), -1);
    assert_string_equal(f.text, "the encryption context is not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_negative_vectors),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_body_size),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_lenience),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_forms_refused),
        cmocka_unit_test(test_no_metadata),
        cmocka_unit_test(test_other_clients),
        cmocka_unit_test(test_utf16),
        cmocka_unit_test(test_encoded_words),
        cmocka_unit_test(test_format_1_refused),
        cmocka_unit_test(test_format_2_refused),
        cmocka_unit_test(test_lengths_refused),
        cmocka_unit_test(test_bound_late),
        cmocka_unit_test(test_format_3_refused),
        cmocka_unit_test(test_pairs_refused),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
