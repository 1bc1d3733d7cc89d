// SPDX-License-Identifier: Apache-2.0
#include "os/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

// The quota of one control group in processors, rounded up; UINT_MAX if it has none.
static unsigned group_quota(const char *directory) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/cpu.max", directory);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return UINT_MAX;
    unsigned long quota, period;
    int fields = fscanf(f, "%lu %lu", &quota, &period); // "max 100000" has no quota
    fclose(f);
    if (fields != 2 || period == 0 || quota == 0)
        return UINT_MAX;
    unsigned long cpus = (quota + period - 1) / period;
    return cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

static unsigned groups_quota(void) {
    char line[PATH_MAX], directory[PATH_MAX + 16];
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f == NULL)
        return UINT_MAX;
    unsigned least = UINT_MAX;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "0::/", 4) != 0) // the line of version 2
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(directory, sizeof directory, "/sys/fs/cgroup%s", line + 3);
        size_t root = strlen("/sys/fs/cgroup");
        while (strlen(directory) > root) {
            unsigned quota = group_quota(directory);
            if (quota < least)
                least = quota;
            *strrchr(directory, '/') = '\0';
        }
    }
    fclose(f);
    return least;
}

unsigned cpus_available(void) {
    cpu_set_t set;
    // The call fails on a machine with more than CPU_SETSIZE processors; the default is large
    // there.
    int affinity = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : CPU_SETSIZE;
    unsigned cpus = affinity > 0 ? (unsigned)affinity : 1;
    unsigned quota = groups_quota();
    return quota < cpus ? quota : cpus;
}
