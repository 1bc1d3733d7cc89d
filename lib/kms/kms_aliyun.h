// SPDX-License-Identifier: Apache-2.0
// The provider `aliyun`: Alibaba Cloud KMS, API version 2016-01-20, over HTTPS with signature
// version 3 (acs3.h).
#ifndef XBPIPE_KMS_ALIYUN_H
#define XBPIPE_KMS_ALIYUN_H

#include "kms/kms.h"

// Decrypt, Encrypt and GenerateDataKey (of 256 bits), as struct kms_provider says; the faults are
// those of keytext_decode, aliyun_config_load, aliyun_credentials_find and kms_call, and
// EX_DATAERR if the key of the blob is not request->key_id. http_start must have been called.
int kms_aliyun_unwrap(const struct kms_request *request, const struct secret *input,
                      struct secret *plaintext, struct kms_report *report, struct fault *f);
int kms_aliyun_wrap(const struct kms_request *request, const struct secret *plaintext,
                    struct secret *wrapped, struct kms_report *report, struct fault *f);
int kms_aliyun_generate(const struct kms_request *request, struct secret *reply,
                        struct kms_report *report, struct fault *f);

#endif
