// SPDX-License-Identifier: Apache-2.0
#include "kms/aws_credentials.h"

#include "kms/child.h"
#include "kms/http.h"
#include "kms/sts_aws.h"
#include "secret/json_secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Each source returns 1 with c->keys filled, 0 if it does not exist, or -1 and *f.

// Keeps a copy of keys that can be read only once. Returns 1, or -1.
static int keep(struct kms_credentials *to, struct aws_config *c, struct fault *f) {
    return kms_credentials_copy(to, &c->keys, f) < 0 ? -1 : 1;
}

// Takes such a copy. Returns 1; 0 if there is none; or -1.
static int kept(const struct kms_credentials *from, struct aws_config *c, struct fault *f) {
    if (from->id.size == 0)
        return 0;
    return kms_credentials_copy(&c->keys, from, f) < 0 ? -1 : 1;
}

static int from_environment(struct aws_config *c, struct fault *f) {
    int found = kept(&c->from_environment, c, f);
    if (found != 0)
        return found;
    static const char *const id[] = {"AWS_ACCESS_KEY_ID", NULL};
    static const char *const key[] = {"AWS_SECRET_ACCESS_KEY", NULL};
    static const char *const token[] = {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", NULL};
    int has_id = kms_credentials_from_env(&c->keys.id, id, f);
    int has_key = kms_credentials_from_env(&c->keys.key, key, f);
    int has_token = kms_credentials_from_env(&c->keys.token, token, f);
    if (has_id < 0 || has_key < 0 || has_token < 0)
        return -1;
    if (has_id != has_key)
        return diag_fault(
            f, EX_CONFIG,
            "environment: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found "
            "one of them");
    snprintf(c->keys.source, sizeof c->keys.source, "the environment");
    return has_id > 0 ? keep(&c->from_environment, c, f) : 0;
}

static bool get(const struct config_file *file, const char *section, const char *name,
                struct ini_value *value) {
    return file->text != NULL && ini_get(file->text, file->size, section, NULL, name, value);
}

static int from_static_keys(struct aws_config *c, const struct config_file *file,
                            const struct aws_profile *p, const char *section, struct fault *f) {
    struct ini_value id, key, token;
    bool has_id = get(file, section, "aws_access_key_id", &id);
    if (has_id != get(file, section, "aws_secret_access_key", &key))
        return diag_fault(f, EX_CONFIG,
                          "AWS profile %.100s in %.200s: expected aws_access_key_id and "
                          "aws_secret_access_key, found one of them",
                          p->shown, file->shown);
    if (!has_id)
        return 0;
    if (kms_credentials_set(&c->keys.id, id.text, id.size, "aws_access_key_id", f) < 0 ||
        kms_credentials_set(&c->keys.key, key.text, key.size, "aws_secret_access_key", f) < 0)
        return -1;
    secret_free(&c->keys.token);
    if (get(file, section, "aws_session_token", &token) &&
        kms_credentials_set(&c->keys.token, token.text, token.size, "aws_session_token", f) < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "profile %.60s in %.110s", p->shown,
             file->shown);
    return 1;
}

static int from_process(struct aws_config *c, const struct aws_profile *p, unsigned timeout,
                        struct fault *f) {
    struct ini_value command;
    if (!aws_config_setting(c, p, "credential_process", &command))
        return 0;
    int found = kept(&c->from_process, c, f);
    if (found != 0)
        return found;
    struct secret output;
    if (child_output(command.text, command.size, "credential_process", timeout, &output, f) < 0)
        return -1;
    json_t *object = json_secret_parse(output.data, output.size, "credential_process", f);
    secret_free(&output);
    int result = -1;
    if (object == NULL)
        f->status = EX_CONFIG;
    else if (json_integer_value(json_object_get(object, "Version")) != 1)
        diag_fault(f, EX_CONFIG, "credential_process: expected \"Version\": 1, found another");
    else
        result = kms_credentials_from_json(&c->keys, object, "SecretAccessKey", "SessionToken",
                                           "credential_process", f);
    json_decref(object);
    if (result < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "credential_process of profile %.100s",
             p->shown);
    return keep(&c->from_process, c, f);
}

// The fault for a profile that needs a person or a browser, with what to do.
static int refuse_unsupported(const struct aws_config *c, const struct aws_profile *p,
                              struct fault *f) {
    static const struct {
        const char *name, *meaning;
    } settings[] = {
        {"sso_session", "signs in by SSO"},
        {"sso_start_url", "signs in by SSO"},
        {"login_session", "signs in by the console"},
    };
    struct ini_value value;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (aws_config_setting(c, p, settings[i].name, &value))
            return diag_fault(f, EX_CONFIG,
                              "AWS profile %.60s %s (%s), which is not supported; get temporary "
                              "keys by: eval \"$(aws configure export-credentials --profile %.60s "
                              "--format env)\"",
                              p->shown, settings[i].meaning, settings[i].name, p->shown);
    return 0;
}

static bool is_container_host(const char *host) {
    static const char *const allowed[] = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        size_t size = strlen(allowed[i]);
        if (strncmp(host, allowed[i], size) == 0 && (host[size] == '\0' || host[size] == ':'))
            return true;
    }
    return false;
}

