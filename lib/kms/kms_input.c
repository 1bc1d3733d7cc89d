// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_input.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/utf16.h"
#include "kms/kms_refusal.h"
#include "kms/kms_text.h"
#include "secret/json_secret.h"
#include "secret/keytext.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_SIZE = 200 };

// The first bytes of AWS KMS ciphertexts, as far as known. Only a hint, because they are opaque.
static const uint8_t aws_head[] = {0x01, 0x02, 0x02, 0x00};

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// A part of a text of another owner.
struct span {
    const uint8_t *data;
    size_t size;
};

static struct span trim(struct span s) {
    while (s.size > 0 && is_blank(s.data[s.size - 1]))
        s.size--;
    while (s.size > 0 && is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    return s;
}

int kms_input_clean(struct secret *text, struct fault *f) {
    if (text->size >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0) {
        text->size -= 3;
        memmove(text->data, text->data + 3, text->size);
        return 0;
    }
    if (!utf16_has_mark(text->data, text->size))
        return 0;
    struct secret narrow;
    if (secret_new(&narrow, UTF16_UTF8_MAX(text->size) + 1, f) < 0)
        return -1;
    if (!utf16_decode(text->data, text->size, narrow.data, &narrow.size)) {
        secret_free(&narrow); // other data, which begins that way by chance
        return 0;
    }
    secret_free(text);
    *text = narrow;
    return 0;
}

// Whether it has bytes that text does not have.
static bool is_binary(struct span s) {
    if (s.size >= sizeof aws_head && memcmp(s.data, aws_head, sizeof aws_head) == 0)
        return true;
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] == 0 || s.data[i] >= 0x80)
            return true;
    return false;
}

bool kms_input_is_aws_blob(const struct secret *bytes) {
    enum { SHORTEST = 100 }; // the ciphertext of 16 bytes is longer
    return bytes->size >= SHORTEST && memcmp(bytes->data, aws_head, sizeof aws_head) == 0;
}

enum kms_input kms_input_kind(const struct secret *text) {
    struct span s = trim((struct span){text->data, text->size});
    struct kms_refusal refusal = {.http_status = 0};
    if (is_binary((struct span){text->data, text->size}))
        return KMS_INPUT_CIPHERTEXT;
    if (kms_refusal_from_cli(&refusal, s.data, s.size))
        return KMS_INPUT_REPLY;
    bool has_key = memmem(s.data, s.size, "Plaintext", 9) != NULL;
    if (s.size == 0 || s.data[0] != '{')
        return has_key ? KMS_INPUT_REPLY : KMS_INPUT_OTHER;
    return memmem(s.data, s.size, "\"CiphertextBlob\"", 16) != NULL && !has_key
               ? KMS_INPUT_CIPHERTEXT
               : KMS_INPUT_REPLY;
}

// ---- The forms of a ciphertext

static int copy(struct secret *line, struct span s, struct fault *f) {
    if (secret_new(line, s.size + 1, f) < 0)
        return -1;
    memcpy(line->data, s.data, s.size);
    line->size = s.size;
    return 0;
}

static int encode(struct secret *line, struct span s, struct fault *f) {
    if (secret_new(line, BASE64_ENCODED_MAX(s.size) + 1, f) < 0)
        return -1;
    line->size = base64_encode(s.data, s.size, (char *)line->data);
    return 0;
}

static bool has(const json_t *object, const char *name) {
    return json_object_get(object, name) != NULL;
}

// The name of the input in messages.
static const char *source(const char *path, char shown[static SHOWN_SIZE]) {
    return path != NULL ? diag_name(path, strlen(path), shown, SHOWN_SIZE) : "standard input";
}

// The string that is a ciphertext, by its name in the reply, in one of another spelling, or in the
// reply inside of what a library returns.
static const char *find_blob(const json_t *object) {
    static const char *const names[] = {"CiphertextBlob", "ciphertextBlob", "ciphertext_blob",
                                        "Ciphertext", "ciphertext"};
    static const char *const around[] = {"body", "Body", "data", "Data"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && found == NULL; i++)
        found = json_secret_string(object, names[i]);
    for (size_t i = 0; i < sizeof around / sizeof around[0] && found == NULL; i++) {
        const json_t *inner = json_object_get(object, around[i]);
        for (size_t n = 0; n < sizeof names / sizeof names[0] && found == NULL; n++)
            found = json_is_object(inner) ? json_secret_string(inner, names[n]) : NULL;
    }
    return found;
}

static int from_object(struct secret *line, const char *path, const json_t *object,
                       struct fault *f) {
    char shown[SHOWN_SIZE];
    struct kms_refusal refusal = {.http_status = 0};
    if (has(object, "Plaintext"))
        return diag_fault(f, EX_DATAERR,
                          "%s is the reply of a key service, with the key unwrapped: "
                          "use --provider=response",
                          source(path, shown));
    const char *blob = find_blob(object);
    if (blob != NULL)
        return copy(line, trim((struct span){(const uint8_t *)blob, strlen(blob)}), f);
    if (kms_refusal_from_json(&refusal, object))
        return kms_refusal_fault(&refusal, "kms:Decrypt", f);
    if (has(object, "Metadata") || has(object, "metadata") || has(object, "x-amz-key-v2"))
        return diag_fault(f, EX_DATAERR,
                          "%s is the metadata of an object in S3: use "
                          "--provider=aws --envelope=FILE",
                          source(path, shown));
    return diag_fault(f, EX_DATAERR, "expected a ciphertext, found JSON without a CiphertextBlob");
}

