// SPDX-License-Identifier: Apache-2.0
// The services that give virtual machines their credentials.
#ifndef XBPIPE_METADATA_SERVICE_H
#define XBPIPE_METADATA_SERVICE_H

#include "kms/kms_credentials.h"

// A metadata service of a cloud's virtual machines, with session tokens ("version 2").
struct metadata_service {
    const char *base;         // "http://169.254.169.254"
    const char *ttl_header;   // "X-aws-ec2-metadata-token-ttl-seconds"
    const char *token_header; // "X-aws-ec2-metadata-token"
    const char *credentials;  // the path of the role's credentials, with a '/' at its end
    const char *key, *token;  // members of the credentials, as in kms_credentials_from_json
    bool need_token;          // never call it without a session token
};

// Gets the credentials of `role`, or, if that is NULL, of the machine's role. Returns 1; 0 if there
// is no such service, or no role; or -1 and *f.
int metadata_service_credentials(const struct metadata_service *service, const char *role,
                                 struct kms_credentials *c, struct fault *f);

// Gets the text at a path. Returns 1 with the text in value (without blanks around it, at most size
// - 1 bytes), or 0.
int metadata_service_get(const struct metadata_service *service, const char *path, char *value,
                         size_t size);

#endif
