// SPDX-License-Identifier: Apache-2.0
#include "base/names.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct names {
    void *root; // of glibc's tree
};

static int compare(const void *a, const void *b) {
    const struct name *x = a, *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->size);
}

static struct name *make(const void *bytes, size_t size) {
    struct name *n = malloc(sizeof *n + size + 1);
    if (n == NULL)
        return NULL;
    n->value = NULL;
    n->size = size;
    memcpy(n->bytes, bytes, size);
    n->bytes[size] = '\0';
    return n;
}

struct name *names_add(struct names **set, const void *bytes, size_t size) {
    if (*set == NULL && (*set = calloc(1, sizeof **set)) == NULL)
        return NULL;
    struct name *added = make(bytes, size);
    if (added == NULL)
        return NULL;
    struct name **found = tsearch(added, &(*set)->root, compare);
    if (found == NULL || *found != added)
        free(added);
    return found != NULL ? *found : NULL;
}

// A key for names_find: its bytes are not stored with it.
struct wanted {
    size_t size;
    const void *bytes;
};

static int compare_wanted(const void *a, const void *b) {
    const struct wanted *x = a;
    const struct name *y = b;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return memcmp(x->bytes, y->bytes, x->size);
}

struct name *names_find(const struct names *set, const void *bytes, size_t size) {
    struct wanted wanted = {size, bytes};
    struct name *const *found = set != NULL ? tfind(&wanted, &set->root, compare_wanted) : NULL;
    return found != NULL ? *found : NULL;
}

void names_remove(struct names *set, struct name *name) {
    tdelete(name, &set->root, compare);
    free(name);
}

struct visitor {
    void (*visit)(struct name *, void *);
    void *context;
};

static void visit_node(const void *node, VISIT which, void *closure) {
    const struct visitor *v = closure;
    if (which == postorder || which == leaf)
        v->visit(*(struct name *const *)node, v->context);
}

void names_visit(struct names *set, void (*visit)(struct name *, void *context), void *context) {
    struct visitor v = {visit, context};
    if (set != NULL)
        twalk_r(set->root, visit_node, &v);
}

void names_free(struct names *set) {
    if (set == NULL)
        return;
    tdestroy(set->root, free);
    free(set);
}
