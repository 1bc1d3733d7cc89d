// SPDX-License-Identifier: Apache-2.0
// The values that extended headers of a tar archive (pax records and GNU's long names) set for the
// entry that follows them. Format from POSIX.1-2017 ("pax Header Block") and the manual of GNU tar.
#ifndef XBPIPE_TAR_EXTENSION_H
#define XBPIPE_TAR_EXTENSION_H

#include "format/tar.h"
#include "format/tar_map.h"

// All zero: no value is set.
struct tar_extension {
    bool any;   // there was a header of this kind
    char *name; // malloc'd; NULL: not set
    size_t name_size;
    char *sparse_name; // the file's real name, if GNU tar invented `name`
    size_t sparse_name_size;
    bool has_size;
    uint64_t size; // of the contents, instead of the size in the header
    bool sparse;
    bool map_in_data; // GNU sparse format 1.0: the contents begin with the map
    bool has_real_size;
    uint64_t real_size;
    bool pending;    // an offset without its length has been read
    uint64_t offset; // it
    struct tar_map map;
};

// Adds `size` bytes of pax records at `place`. Records that this library does not need are skipped.
// `global`: names, sizes and maps are refused. Returns 0; or -1 and *f: EX_DATAERR (a malformed
// record or number), EX_OSERR.
int tar_extension_add(struct tar_extension *e, const uint8_t *records, size_t size, bool global,
                      size_t most, const struct place *place, struct fault *f);

// Adds the contents of a TAR_LONG_NAME. The same results.
int tar_extension_name(struct tar_extension *e, const uint8_t *name, size_t size, struct fault *f);

// The name of an entry, from a record, a TAR_LONG_NAME or the entry's own header. It has *size
// bytes and a terminator, is hostile, and lives as long as both.
const char *tar_extension_entry_name(const struct tar_extension *e, const struct tar_entry *entry,
                                     size_t *size);

void tar_extension_clear(struct tar_extension *e);

#endif
