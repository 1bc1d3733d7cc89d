// SPDX-License-Identifier: Apache-2.0
#include "format/plaintext.h"

#include "format/frames.h"
#include "format/sniff.h"

#include <stdbool.h>
#include <string.h>

enum {
    SAMPLE_MAX = 4096,
    BYTES_MIN = 2048, // from this size on byte values are counted; at least 8 of each are expected
    NIBBLES_MIN = 40  // from this size on half bytes are counted
};

// Page number 0 and page type 8 (file space header), both big-endian.
static bool is_innodb_start(const uint8_t *data, size_t size) {
    static const uint8_t zero[4] = {0};
    return size >= 38 && memcmp(data + 4, zero, 4) == 0 && data[24] == 0 && data[25] == 8;
}

// Chi-squared of the counts against an even distribution, times 1.
static double chi_squared(const unsigned *counts, unsigned values, double total) {
    double expected = total / values, sum = 0;
    for (unsigned i = 0; i < values; i++)
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    return sum;
}

enum plaintext plaintext_judge(const uint8_t *data, size_t size) {
    enum sniff kind = sniff(data, size);
    // The signature of an OpenPGP message, or of JSON, is too short to prove a key.
    if ((kind != SNIFF_UNKNOWN && kind != SNIFF_GPG && kind != SNIFF_MARKUP &&
         kind != SNIFF_ZEROS) ||
        frames_begin_skippable(data, size) || is_innodb_start(data, size))
        return PLAINTEXT_KNOWN;
    if (size > SAMPLE_MAX)
        size = SAMPLE_MAX;
    // Limits about ten standard deviations above the mean of random bytes (255 ± 23, 15 ± 5.5).
    if (size >= BYTES_MIN) {
        unsigned counts[256] = {0};
        for (size_t i = 0; i < size; i++)
            counts[data[i]]++;
        return chi_squared(counts, 256, (double)size) < 480 ? PLAINTEXT_RANDOM : PLAINTEXT_PLAIN;
    }
    if (size >= NIBBLES_MIN) {
        unsigned high[16] = {0};
        for (size_t i = 0; i < size; i++)
            high[data[i] >> 4]++;
        return chi_squared(high, 16, (double)size) < 60 ? PLAINTEXT_RANDOM : PLAINTEXT_PLAIN;
    }
    return PLAINTEXT_SHORT;
}
