// SPDX-License-Identifier: Apache-2.0
// The files in which the clouds' clients keep their configuration.
#ifndef XBPIPE_CONFIG_FILE_H
#define XBPIPE_CONFIG_FILE_H

#include "base/diag.h"

#include <stddef.h>

// A file in memory, which is cleansed when freed. All zero: none.
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

#endif