// Reads the token for the container's endpoint: from its file each time, because it is renewed;
// from the variable once, because that is then removed. Returns 1; 0 if there is none; or -1.
static int container_token(struct aws_config *c, struct fault *f) {
    const char *path = aws_config_environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (path == NULL && c->container_token.data != NULL)
        return 1;
    secret_free(&c->container_token);
    if (path != NULL && !config_file_list_add(&c->files, path))
        return diag_fault_memory(f);
    if (path == NULL)
        return secret_from_env(&c->container_token, "AWS_CONTAINER_AUTHORIZATION_TOKEN", 16 << 10,
                               f);
    return secret_read_file(&c->container_token, path, 16 << 10, "container token file", f) < 0 ? -1
                                                                                                : 1;
}

// The whole Authorization header line for the container's endpoint, if one is needed. Returns 0 or
// -1.
static int container_authorization(struct aws_config *c, struct secret *line, struct fault *f) {
    *line = SECRET_NONE;
    int found = container_token(c, f);
    if (found <= 0)
        return found;
    const struct secret token = c->container_token;
    int result = 0;
    static const char name[] = "Authorization: ";
    if (memchr(token.data, '\r', token.size) != NULL ||
        memchr(token.data, '\n', token.size) != NULL ||
        memchr(token.data, '\0', token.size) != NULL) {
        result = diag_fault(f, EX_CONFIG, "container token: expected one line, found a line's end");
    } else if ((result = secret_new(line, sizeof name + token.size, f)) == 0) {
        memcpy(line->data, name, sizeof name - 1);
        memcpy(line->data + sizeof name - 1, token.data, token.size);
        line->size = sizeof name - 1 + token.size;
    }
    return result;
}

static int from_container(struct aws_config *c, struct fault *f) {
    const char *relative = aws_config_environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aws_config_environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative == NULL && full == NULL)
        return 0;
    char url[600], host[300];
    snprintf(url, sizeof url, "%s%.500s", relative != NULL ? "http://169.254.170.2" : "",
             relative != NULL ? relative : full);
    if (http_url_check(url, HTTP_PLAIN_ANYWHERE, "container credentials", host, sizeof host, f) < 0)
        return -1;
    if (!is_container_host(host) &&
        http_url_check(url, HTTP_PLAIN_LOOPBACK, "container credentials", host, sizeof host, f) < 0)
        return -1;
    struct secret authorization;
    if (container_authorization(c, &authorization, f) < 0)
        return -1;
    struct http_request request = {.method = "GET", .url = url, .timeout = 2, .no_proxy = true};
    if (authorization.size > 0)
        request.headers[request.header_count++] = (const char *)authorization.data;
    struct http_reply reply;
    enum http_result done = http_call(&request, &reply, f);
    secret_free(&authorization);
    if (done != HTTP_DONE) {
        diag_prefix(f, "container credentials");
        return -1;
    }
    int result = -1;
    json_t *object = NULL;
    if (reply.status != 200)
        diag_fault(f, EX_CONFIG, "container credentials: expected status 200 from %s, found %d",
                   host, reply.status);
    else if ((object = json_secret_parse(reply.body, reply.size, "container credentials", f)) ==
             NULL)
        f->status = EX_CONFIG;
    else
        result = kms_credentials_from_json(&c->keys, object, "SecretAccessKey", "Token",
                                           "container credentials", f);
    json_decref(object);
    http_reply_free(&reply);
    if (result < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "the container's endpoint");
    c->keys.renewable = true;
    return 1;
}

static int from_metadata(struct aws_config *c, struct fault *f) {
    struct metadata_service service;
    char url[300];
    int have = aws_config_metadata(&service, url, sizeof url, f);
    return have <= 0 ? have : metadata_service_credentials(&service, NULL, &c->keys, f);
}

