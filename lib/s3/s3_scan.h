// SPDX-License-Identifier: Apache-2.0
// Finds the names of an envelope's keys, and their values, anywhere in a text. It is for metadata
// that is neither JSON nor header lines, but another form that a tool or a screen shows (YAML, a
// printed dictionary of Python, CSV, tables of blanks).
#ifndef XBPIPE_S3_SCAN_H
#define XBPIPE_S3_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_scan {
    const char *text; // the rest of it
    size_t size;
    size_t line; // the line of that rest; set to 1 at the start
    char before; // the character before `text`; set to '\n' at the start
};

struct s3_scan_pair {
    const char *name; // from "x-amz-" on; in the text
    size_t name_size;
    size_t value_size;
    size_t line;
};

// Finds the next name that has a value. The name begins with "x-amz-", not in the middle of a word;
// a prefix "x-amz-meta-" is skipped. The value follows after blanks, quotes or one of ":=|,>", or
// on the next line: a quoted text, a JSON object, or a word. It is written to `value`, which has
// room for all of the text, without its quotes and the characters that escape them. Returns false
// if there are no more.
bool s3_scan_next(struct s3_scan *s, struct s3_scan_pair *pair, char *value);

// Reads the number after `name` in the text, as in "ContentLength: 5008". Returns false if there is
// none.
bool s3_scan_number(const char *text, size_t size, const char *name, uint64_t *number);

#endif
