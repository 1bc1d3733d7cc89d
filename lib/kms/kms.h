// SPDX-License-Identifier: Apache-2.0
// Key services: what turns a wrapped key into its plaintext, and back. Each provider is one entry
// of a table, which kmsunwrap and kmswrap run through.
#ifndef XBPIPE_KMS_H
#define XBPIPE_KMS_H

#include "base/diag.h"
#include "secret/secret.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

// What the user asked for. Strings belong to the caller; NULL: not given.
struct kms_request {
    const char *input;      // the path of what was read, for messages; NULL: standard input
    const char *master_key; // the path of a file
    const char *region, *endpoint, *profile, *key_id;
    const char *ca_file;
    json_t *context;  // the encryption context: an object of strings
    unsigned timeout; // seconds a try
    unsigned retries; // tries after the first
    bool no_sandbox;
    bool verbose;
    // The program shuts itself in. A provider that asks a service calls this once, when it has read
    // its configuration and has credentials (a program that gives them could not be started any
    // more), and before it asks. `files`, ended by NULL, are those that it may have to read again.
    // Returns 0; or -1 and *f. NULL: nothing is done.
    int (*confine)(const struct kms_request *request, const char *const *files, struct fault *f);
};

// The options that only some providers take.
enum kms_option {
    KMS_OPTION_MASTER_KEY = 1 << 0,
    KMS_OPTION_NETWORK = 1 << 1, // --region, --endpoint, --profile, --cacert, --timeout, --retries
    KMS_OPTION_KEY_ID = 1 << 2,
    KMS_OPTION_CONTEXT = 1 << 3,
    KMS_OPTION_ENVELOPE = 1 << 4,
};

// For -v: what was done, by whom, without secrets. Texts are printable; empty: not known.
struct kms_report {
    char asked[700];  // what did the work: a file, or an endpoint, and the credentials' source
    char key_id[300]; // of the key that was used
    char request_id[72];
    char warning[600]; // to be shown even without -v
};

struct kms_provider {
    const char *name;
    unsigned options;  // of enum kms_option: those it takes
    unsigned required; // those it needs, always
    const char *input; // what unwrap wants on standard input, for messages

    // Unwraps `input`, the text as it came in. Returns 0 and *plaintext (at least one byte), which
    // the caller frees; or -1 and *f, with *plaintext SECRET_NONE.
    int (*unwrap)(const struct kms_request *request, const struct secret *input,
                  struct secret *plaintext, struct kms_report *report, struct fault *f);

    // Wraps the bytes of `plaintext`. Returns 0 and *wrapped, bytes, which the caller frees; or -1
    // and *f. NULL: this provider cannot wrap.
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
