// SPDX-License-Identifier: Apache-2.0
// Temporary files: ".xbpipe-", 16 hexadecimal digits, ".tmp", locked (flock) while the program that
// writes them lives, so that the files of a killed run can be distinguished from those in use.
#ifndef XBPIPE_TEMPORARY_H
#define XBPIPE_TEMPORARY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { TEMPORARY_NAME_SIZE = 32 };

// Main thread only. Creates one in the directory open at dir_fd, mode 0640 less the umask. Returns
// a descriptor for reading and writing, its name, and what fstat says of it; or -1 with errno.
// Every copy of this descriptor holds the lock, too. If the file system has no locks, the file is
// not locked, and is never treated as a leftover.
int temporary_create(int dir_fd, char name[static TEMPORARY_NAME_SIZE], struct stat *st);

// True if temporary_create may choose that name.
bool temporary_is_name(const char *name, size_t size);

// Removes from the directory open at dir_fd (O_PATH will do) the temporary files that no program
// holds, except files that this program reads (noclobber.h). Returns their number. Files that
// cannot be read or removed are left.
unsigned temporary_remove_left(int dir_fd);

#endif
