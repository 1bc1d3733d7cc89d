// SPDX-License-Identifier: Apache-2.0
#include "program/command_line.h"

#include "base/diag.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 128, WORD_MAX = 63, HELP_COLUMN = 29, HELP_WIDTH = 79, KEY_USAGE = -3 };

// All options of a program, in the order of --help. A heading is an entry without a name.
struct entry {
    const struct argp_option *option;
    int group;
};
struct list {
    struct entry entries[ENTRIES_MAX];
    size_t count;
    bool given[128]; // by the letter of an option that may be given only once: input, output, key
                     // or folder
};

// argp's own options, which are listed last.
static const struct argp_option own[] = {
    {"help", 'h', NULL, 0, "Give this help list", -1},
    {"usage", KEY_USAGE, NULL, 0, "Give a short usage message", -1},
    {"version", 'V', NULL, 0, "Print the program's version", -1},
    {"help", '?', NULL, OPTION_HIDDEN, NULL, -1},
    {0}};

// Inserts an option after all others of its group; group -1 is last, as in argp.
static void add(struct list *l, const struct argp_option *option, int group) {
    size_t at = l->count;
    if (l->count == ENTRIES_MAX)
        abort(); // a program with more options needs a larger list
    while (at > 0 && (unsigned)l->entries[at - 1].group > (unsigned)group)
        at--;
    memmove(l->entries + at + 1, l->entries + at, (l->count - at) * sizeof l->entries[0]);
    l->entries[at] = (struct entry){.option = option, .group = group};
    l->count++;
}

static void add_options(struct list *l, const struct argp_option *o, int group) {
    for (; o != NULL && (o->name != NULL || o->key != 0 || o->doc != NULL); o++)
        add(l, o, o->group != 0 ? o->group : group);
}

static void collect(struct list *l, const struct argp *argp, int group) {
    add_options(l, argp->options, group);
    for (const struct argp_child *c = argp->children; c != NULL && c->argp != NULL; c++)
        collect(l, c->argp, c->group != 0 ? c->group : group);
}

// ---- Mistakes.

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

// How many letters have to be changed, added, taken away, or swapped with their neighbour to make
// one word of the other; words longer than 63 bytes count as wholly different.
static unsigned distance_of(const char *one, const char *other) {
    size_t rows = strlen(one), columns = strlen(other);
    unsigned d[3][WORD_MAX + 1]; // the last two rows and this one
    if (rows > WORD_MAX || columns > WORD_MAX)
        return WORD_MAX + 1;
    for (size_t c = 0; c <= columns; c++)
        d[1][c] = (unsigned)c;
    for (size_t r = 1; r <= rows; r++) {
        d[2][0] = (unsigned)r;
        for (size_t c = 1; c <= columns; c++) {
            unsigned changed = d[1][c - 1] + (one[r - 1] != other[c - 1]);
            d[2][c] = least(changed, 1 + least(d[1][c], d[2][c - 1]));
            if (r > 1 && c > 1 && one[r - 1] == other[c - 2] && one[r - 2] == other[c - 1])
                d[2][c] = least(d[2][c], 1 + d[0][c - 2]);
        }
        memcpy(d[0], d[1], sizeof d[0]);
        memcpy(d[1], d[2], sizeof d[1]);
    }
    return d[1][columns];
}

static bool is_shown(const struct argp_option *o) {
    return o->name != NULL && (o->flags & OPTION_HIDDEN) == 0;
}

// Whether the long name ends with `name`, ignoring hyphens: --keyfile for --encrypt-key-file.
static bool ends_with(const char *long_name, const char *name) {
    size_t l = strlen(long_name), n = strlen(name);
    if (n < 4)
        return false; // by chance
    while (n > 0 && l > 0) {
        if (long_name[l - 1] == '-')
            l--;
        else if (name[n - 1] == '-')
            n--;
        else if (long_name[--l] != name[--n])
            return false;
    }
    return n == 0;
}

static const char *shown_name(const struct list *l, const char *name) {
    for (size_t i = 0; i < l->count; i++)
        if (is_shown(l->entries[i].option) && strcmp(l->entries[i].option->name, name) == 0)
            return name;
    return NULL;
}

// The long name of the option that takes the file of a key; NULL if there is none.
static const char *key_option(const struct list *l) {
    static const char *const names[] = {"encrypt-key-file", "data-key", "master-key"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && found == NULL; i++)
        found = shown_name(l, names[i]);
    return found;
}

// What other programs call an option of this one; NULL if nothing is known.
static const char *called_otherwise(const struct list *l, const char *name) {
    static const struct {
        const char *part, *meant;
    } words[] = {
        {"algo", "encrypt-algo"}, {"algo", "decrypt"},      {"force", "overwrite"},
        {"dir", "directory"},     {"dest", "directory"},    {"parallel", "threads"},
        {"jobs", "threads"},      {"check", "test"},        {"verify", "test"},
        {"dry-run", "test"},      {"metadata", "envelope"}, {"context", "encryption-context"}};
    const char *found = NULL;
    if (strstr(name, "key") != NULL || strstr(name, "pass") != NULL ||
        strstr(name, "secret") != NULL)
        return key_option(l);
    for (size_t i = 0; i < sizeof words / sizeof words[0] && found == NULL; i++)
        if (strstr(name, words[i].part) != NULL)
            found = shown_name(l, words[i].meant);
    return found;
}

