// SPDX-License-Identifier: Apache-2.0
// The INI files in which the clouds' clients keep profiles, read in place: nothing is copied,
// because they hold secrets. Lines are `name = value`; '#' and ';' start a comment at a line's
// beginning; an indented line belongs to the last unindented name (AWS: "nested settings").
#ifndef XBPIPE_INI_H
#define XBPIPE_INI_H

#include <stdbool.h>
#include <stddef.h>

struct ini_value {
    const char *text; // inside the file's text, without blanks around it; no NUL after it
    size_t size;
};

// Finds `name` in [section], or, if group is not NULL, among the indented lines below `group =`
// there. Names are compared ignoring case, sections exactly, both ignoring blanks. The last one
// counts. Returns false if there is none, or it has no value.
bool ini_get(const char *text, size_t size, const char *section, const char *group,
             const char *name, struct ini_value *value);

// Whether there is a [section].
bool ini_has_section(const char *text, size_t size, const char *section);

#endif
