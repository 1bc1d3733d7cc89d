// SPDX-License-Identifier: Apache-2.0
// The refusals of AWS KMS and Alibaba Cloud KMS, explained: what an error code means, its exit
// status, whether trying again can help, and what the user can do.
#ifndef XBPIPE_KMS_REFUSAL_H
#define XBPIPE_KMS_REFUSAL_H

#include "base/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum kms_service { KMS_SERVICE_ALIYUN, KMS_SERVICE_AWS };

// A refusal in the service's words. All texts are printable, and cut if they are too long.
struct kms_refusal {
    enum kms_service service;
    int http_status; // 0: not known
    char code[96];
    char message[320]; // may be empty
    char request_id[72];
    // This machine's clock and the service's when it refused; 0 or -1: not known.
    time_t local_time, service_time;
};

enum kms_retry {
    KMS_RETRY_NEVER,
    KMS_RETRY_RENEWED, // once, with renewed credentials
    KMS_RETRY_ONCE,    // at once, with a new date and nonce
    KMS_RETRY_YES      // after a pause
};

// Takes the members of an error reply: AWS `__type` (the parts before the last '#' and after the
// first ':' are dropped), `message` or `Message`; Alibaba Cloud `Code` or `code`, `Message` or
// `message`, `RequestId`. Fills *r, keeping r->http_status, and returns true; false, with *r
// unchanged, if there is no error code.
bool kms_refusal_from_json(struct kms_refusal *r, const json_t *reply);

// Takes the text that a command line client prints instead of a reply: the AWS CLI's "An error
// occurred (CODE) when calling ...", the aliyun CLI's "ErrorCode: CODE" lines. Returns as above.
bool kms_refusal_from_cli(struct kms_refusal *r, const void *text, size_t size);

// Sets one of the texts above (of out_size bytes) from `size` bytes: the first line, made
// printable, without a full stop at its end.
void kms_refusal_set(char *out, size_t out_size, const char *text, size_t size);

// Whether another try can help.
enum kms_retry kms_refusal_retry(const struct kms_refusal *r);

// Makes the fault: "CODE: MESSAGE (request ID); what to do". `action` is the permission that the
// call needs ("kms:Decrypt"). The status is EX_NOPERM (denied; invalid credentials), EX_DATAERR
// (blob, context, or wrapped with another key), EX_UNAVAILABLE (all other refusals), EX_TEMPFAIL
// (throttled, or a failure of the service), EX_CONFIG (this machine's clock, also if credentials
// are refused and the two clocks differ by more than four minutes: then with both times). Returns
// -1.
int kms_refusal_fault(const struct kms_refusal *r, const char *action, struct fault *f);

#endif
