// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_encoded_word.h"

#include "base/base64.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// The parts of "=?CHARSET?ENCODING?TEXT?=".
struct word {
    const char *charset, *text, *end; // end: after the whole word
    size_t charset_size, text_size;
    char encoding;
};

static bool find_parts(struct word *w, const char *text, const char *end) {
    if (end - text < 2 || memcmp(text, "=?", 2) != 0)
        return false;
    w->charset = text + 2;
    const char *mark = memchr(w->charset, '?', (size_t)(end - w->charset));
    if (mark == NULL || end - mark < 3 || mark[2] != '?')
        return false;
    w->charset_size = (size_t)(mark - w->charset);
    w->encoding = mark[1];
    w->text = mark + 3;
    mark = memmem(w->text, (size_t)(end - w->text), "?=", 2);
    if (mark == NULL)
        return false;
    w->text_size = (size_t)(mark - w->text);
    w->end = mark + 2;
    return true;
}

static int hex_digit(char c) {
    static const char digits[] = "0123456789ABCDEF0123456789abcdef";
    const char *place = c != '\0' ? strchr(digits, c) : NULL;
    return place != NULL ? (int)((place - digits) % 16) : -1;
}

// The encoding "Q": "_" is a blank, "=XX" a byte. Returns false if it is damaged.
static bool decode_q(const struct word *w, char *out, size_t *size) {
    const char *start = out, *end = w->text + w->text_size;
    for (const char *in = w->text; in < end; in++) {
        if (*in != '=') {
            *out++ = *in == '_' ? ' ' : *in;
            continue;
        }
        int high = end - in > 2 ? hex_digit(in[1]) : -1;
        int low = end - in > 2 ? hex_digit(in[2]) : -1;
        if (high < 0 || low < 0)
            return false;
        *out++ = (char)(high * 16 + low);
        in += 2;
    }
    *size = (size_t)(out - start);
    return true;
}

static bool charset_is(const struct word *w, const char *name) {
    return w->charset_size == strlen(name) && strncasecmp(w->charset, name, w->charset_size) == 0;
}

static bool decode_word(const struct word *w, char *out, size_t *size) {
    struct fault unused;
    if (!charset_is(w, "utf-8") && !charset_is(w, "us-ascii"))
        return false;
    if (w->encoding == 'Q' || w->encoding == 'q')
        return decode_q(w, out, size);
    return (w->encoding == 'B' || w->encoding == 'b') &&
           base64_decode(w->text, w->text_size, BASE64_PADDED, (uint8_t *)out, size, &unused) == 0;
}

static bool is_utf8(const char *text, size_t size) {
    json_t *checked = json_stringn(text, size);
    json_decref(checked);
    return checked != NULL;
}

// Undoes the encoding of bytes as characters, if there is one. Returns the size.
static size_t narrow(char *text, size_t size) {
    char *copy = malloc(size + 1);
    size_t used = 0, i = 0;
    while (copy != NULL && i < size) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80)
            copy[used++] = text[i++];
        else if ((c & 0xfe) == 0xc2 && size - i > 1) // a character below U+0100
            copy[used++] = (char)(c << 6 | (text[i + 1] & 0x3f)), i += 2;
        else
            break;
    }
    if (copy != NULL && i == size && is_utf8(copy, used)) {
        memcpy(text, copy, used);
        size = used;
    }
    free(copy);
    return size;
}

int s3_encoded_word_decode(char **out, const char *text, size_t size, struct fault *f) {
    *out = malloc(size + 1); // nothing gets longer
    if (*out == NULL)
        return diag_fault_memory(f);
    const char *end = text + size;
    size_t used = 0, blanks = 0; // blanks: at the end of the output, after a word
    bool after_word = false;
    struct word w;
    while (text < end) {
        size_t made;
        if (!find_parts(&w, text, end)) {
            blanks = after_word && (*text == ' ' || *text == '\t') ? blanks + 1 : 0;
            after_word = blanks > 0;
            (*out)[used++] = *text++;
            continue;
        }
        used -= blanks;
        blanks = 0;
        if (!decode_word(&w, *out + used, &made) || memchr(*out + used, '\0', made) != NULL) {
            free(*out);
            *out = NULL;
            return diag_fault(f, EX_DATAERR,
                              "an encoded word (RFC 2047) that is damaged or not "
                              "in UTF-8");
        }
        used += made;
        text = w.end;
        after_word = true;
    }
    used = narrow(*out, used);
    (*out)[used] = '\0';
    return 0;
}