// The long name nearest to `name`; NULL if none is near.
static const char *nearest(const struct list *l, const char *name) {
    const char *best = NULL;
    unsigned limit = 2 + (unsigned)strlen(name) / 6;
    for (size_t i = 0; i < l->count; i++) {
        const struct argp_option *o = l->entries[i].option;
        unsigned distance = is_shown(o) ? distance_of(name, o->name) : limit;
        if (is_shown(o) && best == NULL && ends_with(o->name, name))
            distance = limit - 1;
        if (distance < limit) {
            best = o->name;
            limit = distance;
        }
    }
    return best != NULL ? best : called_otherwise(l, name);
}

// `hint` is the option that may have been meant, after its `dashes`; NULL: none is near.
static _Noreturn void fail(const char *text, const char *dashes, const char *hint) {
    if (hint != NULL)
        diag_error("%s: did you mean %s%s? See %s --help", text, dashes, hint,
                   program_invocation_short_name);
    else
        diag_error("%s: see %s --help", text, program_invocation_short_name);
    exit(EX_USAGE);
}

// Of what was typed as the name of an option, which has no digits.
static bool may_be_key(const char *text) {
    return strlen(text) >= 16 && strpbrk(text, "0123456789+/") != NULL;
}

static _Noreturn void refuse_long(const struct list *l, const char *name, size_t size) {
    char text[WORD_MAX + 1], message[160];
    snprintf(text, sizeof text, "%.*s", (int)least((unsigned)size, WORD_MAX), name);
    snprintf(message, sizeof message, "unrecognized option '--%s'",
             may_be_key(text) ? "..." : diag_shown(text, 100));
    fail(message, "--", nearest(l, text));
}

static const struct argp_option *find_short(const struct list *l, int letter) {
    for (size_t i = 0; i < l->count; i++)
        if (l->entries[i].option->key == letter && isgraph(letter))
            return l->entries[i].option;
    return NULL;
}

static _Noreturn void refuse_short(const struct list *l, int letter) {
    char message[40], hint[2] = "";
    int other = islower(letter) ? toupper(letter) : tolower(letter);
    unsigned char byte = (unsigned char)letter;
    snprintf(message, sizeof message, "invalid option '-%s'", diag_shown_name(&byte, 1, 8));
    static const char otherwise[][2] = {{'k', 'f'}, {'p', 'j'}, {'P', 'j'}, {'o', 'C'}};
    for (size_t i = 0; i < sizeof otherwise / sizeof otherwise[0]; i++)
        if (otherwise[i][0] == letter && find_short(l, otherwise[i][1]) != NULL)
            other = otherwise[i][1];
    const struct argp_option *near = find_short(l, other);
    if (near != NULL && (near->flags & OPTION_HIDDEN) == 0)
        hint[0] = (char)other;
    fail(message, "-", hint[0] != '\0' ? hint : NULL);
}

static _Noreturn void refuse_ambiguous(const struct list *l, const char *name, size_t size) {
    char names[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < l->count && used < sizeof names; i++) {
        const struct argp_option *o = l->entries[i].option;
        if (is_shown(o) && strncmp(o->name, name, size) == 0)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s--%s",
                                     used > 0 ? ", " : "", o->name);
    }
    diag_error("option '--%.*s' is ambiguous: expected the whole name, as in %s", (int)size, name,
               names);
    exit(EX_USAGE);
}

// The option for a long name: the one of that name, or the only one that begins with it.
static const struct argp_option *find_long(const struct list *l, const char *name, size_t size) {
    const struct argp_option *found = NULL;
    bool ambiguous = false;
    for (size_t i = 0; i < l->count; i++) {
        const struct argp_option *o = l->entries[i].option;
        if (o->name == NULL || strncmp(o->name, name, size) != 0)
            continue;
        if (o->name[size] == '\0')
            return o;
        ambiguous = ambiguous || (found != NULL && found->key != o->key);
        found = o;
    }
    if (ambiguous)
        refuse_ambiguous(l, name, size);
    if (found == NULL)
        refuse_long(l, name, size);
    return found;
}

static bool takes_next(const struct argp_option *o) {
    return o->arg != NULL && (o->flags & OPTION_ARG_OPTIONAL) == 0;
}

// ---- Help.

