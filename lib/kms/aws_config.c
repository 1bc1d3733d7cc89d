// SPDX-License-Identifier: Apache-2.0
#include "kms/aws_config.h"

#include "kms/kms_region.h"
#include "kms/metadata_service.h"
#include "secret/json_secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *aws_config_environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_true(const char *name) {
    const char *value = aws_config_environment(name);
    return value != NULL && strcasecmp(value, "true") == 0;
}

static bool get(const struct config_file *file, const char *section, const char *group,
                const char *name, struct ini_value *value) {
    return file->text != NULL && ini_get(file->text, file->size, section, group, name, value);
}

bool aws_config_setting(const struct aws_config *c, const struct aws_profile *p, const char *name,
                        struct ini_value *value) {
    return get(&c->credentials_file, p->name, NULL, name, value) ||
           get(&c->config_file, p->section, NULL, name, value);
}

static bool setting(const struct aws_config *c, const char *name, struct ini_value *value) {
    return aws_config_setting(c, &c->profile, name, value);
}

static bool has_section(const struct config_file *file, const char *section) {
    return file->text != NULL && ini_has_section(file->text, file->size, section);
}

bool aws_config_profile(const struct aws_config *c, const char *name, struct aws_profile *p) {
    static const char *const forms[] = {"profile %s", "profile \"%s\"", "%s"};
    bool is_default = strcmp(name, "default") == 0, found = false;
    snprintf(p->name, sizeof p->name, "%s", name);
    diag_name(name, strlen(name), p->shown, sizeof p->shown);
    for (size_t i = 0; i < (is_default ? 3 : 2) && !found; i++) {
        size_t bare = strcspn(forms[i], "%");
        snprintf(p->section, sizeof p->section, "%.*s%s%s", (int)bare, forms[i], p->name,
                 forms[i] + bare + 2);
        found = has_section(&c->config_file, p->section);
    }
    return found || has_section(&c->credentials_file, p->name);
}

static int load_profile(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    const char *name = request->profile;
    if (name == NULL)
        name = aws_config_environment("AWS_PROFILE");
    if (name == NULL)
        name = aws_config_environment("AWS_DEFAULT_PROFILE");
    c->named = name != NULL;
    if (name == NULL)
        name = "default";
    if (strlen(name) >= sizeof c->profile.name)
        return diag_fault(f, EX_CONFIG, "the profile's name is too long");
    if (config_file_read(&c->credentials_file, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials",
                         f) < 0 ||
        config_file_read(&c->config_file, "AWS_CONFIG_FILE", ".aws/config", f) < 0)
        return -1;
    bool found = aws_config_profile(c, name, &c->profile);
    if (found || !c->named)
        return 0;
    return diag_fault(f, EX_CONFIG, "no AWS profile %s: expected it in %s or %s", c->profile.shown,
                      c->config_file.shown, c->credentials_file.shown);
}

static const char *metadata_base(void) {
    const char *base = aws_config_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    return base != NULL ? base : "http://169.254.169.254";
}

int aws_config_metadata(struct metadata_service *service, char *url, size_t size, struct fault *f) {
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
        region = aws_config_environment("AWS_REGION");
    if (region == NULL)
        region = aws_config_environment("AWS_DEFAULT_REGION");
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
        int have = aws_config_metadata(&service, url, sizeof url, f);
        if (have < 0)
            return -1;
        if (have == 0 || metadata_service_get(&service, "/latest/meta-data/placement/region",
                                              c->region, sizeof c->region) == 0)
            return diag_fault(f, EX_CONFIG,
                              "no AWS region: expected --region, AWS_REGION, a region in profile "
                              "%.100s, or a key ARN",
                              c->profile.shown);
    }
    if (!kms_region_valid(c->region)) {
        return diag_fault(f, EX_CONFIG, "AWS region %s: expected a name such as us-east-1",
                          diag_shown(c->region, 80));
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

// The profile's endpoint of a service, its own or that of its services section.
static bool profile_endpoint(const struct aws_config *c, const char *service,
                             struct ini_value *value) {
    struct ini_value services;
    char section[200];
    if (setting(c, "services", &services) && services.size < 150) {
        snprintf(section, sizeof section, "services %.*s", (int)services.size, services.text);
        if (get(&c->config_file, section, service, "endpoint_url", value))
            return true;
    }
    return setting(c, "endpoint_url", value);
}

// The endpoint that the environment or the profile names, as a text, or "". *what is its source.
static void configured_endpoint(const struct aws_config *c, const char *service,
                                const char *variable, char *text, size_t size, const char **what) {
    struct ini_value value;
    text[0] = '\0';
    if (is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))
        return;
    *what = variable;
    const char *named = aws_config_environment(*what);
    if (named == NULL)
        named = aws_config_environment(*what = "AWS_ENDPOINT_URL");
    if (named != NULL)
        snprintf(text, size, "%s", named);
    else if (profile_endpoint(c, service, &value))
        snprintf(text, size, "%.*s", (int)value.size, value.text);
    if (named == NULL)
        *what = "endpoint_url of the AWS profile";
}

static void default_endpoint(const struct aws_config *c, const char *service, char *text,
                             size_t size) {
    bool dual_stack = is_true("AWS_USE_DUALSTACK_ENDPOINT");
    const char *suffix = suffix_of(c->region);
    if (dual_stack)
        suffix =
            strcmp(suffix, "amazonaws.com.cn") == 0 ? "api.amazonwebservices.com.cn" : "api.aws";
    snprintf(text, size, "https://%s%s.%s.%s", service,
             is_true("AWS_USE_FIPS_ENDPOINT") ? "-fips" : "", c->region, suffix);
}

static int load_endpoint(struct aws_config *c, const struct kms_request *request, struct fault *f) {
    char text[sizeof c->endpoint + 1] = ""; // if it is too long, so is the cut text
    const char *what = "--endpoint";
    enum http_plain plain = request->endpoint != NULL ? HTTP_PLAIN_ANYWHERE // given by the user
                                                      : HTTP_PLAIN_LOOPBACK;
    if (request->endpoint != NULL)
        snprintf(text, sizeof text, "%s", request->endpoint);
    else
        configured_endpoint(c, "kms", "AWS_ENDPOINT_URL_KMS", text, sizeof text, &what);
    if (text[0] == '\0')
        default_endpoint(c, "kms", text, sizeof text);
    return kms_region_endpoint(text, plain, what, c->endpoint, sizeof c->endpoint, c->host,
                               sizeof c->host, f);
}

int aws_config_sts_endpoint(const struct aws_config *c, char url[static AWS_ENDPOINT_SIZE],
                            struct fault *f) {
    char text[AWS_ENDPOINT_SIZE + 1], host[300];
    const char *what = "STS";
    configured_endpoint(c, "sts", "AWS_ENDPOINT_URL_STS", text, sizeof text, &what);
    if (text[0] == '\0')
        default_endpoint(c, "sts", text, sizeof text);
    return kms_region_endpoint(text, HTTP_PLAIN_LOOPBACK, what, url, AWS_ENDPOINT_SIZE, host,
                               sizeof host, f);
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
    kms_credentials_free(&c->from_environment);
    kms_credentials_free(&c->from_process);
    config_file_list_free(&c->files);
    secret_free(&c->container_token);
}
