// SPDX-License-Identifier: Apache-2.0
// A child process that prints a secret.
#ifndef XBPIPE_CHILD_H
#define XBPIPE_CHILD_H

#include "base/diag.h"
#include "secret/secret.h"

// Runs `command`, of `size` bytes, by /bin/sh -c, with /dev/null as its standard input and an
// environment without the secrets of this program and of the clouds' clients, and reads its output.
// It may run for any time; once it has ended, its output must end within `timeout` seconds. Returns
// 0 and *output, which the caller frees; or -1 with *output SECRET_NONE: EX_CONFIG if it cannot be
// run, fails, or prints nothing or more than 64 KiB; EX_TEMPFAIL if a program that it started keeps
// its output open; EX_IOERR if its output cannot be read; EX_OSERR. `what` names the command in
// messages, which show nothing of it or its output.
int child_output(const char *command, size_t size, const char *what, unsigned timeout,
                 struct secret *output, struct fault *f);

// Overwrites and removes the variables of this program's own environment that its children do not
// get.
void child_forget_secrets(void);

#endif
