// SPDX-License-Identifier: Apache-2.0
// For programs in which libraries handle secrets in memory of their own.
#ifndef XBPIPE_WIPED_START_H
#define XBPIPE_WIPED_START_H

// Makes jansson and OpenSSL (whose TLS buffers hold replies) cleanse all memory that they free, and
// turns core dumps off, for this process and its children. To be called before their first use.
void wiped_start(void);

// Overwrites the part of the stack that the functions called before have used, up to 128 KiB: what
// they computed with; and the vector registers that the C library copies with. To be called at the
// end of main.
void wiped_finish(void);

#endif
