// SPDX-License-Identifier: Apache-2.0
#include "format/xbstream_roster.h"

#include <string.h>

static bool is_mark(const char *at) {
    return memcmp(at, "#P#", 3) == 0 || memcmp(at, "#p#", 3) == 0;
}

// The end of the name's next group after `from`; 0: there is none.
static size_t next_group(const char *name, size_t size, size_t from, bool *marked) {
    for (size_t at = from; at < size; at++) {
        if (name[at] == '/') {
            *marked = false;
            return at + 1;
        }
        if (!*marked && size - at >= 3 && is_mark(name + at)) {
            *marked = true;
            return at + 3;
        }
    }
    return 0;
}

// Whether a group may have this prefix.
static bool is_group(const char *prefix, size_t size) {
    size_t end = 0;
    bool marked = false;
    while (end < size && (end = next_group(prefix, size, end, &marked)) > 0)
        if (end == size)
            return true;
    return false;
}

void **xbstream_roster_add(struct xbstream_roster *r, const char *name, size_t size) {
    struct name *entry = names_add(&r->members, name, size);
    return entry != NULL ? &entry->value : NULL;
}

void *xbstream_roster_find(const struct xbstream_roster *r, const char *name, size_t size) {
    const struct name *entry = names_find(r->members, name, size);
    return entry != NULL ? entry->value : NULL;
}

void xbstream_roster_remove(struct xbstream_roster *r, const char *name, size_t size) {
    struct name *entry = names_find(r->members, name, size);
    if (entry != NULL)
        names_remove(r->members, entry);
}

void *xbstream_roster_below(const struct xbstream_roster *r, const char *prefix, size_t size,
                            const struct name **name) {
    *name = is_group(prefix, size) ? names_find_beginning(r->members, prefix, size) : NULL;
    return *name != NULL ? (*name)->value : NULL;
}

struct visitor {
    void (*visit)(void *, void *);
    void *context;
};

static void visit_member(struct name *name, void *context) {
    const struct visitor *v = context;
    if (name->value != NULL)
        v->visit(name->value, v->context);
}

void xbstream_roster_visit(struct xbstream_roster *r, void (*visit)(void *user, void *context),
                           void *context) {
    struct visitor v = {visit, context};
    names_visit(r->members, visit_member, &v);
}

void xbstream_roster_clear(struct xbstream_roster *r) {
    names_free(r->members);
    *r = (struct xbstream_roster){0};
}
