// SPDX-License-Identifier: Apache-2.0
// What kmsunwrap and kmswrap may access in the sandbox (sandbox.h).
#ifndef XBPIPE_KMS_SANDBOX_H
#define XBPIPE_KMS_SANDBOX_H

#include "kms/kms.h"

// For a provider that calls no service. Call it before the input (a path; NULL: standard input) is
// read. Only the input and the master key's file may be read. Returns 0; or -1 and a fault of
// sandbox_enter.
int kms_sandbox_local(const struct kms_request *request, const char *input, struct fault *f);

// For a provider that calls a service: `confine` of struct kms_request. The program may read
// `files`, and the files that TLS and the resolver need. Returns 0; or -1 and a fault of
// sandbox_enter.
int kms_sandbox_remote(const struct kms_request *request, const char *const *files,
                       struct fault *f);

#endif
