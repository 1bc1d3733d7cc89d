// SPDX-License-Identifier: Apache-2.0
// Envelopes of S3 encryption clients, the keys wrapped in them, and the bodies. First byte: bit 0
// two sources of metadata; bit 1 the body is a plaintext, to be encrypted first; second byte: the
// pieces of the second run. Then each source up to a NUL, then the body.
//
// Parsers: s3_metadata.c s3_encoded_word.c s3_envelope.c s3_content.c s3_envelope_print.c
// s3_data_key.c
#include "fuzz.h"
#include "s3/s3_content.h"
#include "s3/s3_data_key.h"
#include "s3/s3_envelope.h"
#include "s3/s3_envelope_print.h"

#include "archives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int bad_data[] = {EX_DATAERR, 0};

static void check_line(const char *text) {
    fuzz_check_text(text, strlen(text) + 1);
    if (strchr(text, '\n') != NULL)
        fuzz_broken("a line of two lines: %s", text);
}

static bool same_text(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

// What is printed says the same when it is read.
static void check_printing(const struct s3_envelope *e) {
    struct fault f;
    char *text;
    if (e->wrap != S3_WRAP_KMS && e->wrap != S3_WRAP_KMS_CONTEXT)
        return;
    if (s3_envelope_print_json(e, &text, &f) < 0) {
        fuzz_check_fault(&f, (int[]){EX_DATAERR, EX_SOFTWARE, 0});
        if (f.status == EX_SOFTWARE && e->format != 1)
            fuzz_broken("an envelope of format %d cannot be written: %s", e->format, f.text);
        return;
    }
    struct s3_metadata m;
    struct s3_envelope again;
    if (s3_metadata_parse(&m, text, strlen(text), "printed", &f) < 0 ||
        s3_envelope_make(&again, &m, 1, &f) != 1)
        fuzz_broken("a printed envelope is not read: %s\n%s", f.text, text);
    bool same = again.format == e->format && again.content == e->content && again.wrap == e->wrap &&
                again.wrapped_size == e->wrapped_size && again.iv_size == e->iv_size &&
                again.context_count == e->context_count &&
                memcmp(again.wrapped, e->wrapped, e->wrapped_size) == 0 &&
                memcmp(again.iv, e->iv, e->iv_size) == 0 &&
                memcmp(again.message_id, e->message_id, sizeof e->message_id) == 0 &&
                memcmp(again.commitment, e->commitment, sizeof e->commitment) == 0;
    for (size_t i = 0; same && i < e->context_count; i++)
        same = same_text(again.context[i].name, e->context[i].name) &&
               same_text(again.context[i].value, e->context[i].value);
    if (!same)
        fuzz_broken("a printed envelope is read as another:\n%s", text);
    s3_envelope_free(&again);
    s3_metadata_free(&m);
    free(text);
}

static void check_unwrapping(const struct s3_envelope *e) {
    static const char *const files[] = {FIXTURES "/s3/aes-test-key.hex",
                                        FIXTURES "/s3/rsa-test-key.pem"};
    for (size_t i = 0; i < 2; i++) {
        struct secret key;
        struct fault f;
        if (s3_data_key_unwrap(&key, e, files[i], &f) < 0) {
            fuzz_check_fault(&f, bad_data);
            if (key.data != NULL)
                fuzz_broken("a key and a fault");
        } else if (key.size != S3_DATA_KEY_SIZE) {
            fuzz_broken("a data key of %zu bytes", key.size);
        }
        secret_free(&key);
    }
}

struct content {
    int result;
    struct fault fault;
    uint8_t *data;
    size_t size;
};

// Pushes the body in pieces, each into exactly the room that the header promises to be enough.
static void run(struct s3_content_stream *s, const uint8_t *body, size_t size,
                const struct feeding *pieces, struct content *c) {
    *c = (struct content){.data = malloc(size + S3_CONTENT_SLACK + 1)};
    size_t piece = pieces->first != 0 ? pieces->first : size, made;
    if (c->data == NULL)
        abort();
    for (size_t at = 0; at < size && c->result == 0;) {
        size_t n = size - at < piece ? size - at : piece;
        uint8_t *in = fuzz_copy(body + at, n), *out = malloc(n + S3_CONTENT_SLACK);
        if (out == NULL)
            abort();
        c->result = s3_content_push(s, in, n, out, &made, &c->fault);
        if (c->result == 0) {
            if (c->size + made > size + S3_CONTENT_SLACK)
                fuzz_broken("more comes out than goes in");
            memcpy(c->data + c->size, out, made);
            c->size += made;
        }
        free(in);
        free(out);
        at += n;
        piece = pieces->rest != 0 ? pieces->rest : size;
    }
    uint8_t out[S3_CONTENT_SLACK];
    if (c->result < 0)
        return;
    c->result = s3_content_finish(s, out, &made, &c->fault);
    if (c->result < 0)
        return;
    if (made > sizeof out || c->size + made > size + S3_CONTENT_SLACK)
        fuzz_broken("%zu bytes at the end of %zu", made, c->size);
    memcpy(c->data + c->size, out, made);
    c->size += made;
    if (s3_content_plain_size(s) > size)
        fuzz_broken("more plaintext than anything");
}

// Returns what decryption gives, or false if the key is not the one committed to.
static bool decrypt(const struct s3_envelope *e, const struct secret *key, const uint8_t *body,
                    size_t size, const struct feeding *pieces, struct content *c) {
    struct s3_content_stream *s;
    struct fault f;
    if (s3_content_decrypt(&s, e, key, &f) < 0) {
        fuzz_check_fault(&f, bad_data);
        return false;
    }
    run(s, body, size, pieces, c);
    s3_content_free(s);
    return true;
}

static void check_body(const struct s3_envelope *e, struct fuzz_input body, uint8_t choice) {
    uint8_t bytes[] = "the key of all bodies, 32 bytes.";
    struct secret key = {.size = S3_DATA_KEY_SIZE, .data = bytes, .capacity = S3_DATA_KEY_SIZE};
    struct feeding whole = {.threads = 1}, pieces = fuzz_feeding(choice);
    struct content first, second;
    struct fault f;
    bool possible = s3_content_check_size(e, body.size, &f) == 0;
    if (!possible)
        fuzz_check_fault(&f, bad_data);
    if (!decrypt(e, &key, body.data, body.size, &whole, &first) ||
        !decrypt(e, &key, body.data, body.size, &pieces, &second))
        return;
    if (first.result < 0)
        fuzz_check_fault(&first.fault, bad_data);
    else if (!possible)
        fuzz_broken("a body of a size that is not possible: %s", f.text);
    if (first.result != second.result ||
        (first.result == 0 &&
         (first.size != second.size || memcmp(first.data, second.data, first.size) != 0)))
        fuzz_broken("%s: other content", feeding_text(&pieces));
    if (first.result < 0 && !same_text(first.fault.text, second.fault.text))
        fuzz_broken("\"%s\" and \"%s\"", first.fault.text, second.fault.text);
    free(first.data);
    free(second.data);
}

// What is encrypted is decrypted, with what s3_content_encrypt puts into the envelope.
static void check_both_ways(struct s3_envelope *e, struct fuzz_input plain, uint8_t choice) {
    uint8_t bytes[] = "the key of all bodies, 32 bytes.";
    struct secret key = {.size = S3_DATA_KEY_SIZE, .data = bytes, .capacity = S3_DATA_KEY_SIZE};
    struct feeding whole = {.threads = 1}, pieces = fuzz_feeding(choice);
    struct s3_content_stream *s;
    struct content coded, back;
    struct fault f;
    e->has_length = e->has_body_size = false;
    if (s3_content_encrypt(&s, e, &key, &f) < 0)
        fuzz_broken("cannot encrypt: %s", f.text);
    run(s, plain.data, plain.size, &pieces, &coded);
    s3_content_free(s);
    if (coded.result < 0)
        fuzz_broken("cannot encrypt: %s", coded.fault.text);
    if (!decrypt(e, &key, coded.data, coded.size, &whole, &back) || back.result < 0 ||
        back.size != plain.size ||
        (plain.size > 0 && memcmp(back.data, plain.data, plain.size) != 0))
        fuzz_broken("encrypted and decrypted, and not the same");
    free(coded.data);
    free(back.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input in = {data, size};
    uint8_t mode = fuzz_byte(&in), pieces = fuzz_byte(&in);
    struct s3_metadata m[2];
    size_t count = 0, wanted = mode & 1 ? 2 : 1;
    struct s3_envelope e;
    struct fault f;
    for (; count < wanted; count++) {
        struct fuzz_input text = fuzz_text(&in);
        uint8_t *copy = fuzz_copy(text.data, text.size);
        int parsed =
            s3_metadata_parse(&m[count], copy, text.size, count > 0 ? "second" : "first", &f);
        free(copy);
        if (parsed < 0) {
            fuzz_check_fault(&f, bad_data);
            break;
        }
    }
    if (count == wanted) {
        int made = s3_envelope_make(&e, m, count, &f);
        if (made < 0)
            fuzz_check_fault(&f, bad_data);
        if (made > 0) {
            s3_envelope_print_words(&e, check_line);
            check_printing(&e);
            check_unwrapping(&e);
            if (mode & 2)
                check_both_ways(&e, in, pieces);
            else
                check_body(&e, in, pieces);
        }
        s3_envelope_free(&e);
    }
    while (count > 0)
        s3_metadata_free(&m[--count]);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

static void add_pair(fuzz_add *add, const char *first, const char *second, uint8_t mode) {
    static const char *const folders[] = {FIXTURES "/s3/cli", FIXTURES "/s3/objects"};
    const char *const files[] = {first, second};
    struct bytes seed = {0}, body = {0}, content;
    char path[400];
    bytes_little(&seed, mode, 1);
    bytes_little(&seed, 0x1a, 1);
    for (size_t i = 0; i < 2 && files[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], files[i]);
        bytes_load(&content, path);
        bytes_add(&seed, content.data, content.size);
        bytes_zeros(&seed, 1);
        bytes_free(&content);
    }
    bytes_noise(&body, 64, mode + 1U);
    bytes_add(&seed, body.data, body.size);
    bytes_free(&body);
    add(seed.data, seed.size);
    bytes_free(&seed);
}

// The metadata of the vectors, as bare maps.
static void add_text(fuzz_add *add, uint8_t mode, const char *text, const char *body) {
    struct bytes seed = {0};
    bytes_little(&seed, mode, 1);
    bytes_little(&seed, 9, 1);
    bytes_text(&seed, text);
    bytes_zeros(&seed, 1);
    bytes_text(&seed, body);
    add(seed.data, seed.size);
    bytes_free(&seed);
}

#define WRAPPED_60                                                                                 \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

void fuzz_seeds(fuzz_add *add) {
    static const char *const heads[] = {"get-ruby-v1-kms-cbc-1000.json",
                                        "head-python-v3-kmscontext-commit-1000.json",
                                        "head-query-metadata-ruby-v1-kms-cbc-1000.json",
                                        "head-ruby-v2-kmscontext-user-gcm-1000.json",
                                        "headers-ruby-v1-kms-cbc-1000.txt",
                                        "mc-stat.json",
                                        "rclone-lsjson-stat.json",
                                        "s3cmd-info.txt"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        for (uint8_t mode = 0; mode < 4; mode += 2)
            add_pair(add, heads[i], NULL, mode);
    add_pair(add, "head-ruby-v1-kms-cbc-instr-1000.json",
             "ruby-v1-kms-cbc-instr-1000.bin.instruction", 1);
    add_pair(add, "head-ruby-v1-kms-cbc-instr-1000.json",
             "ruby-v2-kmscontext-gcm-instr-1000.bin.instruction", 3);
    add_pair(add, "head-python-v3-kmscontext-commit-1000.json",
             "python-v3-kmscontext-commit-instr-1000.bin.instruction", 1);
    static const char *const wraps[] = {"AES/GCM", "AESWrap", "RSA-OAEP-SHA1",
                                        "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"};
    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        char text[600];
        snprintf(text, sizeof text,
                 "{\"x-amz-key-v2\":\"%s\",\"x-amz-iv\":\"AAAAAAAAAAAAAAAA\",\"x-amz-cek-alg\":"
                 "\"AES/GCM/NoPadding\",\"x-amz-wrap-alg\":\"%s\",\"x-amz-matdesc\":\"{}\","
                 "\"x-amz-tag-len\":\"128\"}",
                 WRAPPED_60, wraps[i]);
        add_text(add, 0, text, "sixteen bytes..and sixteen more.");
        add_text(add, 2, text, "a plaintext");
    }
    add_text(
        add, 2,
        "x-amz-meta-x-amz-key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
        "x-amz-meta-x-amz-iv: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Amz-Meta-X-Amz-Matdesc: {}\r\n",
        "a plaintext");
    add_text(
        add, 0,
        "Type\tKey\tValue\nUser defined\tx-amz-meta-x-amz-key-v2\tQUJD\nUser defined\t"
        "x-amz-meta-x-amz-iv\tAAAAAAAAAAAAAAAAAAAAAA==\nUser defined\tx-amz-meta-x-amz-wrap-alg"
        "\tkms\nUser defined\tx-amz-meta-x-amz-matdesc\t=?UTF-8?Q?{\"k\":\"K=C3=83=C2=B6\"}?= "
        "=?UTF-8?B?eyJr?=\n",
        "sixteen bytes...");
}
