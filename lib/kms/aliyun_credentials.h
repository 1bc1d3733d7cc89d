// SPDX-License-Identifier: Apache-2.0
// Finds credentials in the same places and order as Alibaba Cloud's clients.
#ifndef XBPIPE_ALIYUN_CREDENTIALS_H
#define XBPIPE_ALIYUN_CREDENTIALS_H

#include "kms/aliyun_config.h"

// Finds credentials, in the order: environment (unless the option --profile is given): keys, then a
// role by OIDC (RRSA); the CLI's profile; ~/.alibabacloud/credentials; the metadata service of ECS.
// Also used to renew them. Returns 0 and c->keys; or -1 and EX_CONFIG (none, or of an unsupported
// kind: the text then says what to do), EX_OSERR, or a fault of sts_aliyun_assume.
int aliyun_credentials_find(struct aliyun_config *c, const struct kms_request *request,
                            struct fault *f);

#endif
