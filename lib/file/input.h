// SPDX-License-Identifier: Apache-2.0
// The program's input, read into slabs. It is read once and never mapped: the bytes that
// were checked are the bytes that are used, even if the file changes meanwhile.
#ifndef XBPIPE_INPUT_H
#define XBPIPE_INPUT_H

#include "base/diag.h"
#include "engine/slab.h"
#include "engine/view.h"

struct input {
    int fd;
    const char *name;  // for messages
    uint64_t start;    // the offset in a regular file at which the input begins
    uint64_t offset;   // bytes delivered
    uint64_t size;     // of a regular file, from its offset at the start on; UINT64_MAX: unknown
    struct slab *slab; // being filled
    size_t used;       // bytes of it
};

// Opens `path`; NULL or "-" is standard input. A pipe is made as large as allowed; from now on the
// program does not replace a regular file (noclobber.h). The path must
// outlive *in. Returns 0; or -1 and *f: EX_NOINPUT, EX_NOPERM, EX_OSERR.
int input_open(struct input *in, const char *path, struct fault *f);

// The next bytes, at least one. Returns 1, and *v with a reference to its slab for the caller; 0 at
// the end of the input; -1 and EX_IOERR, EX_OSERR, or EX_TEMPFAIL (a signal asked the program to
// stop: interrupt.h; the text is empty).
int input_next(struct input *in, struct view *v, struct fault *f);

// True if input_next would have to wait for the pipe.
bool input_waits(const struct input *in);

void input_close(struct input *in);

#endif
