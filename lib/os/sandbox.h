// SPDX-License-Identifier: Apache-2.0
// The box a program shuts itself into before it looks at its input: from then on it reaches the
// descriptors it has open, memory and threads, and beyond that only what the rules name. What is
// in a backup can then make it do no more, whatever mistake it finds in a decoder.
//
// Landlock (Linux 5.13) confines file names; it holds for the calling thread and those it starts
// later. A seccomp filter with a list of the system calls that are left holds for all threads.
// Others come back as ENOSYS, by which the C library falls back to what it did before they were
// there; those that only an attack would make (starting a program, tracing, mounting) end the
// program by SIGSYS. Both are best effort: an older kernel, or a container, may have less.
#ifndef XBPIPE_SANDBOX_H
#define XBPIPE_SANDBOX_H

#include "base/diag.h"

#include <stdbool.h>

enum sandbox_access {
    SANDBOX_READ,    // a file, or all below a directory, may be opened for reading
    SANDBOX_NAMES,   // below a directory, files may be renamed and removed, and its list read: what
                     // an outfile that is open already still needs
    SANDBOX_FOLDERS, // below a directory, empty directories may be removed
    SANDBOX_WRITE    // below a directory, files and directories may be made, opened for reading and
                     // writing, renamed and removed; a file may be opened for writing
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

// Adds a grant for what is open at fd, also with O_PATH, which must stay open until sandbox_enter;
// -1 adds nothing.
void sandbox_allow(struct sandbox_rules *rules, int fd, enum sandbox_access access);

// The same for a path, which outlives the rules; one where nothing is, and NULL, adds nothing.
void sandbox_allow_path(struct sandbox_rules *rules, const char *path, enum sandbox_access access);

// The same for the directory in which a file is called `path`, be it there or not.
void sandbox_allow_parent(struct sandbox_rules *rules, const char *path,
                          enum sandbox_access access);

// Shuts the program in, for good. To be called before its threads are started and before anything
// is looked at that others wrote. `note` (NULL: not called) is given a line for each thing that
// this kernel lacks. Returns 0, also then; or -1 and EX_OSERR.
int sandbox_enter(const struct sandbox_rules *rules, void (*note)(const char *text),
                  struct fault *f);

#endif
