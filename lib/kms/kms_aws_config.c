// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_aws_config.h"

#include "kms/child.h"
#include "kms/ini.h"
#include "kms/kms_region.h"
#include "kms/metadata_service.h"
#include "secret/json_secret.h"
#include "secret/keytext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// The value of an environment variable, or NULL where it is unset or empty.
static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_true(const char *name) {
    const char *value = environment(name);
    return value != NULL && strcasecmp(value, "true") == 0;
}

static bool get(const struct config_file *file, const char *section, const char *group,
                const char *name, struct ini_value *value) {
    return file->text != NULL && ini_get(file->text, file->size, section, group, name, value);
}

// A setting of the profile. What the credentials file says counts more.
static bool setting(const struct aws_config *c, const char *name, struct ini_value *value) {
    return get(&c->credentials_file, c->profile, NULL, name, value) ||
           get(&c->config_file, c->section, NULL, name, value);
}

static int load_profile(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    const char *name = request->profile;
    if (name == NULL)
        name = environment("AWS_PROFILE");
    if (name == NULL)
        name = environment("AWS_DEFAULT_PROFILE");
    c->named = name != NULL;
    if (name == NULL)
        name = "default";
    if (strlen(name) >= sizeof c->profile)
        return diag_fault(f, EX_CONFIG, "the profile's name is too long");
    snprintf(c->profile, sizeof c->profile, "%s", name);
    if (config_file_read(&c->credentials_file, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials",
                         f) < 0 ||
        config_file_read(&c->config_file, "AWS_CONFIG_FILE", ".aws/config", f) < 0)
        return -1;
    static const char *const forms[] = {"profile %s", "profile \"%s\"", "%s"};
    bool is_default = strcmp(name, "default") == 0;
    bool found = false;
    for (size_t i = 0; i < (is_default ? 3 : 2) && !found; i++) {
        size_t bare = strcspn(forms[i], "%");
        snprintf(c->section, sizeof c->section, "%.*s%s%s", (int)bare, forms[i], name,
                 forms[i] + bare + 2);
        found = c->config_file.text != NULL &&
                ini_has_section(c->config_file.text, c->config_file.size, c->section);
    }
    found = found || (c->credentials_file.text != NULL &&
                      ini_has_section(c->credentials_file.text, c->credentials_file.size, name));
    if (found || !c->named)
        return 0;
    char shown[130];
    return diag_fault(f, EX_CONFIG, "no AWS profile %s: expected it in %.180s or %.180s",
                      diag_name(name, strlen(name), shown, sizeof shown), c->config_file.path,
                      c->credentials_file.path);
}

static const char *metadata_base(void) {
    const char *base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    return base != NULL ? base : "http://169.254.169.254";
}

// The metadata service of EC2. Returns 1 and *service, with its URL in url; 0 if it is turned off;
// or -1.
static int metadata(struct metadata_service *service, char *url, size_t size, struct fault *f) {
    if (is_true("AWS_EC2_METADATA_DISABLED"))
        return 0;
    char host[300];
    if (kms_region_endpoint(metadata_base(), HTTP_PLAIN_ANYWHERE, "metadata service", url, size,
                            host, sizeof host, f) < 0)
        return -1;
    *service = (struct metadata_service){
        .base = url,
        .ttl_header = "X-aws-ec2-metadata-token-ttl-seconds",
        .token_header = "X-aws-ec2-metadata-token",
        .credentials = "/latest/meta-data/iam/security-credentials/",
        .key = "SecretAccessKey",
        .token = "Token",
    };
    return 1;
}

