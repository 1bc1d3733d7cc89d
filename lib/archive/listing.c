// SPDX-License-Identifier: Apache-2.0
#include "archive/listing.h"

#include "engine/null_sink.h"
#include "format/suffix.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORMS_SIZE = 256 };

struct listed {
    struct listing *listing;
    struct listed *next; // in listing->first
    void *member;
    bool counted;
    struct stage *counter, *limit; // the limit is before the counter
    uint64_t stored;
    bool sparse, transformed; // after what was undone
    char forms[FORMS_SIZE];
    char name[LISTING_NAME_SIZE]; // printable
};

static void list(const struct listed *l) {
    const char *sparse = !l->sparse ? "" : l->forms[0] != '\0' ? ",sparse" : "sparse";
    char forms[FORMS_SIZE + 8];
    snprintf(forms, sizeof forms, "%s%s", l->forms, sparse);
    l->listing->entry(&(struct listing_entry){.name = l->name,
                                              .stored = l->stored,
                                              .restored = null_sink_size(l->counter),
                                              .restored_known = !l->transformed,
                                              .forms = forms[0] != '\0' ? forms : "-"});
}

// A member has been counted. One with fewer decoders may be before another that ended earlier in
// the stream, and waits for it.
static void counted(void *context) {
    struct listed *this = context;
    struct listing *listing = this->listing;
    this->counted = true;
    for (struct listed *l; (l = listing->first) != NULL && l->counted;) {
        list(l);
        listing->first = l->next;
        listing->done(l->member);
    }
}

// Puts the suffixes of a name, outermost first, into text.
static void describe_forms(const char *name, size_t size, char text[static FORMS_SIZE]) {
    enum suffix s;
    size_t used = 0;
    text[0] = '\0';
    size_t plain = suffix_strip(name, size);
    for (; size > plain && used < FORMS_SIZE; size -= suffix_size(s)) {
        s = suffix_of(name, size);
        used += (size_t)snprintf(text + used, FORMS_SIZE - used, "%s%s", used > 0 ? "," : "",
                                 suffix_text(s));
    }
}

int listing_begin(struct listing *listing, struct listed **out, struct ordered *o,
                  struct limits *limits, const char *stored, size_t size, const char *shown,
                  bool transformed, void *member, struct fault *f) {
    struct listed *l = *out = calloc(1, sizeof *l);
    if (l == NULL)
        return diag_fault_memory(f);
    l->listing = listing;
    l->member = member;
    l->counter = null_sink_new(o, counted, l);
    if (l->counter != NULL)
        l->limit = limit_new(o, l->counter, limits, shown);
    if (l->limit == NULL)
        return diag_fault_memory(f);
    diag_name(stored, size, l->name, sizeof l->name);
    describe_forms(stored, size, l->forms);
    l->transformed = transformed;
    return 0;
}

struct stage *listing_sink(const struct listed *l) {
    return l->limit;
}

void listing_data(struct listed *l, struct view v) {
    l->stored += v.data != NULL ? v.size : 0;
    l->sparse = l->sparse || v.data == NULL;
}

void listing_end(struct listed *l) {
    struct listing *listing = l->listing;
    if (listing->first == NULL)
        listing->first = l;
    else
        listing->last->next = l;
    listing->last = l;
}

void listing_free(struct listed *l) {
    if (l == NULL)
        return;
    stage_free(l->limit);
    stage_free(l->counter);
    free(l);
}
