// SPDX-License-Identifier: Apache-2.0
#include "format/xbstream_roster.h"

#include <stdlib.h>
#include <string.h>

// A member, or what several members are below of. The value of a name is one.
struct node {
    struct name *name;
    void *user;         // of a member
    struct node *group; // that it is in; NULL: the top
    struct node *first; // of a group: what is in it; never NULL but while it is made
    struct node *previous, *next;
};

static void link_node(struct node *n, struct node *group) {
    n->group = group;
    if (group == NULL)
        return;
    n->next = group->first;
    if (n->next != NULL)
        n->next->previous = n;
    group->first = n;
}

static void unlink_node(struct node *n) {
    if (n->next != NULL)
        n->next->previous = n->previous;
    if (n->previous != NULL)
        n->previous->next = n->next;
    else if (n->group != NULL)
        n->group->first = n->next;
}

// Takes out a node with nothing in it, and the groups that are left empty by that.
static void drop(struct xbstream_roster *r, struct names *set, struct node *n) {
    while (n != NULL && n->first == NULL) {
        struct node *group = n->group;
        unlink_node(n);
        names_remove(set, n->name);
        free(n);
        n = group;
        set = r->groups;
    }
}

// The node of that name, made in the group if it is new.
static struct node *make(struct names **set, const char *name, size_t size, struct node *group) {
    struct name *entry = names_add(set, name, size);
    if (entry == NULL)
        return NULL;
    if (entry->value == NULL) {
        struct node *n = calloc(1, sizeof *n);
        if (n == NULL) {
            names_remove(*set, entry);
            return NULL;
        }
        n->name = entry;
        entry->value = n;
        link_node(n, group);
    }
    return entry->value;
}

static bool is_mark(const char *at) {
    return memcmp(at, "#P#", 3) == 0 || memcmp(at, "#p#", 3) == 0;
}

// The end of the group of the name that ends next behind `from`; 0: there is none.
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

void **xbstream_roster_add(struct xbstream_roster *r, const char *name, size_t size) {
    struct node *group = NULL;
    bool marked = false;
    for (size_t end = 0; (end = next_group(name, size, end, &marked)) > 0;) {
        struct node *inner = make(&r->groups, name, end, group);
        if (inner == NULL) {
            drop(r, r->groups, group);
            return NULL;
        }
        group = inner;
    }
    struct node *n = make(&r->members, name, size, group);
    if (n == NULL)
        drop(r, r->groups, group);
    return n != NULL ? &n->user : NULL;
}

static struct node *find(const struct names *set, const char *name, size_t size) {
    const struct name *entry = names_find(set, name, size);
    return entry != NULL ? entry->value : NULL;
}

void *xbstream_roster_find(const struct xbstream_roster *r, const char *name, size_t size) {
    const struct node *n = find(r->members, name, size);
    return n != NULL ? n->user : NULL;
}

void xbstream_roster_remove(struct xbstream_roster *r, const char *name, size_t size) {
    struct node *n = find(r->members, name, size);
    if (n != NULL)
        drop(r, r->members, n);
}

void *xbstream_roster_below(const struct xbstream_roster *r, const char *prefix, size_t size,
                            const struct name **name) {
    const struct node *n = find(r->groups, prefix, size);
    while (n != NULL && n->first != NULL)
        n = n->first;
    if (n == NULL)
        return NULL;
    *name = n->name;
    return n->user;
}

struct visitor {
    void (*visit)(void *, void *);
    void *context;
};

static void visit_member(struct name *name, void *context) {
    const struct visitor *v = context;
    const struct node *n = name->value;
    if (n->user != NULL)
        v->visit(n->user, v->context);
}

void xbstream_roster_visit(struct xbstream_roster *r, void (*visit)(void *user, void *context),
                           void *context) {
    struct visitor v = {visit, context};
    names_visit(r->members, visit_member, &v);
}

static void free_node(struct name *name, void *context) {
    (void)context;
    free(name->value);
}

void xbstream_roster_clear(struct xbstream_roster *r) {
    names_visit(r->members, free_node, NULL);
    names_visit(r->groups, free_node, NULL);
    names_free(r->members);
    names_free(r->groups);
    *r = (struct xbstream_roster){0};
}