// ---- Roles

// A profile in the chain from one that assumes a role to the keys at its start.
struct step {
    const struct step *before;
    const struct aws_profile *profile;
};
enum { STEPS_MAX = 16, VALUE_MAX = 2048 };

static int of_profile(struct aws_config *c, const struct step *step,
                      const struct kms_request *request, struct fault *f);

// A copy of a setting, which the caller frees; NULL: there is none. *failed if memory ran out.
static char *text_setting(const struct aws_config *c, const struct aws_profile *p, const char *name,
                          bool *failed) {
    struct ini_value value;
    if (!aws_config_setting(c, p, name, &value))
        return NULL;
    char *text = strndup(value.text, value.size < VALUE_MAX ? value.size : VALUE_MAX);
    *failed = *failed || text == NULL;
    return text;
}

static int assume(struct aws_config *c, const struct kms_role *role,
                  const struct kms_request *request, struct fault *f) {
    char endpoint[AWS_ENDPOINT_SIZE], source[sizeof c->keys.source];
    const struct sts_aws sts = {.endpoint = endpoint, .region = c->region};
    if (role->token_file != NULL && !config_file_list_add(&c->files, role->token_file))
        return diag_fault_memory(f);
    if (aws_config_sts_endpoint(c, endpoint, f) < 0 ||
        sts_aws_assume(&sts, role, request, &c->keys, f) < 0)
        return -1;
    snprintf(source, sizeof source, "%s",
             role->token_file != NULL ? "a web identity" : c->keys.source);
    snprintf(c->keys.source, sizeof c->keys.source, "role %s by %.70s", diag_shown(role->arn, 120),
             source);
    c->keys.renewable = true;
    return 1;
}

// Gets the keys that sign the request for a role: those of the source profile, or of the source
// that `credential_source` names.
static int from_source(struct aws_config *c, const struct step *step, const char *profile,
                       const char *source, const struct kms_request *request, struct fault *f) {
    const char *name = step->profile->shown;
    struct aws_profile next;
    if ((profile == NULL) == (source == NULL))
        return diag_fault(f, EX_CONFIG,
                          "AWS profile %.60s assumes a role: expected source_profile or "
                          "credential_source, found %s",
                          name, profile == NULL ? "neither" : "both");
    if (source != NULL) {
        int found = strcmp(source, "Environment") == 0           ? from_environment(c, f)
                    : strcmp(source, "EcsContainer") == 0        ? from_container(c, f)
                    : strcmp(source, "Ec2InstanceMetadata") == 0 ? from_metadata(c, f)
                                                                 : 0;
        return found != 0 ? found
                          : diag_fault(f, EX_CONFIG,
                                       "AWS profile %.60s: no credentials from credential_source "
                                       "%s: expected Environment, EcsContainer or "
                                       "Ec2InstanceMetadata, and keys there",
                                       name, diag_shown(source, 60));
    }
    if (strlen(profile) >= sizeof next.name || !aws_config_profile(c, profile, &next)) {
        return diag_fault(f, EX_CONFIG,
                          "AWS profile %.60s: no profile %s, which source_profile names", name,
                          diag_shown(profile, 130));
    }
    // If the profile has keys and a role of its own, the keys take precedence, as in the AWS CLI.
    int found = from_static_keys(c, &c->credentials_file, &next, next.name, f);
    if (found == 0)
        found = from_static_keys(c, &c->config_file, &next, next.section, f);
    if (found != 0 || strcmp(next.name, step->profile->name) == 0)
        return found;
    unsigned steps = 0;
    for (const struct step *s = step; s != NULL; s = s->before)
        if (++steps == STEPS_MAX || strcmp(s->profile->name, next.name) == 0)
            return diag_fault(f, EX_CONFIG, "AWS profile %.60s: source_profile %.60s leads %s",
                              name, next.shown,
                              steps == STEPS_MAX ? "through too many profiles" : "back to itself");
    return of_profile(c, &(struct step){step, &next}, request, f);
}

