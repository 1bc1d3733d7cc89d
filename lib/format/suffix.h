// SPDX-License-Identifier: Apache-2.0
// The suffixes with which XtraBackup and MariaDB Backup mark how a member was transformed,
// outermost last: "t1.ibd.qp.xbcrypt" was compressed, then encrypted. They compress a file only
// once. "x.qp.qp" is a file "x.qp" that was in the data directory, for example since an earlier
// restore; the member "x.qp" is today's file "x".
#ifndef XBPIPE_SUFFIX_H
#define XBPIPE_SUFFIX_H

#include <stddef.h>

enum suffix { SUFFIX_NONE, SUFFIX_XBCRYPT, SUFFIX_QP, SUFFIX_LZ4, SUFFIX_ZST };

// The outermost suffix of a name of `size` bytes. SUFFIX_NONE also if nothing, or only a folder, is
// before it.
enum suffix suffix_of(const char *name, size_t size);

// "xbcrypt", "qp", "lz4", "zst": the suffix without the dot.
const char *suffix_text(enum suffix suffix);

// The bytes of the suffix with its dot.
size_t suffix_size(enum suffix suffix);

// The size of a name of `size` bytes without the suffixes of its transformations: those of
// encryption, and one of a compression.
size_t suffix_strip(const char *name, size_t size);

#endif
