// SPDX-License-Identifier: Apache-2.0
// Signs a request to Alibaba Cloud.
#ifndef XBPIPE_ACS3_REQUEST_H
#define XBPIPE_ACS3_REQUEST_H

#include "kms/http.h"
#include "kms/kms_credentials.h"

#include <stdbool.h>

enum { ACS3_REQUEST_HEADERS = 8 };

// The caller sets the first five; the rest is all zero at the start.
struct acs3_request {
    const char *host; // with the port if it has one
    const char *action, *version;
    const char *parameters; // encoded by acs3_query
    bool in_body;           // the parameters; false: they are in the query of the URL
    char *authorization;
    char *lines[ACS3_REQUEST_HEADERS]; // header lines of the last try
};

// Fills the request except its URL: method, body and headers, signed with the current time and a
// new nonce. May be called again for the next try. Returns 0; or -1 and EX_OSERR or EX_SOFTWARE.
int acs3_request_sign(struct acs3_request *r, struct http_request *http,
                      const struct kms_credentials *keys, struct fault *f);

// The URL of an endpoint, with the parameters if they are in the query. A string that the caller
// frees with wiped_free, or NULL if the allocation failed.
char *acs3_request_url(const struct acs3_request *r, const char *endpoint);

void acs3_request_free(struct acs3_request *r);

#endif
