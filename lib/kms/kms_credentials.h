// SPDX-License-Identifier: Apache-2.0
// Credentials of any cloud: an access key id, its secret, and a token if they are temporary.
#ifndef XBPIPE_KMS_CREDENTIALS_H
#define XBPIPE_KMS_CREDENTIALS_H

#include "base/diag.h"
#include "secret/secret.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct kms_credentials {
    struct secret id, key, token; // each with a NUL after its `size` bytes; token may be empty
    char source[200];             // their source, for messages
    bool renewable;               // the source may have newer ones later
};

// Copies a text into *s, with a NUL. Returns 0; or -1 and EX_OSERR, or EX_CONFIG for control
// characters, which would break a header. `what` names the text in messages.
int kms_credentials_set(struct secret *s, const char *text, size_t size, const char *what,
                        struct fault *f);

// Takes the value of the first of the environment variables `names` (ended by NULL) that is set,
// and removes it from the environment. Returns 1, 0 if none is set, or -1.
int kms_credentials_from_env(struct secret *s, const char *const *names, struct fault *f);

// Takes the members of a JSON object. `key` and `token` are the names of the members for those;
// that of the id is AccessKeyId. `what` names the source. Returns 0; or -1 and EX_CONFIG, EX_OSERR.
int kms_credentials_from_json(struct kms_credentials *c, const json_t *object, const char *key,
                              const char *token, const char *what, struct fault *f);

// Replaces *to by a copy. Returns 0; or -1 and EX_OSERR.
int kms_credentials_copy(struct kms_credentials *to, const struct kms_credentials *from,
                         struct fault *f);

// The text as a C string; "" if there is none.
const char *kms_credentials_text(const struct secret *s);

// Overwrites with '*' all parts of the secret and the token that a text shows.
void kms_credentials_scrub(const struct kms_credentials *c, char *text);

void kms_credentials_free(struct kms_credentials *c);

#endif
