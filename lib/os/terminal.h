// SPDX-License-Identifier: Apache-2.0
// The message before a program waits for typed input.
#ifndef XBPIPE_TERMINAL_H
#define XBPIPE_TERMINAL_H

// If reading `path` (NULL or "-": standard input) would wait for input on a terminal, says on
// standard error that the program waits there for `expected` ("the key in base64").
void terminal_announce(const char *path, const char *expected);

#endif
