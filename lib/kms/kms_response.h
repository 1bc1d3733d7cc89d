// SPDX-License-Identifier: Apache-2.0
// The provider `response`: the reply of a key service as printed by a vendor's command line client,
// `aliyun kms Decrypt` or `aws kms decrypt`.
#ifndef XBPIPE_KMS_RESPONSE_H
#define XBPIPE_KMS_RESPONSE_H

#include "kms/kms.h"

#include <jansson.h>

// Takes the reply's JSON object with a `Plaintext` at its top level, or a bare JSON string, or one
// line of base64. Returns 0; or -1: for an error reply, or the error text of a client, the fault of
// kms_refusal_fault; EX_DATAERR for anything else, with the client's command that is needed;
// EX_OSERR.
int kms_response_unwrap(const struct kms_request *request, const struct secret *input,
                        struct secret *plaintext, struct kms_report *report, struct fault *f);

// Decodes the member `name` ("Plaintext", "CiphertextBlob") of a reply. Returns 0 and *bytes, which
// the caller frees; or -1 with *bytes SECRET_NONE, and EX_DATAERR (no such member, not a string,
// bad base64) or EX_OSERR.
int kms_response_member(const json_t *reply, const char *name, struct secret *bytes,
                        struct fault *f);

// Copies the key's and the request's identifier, if the reply has them.
void kms_response_report(const json_t *reply, struct kms_report *report);

// Checks that the reply names the requested key: identifiers and ARNs are compared by the key's
// identifier, aliases are not compared. Returns 0, or -1 and EX_DATAERR.
int kms_response_check_key(const char *key_id, const json_t *reply, struct fault *f);

#endif
