// SPDX-License-Identifier: Apache-2.0
// The AWS CLI's configuration: profile, credentials, region and endpoint, in its order.
#ifndef XBPIPE_KMS_AWS_CONFIG_H
#define XBPIPE_KMS_AWS_CONFIG_H

#include "kms/config_file.h"
#include "kms/kms.h"
#include "kms/kms_credentials.h"

struct aws_config {
    char profile[128];
    bool named; // by option or environment: then it must exist
    struct config_file credentials_file, config_file;
    char section[160];             // of the profile in the config file
    struct kms_credentials keys;   // what was found
    struct secret container_token; // for getting them anew
    const char *files[2];          // to be read for that, ended by NULL
    char region[64];
    char warning[300];  // about the region; may be empty
    char endpoint[512]; // a URL without a path
    char host[300];     // of it, with the port where it has one
};

// Finds the profile, region and endpoint. Returns 0, or -1 and EX_CONFIG, EX_NOPERM, EX_OSERR.
// aws_config_free is due in both cases.
int aws_config_load(struct aws_config *c, const struct kms_request *request, struct fault *f);

// Finds credentials, in the order: environment (unless the option --profile is given), the
// profile's static keys or credential_process, the container's endpoint, the metadata service of
// EC2. Also used to renew them. Returns 0; or -1 and EX_CONFIG (none, or of a kind that is not
// supported: then with the command that gets temporary keys), EX_OSERR.
int aws_config_credentials(struct aws_config *c, const struct kms_request *request,
                           struct fault *f);

void aws_config_free(struct aws_config *c);

#endif
