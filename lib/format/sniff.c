// SPDX-License-Identifier: Apache-2.0
#include "format/sniff.h"

#include "base/byteorder.h"
#include "format/tar.h"
#include "format/xbstream.h"

#include <string.h>

static const struct {
    enum sniff kind;
    size_t at, size;
    const char *magic;
} magics[] = {{SNIFF_XBSTREAM, 0, 8, XBSTREAM_MAGIC},
              {SNIFF_XBCRYPT, 0, 7, "XBCRYP0"},
              {SNIFF_QPRESS, 0, 8, "qpress10"},
              {SNIFF_GZIP, 0, 3, "\x1f\x8b\x08"},
              {SNIFF_LZ4, 0, 4, "\x04\x22\x4d\x18"},
              {SNIFF_ZSTD, 0, 4, "\x28\xb5\x2f\xfd"},
              {SNIFF_TAR, TAR_AT_MAGIC, 5, TAR_MAGIC},
              {SNIFF_XZ, 0, 6,
               "\xfd"
               "7zXZ\0"},
              {SNIFF_BZIP2, 0, 10, "BZh91AY&SY"},
              {SNIFF_ZIP, 0, 4, "PK\3\4"}};

static bool is_skippable(const uint8_t *data, size_t size) {
    return size >= 8 && (le32_get(data) & 0xfffffff0u) == 0x184d2a50u;
}

enum sniff sniff(const uint8_t *data, size_t size) {
    bool skipped = false;
    size_t at = 0;
    while (is_skippable(data + at, size - at)) {
        uint64_t next = at + 8 + (uint64_t)le32_get(data + at + 4);
        skipped = true;
        if (next + 4 > size)
            return size >= SNIFF_SIZE ? SNIFF_ZSTD : SNIFF_UNKNOWN;
        at = (size_t)next;
    }
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        size_t begin = at + magics[i].at;
        if (size >= begin + magics[i].size &&
            memcmp(data + begin, magics[i].magic, magics[i].size) == 0 &&
            (!skipped || magics[i].kind == SNIFF_LZ4 || magics[i].kind == SNIFF_ZSTD))
            return magics[i].kind;
    }
    if (size >= TAR_BLOCK && tar_is_header(data)) // of before ustar
        return SNIFF_TAR;
    return SNIFF_UNKNOWN;
}

bool sniff_is_layer(enum sniff kind) {
    return kind >= SNIFF_XBCRYPT && kind <= SNIFF_ZSTD;
}

static const struct {
    const char *text, *command;
} kinds[] = {[SNIFF_UNKNOWN] = {"data of an unknown kind", NULL},
             [SNIFF_XBSTREAM] = {"an xbstream", NULL},
             [SNIFF_XBCRYPT] = {"an encrypted stream", "xbcrypt-dec"},
             [SNIFF_QPRESS] = {"a qpress archive", "qpunpack"},
             [SNIFF_GZIP] = {"gzip data", "gzip -d"},
             [SNIFF_LZ4] = {"LZ4 data", "lz4 -d"},
             [SNIFF_ZSTD] = {"Zstandard data", "zstd -d"},
             [SNIFF_TAR] = {"a tar archive", "tar -xi"},
             [SNIFF_XZ] = {"xz data", "xz -d"},
             [SNIFF_BZIP2] = {"bzip2 data", "bzip2 -d"},
             [SNIFF_ZIP] = {"a zip archive", "unzip"}};

const char *sniff_text(enum sniff kind) {
    return kinds[kind].text;
}

const char *sniff_command(enum sniff kind) {
    return kinds[kind].command;
}
