// SPDX-License-Identifier: Apache-2.0
// The suffixes by which XtraBackup and MariaDB Backup say how a member was transformed, outermost
// last: "t1.ibd.qp.xbcrypt" was compressed, then encrypted. They compress a file once. "x.qp.qp" is
// the file "x.qp", which was in the data directory, for example since an earlier restore, beside
// the file "x" of today, which is "x.qp".
#ifndef XBPIPE_SUFFIX_H
#define XBPIPE_SUFFIX_H

#include <stddef.h>

enum suffix { SUFFIX_NONE, SUFFIX_XBCRYPT, SUFFIX_QP, SUFFIX_LZ4, SUFFIX_ZST };

// The outermost suffix of a name of `size` bytes. SUFFIX_NONE also where nothing, or a folder, is
// all that stands before it.
enum suffix suffix_of(const char *name, size_t size);

// "xbcrypt", "qp", "lz4", "zst"; what stands after the dot.
const char *suffix_text(enum suffix suffix);

// The bytes that the suffix takes of a name, the dot included.
size_t suffix_size(enum suffix suffix);

// The size of a name of `size` bytes without the suffixes of its transformations: those of
// encryption, and one of a compression.
size_t suffix_strip(const char *name, size_t size);

#endif
