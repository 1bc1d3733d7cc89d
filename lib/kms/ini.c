// SPDX-License-Identifier: Apache-2.0
#include "kms/ini.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static struct ini_value trim(const char *text, size_t size) {
    while (size > 0 && is_blank(text[0])) {
        text++;
        size--;
    }
    while (size > 0 && is_blank(text[size - 1]))
        size--;
    return (struct ini_value){text, size};
}

static bool equals(struct ini_value a, const char *b) {
    return a.size == strlen(b) && memcmp(a.text, b, a.size) == 0;
}

static bool equals_any_case(struct ini_value a, const char *b) {
    return a.size == strlen(b) && strncasecmp(a.text, b, a.size) == 0;
}

// Takes the next line off the text. Returns false at its end.
static bool next_line(const char **text, size_t *size, struct ini_value *line) {
    if (*size == 0)
        return false;
    const char *end = memchr(*text, '\n', *size);
    size_t length = end != NULL ? (size_t)(end - *text) : *size;
    *line = (struct ini_value){*text, length};
    size_t taken = end != NULL ? length + 1 : length;
    *text += taken;
    *size -= taken;
    return true;
}

// Whether the line is the header of a section; then *name is the name between the brackets.
static bool is_header(struct ini_value line, struct ini_value *name) {
    struct ini_value trimmed = trim(line.text, line.size);
    if (trimmed.size < 2 || trimmed.text[0] != '[')
        return false;
    const char *end = memchr(trimmed.text, ']', trimmed.size);
    if (end == NULL)
        return false;
    *name = trim(trimmed.text + 1, (size_t)(end - trimmed.text - 1));
    return true;
}

bool ini_has_section(const char *text, size_t size, const char *section) {
    struct ini_value line, name;
    while (next_line(&text, &size, &line))
        if (is_header(line, &name) && equals(name, section))
            return true;
    return false;
}

bool ini_get(const char *text, size_t size, const char *section, const char *group,
             const char *name, struct ini_value *value) {
    struct ini_value line, header;
    bool in_section = false, in_group = false, found = false;
    while (next_line(&text, &size, &line)) {
        struct ini_value trimmed = trim(line.text, line.size);
        if (trimmed.size == 0 || trimmed.text[0] == '#' || trimmed.text[0] == ';')
            continue;
        if (is_header(line, &header)) {
            in_section = equals(header, section);
            in_group = false;
            continue;
        }
        const char *sign = memchr(trimmed.text, '=', trimmed.size);
        if (!in_section || sign == NULL)
            continue;
        struct ini_value key = trim(trimmed.text, (size_t)(sign - trimmed.text));
        bool indented = is_blank(line.text[0]);
        if (!indented)
            in_group = group != NULL && equals_any_case(key, group);
        if (indented != (group != NULL) || (group != NULL && !in_group) ||
            !equals_any_case(key, name))
            continue;
        struct ini_value got = trim(sign + 1, (size_t)(trimmed.text + trimmed.size - (sign + 1)));
        if (got.size > 0) {
            *value = got;
            found = true;
        }
    }
    return found;
}
