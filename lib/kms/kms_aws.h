// SPDX-License-Identifier: Apache-2.0
// The provider `aws`: AWS KMS, API version 2014-11-01, JSON 1.1 over HTTPS with Signature
// Version 4.
#ifndef XBPIPE_KMS_AWS_H
#define XBPIPE_KMS_AWS_H

#include "kms/kms.h"

// Decrypt, Encrypt and GenerateDataKey (of 256 bits), as struct kms_provider says; the faults are
// those of keytext_decode, aws_config_load, aws_credentials_find and kms_call, and EX_DATAERR
// if the key of the blob is not request->key_id. http_start must have been called.
int kms_aws_unwrap(const struct kms_request *request, const struct secret *input,
                   struct secret *plaintext, struct kms_report *report, struct fault *f);
int kms_aws_wrap(const struct kms_request *request, const struct secret *plaintext,
                 struct secret *wrapped, struct kms_report *report, struct fault *f);
int kms_aws_generate(const struct kms_request *request, struct secret *reply,
                     struct kms_report *report, struct fault *f);

#endif
