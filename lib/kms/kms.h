// SPDX-License-Identifier: Apache-2.0
// Key services, which unwrap and wrap keys. Each provider is an entry of a table that kmsunwrap and
// kmswrap search.
#ifndef XBPIPE_KMS_H
#define XBPIPE_KMS_H

#include "base/diag.h"
#include "secret/secret.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

// The user's request. Strings belong to the caller; NULL: not given.
struct kms_request {
    const char *input;      // the path of the input, for messages; NULL: standard input
    const char *master_key; // the path of a file
    const char *region, *endpoint, *profile, *key_id;
    const char *ca_file;
    json_t *context;  // the encryption context: an object of strings
    unsigned timeout; // seconds for each try
    unsigned retries; // tries after the first
    bool no_sandbox;
    bool verbose;
    // Enters the sandbox. A provider that calls a service calls this once, after it has read its
    // configuration and its credentials (a program that prints them cannot be started later), and
    // before it calls the service. `files`, ended by NULL, are those that it may need to read
    // again. Returns 0; or -1 and *f. NULL: nothing to do.
    int (*confine)(const struct kms_request *request, const char *const *files, struct fault *f);
};

// The options that only some providers support.
enum kms_option {
    KMS_OPTION_MASTER_KEY = 1 << 0,
    KMS_OPTION_NETWORK = 1 << 1, // --region, --endpoint, --profile, --cacert, --timeout, --retries
    KMS_OPTION_KEY_ID = 1 << 2,
    KMS_OPTION_CONTEXT = 1 << 3,
    KMS_OPTION_ENVELOPE = 1 << 4,
};

// For -v: what was done, and with which service and credentials, without secrets. Texts are
// printable; empty: not known.
struct kms_report {
    char asked[700];  // the file or endpoint that was used, and the source of the credentials
    char key_id[300]; // of the key that was used
    char request_id[72];
    char warning[600]; // to be shown even without -v
};

struct kms_provider {
    const char *name;
    unsigned options;  // of enum kms_option: those that it supports
    unsigned required; // those that it always needs
    const char *input; // what unwrap expects on standard input, for messages

    // Unwraps `input`, the unchanged input text. Returns 0 and *plaintext (at least one byte),
    // which the caller frees; or -1 and *f, with *plaintext SECRET_NONE.
    int (*unwrap)(const struct kms_request *request, const struct secret *input,
                  struct secret *plaintext, struct kms_report *report, struct fault *f);

    // Wraps the bytes of `plaintext`. Returns 0 and the bytes *wrapped, which the caller frees; or
    // -1 and *f. NULL: this provider cannot wrap.
    int (*wrap)(const struct kms_request *request, const struct secret *plaintext,
                struct secret *wrapped, struct kms_report *report, struct fault *f);

    // Has a new data key of 256 bits made. Returns 0 and *reply, the service's JSON, which the
    // caller frees; or -1 and *f. NULL if `wrap` is.
    int (*generate)(const struct kms_request *request, struct secret *reply,
                    struct kms_report *report, struct fault *f);
};

// The table, ended by an entry without a name. The first one is the default.
extern const struct kms_provider kms_providers[];

// The entry of that name, or NULL.
const struct kms_provider *kms_provider_find(const char *name);

#endif
