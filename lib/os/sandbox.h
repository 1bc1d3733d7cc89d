// SPDX-License-Identifier: Apache-2.0
// The sandbox that a program enters before it reads its input. From then on it can use its open
// descriptors, memory and threads, and beyond that only what the rules allow. A hostile backup that
// exploits a bug in a decoder can do no more.
//
// Landlock (Linux 5.13) confines file names, for the calling thread and those that it starts later.
// A seccomp filter lists the allowed system calls, for all threads. Others fail with ENOSYS, so
// that the C library falls back to older calls; calls that only an attack would make (starting a
// program, tracing, mounting) end the program with SIGSYS. Both are best effort: an older kernel,
// or a container, may offer less.
#ifndef XBPIPE_SANDBOX_H
#define XBPIPE_SANDBOX_H

#include "base/diag.h"

#include <stdbool.h>

enum sandbox_access {
    SANDBOX_READ,    // a file, or all below a directory, may be opened for reading
    SANDBOX_NAMES,   // below a directory, files may be renamed and removed, and it may be listed:
                     // an open outfile still needs this
    SANDBOX_FOLDERS, // below a directory, empty directories may be removed
    SANDBOX_WRITE    // below a directory, files and directories may be created, opened for reading
                     // and writing, renamed and removed; a file may be opened for writing
};

enum { SANDBOX_GRANTS_MAX = 64 };

// All zero: no file, no network.
struct sandbox_rules {
    bool network; // sockets of IPv4 and IPv6, to connect from
    unsigned count;
    struct sandbox_grant {
        int fd;           // -1: see path
        const char *path; // followed if it is a symbolic link
        bool parent;      // the directory that holds `path`
        enum sandbox_access access;
    } grants[SANDBOX_GRANTS_MAX];
};

// Allows the file or directory that is open at fd (O_PATH will do), which must stay open until
// sandbox_enter; -1 adds nothing.
void sandbox_allow(struct sandbox_rules *rules, int fd, enum sandbox_access access);

// The same for a path, which outlives the rules. NULL and a path that does not exist add nothing.
void sandbox_allow_path(struct sandbox_rules *rules, const char *path, enum sandbox_access access);

// The same for the directory that holds the file `path`, whether or not the file exists.
void sandbox_allow_parent(struct sandbox_rules *rules, const char *path,
                          enum sandbox_access access);

// Enters the sandbox permanently. Call it before starting threads and before reading anything that
// others wrote. `note` (NULL: not called) gets a line for each feature that this kernel lacks,
// which is not an error. Returns 0; or -1 and EX_OSERR.
int sandbox_enter(const struct sandbox_rules *rules, void (*note)(const char *text),
                  struct fault *f);

#endif
