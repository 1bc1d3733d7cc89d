// SPDX-License-Identifier: Apache-2.0
// For programs in which libraries handle secrets in memory of their own.
#ifndef XBPIPE_WIPED_START_H
#define XBPIPE_WIPED_START_H

// Makes jansson and OpenSSL (whose TLS buffers hold replies) cleanse all memory that they free, and
// turns core dumps off, for this process and its children. To be called before their first use.
void wiped_start(void);

#endif
