// SPDX-License-Identifier: Apache-2.0
// The provider `file`: keys wrapped by RFC 5649 with a master key in a local file.
#ifndef XBPIPE_KMS_FILE_H
#define XBPIPE_KMS_FILE_H

#include "kms/kms.h"

// As struct kms_provider says; the faults are those of keywrap.h and keytext_decode.
int kms_file_unwrap(const struct kms_request *request, const struct secret *input,
                    struct secret *plaintext, struct kms_report *report, struct fault *f);
int kms_file_wrap(const struct kms_request *request, const struct secret *plaintext,
                  struct secret *wrapped, struct kms_report *report, struct fault *f);

// Makes a random key, and the reply that a service would give. EX_OSERR: no random bytes.
int kms_file_generate(const struct kms_request *request, struct secret *reply,
                      struct kms_report *report, struct fault *f);

#endif
