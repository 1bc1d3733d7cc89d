// SPDX-License-Identifier: Apache-2.0
// Temporary files: ".xbpipe-", 16 hexadecimal digits, ".tmp", locked (flock) as long as the program
// that writes them lives, so that those of a run that was killed can be told from those in use.
#ifndef XBPIPE_TEMPORARY_H
#define XBPIPE_TEMPORARY_H

#include <stdbool.h>
#include <stddef.h>

enum { TEMPORARY_NAME_SIZE = 32 };

// Creates one in the directory open at dir_fd, mode 0640 less the umask. Returns a descriptor for
// reading and writing, and its name; or -1 with errno. Every descriptor that is a copy of this one
// holds the lock, too. Where the file system has no locks the file is not locked, and is never
// taken for one that was left.
int temporary_create(int dir_fd, char name[static TEMPORARY_NAME_SIZE]);

// True if that is a name that temporary_create may choose.
bool temporary_is_name(const char *name, size_t size);

// Removes from the directory open at dir_fd (O_PATH will do) the temporary files that no program
// holds, but those that are being read by this one (noclobber.h). Returns their number. What cannot
// be read or removed is left.
unsigned temporary_remove_left(int dir_fd);

#endif
