// SPDX-License-Identifier: Apache-2.0
// The AWS CLI's configuration: profile, region and endpoints, in its order.
#ifndef XBPIPE_AWS_CONFIG_H
#define XBPIPE_AWS_CONFIG_H

#include "kms/config_file.h"
#include "kms/ini.h"
#include "kms/kms.h"
#include "kms/kms_credentials.h"
#include "kms/metadata_service.h"

enum { AWS_ENDPOINT_SIZE = 512 };

struct aws_profile {
    char name[128];
    char section[160]; // in the config file
    char shown[130];   // the name, printable, for messages
};

struct aws_config {
    struct aws_profile profile;
    bool named; // by an option or the environment: then it must exist
    struct config_file credentials_file, config_file;
    struct kms_credentials keys; // the credentials found
    // Copies of those that can be read only once: then the variables are removed, and programs can
    // no longer be started.
    struct kms_credentials from_environment, from_process;
    struct secret container_token; // for renewing them
    struct config_file_list files; // the files to read to renew them
    char region[64];
    char warning[300];                // about the region; may be empty
    char endpoint[AWS_ENDPOINT_SIZE]; // of the key service, a URL without a path
    char host[300];                   // of it, with the port if it has one
};

// Finds the profile, region and endpoint. Returns 0, or -1 and EX_CONFIG, EX_NOPERM, EX_OSERR.
// Call aws_config_free in both cases.
int aws_config_load(struct aws_config *c, const struct kms_request *request, struct fault *f);

void aws_config_free(struct aws_config *c);

// The rest is for aws_credentials.c.

// Fills *p for the profile of that name. Returns false if no file has it.
bool aws_config_profile(const struct aws_config *c, const char *name, struct aws_profile *p);

// A setting of a profile. The credentials file takes precedence.
bool aws_config_setting(const struct aws_config *c, const struct aws_profile *p, const char *name,
                        struct ini_value *value);

// The value of an environment variable, or NULL if it is unset or empty.
const char *aws_config_environment(const char *name);

// The metadata service of EC2. Returns 1 and *service, with its URL in url; 0 if it is turned off;
// or -1 and EX_CONFIG.
int aws_config_metadata(struct metadata_service *service, char *url, size_t size, struct fault *f);

// The endpoint of STS. Returns 0, or -1 and EX_CONFIG.
int aws_config_sts_endpoint(const struct aws_config *c, char url[static AWS_ENDPOINT_SIZE],
                            struct fault *f);

#endif
