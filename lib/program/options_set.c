// SPDX-License-Identifier: Apache-2.0
#include "program/options_set.h"

bool options_set(const struct options_setting *table, void *options, int key, const char *arg) {
    while (table->kind != OPTIONS_SET_END && table->key != key)
        table++;
    void *member = (char *)options + table->offset;
    if (table->kind == OPTIONS_SET_TRUE)
        *(bool *)member = true;
    else if (table->kind == OPTIONS_SET_TEXT)
        *(const char **)member = arg;
    return table->kind != OPTIONS_SET_END;
}