static int load_region(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    const char *key = request->key_id;
    char of_key[64] = "";
    if (!kms_region_of_arn(key, of_key, sizeof of_key) && request->context != NULL)
        kms_region_of_arn(json_secret_string(request->context, "kms_cmk_id"), of_key,
                          sizeof of_key);
    const char *region = request->region;
    if (region == NULL)
        region = environment("AWS_REGION");
    if (region == NULL)
        region = environment("AWS_DEFAULT_REGION");
    struct ini_value value;
    struct metadata_service service;
    char url[300];
    if (region != NULL) {
        snprintf(c->region, sizeof c->region, "%s", region);
    } else if (setting(c, "region", &value)) {
        snprintf(c->region, sizeof c->region, "%.*s", (int)value.size, value.text);
    } else if (of_key[0] != '\0') {
        snprintf(c->region, sizeof c->region, "%s", of_key);
    } else {
        int have = metadata(&service, url, sizeof url, f);
        if (have < 0)
            return -1;
        if (have == 0 || metadata_service_get(&service, "/latest/meta-data/placement/region",
                                              c->region, sizeof c->region) == 0)
            return diag_fault(f, EX_CONFIG,
                              "no AWS region: expected --region, AWS_REGION, a region in profile "
                              "%.100s, or a key ARN",
                              c->profile);
    }
    if (!kms_region_valid(c->region)) {
        char shown[80];
        return diag_fault(f, EX_CONFIG, "AWS region %s: expected a name such as us-east-1",
                          diag_name(c->region, strlen(c->region), shown, sizeof shown));
    }
    if (of_key[0] != '\0' && strcmp(of_key, c->region) != 0)
        snprintf(c->warning, sizeof c->warning,
                 "the region is %s, but the key's ARN says %s: see --region", c->region, of_key);
    return 0;
}

static const char *suffix_of(const char *region) {
    static const struct {
        const char *prefix, *suffix;
    } known[] = {
        {"cn-", "amazonaws.com.cn"},    {"eusc-", "amazonaws.eu"}, {"us-isob-", "sc2s.sgov.gov"},
        {"us-isof-", "csp.hci.ic.gov"}, {"us-iso-", "c2s.ic.gov"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(region, known[i].prefix, strlen(known[i].prefix)) == 0)
            return known[i].suffix;
    return "amazonaws.com";
}

// The profile's endpoint, its own or that of its services section.
static bool profile_endpoint(const struct aws_config *c, struct ini_value *value) {
    struct ini_value services;
    char section[200];
    if (setting(c, "services", &services) && services.size < 150) {
        snprintf(section, sizeof section, "services %.*s", (int)services.size, services.text);
        if (get(&c->config_file, section, "kms", "endpoint_url", value))
            return true;
    }
    return setting(c, "endpoint_url", value);
}

static int load_endpoint(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    char text[sizeof c->endpoint + 1] = ""; // cut off, one that is too long still is
    const char *what = "--endpoint";
    enum http_plain plain = HTTP_PLAIN_ANYWHERE; // given by hand
    struct ini_value value;
    if (request->endpoint != NULL) {
        snprintf(text, sizeof text, "%s", request->endpoint);
    } else if (!is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) {
        plain = HTTP_PLAIN_LOOPBACK;
        what = "AWS_ENDPOINT_URL_KMS";
        const char *named = environment(what);
        if (named == NULL)
            named = environment(what = "AWS_ENDPOINT_URL");
        if (named != NULL)
            snprintf(text, sizeof text, "%s", named);
        else if (profile_endpoint(c, &value))
            snprintf(text, sizeof text, "%.*s", (int)value.size, value.text);
        if (named == NULL)
            what = "endpoint_url of the AWS profile";
    }
    if (text[0] == '\0') {
        bool dual_stack = is_true("AWS_USE_DUALSTACK_ENDPOINT");
        const char *suffix = suffix_of(c->region);
        if (dual_stack)
            suffix = strcmp(suffix, "amazonaws.com.cn") == 0 ? "api.amazonwebservices.com.cn"
                                                             : "api.aws";
        snprintf(text, sizeof text, "https://kms%s.%s.%s",
                 is_true("AWS_USE_FIPS_ENDPOINT") ? "-fips" : "", c->region, suffix);
    }
    return kms_region_endpoint(text, plain, what, c->endpoint, sizeof c->endpoint, c->host,
                               sizeof c->host, f);
}

int aws_config_load(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    *c = (struct aws_config){.named = false};
    return load_profile(c, request, f) < 0 || load_region(c, request, f) < 0 ||
                   load_endpoint(c, request, f) < 0
               ? -1
               : 0;
}

void aws_config_free(struct aws_config *c) {
    config_file_free(&c->credentials_file);
    config_file_free(&c->config_file);
    kms_credentials_free(&c->keys);
    secret_free(&c->container_token);
}

// Each source returns 1 with c->keys filled, 0 if it is not there, or -1 and *f.

static int from_environment(struct aws_config *c, struct fault *f) {
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
    return has_id;
}

static int from_static_keys(struct aws_config *c, const struct config_file *file,
                            const char *section, struct fault *f) {
    struct ini_value id, key, token;
    bool has_id = get(file, section, NULL, "aws_access_key_id", &id);
    if (has_id != get(file, section, NULL, "aws_secret_access_key", &key))
        return diag_fault(f, EX_CONFIG,
                          "AWS profile %.100s in %.200s: expected aws_access_key_id and "
                          "aws_secret_access_key, found one of them",
                          c->profile, file->path);
    if (!has_id)
        return 0;
    if (kms_credentials_set(&c->keys.id, id.text, id.size, "aws_access_key_id", f) < 0 ||
        kms_credentials_set(&c->keys.key, key.text, key.size, "aws_secret_access_key", f) < 0)
        return -1;
    if (get(file, section, NULL, "aws_session_token", &token) &&
        kms_credentials_set(&c->keys.token, token.text, token.size, "aws_session_token", f) < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "profile %.60s in %.110s", c->profile,
             file->path);
    return 1;
}

static int from_process(struct aws_config *c, unsigned timeout, struct fault *f) {
    struct ini_value command;
    if (!setting(c, "credential_process", &command))
        return 0;
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
             c->profile);
    return 1; // not renewable: once there was a request, no program can be started (kms.h: confine)
}

