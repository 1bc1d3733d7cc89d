// SPDX-License-Identifier: Apache-2.0
#include "format/suffix.h"

#include <stdbool.h>
#include <string.h>

static const char *const texts[] = {[SUFFIX_NONE] = "",
                                    [SUFFIX_XBCRYPT] = "xbcrypt",
                                    [SUFFIX_QP] = "qp",
                                    [SUFFIX_LZ4] = "lz4",
                                    [SUFFIX_ZST] = "zst"};

enum suffix suffix_of(const char *name, size_t size) {
    for (enum suffix s = SUFFIX_XBCRYPT; s <= SUFFIX_ZST; s++) {
        size_t length = suffix_size(s);
        if (size > length && name[size - length] == '.' && name[size - length - 1] != '/' &&
            memcmp(name + size - length + 1, texts[s], length - 1) == 0)
            return s;
    }
    return SUFFIX_NONE;
}

const char *suffix_text(enum suffix suffix) {
    return texts[suffix];
}

size_t suffix_size(enum suffix suffix) {
    return suffix == SUFFIX_NONE ? 0 : 1 + strlen(texts[suffix]);
}

size_t suffix_strip(const char *name, size_t size) {
    enum suffix s;
    bool compressed = false;
    while ((s = suffix_of(name, size)) != SUFFIX_NONE && (s == SUFFIX_XBCRYPT || !compressed)) {
        compressed = compressed || s != SUFFIX_XBCRYPT;
        size -= suffix_size(s);
    }
    return size;
}
