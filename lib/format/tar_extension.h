// SPDX-License-Identifier: Apache-2.0
// What extended headers of a tar archive, pax records and GNU's long names, say about the entry
// that follows them. Format from POSIX.1-2017 ("pax Header Block") and the manual of GNU tar.
#ifndef XBPIPE_TAR_EXTENSION_H
#define XBPIPE_TAR_EXTENSION_H

#include "format/tar.h"
#include "format/tar_map.h"

// All zero: nothing has been said.
struct tar_extension {
    bool any;   // there was a header of this kind
    char *name; // malloc'd; NULL: not said
    size_t name_size;
    char *sparse_name; // the file's own name, if `name` is one that GNU tar made up
    size_t sparse_name_size;
    bool has_size;
    uint64_t size; // of the contents, in place of that in the header
    bool sparse;
    bool map_in_data; // GNU sparse format 1.0: the contents begin with the map
    bool has_real_size;
    uint64_t real_size;
    bool pending;    // an offset without its length has been read
    uint64_t offset; // it
    struct tar_map map;
};

// Adds what `size` bytes of pax records at `place` say. Records that this library has no use for
// are skipped. `global`: names, sizes and maps are refused. Returns 0; or -1 and *f: EX_DATAERR (a
// record that is malformed, a number that is none), EX_OSERR.
int tar_extension_add(struct tar_extension *e, const uint8_t *records, size_t size, bool global,
                      size_t most, const struct place *place, struct fault *f);

// Adds the contents of a TAR_LONG_NAME. The same results.
int tar_extension_name(struct tar_extension *e, const uint8_t *name, size_t size, struct fault *f);

// The name of an entry, from wherever it is: a record, a TAR_LONG_NAME or the entry's own header.
// It is terminated, of *size bytes, hostile, and lives as long as both.
const char *tar_extension_entry_name(const struct tar_extension *e, const struct tar_entry *entry,
                                     size_t *size);

void tar_extension_clear(struct tar_extension *e);

#endif
