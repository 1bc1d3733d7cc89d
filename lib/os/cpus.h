// SPDX-License-Identifier: Apache-2.0
#ifndef XBPIPE_CPUS_H
#define XBPIPE_CPUS_H

// How many processors this process may keep busy: its affinity mask, limited by the CPU quota
// (cpu.max) of its control group (version 2) and those above it, rounded up. At least 1.
unsigned cpus_available(void);

#endif
