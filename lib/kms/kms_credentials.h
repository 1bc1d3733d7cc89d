// SPDX-License-Identifier: Apache-2.0
// What the credentials of all clouds have in common: an access key id, its secret, a token where
// they are temporary, and the files, processes and metadata services that they come from.
#ifndef XBPIPE_KMS_CREDENTIALS_H
#define XBPIPE_KMS_CREDENTIALS_H

#include "base/diag.h"
#include "secret/secret.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct kms_credentials {
    struct secret id, key, token; // each with a NUL after its `size` bytes; token may be empty
    char source[200];             // where they come from, for messages
    bool renewable;               // asking the source again may give newer ones
};

// Copies a text into *s, with a NUL. Returns 0; or -1 and EX_OSERR, or EX_CONFIG for control
// characters, which would break a header. `what` names the text in messages.
int kms_credentials_set(struct secret *s, const char *text, size_t size, const char *what,
                        struct fault *f);

// Takes the value of an environment variable, removing it from the environment; the first of
// `names` (ended by NULL) that is set. Returns 1, 0 if none is, or -1.
int kms_credentials_from_env(struct secret *s, const char *const *names, struct fault *f);

// Takes the members of a JSON object. `key` and `token` are the names of the latter two members,
// the id's is AccessKeyId. `what` names the source. Returns 0; or -1 and EX_CONFIG, EX_OSERR.
int kms_credentials_from_json(struct kms_credentials *c, const json_t *object, const char *key,
                              const char *token, const char *what, struct fault *f);

// The text as a C string, "" for none.
const char *kms_credentials_text(const struct secret *s);

// Overwrites with '*' what a text shows of the secret and the token.
void kms_credentials_scrub(const struct kms_credentials *c, char *text);

void kms_credentials_free(struct kms_credentials *c);

// A file in memory, which is cleansed when freed. All zero: none.
struct config_file {
    char *text; // with a NUL after its end
    size_t size;
    char path[512];
};

// Reads the file that environment variable `variable` names, or `below_home` in the home directory.
// Returns 1; 0 if there is none; or -1 and EX_NOPERM, EX_CONFIG (too long), EX_IOERR, EX_OSERR.
int config_file_read(struct config_file *file, const char *variable, const char *below_home,
                     struct fault *f);
void config_file_free(struct config_file *file);

// A metadata service of a cloud's virtual machines, with session tokens ("version 2").
struct metadata_service {
    const char *base;         // "http://169.254.169.254"
    const char *ttl_header;   // "X-aws-ec2-metadata-token-ttl-seconds"
    const char *token_header; // "X-aws-ec2-metadata-token"
    const char *credentials;  // the path of the role's credentials, with a '/' at its end
    const char *key, *token;  // members of the credentials, as in kms_credentials_from_json
    bool need_token;          // never ask without a session token
};

// Asks for the credentials of `role`, or, NULL, of the machine's role. Returns 1; 0 if there is no
// such service, or no role; or -1 and *f.
int metadata_credentials(const struct metadata_service *service, const char *role,
                         struct kms_credentials *c, struct fault *f);

// Asks for the text at a path. Returns 1 with the text in value (without blanks around it, at most
// size - 1 bytes), or 0.
int metadata_get(const struct metadata_service *service, const char *path, char *value,
                 size_t size);

#endif
