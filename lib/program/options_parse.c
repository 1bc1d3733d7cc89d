// SPDX-License-Identifier: Apache-2.0
#include "program/options_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool options_parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *value) {
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0)
        return false;
    static const char units[] = "KMGT";
    unsigned shift = 0;
    const char *unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
        if (strcmp(end, "iB") == 0)
            end += 2;
    }
    if (*end != '\0' || number > UINT64_MAX >> shift)
        return false;
    number <<= shift;
    if (number < min || number > max)
        return false;
    *value = number;
    return true;
}

const char *options_parse_shown(const char *text) {
    enum { KEY_SIZE_MIN = 16 };
    return strlen(text) < KEY_SIZE_MIN ? text : "...";
}
