// SPDX-License-Identifier: Apache-2.0
// A second QuickLZ decoder, written to be read: the format's rules one after the other, a byte at a
// time. It judges the fast one in lib/quicklz.c and shares nothing with it.
#ifndef XBPIPE_TESTS_QUICKLZ_PLAIN_H
#define XBPIPE_TESTS_QUICKLZ_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decodes one packet of packet_size bytes into exactly size bytes at `out`; never touches a byte
// outside either. Returns false, with `out` undefined, if the packet is not valid or if its header
// does not claim exactly these two sizes.
bool quicklz_plain_decode(const uint8_t *packet, size_t packet_size, uint8_t *out, size_t size);

#endif
