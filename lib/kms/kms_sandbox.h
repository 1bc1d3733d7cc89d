// SPDX-License-Identifier: Apache-2.0
// What kmsunwrap and kmswrap may still reach: see sandbox.h.
#ifndef XBPIPE_KMS_SANDBOX_H
#define XBPIPE_KMS_SANDBOX_H

#include "kms/kms.h"

// For a provider that asks nobody: to be entered before standard input is read. The master key's
// file may be read, and no other. Returns 0; or -1 and a fault of sandbox_enter.
int kms_sandbox_local(const struct kms_request *request, struct fault *f);

// For one that asks a service: to be entered when the configuration has been read and the
// credentials are there (a program that gives them could not be started any more), and before the
// service is asked. Of the file system, what TLS, the resolver, and getting credentials anew read.
// Returns 0; or -1 and a fault of sandbox_enter.
int kms_sandbox_remote(const struct kms_request *request, struct fault *f);

#endif
