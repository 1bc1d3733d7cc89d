// SPDX-License-Identifier: Apache-2.0
// Signs a request to AWS.
#ifndef XBPIPE_AWS_REQUEST_H
#define XBPIPE_AWS_REQUEST_H

#include "kms/http.h"
#include "kms/kms_credentials.h"

// Owns the strings of the request. All zero at the start; free it after the call.
struct aws_request {
    char sigv4[120];
    char *token; // a whole header line
};

// Adds the signature for `service` in `region` with the credentials (libcurl makes it) and, if
// there is one, the header with their token. The credentials must outlive the call. May be called
// again for the next try. Returns 0; or -1 and EX_OSERR.
int aws_request_sign(struct aws_request *r, struct http_request *http, const char *service,
                     const char *region, const struct kms_credentials *keys, struct fault *f);

void aws_request_free(struct aws_request *r);

#endif
