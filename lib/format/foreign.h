// SPDX-License-Identifier: Apache-2.0
// Parts of messages about input of an unexpected kind: what it is, and what to do with it.
#ifndef XBPIPE_FOREIGN_H
#define XBPIPE_FOREIGN_H

#include "base/diag.h"
#include "base/place.h"
#include "format/sniff.h"

enum { FOREIGN_HINT_SIZE = 240 };

// Says what these bytes are and which program decodes them, as the end of a message: "; this is
// gzip data: unpack it first with gzip -d". "" if they are of no known kind.
const char *foreign_hint(const uint8_t *data, size_t size, char text[static FOREIGN_HINT_SIZE]);

// Adds what the data may be to the message in *f, if the input begins with these `size` bytes
// (`place` says so) and they look random.
void foreign_explain(struct fault *f, const uint8_t *data, size_t size, const struct place *place);

// Whether the input begins with these bytes and is of no known kind, but more of it may tell.
bool foreign_wants_more(const uint8_t *data, size_t size, const struct place *place);

// What to do with data of this kind: "unpack it with gzip -d"; NULL if that is not known.
const char *foreign_advice(enum sniff kind, char text[static FOREIGN_HINT_SIZE]);

#endif
