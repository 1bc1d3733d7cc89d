// SPDX-License-Identifier: Apache-2.0
// Shared by the calls to all cloud key services: retries, and judging a reply or a missing one.
#ifndef XBPIPE_KMS_CALL_H
#define XBPIPE_KMS_CALL_H

#include "kms/http.h"
#include "kms/kms.h"
#include "kms/kms_credentials.h"
#include "kms/kms_refusal.h"

// One operation. The functions return 0, or -1 and *f.
struct kms_call {
    enum kms_service service;
    const char *action; // the permission it needs: "kms:Decrypt"
    void *context;      // for the functions
    // Fills *request for the next try, signed with the current time.
    int (*prepare)(void *context, struct http_request *request, struct fault *f);
    // Renews the credentials, if that is possible.
    int (*renew)(void *context, struct fault *f);
    const struct kms_credentials *credentials;
    const char *const *files; // ended by NULL: the files that `renew` reads; for request->confine
};

// Enters the sandbox (request->confine), then makes the call. If it was throttled, failed on the
// service's side or lost its connection, it is tried again, at most request->retries times, each
// after a random pause of at most min(2^n, 20) seconds. If the credentials or the time were
// refused, it is tried once more at once, with new ones; once again after each pause, because
// credentials may expire during it. Returns 0 with the reply's JSON object in *root and its text,
// ended by a newline, in *text (which may be NULL), both for the caller to free; or -1 and the
// fault of kms_refusal_fault or http_call, or EX_UNAVAILABLE for a reply that is not a JSON object.
int kms_call(const struct kms_call *call, const struct kms_request *request, json_t **root,
             struct secret *text, struct kms_report *report, struct fault *f);

#endif
