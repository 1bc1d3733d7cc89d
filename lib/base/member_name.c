// SPDX-License-Identifier: Apache-2.0
#include "base/member_name.h"

#include <assert.h>
#include <string.h>

static_assert(MEMBER_NAME_MAX == 511 && MEMBER_NAME_COMPONENT_MAX == 255, "the texts say so");
static const char too_long[] = "is longer than 511 bytes";

int member_name_refused(const char *name, size_t size, const char *why, struct fault *f) {
    return diag_fault(f, EX_DATAERR, "refused member name \"%s\": it %s",
                      diag_shown_name(name, size, 200), why);
}

static bool is_dots(const char *component, size_t length, size_t dots) {
    return length == dots && memcmp(component, "..", dots) == 0;
}

// The component that begins at `from`, before `end`. Returns its length.
static size_t measure(const char *from, const char *end) {
    const char *slash = memchr(from, '/', (size_t)(end - from));
    return (size_t)((slash != NULL ? slash : end) - from);
}

// Adds a component. Returns false if the name gets too long.
static bool append(struct member_name *clean, const char *component, size_t length) {
    size_t slash = clean->size > 0 ? 1 : 0;
    if (length > MEMBER_NAME_MAX || clean->size + slash + length > MEMBER_NAME_MAX)
        return false;
    if (slash > 0)
        clean->bytes[clean->size++] = '/';
    memcpy(clean->bytes + clean->size, component, length);
    clean->size += length;
    return true;
}

int member_name_clean(struct member_name *clean, const char *name, size_t size, struct fault *f) {
    clean->size = 0;
    clean->folder = false;
    if (size == 0)
        return member_name_refused(name, size, "is empty", f);
    if (memchr(name, '\0', size) != NULL)
        return member_name_refused(name, size, "holds a zero byte", f);
    clean->absolute = name[0] == '/';
    const char *end = name + size;
    for (const char *component = name; component <= end;) {
        size_t length = measure(component, end);
        if (is_dots(component, length, 2))
            return member_name_refused(name, size, "has a component \"..\"", f);
        clean->folder = length == 0 || is_dots(component, length, 1);
        if (!clean->folder && !append(clean, component, length))
            return member_name_refused(name, size, too_long, f);
        component += length + 1;
    }
    clean->bytes[clean->size] = '\0';
    return 0;
}

int member_name_clean_file(struct member_name *clean, const char *name, size_t size,
                           struct fault *f) {
    if (member_name_clean(clean, name, size, f) < 0)
        return -1;
    return clean->folder ? member_name_refused(name, size, "names a folder, not a file", f) : 0;
}

int member_name_check(const char *name, size_t size, struct fault *f) {
    const char *wrong = NULL, *end = name + size;
    if (size == 0)
        wrong = "is empty";
    else if (size > MEMBER_NAME_MAX)
        wrong = too_long;
    else if (name[0] == '/')
        wrong = "is absolute";
    else if (memchr(name, '\0', size) != NULL)
        wrong = "holds a zero byte";
    for (const char *component = name; wrong == NULL && component <= end;) {
        size_t length = measure(component, end);
        if (length == 0)
            wrong = "has an empty component";
        else if (is_dots(component, length, 1) || is_dots(component, length, 2))
            wrong = "has a component \".\" or \"..\"";
        else if (length > MEMBER_NAME_COMPONENT_MAX)
            wrong = "has a component longer than 255 bytes";
        component += length + 1;
    }
    return wrong != NULL ? member_name_refused(name, size, wrong, f) : 0;
}

void member_name_warn(const struct member_name *clean, const char *name, size_t size,
                      bool *warned) {
    if (!clean->absolute || *warned)
        return;
    *warned = true;
    diag_warn("%s: leading slashes are removed from the names of members",
              diag_shown_name(name, size, 200));
}
