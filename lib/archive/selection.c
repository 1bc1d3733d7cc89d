// SPDX-License-Identifier: Apache-2.0
#include "archive/selection.h"

#include "base/member_name.h"
#include "format/suffix.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    enum selection_rule kind;
    const char *text;
    size_t size;
    char *clean;    // of a SELECTION_NAME or SELECTION_MEMBER: cleaned; NULL if that is impossible
    size_t matched; // members
};

struct selection {
    struct rule *rules;
    size_t count;
    bool positive; // there is a rule besides SELECTION_EXCLUDE
    size_t met;    // members that were wanted
};

// A name that rules are compared with: a member's name as stored, or cleaned.
struct candidate {
    const char *name;
    size_t size;
    char plain[MEMBER_NAME_MAX + 1];
    char table[MEMBER_NAME_MAX + 1]; // "DATABASE.TABLE"; empty for a member outside folders
};

int selection_add(struct selection **out, enum selection_rule kind, const char *text) {
    if (*out == NULL && (*out = calloc(1, sizeof **out)) == NULL)
        return -1;
    struct selection *s = *out;
    struct rule *larger = realloc(s->rules, (s->count + 1) * sizeof *larger);
    if (larger == NULL)
        return -1;
    s->rules = larger;
    struct rule rule = {.kind = kind, .text = text, .size = strlen(text)};
    bool is_pattern = kind == SELECTION_INCLUDE || kind == SELECTION_EXCLUDE;
    struct member_name clean;
    struct fault unused;
    if (!is_pattern && member_name_clean(&clean, text, rule.size, &unused) == 0 &&
        (rule.clean = strdup(clean.bytes)) == NULL)
        return -1;
    s->rules[s->count++] = rule;
    s->positive = s->positive || kind != SELECTION_EXCLUDE;
    return 0;
}

// `size` is at most MEMBER_NAME_MAX.
static void describe(struct candidate *c, const char *name, size_t size) {
    c->name = name;
    c->size = size;
    size_t plain = suffix_strip(name, size);
    memcpy(c->plain, name, plain);
    c->plain[plain] = '\0';
    // The server writes '.' and '#' in the names of databases and tables as "@002e" and "@0023".
    memcpy(c->table, c->plain, plain + 1);
    char *slash = strrchr(c->table, '/');
    if (slash == NULL || slash[1] == '\0') {
        c->table[0] = '\0';
        return;
    }
    *slash = '.';
    slash[2 + strcspn(slash + 2, ".#")] = '\0';
}

static bool is_text(const struct candidate *c, size_t size, const char *text) {
    return text != NULL && strlen(text) == size && memcmp(c->name, text, size) == 0;
}

static bool is_name(const struct rule *r, const struct candidate *c) {
    bool folder = r->size > 0 && r->text[r->size - 1] == '/';
    size_t size = c->size, plain = suffix_strip(c->name, c->size);
    for (;;) {
        if (is_text(c, size, r->text) || (!folder && is_text(c, size, r->clean)))
            return true;
        if (size == plain)
            return false;
        size -= suffix_size(suffix_of(c->name, size));
    }
}

static bool is_below(const struct candidate *c, const char *folder) {
    size_t size = folder != NULL ? strlen(folder) : 0;
    while (size > 0 && folder[size - 1] == '/')
        size--;
    return size > 0 && c->size > size && c->name[size] == '/' && memcmp(c->name, folder, size) == 0;
}

static bool is_in_folder(const struct rule *r, const struct candidate *c) {
    return is_below(c, r->text) || is_below(c, r->clean);
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

// The spellings of a name: as stored, and cleaned if that differs. Returns their number.
static unsigned spell(const char *name, size_t size, struct member_name *clean,
                      struct candidate candidates[2]) {
    struct fault unused;
    unsigned count = 0;
    if (size <= MEMBER_NAME_MAX)
        describe(&candidates[count++], name, size);
    if (member_name_clean(clean, name, size, &unused) == 0 &&
        (clean->size != size || memcmp(clean->bytes, name, size) != 0))
        describe(&candidates[count++], clean->bytes, clean->size);
    return count;
}

static bool goes_for_any(const struct rule *r, struct candidate candidates[2], unsigned count) {
    bool matches = false;
    for (unsigned c = 0; c < count && !matches; c++)
        matches = goes_for(r, &candidates[c]);
    return matches;
}

bool selection_wants(struct selection *s, const char *name, size_t size) {
    if (s == NULL)
        return true;
    struct candidate candidates[2];
    struct member_name clean;
    unsigned count = spell(name, size, &clean, candidates);
    bool wanted = !s->positive, excluded = false;
    for (size_t i = 0; i < s->count; i++) {
        struct rule *r = &s->rules[i];
        if (!goes_for_any(r, candidates, count))
            continue;
        r->matched++;
        wanted = wanted || r->kind != SELECTION_EXCLUDE;
        excluded = excluded || r->kind == SELECTION_EXCLUDE;
    }
    wanted = wanted && !excluded;
    s->met += wanted;
    return wanted;
}

bool selection_excludes(const struct selection *s, const char *name, size_t size) {
    struct candidate candidates[2];
    struct member_name clean;
    unsigned count = s != NULL ? spell(name, size, &clean, candidates) : 0;
    bool excluded = false;
    for (size_t i = 0; count > 0 && i < s->count && !excluded; i++)
        excluded =
            s->rules[i].kind == SELECTION_EXCLUDE && goes_for_any(&s->rules[i], candidates, count);
    return excluded;
}

void selection_forget(struct selection *s, const char *name, size_t size) {
    struct candidate candidates[2];
    struct member_name clean;
    unsigned count = s != NULL ? spell(name, size, &clean, candidates) : 0;
    for (size_t i = 0; count > 0 && i < s->count; i++)
        if (s->rules[i].matched > 0 && goes_for_any(&s->rules[i], candidates, count))
            s->rules[i].matched--;
    if (s != NULL && s->met > 0)
        s->met--;
}

const char *selection_missing(const struct selection *s, size_t *next) {
    while (s != NULL && *next < s->count) {
        const struct rule *r = &s->rules[(*next)++];
        if (r->matched == 0 && (r->kind == SELECTION_NAME || r->kind == SELECTION_MEMBER))
            return r->text;
    }
    return NULL;
}

bool selection_met(const struct selection *s) {
    return s != NULL && s->met > 0;
}

void selection_free(struct selection *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        free(s->rules[i].clean);
    free(s->rules);
    free(s);
}
