// SPDX-License-Identifier: Apache-2.0
// The security token service of Alibaba Cloud, API version 2015-04-01.
#ifndef XBPIPE_STS_ALIYUN_H
#define XBPIPE_STS_ALIYUN_H

#include "kms/kms.h"
#include "kms/kms_role.h"

struct sts_aliyun {
    const char *endpoint; // a URL without a path
    const char *host;     // the endpoint's host, with the port if it has one
};

// AssumeRole: replaces *keys, which sign the request, by those of the role; or, for a role with a
// token file, AssumeRoleWithOIDC, which needs no keys. The source of the keys is unchanged. Returns
// 0; or -1 and a fault of kms_role_ask or kms_role_token, or EX_UNAVAILABLE for a reply without
// credentials.
int sts_aliyun_assume(const struct sts_aliyun *sts, const struct kms_role *role,
                      const struct kms_request *request, struct kms_credentials *keys,
                      struct fault *f);

#endif
