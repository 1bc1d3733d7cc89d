// SPDX-License-Identifier: Apache-2.0
// Keys and other secrets in memory that is locked if the limit allows, kept out of core dumps
// and cleansed when freed (OpenSSL's secure heap).
#ifndef XBPIPE_SECRET_H
#define XBPIPE_SECRET_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret {
    size_t size;
    uint8_t *data; // in the secure heap, `capacity` bytes
    size_t capacity;
    bool exposed; // read from a regular file that users besides its owner may read
};

// All zero: holds nothing; secret_free of it does nothing.
#define SECRET_NONE ((struct secret){0})

// Turns core dumps off, for this process and its children. secret_new does it at its first use,
// because libraries keep data derived from a key in their own memory; a program whose libraries
// hold secrets before that calls it itself.
void secret_forbid_core_dumps(void);

// Room for `capacity` bytes (at least 1), zeroed, size 0. Returns 0, or -1 and EX_OSERR in *f, with
// *s SECRET_NONE. The caller frees it.
int secret_new(struct secret *s, size_t capacity, struct fault *f);

// The whole content of the file at `path` (also /dev/fd/N and pipes), up to `limit` bytes.
// Returns 0; or -1 with *s SECRET_NONE: EX_NOINPUT if it cannot be opened (EX_NOPERM for lack of
// permission), EX_IOERR if it cannot be read, EX_DATAERR if it is longer than `limit`, EX_OSERR.
// `what` names the thing in messages ("key file"). It notes in `exposed` whether the file's mode
// lets its group or others read it; the program does not replace the file (noclobber.h).
int secret_read_file(struct secret *s, const char *path, size_t limit, const char *what,
                     struct fault *f);

// Makes the text of the warning for `exposed`: what others can read, its name, and what to do.
// `what` and `path` as above. Returns out.
enum { SECRET_EXPOSED_SIZE = 600 };
char *secret_exposed_write(const char *what, const char *path,
                           char out[static SECRET_EXPOSED_SIZE]);

// The same, in an array that lives until the end of the block around the call.
#define secret_exposed_text(what, path)                                                            \
    secret_exposed_write(what, path, (char[SECRET_EXPOSED_SIZE]){""})

// The value of environment variable `name`, which is always overwritten in place and removed, so
// that children do not inherit it. Returns 1; 0 if it is unset or empty; -1 and EX_OSERR or
// EX_DATAERR (longer than `limit`) in *f.
int secret_from_env(struct secret *s, const char *name, size_t limit, struct fault *f);

// Overwrites the value of the variable in place and removes it, if it is set.
void secret_forget_env(const char *name);

// Cleanses and frees; *s becomes SECRET_NONE.
void secret_free(struct secret *s);

#endif
