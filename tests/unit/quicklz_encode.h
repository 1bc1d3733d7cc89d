// SPDX-License-Identifier: Apache-2.0
// A small QuickLZ encoder, for tests and for the benchmark's data. Greedy and deterministic: the
// same data gives the same packet everywhere.
#ifndef XBPIPE_TESTS_QUICKLZ_ENCODE_H
#define XBPIPE_TESTS_QUICKLZ_ENCODE_H

#include <stddef.h>
#include <stdint.h>

// Writes `size` bytes (below 2³² − 400) at `data` as one packet of level 1, 2 or 3 to `out`, which
// has room for size + 400 bytes. Data that does not get smaller becomes a stored packet. Returns
// the packet's size, header included; at most size + 9. Cannot fail; thread-safe.
size_t quicklz_encode(int level, const uint8_t *data, size_t size, uint8_t *out);

#endif
