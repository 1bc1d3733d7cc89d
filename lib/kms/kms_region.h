// SPDX-License-Identifier: Apache-2.0
// The names of regions, and the endpoints of services in them.
#ifndef XBPIPE_KMS_REGION_H
#define XBPIPE_KMS_REGION_H

#include "base/diag.h"
#include "kms/http.h"

#include <stdbool.h>
#include <stddef.h>

// Puts the URL (without a path) and the Host header of an endpoint, given as a URL or as a host,
// into url and host. Returns 0, or -1 and EX_CONFIG.
int kms_region_endpoint(const char *endpoint, enum http_plain plain, const char *what, char *url,
                        size_t url_size, char *host, size_t host_size, struct fault *f);

// The region in a key's ARN ("arn:aws:kms:REGION:...", "acs:kms:REGION:..."). Returns false if
// `key_id` is not an ARN.
bool kms_region_of_arn(const char *key_id, char *region, size_t size);

// Whether a text is a region's name: lower-case letters, digits and '-'.
bool kms_region_valid(const char *region);

#endif
