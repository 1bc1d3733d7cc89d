// SPDX-License-Identifier: Apache-2.0
#include "format/sniff.h"

#include "base/byteorder.h"
#include "format/frames.h"
#include "format/gzip_dec.h"
#include "format/lz4_dec.h"
#include "format/qpress.h"
#include "format/tar.h"
#include "format/xbcrypt.h"
#include "format/xbstream.h"
#include "format/zstd_dec.h"

#include <string.h>

struct magic {
    enum sniff kind;
    size_t at, size;
    const char *text;
};

static const struct magic magics[] = {
    {SNIFF_XBSTREAM, 0, 8, XBSTREAM_MAGIC},
    {SNIFF_XBCRYPT, 0, 7, XBCRYPT_MAGIC},
    {SNIFF_QPRESS, 0, 8, QPRESS_ARCHIVE_TAG},
    {SNIFF_GZIP, 0, 3, GZIP_DEC_MAGIC},
    {SNIFF_TAR, TAR_AT_MAGIC, 5, TAR_MAGIC},
    {SNIFF_XZ, 0, 6,
     "\xfd"
     "7zXZ\0"},
    {SNIFF_BZIP2, 0, 10, "BZh91AY&SY"},
    {SNIFF_ZIP, 0, 4, "PK\3\4"},
    {SNIFF_LZ4_LEGACY, 0, 4, "\x02\x21\x4c\x18"},
    {SNIFF_OPENSSL, 0, 8, "Salted__"},
    {SNIFF_AGE, 0, 18, "age-encryption.org"},
    {SNIFF_COMPRESS, 0, 3, "\x1f\x9d\x90"},
    {SNIFF_LZIP, 0, 5, "LZIP\1"},
    {SNIFF_LZMA, 0, 13, "]\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff"},
    {SNIFF_LZOP, 0, 9, "\x89LZO\0\r\n\x1a\n"},
    {SNIFF_SNAPPY, 0, 10, "\xff\6\0\0sNaPpY"},
    {SNIFF_7Z, 0, 6, "7z\xbc\xaf\x27\x1c"},
    {SNIFF_RAR, 0, 6, "Rar!\x1a\x07"},
    {SNIFF_SQL_SERVER, 0, 8, "MSSQLBAK"},
    {SNIFF_SQL_SERVER, 0, 8, "TAPE\0\0\3\0"}};

// Of text, in front of which an editor, a shell or a server may have put blanks or a mark.
static const struct magic texts[] = {{SNIFF_GPG, 0, 14, "-----BEGIN PGP"},
                                     {SNIFF_AGE, 0, 14, "-----BEGIN AGE"},
                                     {SNIFF_OPENSSL_BASE64, 0, 10, "U2FsdGVkX1"},
                                     {SNIFF_BASE64, 0, 10, "WEJTVENLMD"},
                                     {SNIFF_BASE64, 0, 10, "cXByZXNzMT"},
                                     {SNIFF_BASE64, 0, 4, "H4sI"},
                                     {SNIFF_SQL, 0, 13, "-- MySQL dump"},
                                     {SNIFF_SQL, 0, 15, "-- MariaDB dump"},
                                     {SNIFF_SQL, 0, 9, "/*!999999"},
                                     {SNIFF_MARKUP, 0, 5, "<?xml"},
                                     {SNIFF_MARKUP, 0, 9, "<!DOCTYPE"},
                                     {SNIFF_MARKUP, 0, 9, "<!doctype"},
                                     {SNIFF_MARKUP, 0, 5, "<html"},
                                     {SNIFF_MARKUP, 0, 5, "<HTML"},
                                     {SNIFF_MARKUP, 0, 7, "<Error>"}};

static enum sniff find(const struct magic *list, size_t count, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < count; i++)
        if (size >= list[i].at + list[i].size &&
            memcmp(data + list[i].at, list[i].text, list[i].size) == 0)
            return list[i].kind;
    return SNIFF_UNKNOWN;
}

