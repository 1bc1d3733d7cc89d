// SPDX-License-Identifier: Apache-2.0
#include "archive/selection.h"

#include "format/suffix.h"
#include "format/xbstream.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    enum selection_rule kind;
    const char *text;
    size_t size;
    bool matched;
};

struct selection {
    struct rule *rules;
    size_t count;
    bool positive; // there is a rule other than SELECTION_EXCLUDE
    bool met;
};

// What rules are held against.
struct candidate {
    const char *stored;
    size_t stored_size;
    char plain[XBSTREAM_PATH_MAX + 1];
    size_t plain_size;
    char table[XBSTREAM_PATH_MAX + 1]; // "DATABASE.TABLE"; empty for a member that is in no folder
};

int selection_add(struct selection **out, enum selection_rule kind, const char *text) {
    if (*out == NULL && (*out = calloc(1, sizeof **out)) == NULL)
        return -1;
    struct selection *s = *out;
    struct rule *larger = realloc(s->rules, (s->count + 1) * sizeof *larger);
    if (larger == NULL)
        return -1;
    s->rules = larger;
    s->rules[s->count++] = (struct rule){.kind = kind, .text = text, .size = strlen(text)};
    s->positive = s->positive || kind != SELECTION_EXCLUDE;
    return 0;
}

static void describe(struct candidate *c, const char *name, size_t size) {
    c->stored = name;
    c->stored_size = size;
    c->plain_size = suffix_strip(name, size);
    memcpy(c->plain, name, c->plain_size);
    c->plain[c->plain_size] = '\0';
    // The server writes '.' and '#' in the names of databases and tables as "@002e" and "@0023".
    memcpy(c->table, c->plain, c->plain_size + 1);
    char *slash = strrchr(c->table, '/');
    if (slash == NULL || slash[1] == '\0') {
        c->table[0] = '\0';
        return;
    }
    *slash = '.';
    slash[2 + strcspn(slash + 2, ".#")] = '\0';
}

static bool is_name(const struct rule *r, const struct candidate *c) {
    size_t size = c->stored_size;
    for (;;) {
        if (size == r->size && memcmp(c->stored, r->text, size) == 0)
            return true;
        enum suffix s = suffix_of(c->stored, size);
        if (s == SUFFIX_NONE)
            return false;
        size -= suffix_size(s);
    }
}

static bool is_in_folder(const struct rule *r, const struct candidate *c) {
    size_t size = r->size;
    while (size > 0 && r->text[size - 1] == '/')
        size--;
    return size > 0 && c->stored_size > size && c->stored[size] == '/' &&
           memcmp(c->stored, r->text, size) == 0;
}

static bool fits_pattern(const struct rule *r, struct candidate *c) {
    if (fnmatch(r->text, c->plain, 0) == 0 ||
        (c->table[0] != '\0' && fnmatch(r->text, c->table, 0) == 0))
        return true;
    bool fits = false;
    for (char *slash = c->plain; !fits && (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        fits = fnmatch(r->text, c->plain, 0) == 0;
        *slash = '/';
    }
    return fits;
}

static bool goes_for(const struct rule *r, struct candidate *c) {
    switch (r->kind) {
    case SELECTION_NAME:
        return is_name(r, c) || is_in_folder(r, c);
    case SELECTION_MEMBER:
        return is_name(r, c);
    default:
        return fits_pattern(r, c);
    }
}

bool selection_wants(struct selection *s, const char *name, size_t size) {
    if (s == NULL)
        return true;
    struct candidate c;
    describe(&c, name, size);
    bool wanted = !s->positive, excluded = false;
    for (size_t i = 0; i < s->count; i++) {
        struct rule *r = &s->rules[i];
        if (!goes_for(r, &c))
            continue;
        r->matched = true;
        wanted = wanted || r->kind != SELECTION_EXCLUDE;
        excluded = excluded || r->kind == SELECTION_EXCLUDE;
    }
    wanted = wanted && !excluded;
    s->met = s->met || wanted;
    return wanted;
}

const char *selection_missing(const struct selection *s, size_t *next) {
    while (s != NULL && *next < s->count) {
        const struct rule *r = &s->rules[(*next)++];
        if (!r->matched && (r->kind == SELECTION_NAME || r->kind == SELECTION_MEMBER))
            return r->text;
    }
    return NULL;
}

bool selection_met(const struct selection *s) {
    return s != NULL && s->met;
}

void selection_free(struct selection *s) {
    if (s == NULL)
        return;
    free(s->rules);
    free(s);
}
