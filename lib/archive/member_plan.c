// SPDX-License-Identifier: Apache-2.0
#include "archive/member_plan.h"

#include <string.h>

// The suffix at the end of the name, if it is to be undone.
static enum suffix suffix_to_undo(const struct member_plan_rules *rules, const char *name,
                                  size_t size) {
    enum suffix s = suffix_of(name, size);
    bool wanted = s == SUFFIX_XBCRYPT ? rules->decrypt : rules->decompress;
    return wanted ? s : SUFFIX_NONE;
}

// Removes the suffixes to undo from the plan's name, at most one of a compression (suffix.h), and
// notes them. Returns 0; or -1 and *f.
static int take_suffixes(struct member_plan *p, const struct member_plan_rules *rules,
                         struct fault *f) {
    enum suffix outermost_first[MEMBER_PLAN_UNDO_MAX], suffix;
    struct member_name *name = &p->name;
    int count = 0;
    bool compressed = false;
    while ((suffix = suffix_to_undo(rules, name->bytes, name->size)) != SUFFIX_NONE &&
           (suffix == SUFFIX_XBCRYPT || !compressed)) {
        if (count == MEMBER_PLAN_UNDO_MAX)
            return diag_fault(f, EX_DATAERR, "more than %d suffixes to undo", MEMBER_PLAN_UNDO_MAX);
        compressed = compressed || suffix != SUFFIX_XBCRYPT;
        outermost_first[count++] = suffix;
        name->size -= suffix_size(suffix);
        name->bytes[name->size] = '\0';
    }
    p->undo.count = count;
    for (int i = 0; i < count; i++)
        p->undo.suffixes[i] = (uint8_t)outermost_first[count - 1 - i];
    return 0;
}

int member_plan_make(struct member_plan *p, const struct member_plan_rules *rules,
                     const char *stored, size_t size, struct fault *f) {
    if (member_name_clean_file(&p->name, stored, size, f) < 0) {
        if (!rules->any_name || size > MEMBER_NAME_MAX)
            return -1;
        p->name = (struct member_name){.size = size};
        memcpy(p->name.bytes, stored, size);
    }
    if (take_suffixes(p, rules, f) < 0) {
        diag_prefix(f, diag_shown_name(stored, size, 256));
        return -1;
    }
    bool suffixed = suffix_of(p->name.bytes, p->name.size) != SUFFIX_NONE;
    p->layered = suffix_to_undo(rules, p->name.bytes, p->name.size) != SUFFIX_NONE;
    p->transformed = suffixed && !p->layered;
    return 0;
}

bool member_plan_undoes_the_same(const struct member_plan_undo *a,
                                 const struct member_plan_undo *b) {
    return a->count == b->count && memcmp(a->suffixes, b->suffixes, (size_t)a->count) == 0;
}
