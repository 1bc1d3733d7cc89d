// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool starts_with(const struct secret *text, const char *start) {
    return text->size >= strlen(start) && memcmp(text->data, start, strlen(start)) == 0;
}

// Keeps `size` bytes from `at` on, without the blanks around them.
static void keep(struct secret *text, size_t at, size_t size) {
    while (size > 0 && is_blank(text->data[at])) {
        at++;
        size--;
    }
    while (size > 0 && is_blank(text->data[at + size - 1]))
        size--;
    memmove(text->data, text->data + at, size);
    text->size = size;
}

// Takes off the name of a ciphertext and what stands between it and the value, which ends with the
// line.
static void strip_name(struct secret *text) {
    static const char *const names[] = {"CiphertextBlob", "ciphertext_blob", "Ciphertext"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t at = strlen(names[i]);
        if (text->size <= at || strncasecmp((const char *)text->data, names[i], at) != 0)
            continue;
        while (at < text->size && is_blank(text->data[at]))
            at++;
        if (at == text->size || (text->data[at] != '=' && text->data[at] != ':'))
            continue;
        const uint8_t *end = memchr(text->data + at, '\n', text->size - at);
        keep(text, at + 1, (end != NULL ? (size_t)(end - text->data) : text->size) - at - 1);
        return;
    }
}

static void strip_quotes(struct secret *text) {
    size_t at = text->size > 2 && text->data[0] == 'b' ? 1 : 0; // b'...'
    uint8_t quote = text->size >= at + 2 ? text->data[at] : 0;
    if ((quote == '\'' || quote == '"') && text->data[text->size - 1] == quote)
        keep(text, at + 1, text->size - at - 2);
}

// Leaves out the lines that begin and end PEM.
static void strip_pem(struct secret *text) {
    if (!starts_with(text, "-----BEGIN "))
        return;
    const uint8_t *first = memchr(text->data, '\n', text->size);
    size_t at = first != NULL ? (size_t)(first - text->data) : text->size;
    const uint8_t *last = memmem(text->data + at, text->size - at, "-----END", 8);
    keep(text, at, (last != NULL ? (size_t)(last - text->data) : text->size) - at);
}

// What the AWS CLI prints with --output text has the ciphertext first.
static void strip_columns(struct secret *text) {
    const uint8_t *tab = memchr(text->data, '\t', text->size);
    if (tab != NULL && memchr(text->data, '\n', (size_t)(tab - text->data)) == NULL)
        keep(text, 0, (size_t)(tab - text->data));
}

static int digit(uint8_t c) {
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

// %2B, \/ and the letters of base64url.
static void strip_escapes(struct secret *text) {
    size_t used = 0;
    for (size_t i = 0; i < text->size; i++) {
        uint8_t c = text->data[i];
        if (c == '%' && i + 2 < text->size && digit(text->data[i + 1]) >= 0 &&
            digit(text->data[i + 2]) >= 0) {
            c = (uint8_t)(16 * digit(text->data[i + 1]) + digit(text->data[i + 2]));
            i += 2;
        } else if (c == '\\' && i + 1 < text->size && text->data[i + 1] == '/') {
            c = text->data[++i];
        }
        text->data[used++] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    text->size = used;
}

void kms_text_strip(struct secret *text) {
    strip_pem(text);
    strip_name(text);
    strip_columns(text);
    strip_quotes(text);
    strip_escapes(text);
}

bool kms_text_is_hex(struct secret *text) {
    enum { DIGITS_MIN = 32 };
    size_t at = starts_with(text, "0x") || starts_with(text, "0X") ? 2 : 0, digits = 0;
    for (size_t i = at; i < text->size; i++) {
        bool between = text->data[i] == ':' && i >= at + 2 && i + 2 < text->size &&
                       isxdigit(text->data[i - 1]) && isxdigit(text->data[i + 1]) &&
                       digits % 2 == 0;
        if (isxdigit(text->data[i]))
            digits++;
        else if (!is_blank(text->data[i]) && !between)
            return false;
    }
    if (digits < DIGITS_MIN || digits % 2 != 0)
        return false;
    size_t used = 0;
    for (size_t i = at; i < text->size; i++)
        if (isxdigit(text->data[i]))
            text->data[used++] = text->data[i];
    text->size = used;
    return true;
}

const char *kms_text_hint(const uint8_t *data, size_t size) {
    struct secret text = {.data = (uint8_t *)(uintptr_t)data, .size = size}; // only to look at
    if (starts_with(&text, "file:") || starts_with(&text, "fileb:"))
        return "; this is the name of a file: give that by -i FILE";
    if (size > 2 && data[0] == 'b' && (data[1] == '\'' || data[1] == '"'))
        return "; this is how Python prints bytes: print base64.b64encode(blob).decode()";
    if (size > 2 && data[0] == '{' && memchr(data, '\'', size) != NULL)
        return "; this is how Python prints a reply: print "
               "base64.b64encode(reply['CiphertextBlob']).decode()";
    if (starts_with(&text, "0000000"))
        return "; this is a dump of bytes: give the file itself";
    return NULL;
}
