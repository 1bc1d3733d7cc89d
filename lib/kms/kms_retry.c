// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_retry.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

void kms_retry_pause(unsigned n) {
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
        chance = UINT32_MAX / 2;
    uint64_t most = n < 4 ? UINT64_C(1000000000) << n : UINT64_C(20000000000);
    uint64_t nanoseconds = most / 1000 * (chance % 1000);
    struct timespec left = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}
