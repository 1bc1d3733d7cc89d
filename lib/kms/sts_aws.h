// SPDX-License-Identifier: Apache-2.0
// The security token service of AWS, API version 2011-06-15.
#ifndef XBPIPE_STS_AWS_H
#define XBPIPE_STS_AWS_H

#include "kms/kms.h"
#include "kms/kms_role.h"

struct sts_aws {
    const char *endpoint; // a URL without a path
    const char *region;
};

// AssumeRole: replaces *keys, which sign the request, by those of the role; or, for a role with a
// token file, AssumeRoleWithWebIdentity, which needs no keys. The source of the keys is unchanged.
// Returns 0; or -1 and a fault of kms_role_ask or kms_role_token, or EX_UNAVAILABLE for a reply
// without credentials.
int sts_aws_assume(const struct sts_aws *sts, const struct kms_role *role,
                   const struct kms_request *request, struct kms_credentials *keys,
                   struct fault *f);

#endif
