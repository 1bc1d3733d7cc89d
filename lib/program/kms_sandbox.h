// SPDX-License-Identifier: Apache-2.0
// What kmsunwrap and kmswrap may still reach: see sandbox.h.
#ifndef XBPIPE_KMS_SANDBOX_H
#define XBPIPE_KMS_SANDBOX_H

#include "kms/kms.h"

// For a provider that asks no service. Call it before the input (a path; NULL: standard input) is
// read. Only the input and the master key's file may be read. Returns 0; or -1 and a fault of
// sandbox_enter.
int kms_sandbox_local(const struct kms_request *request, const char *input, struct fault *f);

// For a provider that asks a service: `confine` of struct kms_request. Of the file system, the
// program may read what TLS and the resolver need, and the files. Returns 0; or -1 and a fault of
// sandbox_enter.
int kms_sandbox_remote(const struct kms_request *request, const char *const *files,
                       struct fault *f);

#endif
