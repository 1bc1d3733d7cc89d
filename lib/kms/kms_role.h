// SPDX-License-Identifier: Apache-2.0
// Roles for which a cloud's security token service (STS) issues temporary credentials.
#ifndef XBPIPE_KMS_ROLE_H
#define XBPIPE_KMS_ROLE_H

#include "kms/http.h"
#include "kms/kms_credentials.h"
#include "kms/kms_refusal.h"

#include <time.h>

// Strings belong to the caller; NULL: not given.
struct kms_role {
    const char *arn;
    const char *session; // its name; NULL: one is made
    const char *external_id;
    const char *duration;   // seconds, decimal
    const char *token_file; // the identity's token: web identity, OIDC
    const char *provider;   // Alibaba Cloud: the ARN of the OIDC provider
};

// How a service is called.
struct kms_role_call {
    unsigned timeout, retries;
    const char *ca_file;
    enum kms_service service;
    void *context;
    // Fills *request for the next try.
    int (*prepare)(void *context, struct http_request *request, struct fault *f);
    // Takes the refusal from an error reply. False if there is none.
    bool (*refusal)(const struct http_reply *reply, struct kms_refusal *r);
};

// Requests credentials for a role, with pauses and tries as for a key. Returns 0 and *reply of
// status 200, which the caller frees; or -1 and EX_NOPERM, EX_CONFIG, EX_UNAVAILABLE, EX_TEMPFAIL
// or EX_OSERR, and a text that begins with the role.
int kms_role_ask(const struct kms_role *role, const struct kms_role_call *call,
                 struct http_reply *reply, struct fault *f);

// The role's session name, or a new one, in `out`.
const char *kms_role_session(const struct kms_role *role, char out[static 40]);

// Reads the token file: one line. Returns 0 and *token, with a NUL after it; or -1 and a fault of
// secret_read_file, or EX_CONFIG.
int kms_role_token(const struct kms_role *role, struct secret *token, struct fault *f);

#endif
