// SPDX-License-Identifier: Apache-2.0
// The configuration of Alibaba Cloud's clients: profile, region and endpoints.
#ifndef XBPIPE_ALIYUN_CONFIG_H
#define XBPIPE_ALIYUN_CONFIG_H

#include "kms/config_file.h"
#include "kms/kms.h"
#include "kms/kms_credentials.h"

enum { ALIYUN_ENDPOINT_SIZE = 512 };

struct aliyun_config {
    struct config_file profiles_file; // of the aliyun CLI, JSON
    json_t *profiles, *profile;       // its content, and the profile in it (borrowed) or NULL
    struct kms_credentials keys;      // the credentials found
    // A copy of those of the environment, which can be read only once.
    struct kms_credentials from_environment;
    struct config_file_list files; // the files to read to renew them
    char region[64];
    char warning[300];                   // about the region; may be empty
    char endpoint[ALIYUN_ENDPOINT_SIZE]; // of the key service, a URL without a path
    char host[300];                      // of it, with the port if it has one
};

// Finds the profile, region and endpoint. Returns 0, or -1 and EX_CONFIG, EX_NOPERM, EX_OSERR.
// Call aliyun_config_free in both cases.
int aliyun_config_load(struct aliyun_config *c, const struct kms_request *request, struct fault *f);

void aliyun_config_free(struct aliyun_config *c);

// The rest is for aliyun_credentials.c.

// The value of the first of these environment variables that is set and not empty, or NULL: the
// clients read each variable under the prefixes ALIBABA_CLOUD_, ALIBABACLOUD_ and ALICLOUD_.
const char *aliyun_config_environment(const char *name);
bool aliyun_config_is_true(const char *name);

// A string of a profile, or NULL if it is absent or empty.
const char *aliyun_config_setting(const json_t *profile, const char *name);

// The profile of that name (borrowed), or NULL.
json_t *aliyun_config_profile(const struct aliyun_config *c, const char *name);

// The endpoint of STS in `region` (NULL: that of the environment, or the global one), and its host.
// Returns 0, or -1 and EX_CONFIG.
int aliyun_config_sts(const char *region, char url[static ALIYUN_ENDPOINT_SIZE], char *host,
                      size_t host_size, struct fault *f);

#endif
