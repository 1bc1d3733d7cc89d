// SPDX-License-Identifier: Apache-2.0
// The headers of a tar archive: v7, ustar, pax, and GNU's long names and sparse files. Format from
// POSIX.1-2017 (pax, "ustar Interchange Format" and "pax Header Block") and the manual of GNU tar
// ("Basic Tar Format", "Storing Sparse Files").
#ifndef XBPIPE_TAR_H
#define XBPIPE_TAR_H

#include "base/diag.h"
#include "engine/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// In headers since ustar. After it POSIX has a terminator and a version, GNU two blanks.
#define TAR_MAGIC "ustar"
#define TAR_MAGIC_GNU TAR_MAGIC "  "

enum {
    TAR_AT_MAGIC = 257,
    TAR_BLOCK = 512,      // bytes; headers are one block, contents are padded to whole blocks
    TAR_NAME_MAX = 256,   // bytes of a name in the header itself: prefix, slash, name
    TAR_NUMBER_SIZE = 12, // bytes of a size, or of an offset in the map of a sparse file
    TAR_HEADER_RUNS = 4   // of a map that are in the header
};

enum tar_kind {
    TAR_ZEROS,  // not a header: a block of zeros; two of them end an archive
    TAR_FILE,   // a regular file
    TAR_SPARSE, // a regular file with an old GNU map of its data
    TAR_FOLDER,
    TAR_LONG_NAME,  // GNU: its contents are the name of the next entry
    TAR_PAX,        // its contents are records about the next entry
    TAR_PAX_GLOBAL, // the same, about all later entries
    TAR_PASSED,     // says nothing about a file: a volume label, the target of a link
    TAR_OTHER       // neither a file nor a folder
};

struct tar_entry {
    enum tar_kind kind;
    const char *what; // of TAR_OTHER: "a symbolic link"
    uint64_t size;    // bytes of contents that follow, without their padding
    size_t name_size;
    char name[TAR_NAME_MAX + 1]; // terminated, hostile
    // Of TAR_SPARSE:
    uint64_t real_size;  // of the file, holes included
    const uint8_t *runs; // the first of its map, for tar_map_add_block
    bool continued;      // blocks with further runs come before the contents
};

// Whether a block is a tar header, by its checksum. For archives older than ustar, which have no
// magic.
bool tar_is_header(const uint8_t block[static TAR_BLOCK]);

// Reads an octal number with blanks before it and blanks or NULs after it; or one in base 256,
// whose first byte has the highest bit set. Returns false for anything else, and for more than
// INT64_MAX.
bool tar_number(const uint8_t *field, size_t size, uint64_t *value);

// Makes the fault for a field that is not a number. `at` is its offset from `place`. Returns -1.
int tar_refuse_number(const uint8_t *field, size_t size, const char *what,
                      const struct place *place, size_t at, struct fault *f);

// Parses a header, which is at `place`. Returns 0 and *entry, which points into the block; or -1
// and EX_DATAERR in *f: a wrong checksum, an invalid number or one that is too large, a folder with
// contents.
int tar_parse(const uint8_t block[static TAR_BLOCK], const struct place *place,
              struct tar_entry *entry, struct fault *f);

#endif
