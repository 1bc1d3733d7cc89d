// SPDX-License-Identifier: Apache-2.0
// Renames a file without replacing another.
#ifndef XBPIPE_RENAME_H
#define XBPIPE_RENAME_H

// Renames the file `from` of the folder open at dir_fd (O_PATH will do) to `to` of the folder open
// at to_fd, unless something has that name. Returns 0; or -1 with errno, EEXIST if the name is
// taken.
int rename_new(int dir_fd, const char *from, int to_fd, const char *to);

#endif
