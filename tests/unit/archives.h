// SPDX-License-Identifier: Apache-2.0
// Archives built in memory from the formats' descriptions, whole or hostile, for tests. Nothing
// here is shared with the library under test, especially not its checksums.
#ifndef XBPIPE_TESTS_ARCHIVES_H
#define XBPIPE_TESTS_ARCHIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Growing bytes; all zero is empty.
struct bytes {
    uint8_t *data;
    size_t size;
    size_t room;
};
void bytes_add(struct bytes *b, const void *data, size_t size);
void bytes_text(struct bytes *b, const char *text);
void bytes_zeros(struct bytes *b, size_t size);
void bytes_little(struct bytes *b, uint64_t value, unsigned size);
void bytes_free(struct bytes *b);
// A file of the fixtures, whole. Aborts the program if it cannot be read.
void bytes_load(struct bytes *b, const char *path);
// Data without long repetitions: `size` bytes that depend on `seed`.
void bytes_noise(struct bytes *b, size_t size, unsigned seed);

// xbstream. A chunk of any type with the layout of P.
void xbs_any(struct bytes *b, char type, uint8_t flags, const void *name, size_t name_size,
             uint64_t offset, const void *payload, size_t size);
void xbs_payload(struct bytes *b, const char *name, uint64_t offset, const char *payload);
// Pairs of (skip, length); the lengths add up to `size` in a sound chunk.
void xbs_sparse(struct bytes *b, const char *name, uint64_t offset, const uint32_t (*map)[2],
                size_t entries, const void *payload, size_t size);
void xbs_end(struct bytes *b, const char *name);
// MariaDB's changes to members that have been sent.
void xbs_rename(struct bytes *b, const char *from, const char *to);
void xbs_remove(struct bytes *b, const char *name);
void xbs_seek(struct bytes *b, const char *name, uint64_t offset);
void xbs_rewrite(struct bytes *b, const char *name, const char *payload);
// A whole member in one chunk.
void xbs_member(struct bytes *b, const char *name, const void *data, size_t size);

// tar. A header with its checksum; `magic` is the eight bytes from the 257th on, the zeros of v7 if
// NULL. The caller adds the contents and the padding.
#define USTAR_POSIX "ustar\00000"
#define USTAR_GNU "ustar  "
void ustar_header(struct bytes *b, const char *magic, char type, const char *name, uint64_t size);
// Sets the checksum of a header that was changed; it begins at `at`.
void ustar_sum(struct bytes *b, size_t at);
void ustar_pad(struct bytes *b);
// A header and its contents, padded.
void ustar_entry(struct bytes *b, const char *magic, char type, const char *name, const void *data,
                 size_t size);
// Appends a pax record to contents.
void ustar_record(struct bytes *b, const char *key, const char *value);
// The end mark.
void ustar_end(struct bytes *b);

// qpress.
void qp_archive(struct bytes *b, uint64_t block_size);
void qp_enter(struct bytes *b, const char *name);
void qp_leave(struct bytes *b);
void qp_file(struct bytes *b, const char *name);
// level 1 to 3: as quicklz_encode makes it; 0: a stored packet.
void qp_block(struct bytes *b, int level, uint64_t recovery, const void *data, size_t size);
void qp_file_end(struct bytes *b);
// A whole archive of one file in blocks of block_size.
void qp_single(struct bytes *b, const char *name, size_t block_size, const void *data, size_t size);

// xbcrypt: one chunk of version 1 to 3. key_size 0: not encrypted.
void xbc_chunk(struct bytes *b, unsigned version, const void *key, size_t key_size,
               const void *data, size_t size, const uint8_t iv[16]);

#endif