// Prints `text` from the column `at` on, broken between words, further lines from HELP_COLUMN on if
// `indent`.
static void print_wrapped(const char *text, size_t at, bool indent) {
    size_t margin = indent ? HELP_COLUMN : 0;
    bool first = true; // of its line
    while (*text != '\0') {
        size_t size = strcspn(text, " \n");
        if (!first && at + 1 + size > HELP_WIDTH) {
            printf("\n%*s", (int)margin, "");
            at = margin;
            first = true;
        }
        at += (size_t)printf("%s%.*s", first ? "" : " ", (int)size, text);
        first = false;
        text += size;
        text += strspn(text, " \n");
    }
    putchar('\n');
}

static void print_option(const struct argp_option *o) {
    int at =
        isgraph(o->key) ? printf("  -%c, --%s", o->key, o->name) : printf("      --%s", o->name);
    if (o->arg != NULL && (o->flags & OPTION_ARG_OPTIONAL) != 0)
        at += printf("[=%s]", o->arg);
    else if (o->arg != NULL)
        at += printf("=%s", o->arg);
    int gap = at + 2 < HELP_COLUMN ? HELP_COLUMN - at : 3;
    at += printf("%*s", gap, "");
    print_wrapped(o->doc, (size_t)at, true);
}

// Lines that begin with a space stay as they are.
static void print_text(const char *text) {
    char line[400];
    putchar('\n');
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n') {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
        if (line[0] == ' ' || line[0] == '\0')
            puts(line);
        else
            print_wrapped(line, 0, false);
    }
}

static void print_help(const struct argp *argp, const struct list *l) {
    const char *doc = argp->doc != NULL ? argp->doc : "", *after = strchr(doc, '\v');
    char *before = strndup(doc, after != NULL ? (size_t)(after - doc) : strlen(doc));
    if (before == NULL) {
        diag_error("out of memory");
        exit(EX_OSERR);
    }
    printf("Usage: %s [OPTION...]%s%s\n", program_invocation_short_name,
           argp->args_doc != NULL ? " " : "", argp->args_doc != NULL ? argp->args_doc : "");
    print_wrapped(before, 0, false);
    int group = -2;
    for (size_t i = 0; i < l->count; i++) {
        const struct entry *e = &l->entries[i];
        bool heading = e->option->name == NULL && e->option->key == 0;
        if (!heading && !is_shown(e->option))
            continue;
        if (heading || e->group == -1 ? e->group != group : group == -2)
            putchar('\n');
        group = e->group;
        if (heading)
            printf(" %s\n", e->option->doc);
        else
            print_option(e->option);
    }
    if (after != NULL)
        print_text(after + 1);
    free(before);
    exit(0);
}

// ---- The command line before argp sees it.

static void check_option(const struct argp *argp, const struct list *l,
                         const struct argp_option *o) {
    if (o->key == 'h' || o->key == '?')
        print_help(argp, l);
}

// Checks the value of an option that names a file or a folder; NULL: it is missing, which argp
// reports.
static void check_value(struct list *l, const struct argp_option *o, const char *value) {
    if (o->arg == NULL || o->key <= 0 || o->key > 127 || strchr("iofC", o->key) == NULL)
        return;
    if (value != NULL && value[0] == '\0') {
        diag_error("-%c: expected the name of a %s, found an empty one", o->key,
                   o->key == 'C' ? "folder" : "file");
        exit(EX_USAGE);
    }
    if (l->given[o->key]) {
        diag_error("-%c is given twice: expected one %s", o->key, o->arg);
        exit(EX_USAGE);
    }
    l->given[o->key] = true;
}

// `next` is the word after the letters, or NULL. Returns true if it is the value of the last one.
static bool check_letters(const struct argp *argp, struct list *l, const char *letters,
                          const char *next) {
    for (; *letters != '\0'; letters++) {
        const struct argp_option *o = find_short(l, (unsigned char)*letters);
        if (o == NULL)
            refuse_short(l, (unsigned char)*letters);
        check_option(argp, l, o);
        bool value_next = takes_next(o) && letters[1] == '\0';
        check_value(l, o, value_next ? next : letters + 1);
        if (o->arg != NULL)
            return value_next;
    }
    return false;
}

static bool check_long(const struct argp *argp, struct list *l, const char *text,
                       const char *next) {
    size_t size = strcspn(text, "=");
    const struct argp_option *o = find_long(l, text, size);
    check_option(argp, l, o);
    check_value(l, o, text[size] == '=' ? text + size + 1 : next);
    return takes_next(o) && text[size] == '\0';
}

static void check(const struct argp *argp, struct list *l, int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (getenv("POSIXLY_CORRECT") != NULL)
                return; // only operands follow
            continue;
        }
        bool next = argv[i][1] == '-' ? check_long(argp, l, argv[i] + 2, argv[i + 1])
                                      : check_letters(argp, l, argv[i] + 1, argv[i + 1]);
        i += next ? 1 : 0;
    }
}

void command_line_parse(const struct argp *argp, int argc, char **argv, void *options) {
    struct list list = {.count = 0};
    collect(&list, argp, 0);
    add_options(&list, own, -1);
    check(argp, &list, argc, argv);
    diag_parse(argp, argc, argv, options);
}
