// SPDX-License-Identifier: Apache-2.0
// Finds the QuickLZ packets of trusted archives, for the tests and benchmarks of their decoder.
#ifndef XBPIPE_TESTS_QP_WALK_H
#define XBPIPE_TESTS_QP_WALK_H

#include <stddef.h>
#include <stdint.h>

struct qp_visitor {
    void (*file)(void *context, const char *path); // the packets that follow are this file's
    void (*packet)(void *context, const uint8_t *packet, size_t size);
    void *context;
};

// Reads a whole file into memory that the caller frees. Aborts the program if it cannot.
uint8_t *qp_read_file(const char *path, size_t *size);

// Calls the visitor for each file and packet of a qpress archive. Paths go without the archive's
// own top. Aborts the program if the archive is damaged.
void qp_walk_archive(const uint8_t *archive, size_t size, const struct qp_visitor *v);

// The same for every member NAME.qp of an xbstream, each an archive of one file; the path given is
// the member's, without ".qp". Members that are no archives are left out.
void qp_walk_xbstream(const uint8_t *stream, size_t size, const struct qp_visitor *v);

#endif
