// SPDX-License-Identifier: Apache-2.0
// Names of an envelope's keys, and their values, wherever they stand in a text: what tools,
// languages and screens make of an object's metadata when it is neither JSON nor header lines
// (YAML, a printed dictionary of Python, CSV, tables of blanks).
#ifndef XBPIPE_S3_SCAN_H
#define XBPIPE_S3_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_scan {
    const char *text; // what is left of it
    size_t size;
    size_t line; // of what is left, if set to 1 at the start
    char before; // the character before `text`; set to '\n' at the start
};

struct s3_scan_pair {
    const char *name; // from "x-amz-" on; in the text
    size_t name_size;
    size_t value_size;
    size_t line;
};

// Finds the next name that begins with "x-amz-", not in the middle of a word, its prefix
// "x-amz-meta-" aside, and has a value: after blanks, quotes or one of ":=|,>", or on the next
// line. The value is quoted, a JSON object, or a word; it is written to `value`, which has room for
// all of the text, without quotes and what escapes them. Returns false if there is no more.
bool s3_scan_next(struct s3_scan *s, struct s3_scan_pair *pair, char *value);

// The number behind `name` in the text, as in "ContentLength: 5008". False if there is none.
bool s3_scan_number(const char *text, size_t size, const char *name, uint64_t *number);

#endif
