// SPDX-License-Identifier: Apache-2.0
#include "archive/listing.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct listing_entry *first, **last;
};

struct listing_entry *listing_entry_new(const char *name, size_t size, const char *forms) {
    struct listing_entry *e = calloc(1, sizeof *e + strlen(forms) + 1);
    if (e == NULL || !listing_entry_rename(e, name, size)) {
        free(e);
        return NULL;
    }
    strcpy(e->forms, forms);
    return e;
}

bool listing_entry_rename(struct listing_entry *e, const char *name, size_t size) {
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, name, size);
    copy[size] = '\0';
    free(e->name);
    e->name = copy;
    e->size = size;
    return true;
}

void listing_entry_free(struct listing_entry *e) {
    if (e == NULL)
        return;
    free(e->name);
    free(e);
}

bool listing_add(struct listing **out, struct listing_entry *e) {
    if (*out == NULL && (*out = calloc(1, sizeof **out)) == NULL)
        return false;
    struct listing *l = *out;
    if (l->first == NULL)
        l->last = &l->first;
    *l->last = e;
    l->last = &e->next;
    return true;
}

void listing_print(const struct listing *l,
                   void (*print)(const struct listing_entry *e, void *context), void *context) {
    const struct listing_entry *e = l != NULL ? l->first : NULL;
    for (; e != NULL && e->complete; e = e->next)
        if (e->wanted)
            print(e, context);
}

void listing_free(struct listing *l) {
    if (l == NULL)
        return;
    for (struct listing_entry *next, *e = l->first; e != NULL; e = next) {
        next = e->next;
        listing_entry_free(e);
    }
    free(l);
}
