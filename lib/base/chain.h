// SPDX-License-Identifier: Apache-2.0
// Doubly linked lists of structs that begin with a link: adding and removing take the same time
// however long the list is.
#ifndef XBPIPE_CHAIN_H
#define XBPIPE_CHAIN_H

#include <stddef.h>

// A link, or the list itself: then `next` is the first element and `previous` the last one.
struct chain {
    struct chain *next, *previous;
};

// Call it once for each list. chain_first also accepts an all-zero list, as empty.
static inline void chain_init(struct chain *list) {
    list->next = list->previous = list;
}

// The element that was added first, or NULL.
static inline struct chain *chain_first(const struct chain *list) {
    return list->next != list ? list->next : NULL;
}

// Adds an element, which is in no list, at the end.
static inline void chain_add(struct chain *list, struct chain *element) {
    element->next = list;
    element->previous = list->previous;
    list->previous->next = element;
    list->previous = element;
}

static inline void chain_remove(struct chain *element) {
    element->previous->next = element->next;
    element->next->previous = element->previous;
}

#endif
