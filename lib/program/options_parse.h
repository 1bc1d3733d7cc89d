// SPDX-License-Identifier: Apache-2.0
// Parsers for the values of options.
#ifndef XBPIPE_OPTIONS_PARSE_H
#define XBPIPE_OPTIONS_PARSE_H

#include <stdbool.h>
#include <stdint.h>

// A whole number from min to max, optionally followed by K, M, G or T (1024-based; also as KiB,
// MiB, GiB, TiB). Returns false for anything else, also for trailing text.
bool options_parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *value);

// The wrong value of an option, for a message: the text itself, or "..." if it is as long as a key
// (16 bytes), which may have been typed there and must not be shown.
const char *options_parse_shown(const char *text);

#endif
