// SPDX-License-Identifier: Apache-2.0
// The files in which the clouds' clients keep their configuration.
#ifndef XBPIPE_CONFIG_FILE_H
#define XBPIPE_CONFIG_FILE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

// A file in memory that is overwritten when it is freed. All zero: none.
struct config_file {
    char *text; // with a NUL after its end
    size_t size;
    char path[512];
    char shown[200]; // the path, printable, for messages
};

// Reads the file that environment variable `variable` names, or `below_home` in the home directory.
// Returns 1; 0 if there is none; or -1 and EX_NOPERM, EX_CONFIG (too long), EX_IOERR, EX_OSERR.
int config_file_read(struct config_file *file, const char *variable, const char *below_home,
                     struct fault *f);
void config_file_free(struct config_file *file);

// Paths that are read again if credentials are renewed. All zero: none.
enum { CONFIG_FILE_LIST_MAX = 8 };
struct config_file_list {
    char *paths[CONFIG_FILE_LIST_MAX + 1]; // ended by NULL
};

// Notes a path, once. Returns false if there are too many, or memory ran out.
bool config_file_list_add(struct config_file_list *list, const char *path);
void config_file_list_free(struct config_file_list *list);

#endif
