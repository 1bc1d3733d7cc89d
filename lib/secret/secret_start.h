// SPDX-License-Identifier: Apache-2.0
// For programs whose libraries handle secrets in their own memory.
#ifndef XBPIPE_SECRET_START_H
#define XBPIPE_SECRET_START_H

// Makes jansson and OpenSSL (whose TLS buffers hold replies) cleanse all memory that they free, and
// turns core dumps off for this process and its children. Call it before anything uses either.
void secret_start(void);

#endif