// JSON at the beginning of an envelope of an S3 encryption client: the names of its keys.
static bool is_s3_metadata(const uint8_t *data, size_t size) {
    static const char *const names[] = {"x-amz-key", "x-amz-iv",    "x-amz-cek-alg",
                                        "x-amz-c",   "x-amz-wrap-", "x-amz-matdesc"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (memmem(data, size, names[i], strlen(names[i])) != NULL)
            return true;
    return false;
}

// The first packet of an OpenPGP message (RFC 9580, 4.2 and 5): a session key that a password or a
// public key encrypts. Its tag, its length in one or two bytes, then its version.
static bool is_openpgp(const uint8_t *data, size_t size) {
    if (size < 8)
        return false;
    switch (data[0]) {
    case 0x8c: // by password: version, then the cipher
    case 0xc3:
        return data[1] < 192 && data[2] >= 4 && data[2] <= 6 && data[3] >= 1 && data[3] <= 13;
    case 0x84: // by public key
    case 0xc1:
        return (data[1] < 192 && data[2] == 3) || (data[0] == 0xc1 && data[3] == 3);
    case 0x85:
        return data[1] < 0x10 && data[3] == 3;
    default:
        return false;
    }
}

// Which compressor's frames these are, after any skippable frames; SNIFF_UNKNOWN: none.
static enum sniff sniff_frames(const uint8_t *data, size_t size, bool *skipped) {
    size_t at = 0;
    while (frames_begin_skippable(data + at, size - at)) {
        uint64_t next = at + FRAMES_SKIPPABLE_HEAD + (uint64_t)le32_get(data + at + 4);
        *skipped = true;
        if (next + 4 > size)
            return size >= SNIFF_SIZE ? SNIFF_ZSTD : SNIFF_UNKNOWN;
        at = (size_t)next;
    }
    uint32_t magic = size >= at + 4 ? le32_get(data + at) : 0;
    return magic == LZ4_DEC_MAGIC    ? SNIFF_LZ4
           : magic == ZSTD_DEC_MAGIC ? SNIFF_ZSTD
                                     : SNIFF_UNKNOWN;
}

static enum sniff sniff_text_start(const uint8_t *data, size_t size) {
    size_t at = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < size && strchr(" \t\r\n", data[at]) != NULL && data[at] != '\0')
        at++;
    enum sniff kind = find(texts, sizeof texts / sizeof texts[0], data + at, size - at);
    if (kind != SNIFF_UNKNOWN || size - at < 2 || data[at] != '{')
        return kind;
    if (is_s3_metadata(data + at, size - at))
        return SNIFF_S3_METADATA;
    // An answer of a service; wait for all that may tell that it is an envelope.
    return size >= SNIFF_SIZE && strchr("\" \r\n", data[at + 1]) != NULL && data[at + 1] != '\0'
               ? SNIFF_MARKUP
               : SNIFF_UNKNOWN;
}

// What a program that allocates a file before it writes it leaves.
static bool is_zeros(const uint8_t *data, size_t size) {
    return size >= SNIFF_SIZE && data[0] == 0 && memcmp(data, data + 1, SNIFF_SIZE - 1) == 0;
}

enum sniff sniff(const uint8_t *data, size_t size) {
    bool skipped = false;
    enum sniff frames = sniff_frames(data, size, &skipped);
    if (frames != SNIFF_UNKNOWN || skipped)
        return frames;
    enum sniff kind = find(magics, sizeof magics / sizeof magics[0], data, size);
    if (kind != SNIFF_UNKNOWN)
        return kind;
    if (size >= TAR_BLOCK && tar_is_header(data)) // older than ustar
        return SNIFF_TAR;
    if (is_openpgp(data, size))
        return SNIFF_GPG;
    kind = sniff_text_start(data, size);
    return kind == SNIFF_UNKNOWN && is_zeros(data, size) ? SNIFF_ZEROS : kind;
}

bool sniff_is_layer(enum sniff kind) {
    return kind >= SNIFF_XBCRYPT && kind <= SNIFF_ZSTD;
}

static const struct {
    const char *text, *command;
} kinds[] = {
    [SNIFF_UNKNOWN] = {"data of an unknown kind", NULL},
    [SNIFF_XBSTREAM] = {"an xbstream", "xbunpack"},
    [SNIFF_XBCRYPT] = {"an encrypted stream", "xbcrypt-dec"},
    [SNIFF_QPRESS] = {"a qpress archive", "qpunpack"},
    [SNIFF_GZIP] = {"gzip data", "gzip -d"},
    [SNIFF_LZ4] = {"LZ4 data", "lz4 -d"},
    [SNIFF_ZSTD] = {"Zstandard data", "zstd -d"},
    [SNIFF_TAR] = {"a tar archive", "tar -xi"},
    [SNIFF_XZ] = {"xz data", "xz -d"},
    [SNIFF_BZIP2] = {"bzip2 data", "bzip2 -d"},
    [SNIFF_ZIP] = {"a zip archive", "unzip"},
    [SNIFF_LZ4_LEGACY] = {"LZ4 data of the legacy format", "lz4 -d"},
    [SNIFF_OPENSSL] = {"a stream encrypted by openssl enc",
                       "openssl enc -d and the cipher and options that made it"},
    [SNIFF_GPG] = {"a message encrypted by gpg", "gpg -d"},
    [SNIFF_AGE] = {"a file encrypted by age", "age -d"},
    [SNIFF_OPENSSL_BASE64] = {"a stream encrypted by openssl enc, in base64",
                              "openssl enc -d -a and the cipher and options that made it"},
    [SNIFF_7Z] = {"a 7z archive", "7z x"},
    [SNIFF_RAR] = {"a RAR archive", "unrar x"},
    [SNIFF_S3_METADATA] = {"metadata of an object that an S3 encryption client encrypted", NULL},
    [SNIFF_SQL_SERVER] = {"a backup of SQL Server", NULL},
    [SNIFF_SQL] = {"a dump in SQL", NULL},
    [SNIFF_MARKUP] = {"a page of XML, HTML or JSON", NULL},
    [SNIFF_BASE64] = {"a backup in base64", "base64 -d"},
    [SNIFF_COMPRESS] = {"data of compress", "uncompress"},
    [SNIFF_LZIP] = {"lzip data", "lzip -d"},
    [SNIFF_LZMA] = {"LZMA data", "xz -d --format=lzma"},
    [SNIFF_LZOP] = {"lzop data", "lzop -d"},
    [SNIFF_SNAPPY] = {"snappy data", "snzip -d"},
    [SNIFF_ZEROS] = {"nothing but zeros at its start", NULL}};

const char *sniff_text(enum sniff kind) {
    return kinds[kind].text;
}

const char *sniff_command(enum sniff kind) {
    return kinds[kind].command;
}
