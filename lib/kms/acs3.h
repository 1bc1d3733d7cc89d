// SPDX-License-Identifier: Apache-2.0
// Alibaba Cloud's request signature, version 3: ACS3-HMAC-SHA256.
#ifndef XBPIPE_ACS3_H
#define XBPIPE_ACS3_H

#include "base/diag.h"

#include <stddef.h>

struct acs3_pair {
    const char *name;
    const char *value;
};

// "name=value&..." in the given order, names and values percent-encoded by RFC 3986: only letters,
// digits and -_.~ stay. A string that the caller frees with wiped_free, or NULL if the allocation
// failed. Parameters of a signed query must be sorted by name.
char *acs3_query(const struct acs3_pair *parameters, size_t count);

// The SHA-256 of a text in lower-case hexadecimal, with a NUL.
int acs3_sha256(const char *text, size_t size, char out[65], struct fault *f);

// The value of the Authorization header. `query` is the encoded query, without '?', or "". The
// headers to be signed are given sorted by name, names in lower case: host, content-type if it is
// sent, and every x-acs- header; x-acs-content-sha256 must be among them. The path is "/". Returns
// 0 and *authorization, which the caller frees with wiped_free; or -1 and EX_OSERR, EX_SOFTWARE.
int acs3_sign(const char *method, const char *query, const struct acs3_pair *headers, size_t count,
              const char *key_id, const char *key_secret, char **authorization, struct fault *f);

#endif
