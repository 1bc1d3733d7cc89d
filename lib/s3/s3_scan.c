// SPDX-License-Identifier: Apache-2.0
#include "s3/s3_scan.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static bool is_name(char c) {
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static void step(struct s3_scan *s, size_t size) {
    for (; size > 0; size--) {
        s->before = *s->text++;
        s->size--;
        s->line += s->before == '\n';
    }
}

static bool at(const struct s3_scan *s, const char *set) {
    return s->size > 0 && s->text[0] != '\0' && strchr(set, s->text[0]) != NULL;
}

static void skip(struct s3_scan *s, const char *set) {
    while (at(s, set))
        step(s, 1);
}

// Goes to the next word that begins with that text. Returns false if there is none.
static bool find(struct s3_scan *s, const char *word) {
    size_t size = strlen(word);
    while (s->size >= size && (is_name(s->before) || strncasecmp(s->text, word, size) != 0))
        step(s, 1);
    return s->size >= size;
}

// Skips the characters between a name and its value.
static void skip_to_value(struct s3_scan *s, char quote) {
    if ((quote == '"' || quote == '\'') && s->size > 0 && s->text[0] == quote)
        step(s, 1);
    skip(s, " \t");
    if (at(s, ":=|,>")) {
        step(s, 1);
        skip(s, " \t>");
    } else if (at(s, "\r\n")) {
        skip(s, "\r");
        if (at(s, "\n"))
            step(s, 1);
        skip(s, " \t");
    }
}

// Reads a value in quotes; a quote inside is doubled or has a backslash before it.
static size_t take_quoted(struct s3_scan *s, char *value) {
    char quote = s->text[0];
    size_t size = 0;
    for (step(s, 1); s->size > 0; step(s, 1)) {
        bool escaped =
            s->size > 1 && (s->text[0] == '\\' ? strchr("\\'\"/", s->text[1]) != NULL
                                               : s->text[0] == quote && s->text[1] == quote);
        if (escaped)
            step(s, 1);
        else if (s->text[0] == quote)
            break;
        value[size++] = s->text[0];
    }
    if (s->size > 0)
        step(s, 1);
    return size;
}

// Reads a JSON object up to its closing brace.
static size_t take_object(struct s3_scan *s, char *value) {
    size_t size = 0;
    unsigned depth = 0;
    bool in_string = false;
    do {
        char c = s->text[0];
        if (c == '"' && s->before != '\\')
            in_string = !in_string;
        depth += !in_string && c == '{';
        depth -= !in_string && c == '}';
        value[size++] = c;
        step(s, 1);
    } while (s->size > 0 && depth > 0);
    return size;
}

static size_t take_word(struct s3_scan *s, char *value) {
    size_t size = 0;
    while (s->size > 0 && !at(s, " \t\r\n,;|<'\"")) {
        value[size++] = s->text[0];
        step(s, 1);
    }
    return size;
}

bool s3_scan_next(struct s3_scan *s, struct s3_scan_pair *pair, char *value) {
    while (find(s, "x-amz-")) {
        char quote = s->before;
        *pair = (struct s3_scan_pair){.name = s->text, .line = s->line};
        while (pair->name_size < s->size && is_name(s->text[pair->name_size]))
            pair->name_size++;
        step(s, pair->name_size);
        skip_to_value(s, quote);
        pair->value_size = at(s, "'\"") ? take_quoted(s, value)
                           : at(s, "{") ? take_object(s, value)
                                        : take_word(s, value);
        if (pair->value_size > 0)
            return true;
    }
    return false;
}

bool s3_scan_number(const char *text, size_t size, const char *name, uint64_t *number) {
    enum { DIGITS_MAX = 18 };
    struct s3_scan s = {.text = text, .size = size, .line = 1, .before = '\n'};
    while (find(&s, name)) {
        char quote = s.before;
        step(&s, strlen(name));
        if (s.size > 0 && is_name(s.text[0]))
            continue;
        skip_to_value(&s, quote);
        unsigned digits = 0;
        for (*number = 0; at(&s, "0123456789") && digits <= DIGITS_MAX; digits++, step(&s, 1))
            *number = 10 * *number + (uint64_t)(s.text[0] - '0');
        if (digits > 0 && digits <= DIGITS_MAX && (s.size == 0 || !is_name(s.text[0])))
            return true;
    }
    return false;
}
