// SPDX-License-Identifier: Apache-2.0
// Finds credentials in the same places and order as the AWS CLI.
#ifndef XBPIPE_AWS_CREDENTIALS_H
#define XBPIPE_AWS_CREDENTIALS_H

#include "kms/aws_config.h"

// Finds credentials, in the order: environment (unless the option --profile is given); the profile:
// a role that it assumes, a web identity, its static keys or credential_process; the container's
// endpoint; the metadata service of EC2. Also used to renew them. Returns 0 and c->keys; or -1 and
// EX_CONFIG (none, or of an unsupported kind: the text then names the command that gets temporary
// keys), EX_OSERR, or a fault of sts_aws_assume.
int aws_credentials_find(struct aws_config *c, const struct kms_request *request, struct fault *f);

#endif
