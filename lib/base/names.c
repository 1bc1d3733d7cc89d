// SPDX-License-Identifier: Apache-2.0
#include "base/names.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct names {
    void *root; // of glibc's tree
};

// As in a dictionary, so that names with the same beginning are neighbours.
static int compare_bytes(const void *a, size_t a_size, const void *b, size_t b_size) {
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare(const void *a, const void *b) {
    const struct name *x = a, *y = b;
    return compare_bytes(x->bytes, x->size, y->bytes, y->size);
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
    return compare_bytes(x->bytes, x->size, y->bytes, y->size);
}

// Whatever begins with the bytes is equal to them.
static int compare_beginning(const void *a, const void *b) {
    const struct wanted *x = a;
    const struct name *y = b;
    return compare_bytes(x->bytes, x->size, y->bytes, y->size < x->size ? y->size : x->size);
}

static struct name *find(const struct names *set, const void *bytes, size_t size,
                         int (*order)(const void *, const void *)) {
    struct wanted wanted = {size, bytes};
    struct name *const *found = set != NULL ? tfind(&wanted, &set->root, order) : NULL;
    return found != NULL ? *found : NULL;
}

struct name *names_find(const struct names *set, const void *bytes, size_t size) {
    return find(set, bytes, size, compare_wanted);
}

struct name *names_find_beginning(const struct names *set, const void *bytes, size_t size) {
    return find(set, bytes, size, compare_beginning);
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
