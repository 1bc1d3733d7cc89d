// SPDX-License-Identifier: Apache-2.0
// Judges what the start of a decrypted file looks like. For xbcrypt versions 1 and 2, which store
// nothing that distinguishes a wrong key from a right one.
#ifndef XBPIPE_PLAINTEXT_H
#define XBPIPE_PLAINTEXT_H

#include <stddef.h>
#include <stdint.h>

enum plaintext {
    PLAINTEXT_KNOWN,  // begins with the magic number of a format that backups contain
    PLAINTEXT_PLAIN,  // no known magic, but text or otherwise far from random
    PLAINTEXT_RANDOM, // evenly distributed bytes, as a wrong key gives
    PLAINTEXT_SHORT   // too short to judge
};

// Judges the first `size` bytes of a file. Known: qpress, xbstream, LZ4, Zstandard and gzip magic,
// an InnoDB first page. Random is judged by a chi-squared statistic over at most 4 KiB of the
// bytes; uncompressed data exceeds its limit by far.
enum plaintext plaintext_judge(const uint8_t *data, size_t size);

#endif