// Adds to the message what the text is, if that is known.
static int not_base64(const char *hint, struct fault *f) {
    size_t used = strlen(f->text);
    if (hint != NULL && f->status == EX_DATAERR)
        snprintf(f->text + used, sizeof f->text - used, "%s", hint);
    return -1;
}

static int from_json(struct secret *line, const char *path, struct span s, struct fault *f) {
    json_t *value = json_secret_parse(s.data, s.size, "ciphertext", f);
    if (value == NULL)
        return not_base64(kms_text_hint(s.data, s.size), f);
    int result;
    if (json_is_string(value))
        result = copy(line,
                      trim((struct span){(const uint8_t *)json_string_value(value),
                                         json_string_length(value)}),
                      f);
    else if (json_is_object(value))
        result = from_object(line, path, value, f);
    else
        result = diag_fault(f, EX_DATAERR, "expected a ciphertext, found a JSON array");
    json_decref(value);
    return result;
}

static int from_text(struct secret *line, const char *path, struct span s, struct fault *f) {
    struct kms_refusal refusal = {.http_status = 0};
    if (kms_refusal_from_cli(&refusal, s.data, s.size))
        return kms_refusal_fault(&refusal, "kms:Decrypt", f);
    if (s.size > 0 && (s.data[0] == '{' || s.data[0] == '[' || s.data[0] == '"'))
        return from_json(line, path, s, f);
    if (s.size >= 2 && s.data[0] == '\'' && s.data[s.size - 1] == '\'')
        s = trim((struct span){s.data + 1, s.size - 2});
    return copy(line, s, f);
}

// Whether bytes that were encoded in base64 are themselves a long base64 text, which cannot be
// chance.
static bool is_base64_again(const struct secret *bytes, struct secret *inner) {
    struct fault unused;
    if (bytes->size < 24)
        return false;
    for (size_t i = 0; i < bytes->size; i++)
        if (!isalnum(bytes->data[i]) && strchr("+/=\r\n", bytes->data[i]) == NULL)
            return false;
    return keytext_decode(inner, bytes->data, bytes->size, &unused) == 0;
}

static int from_hex(struct secret *line, struct fault *f) {
    struct secret bytes;
    struct hex_decoder d = {.offset = 0};
    if (secret_new(&bytes, line->size / 2 + 1, f) < 0)
        return -1;
    int result = hex_decode_push(&d, line->data, line->size, bytes.data, &bytes.size, f);
    explicit_bzero(&d, sizeof d);
    secret_free(line);
    if (result == 0)
        result = encode(line, (struct span){bytes.data, bytes.size}, f);
    secret_free(&bytes);
    return result;
}

// Removes blanks, a second encoding, and what tools put around base64.
static int normalize(struct secret *line, struct fault *f) {
    struct secret bytes, inner;
    if (kms_text_is_hex(line))
        return from_hex(line, f);
    if (keytext_decode(&bytes, line->data, line->size, f) < 0) {
        struct fault other;
        const char *hint = kms_text_hint(line->data, line->size);
        kms_text_strip(line);
        if (kms_text_is_hex(line))
            return from_hex(line, f);
        if (keytext_decode(&bytes, line->data, line->size, &other) < 0)
            return not_base64(hint, f);
    }
    if (kms_text_is_hex(&bytes)) {
        secret_free(line);
        *line = bytes;
        return from_hex(line, f);
    }
    int result = 0;
    if (is_base64_again(&bytes, &inner)) {
        secret_free(line);
        result = encode(line, (struct span){inner.data, inner.size}, f);
        secret_free(&inner);
    } else {
        size_t used = 0;
        for (size_t i = 0; i < line->size; i++)
            if (!is_blank(line->data[i]))
                line->data[used++] = line->data[i];
        line->size = used;
        line->data[used] = '\0';
    }
    secret_free(&bytes);
    return result;
}

int kms_input_ciphertext(struct secret *line, const char *path, const struct secret *input,
                         struct fault *f) {
    struct span all = {input->data, input->size};
    *line = SECRET_NONE;
    if (is_binary(all))
        return encode(line, all, f);
    int result = from_text(line, path, trim(all), f);
    if (result == 0)
        result = normalize(line, f);
    if (result < 0)
        secret_free(line);
    return result;
}

int kms_input_blob(struct secret *bytes, const char *path, const struct secret *input,
                   struct fault *f) {
    struct secret line;
    *bytes = SECRET_NONE;
    if (kms_input_ciphertext(&line, path, input, f) < 0)
        return -1;
    int result = keytext_decode(bytes, line.data, line.size, f);
    secret_free(&line);
    return result;
}
