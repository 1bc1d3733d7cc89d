// SPDX-License-Identifier: Apache-2.0
// Recognises, by its form, what people give instead of a key; messages show nothing of it.
#ifndef XBPIPE_KEY_HINT_H
#define XBPIPE_KEY_HINT_H

#include "secret/secret.h"

#include <stdbool.h>

// What the content of a key file that holds no key looks like, and what to do: a text for the end
// of a message. "" if nothing is known about it.
const char *key_hint_content(const struct secret *content);

// What a key of a right size (16, 24 or 32 bytes) that turned out to be wrong looks like, and what
// to do: a text for the end of a message. "" if nothing is known about it.
const char *key_hint_wrong(const uint8_t *key, size_t size);

// Whether the name of a file that does not exist looks like a key: it must then not be shown.
bool key_hint_is_key(const char *name);

// The same for the name of a member that an archive does not have. Members are often named without
// a dot or a slash and as long as a key, so a digit is needed too, and no '_' or '.' may be there.
bool key_hint_is_key_not_member(const char *name);

#endif
