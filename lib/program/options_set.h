// SPDX-License-Identifier: Apache-2.0
// Options that do no more than set a member of a program's struct, as a table for its parser.
#ifndef XBPIPE_OPTIONS_SET_H
#define XBPIPE_OPTIONS_SET_H

#include <stdbool.h>
#include <stddef.h>

enum options_set_kind { OPTIONS_SET_END, OPTIONS_SET_TRUE, OPTIONS_SET_TEXT, OPTIONS_SET_NOTHING };

struct options_setting {
    int key;
    enum options_set_kind kind;
    size_t offset; // of the member
};

// An entry: the option `key` makes a bool true, or has a const char * point to its value.
#define OPTIONS_SET(key, type, member)                                                               \
    {                                                                                                \
        key,                                                                                       \
            _Generic(((type *)NULL)->member, bool: OPTIONS_SET_TRUE, const char *: OPTIONS_SET_TEXT), \
            offsetof(type, member) \
    }

// An entry for an option that is accepted and means nothing.
#define OPTIONS_SET_IGNORED(key)                                                                   \
    { key, OPTIONS_SET_NOTHING, 0 }

// Does what the table, which ends with {0}, says of `key`. Returns false if it says nothing.
bool options_set(const struct options_setting *table, void *options, int key, const char *arg);

#endif
