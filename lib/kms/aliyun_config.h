// SPDX-License-Identifier: Apache-2.0
// The configuration of Alibaba Cloud's clients: profile, credentials, region and endpoint.
#ifndef XBPIPE_ALIYUN_CONFIG_H
#define XBPIPE_ALIYUN_CONFIG_H

#include "kms/config_file.h"
#include "kms/kms.h"
#include "kms/kms_credentials.h"

struct aliyun_config {
    struct config_file profiles_file; // of the aliyun CLI, JSON
    json_t *profiles, *profile;       // its content, and the profile in it (borrowed) or NULL
    struct kms_credentials keys;      // what was found
    const char *files[2];             // to be read to get them anew, ended by NULL
    char region[64];
    char warning[300];  // about the region; may be empty
    char endpoint[512]; // a URL without a path
    char host[300];     // of it, with the port where it has one
};

// Finds the profile, region and endpoint. Returns 0, or -1 and EX_CONFIG, EX_NOPERM, EX_OSERR.
// aliyun_config_free is due in both cases.
int aliyun_config_load(struct aliyun_config *c, const struct kms_request *request, struct fault *f);

// Finds credentials, in the order: environment (unless the option --profile is given), the CLI's
// profile, ~/.alibabacloud/credentials, the metadata service of ECS. Also used to renew them.
// Returns 0; or -1 and EX_CONFIG (none, or of a kind that is not supported: then with what to do),
// EX_OSERR.
int aliyun_config_credentials(struct aliyun_config *c, const struct kms_request *request,
                              struct fault *f);

void aliyun_config_free(struct aliyun_config *c);

#endif
