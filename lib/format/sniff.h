// SPDX-License-Identifier: Apache-2.0
// Recognises data by its first bytes: the formats of backups, which may be packed in each other.
#ifndef XBPIPE_SNIFF_H
#define XBPIPE_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNIFF_SIZE = 512 }; // bytes that are always enough

enum sniff {
    SNIFF_UNKNOWN,
    SNIFF_XBSTREAM,
    SNIFF_XBCRYPT,
    SNIFF_QPRESS,
    SNIFF_GZIP,
    SNIFF_LZ4,
    SNIFF_ZSTD,
    SNIFF_TAR,
    SNIFF_XZ,
    SNIFF_BZIP2,
    SNIFF_ZIP,
    SNIFF_LZ4_LEGACY,
    SNIFF_OPENSSL,
    SNIFF_GPG,
    SNIFF_AGE,
    SNIFF_OPENSSL_BASE64,
    SNIFF_7Z,
    SNIFF_RAR,
    SNIFF_S3_METADATA,
    SNIFF_SQL_SERVER,
    SNIFF_SQL,
    SNIFF_MARKUP,
    SNIFF_BASE64, // of an xbstream, a qpress archive or gzip data
    SNIFF_COMPRESS,
    SNIFF_LZIP,
    SNIFF_LZMA,
    SNIFF_LZOP,
    SNIFF_SNAPPY,
    SNIFF_ZEROS
};

// SNIFF_UNKNOWN also if `size` bytes are too few to decide; SNIFF_SIZE are always enough. A
// skippable frame, which LZ4 and Zstandard share, counts as the format of the data after it, or as
// Zstandard if that data is further away.
enum sniff sniff(const uint8_t *data, size_t size);

// Whether this library can unpack it.
bool sniff_is_layer(enum sniff kind);

// "an xbstream", "gzip data"; "data of an unknown kind".
const char *sniff_text(enum sniff kind);

// The command that unpacks it, "gzip -d"; NULL if there is none.
const char *sniff_command(enum sniff kind);

#endif
