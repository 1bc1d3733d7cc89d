// SPDX-License-Identifier: Apache-2.0
#include "os/pagecache.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

// Pages are written back or dropped in steps of this size.
enum { STEP = 16 << 20 };

static _Atomic uint64_t moved; // bytes of all completed steps

// True if the bytes end a step, whose offset is then in *step.
static bool passes_step(uint64_t offset, uint64_t size, uint64_t *step) {
    uint64_t end = (offset + size) / STEP * STEP;
    if (end <= offset)
        return false;
    *step = end - STEP;
    return true;
}

// Counts a step. True once the sum is more than half of the memory.
static bool is_large(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t all = atomic_fetch_add(&moved, STEP) + STEP;
    return pages > 0 && size > 0 && all > (uint64_t)pages * (uint64_t)size / 2;
}

void pagecache_written(int fd, uint64_t offset, uint64_t size) {
    uint64_t step;
    if (!passes_step(offset, size, &step))
        return;
    (void)sync_file_range(fd, (off_t)step, STEP, SYNC_FILE_RANGE_WRITE);
    if (!is_large() || step < STEP)
        return;
    // Only pages that are on the disk can be dropped: by now the step before this one should be.
    off_t previous = (off_t)(step - STEP);
    (void)sync_file_range(fd, previous, STEP,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
    (void)posix_fadvise(fd, previous, STEP, POSIX_FADV_DONTNEED);
}

void pagecache_read(int fd, uint64_t offset, uint64_t size) {
    uint64_t step;
    if (passes_step(offset, size, &step) && is_large())
        (void)posix_fadvise(fd, (off_t)step, STEP, POSIX_FADV_DONTNEED);
}
