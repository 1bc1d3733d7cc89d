// SPDX-License-Identifier: Apache-2.0
// Words for input of another kind than was expected: what it is, and what to do with it.
#ifndef XBPIPE_FOREIGN_H
#define XBPIPE_FOREIGN_H

#include "base/diag.h"
#include "base/place.h"
#include "format/sniff.h"

enum { FOREIGN_HINT_SIZE = 240 };

// What these bytes are and what undoes that, as the end of a message: "; this is gzip data: unpack
// it first with gzip -d". "" if they are of no known kind.
const char *foreign_hint(const uint8_t *data, size_t size, char text[static FOREIGN_HINT_SIZE]);

// Adds to the message about the `size` bytes at `place`, if the input begins with them and they
// look like random ones, what they may come from.
void foreign_explain(struct fault *f, const uint8_t *data, size_t size, const struct place *place);

// Whether the input begins with these bytes and is of no known kind, but more of it may tell.
bool foreign_wants_more(const uint8_t *data, size_t size, const struct place *place);

// What to do with data of this kind: "unpack it with gzip -d"; NULL if that is not known.
const char *foreign_advice(enum sniff kind, char text[static FOREIGN_HINT_SIZE]);

#endif