// What would need calls to other services: says so, and what to do.
static int refuse_unsupported(const struct aws_config *c, struct fault *f) {
    static const struct {
        const char *name, *meaning;
    } settings[] = {
        {"role_arn", "assumes a role"},
        {"sso_session", "signs in by SSO"},
        {"sso_start_url", "signs in by SSO"},
        {"web_identity_token_file", "uses a web identity"},
        {"login_session", "signs in by the console"},
    };
    struct ini_value value;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (setting(c, settings[i].name, &value))
            return diag_fault(f, EX_CONFIG,
                              "AWS profile %.60s %s (%s), which is not supported; get temporary "
                              "keys by: eval \"$(aws configure export-credentials --profile %.60s "
                              "--format env)\"",
                              c->profile, settings[i].meaning, settings[i].name, c->profile);
    if (environment("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL && environment("AWS_ROLE_ARN") != NULL)
        return diag_fault(f, EX_CONFIG,
                          "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE) is not supported; get "
                          "temporary keys by: eval \"$(aws configure export-credentials --format "
                          "env)\"");
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

// Reads the token for the container's endpoint: the file's, which is renewed from time to time,
// each time; the variable's once, since it is then gone. Returns 1; 0 if there is none; or -1.
static int container_token(struct aws_config *c, struct fault *f) {
    const char *path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (path == NULL && c->container_token.data != NULL)
        return 1;
    secret_free(&c->container_token);
    c->files[0] = path;
    if (path == NULL)
        return secret_from_env(&c->container_token, "AWS_CONTAINER_AUTHORIZATION_TOKEN", 16 << 10,
                               f);
    return secret_read_file(&c->container_token, path, 16 << 10, "container token file", f) < 0 ? -1
                                                                                                : 1;
}

// The whole Authorization header line for the container's endpoint, if one is asked for. Returns 0
// or -1.
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
    const char *relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
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
    int have = metadata(&service, url, sizeof url, f);
    return have <= 0 ? have : metadata_service_credentials(&service, NULL, &c->keys, f);
}

int aws_config_credentials(struct aws_config *c, const struct kms_request *request,
                           struct fault *f) {
    kms_credentials_free(&c->keys);
    c->keys.renewable = false;
    int found = 0;
    if (request->profile == NULL)
        found = from_environment(c, f);
    if (found == 0)
        found = refuse_unsupported(c, f);
    if (found == 0)
        found = from_static_keys(c, &c->credentials_file, c->profile, f);
    if (found == 0)
        found = from_process(c, request->timeout, f);
    if (found == 0)
        found = from_static_keys(c, &c->config_file, c->section, f);
    if (found == 0)
        found = from_container(c, f);
    if (found == 0)
        found = from_metadata(c, f);
    if (found == 0)
        return diag_fault(f, EX_CONFIG,
                          "no AWS credentials: expected AWS_ACCESS_KEY_ID and "
                          "AWS_SECRET_ACCESS_KEY, keys in profile %.100s, or a role of this "
                          "container or machine; see aws configure",
                          c->profile);
    return found < 0 ? -1 : 0;
}