static int from_role(struct aws_config *c, const struct step *step, struct kms_role *role,
                     const struct kms_request *request, struct fault *f) {
    const struct aws_profile *p = step->profile;
    struct ini_value mfa;
    if (aws_config_setting(c, p, "mfa_serial", &mfa))
        return diag_fault(f, EX_CONFIG,
                          "AWS profile %.60s assumes a role with a code that a person types "
                          "(mfa_serial), which is not supported; get temporary keys by: eval "
                          "\"$(aws configure export-credentials --profile %.60s --format env)\"",
                          p->shown, p->shown);
    bool failed = false;
    char *profile = text_setting(c, p, "source_profile", &failed);
    char *source = text_setting(c, p, "credential_source", &failed);
    int found = failed ? diag_fault_memory(f) : from_source(c, step, profile, source, request, f);
    if (found == 0)
        found = diag_fault(f, EX_CONFIG, "AWS profile %.60s: no keys in %s to assume its role with",
                           p->shown, diag_shown(profile, 80));
    free(profile);
    free(source);
    return found < 0 ? -1 : assume(c, role, request, f);
}

// The role that a profile assumes, if it has one.
static int from_profile_role(struct aws_config *c, const struct step *step,
                             const struct kms_request *request, struct fault *f) {
    const struct aws_profile *p = step->profile;
    bool failed = false;
    char *arn = text_setting(c, p, "role_arn", &failed);
    char *session = text_setting(c, p, "role_session_name", &failed);
    char *external_id = text_setting(c, p, "external_id", &failed);
    char *duration = text_setting(c, p, "duration_seconds", &failed);
    char *token_file = text_setting(c, p, "web_identity_token_file", &failed);
    struct kms_role role = {.arn = arn,
                            .session = session,
                            .external_id = external_id,
                            .duration = duration,
                            .token_file = token_file};
    int found = 0;
    if (failed)
        found = diag_fault_memory(f);
    else if (arn == NULL && token_file != NULL)
        found = diag_fault(f, EX_CONFIG,
                           "AWS profile %.60s has a web_identity_token_file: expected a role_arn, "
                           "found none",
                           p->shown);
    else if (arn != NULL)
        found = token_file != NULL ? assume(c, &role, request, f)
                                   : from_role(c, step, &role, request, f);
    free(arn);
    free(session);
    free(external_id);
    free(duration);
    free(token_file);
    return found;
}

// The web identity of a pod, named by the environment (IRSA).
static int from_web_identity(struct aws_config *c, const struct kms_request *request,
                             struct fault *f) {
    struct kms_role role = {.arn = aws_config_environment("AWS_ROLE_ARN"),
                            .session = aws_config_environment("AWS_ROLE_SESSION_NAME"),
                            .token_file = aws_config_environment("AWS_WEB_IDENTITY_TOKEN_FILE")};
    if (role.token_file == NULL)
        return 0;
    if (role.arn == NULL)
        return diag_fault(f, EX_CONFIG,
                          "environment: expected AWS_ROLE_ARN beside AWS_WEB_IDENTITY_TOKEN_FILE, "
                          "found none");
    return assume(c, &role, request, f);
}

static int of_profile(struct aws_config *c, const struct step *step,
                      const struct kms_request *request, struct fault *f) {
    const struct aws_profile *p = step->profile;
    bool first = step->before == NULL;
    struct ini_value unused;
    // A web identity in the environment takes precedence over one in the profile, but not over a
    // role that the profile assumes with other keys.
    bool has_keys = aws_config_setting(c, p, "role_arn", &unused) &&
                    !aws_config_setting(c, p, "web_identity_token_file", &unused);
    int found = 0;
    if (first && !has_keys && request->profile == NULL)
        found = from_web_identity(c, request, f);
    if (found == 0)
        found = from_profile_role(c, step, request, f);
    if (found == 0)
        found = refuse_unsupported(c, p, f);
    if (found == 0)
        found = from_static_keys(c, &c->credentials_file, p, p->name, f);
    if (found == 0)
        found = from_process(c, p, request->timeout, f);
    if (found == 0)
        found = from_static_keys(c, &c->config_file, p, p->section, f);
    return found;
}

int aws_credentials_find(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    kms_credentials_free(&c->keys);
    c->keys.renewable = false;
    int found = 0;
    if (request->profile == NULL)
        found = from_environment(c, f);
    if (found == 0)
        found = of_profile(c, &(struct step){NULL, &c->profile}, request, f);
    if (found == 0)
        found = from_container(c, f);
    if (found == 0)
        found = from_metadata(c, f);
    if (found == 0)
        return diag_fault(f, EX_CONFIG,
                          "no AWS credentials: expected AWS_ACCESS_KEY_ID and "
                          "AWS_SECRET_ACCESS_KEY, keys in profile %.100s, or a role of this "
                          "container or machine; see aws configure",
                          c->profile.shown);
    return found < 0 ? -1 : 0;
}
