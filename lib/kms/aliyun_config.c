// SPDX-License-Identifier: Apache-2.0
#include "kms/aliyun_config.h"

#include "kms/ini.h"
#include "kms/kms_region.h"
#include "kms/metadata_service.h"
#include "secret/json_secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// The value of the first of these environment variables that is set and not empty, or NULL. The
// clients read each variable under three prefixes.
static const char *environment(const char *name) {
    static const char *const prefixes[] = {"ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALICLOUD_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        char full[64];
        snprintf(full, sizeof full, "%s%s", prefixes[i], name);
        const char *value = getenv(full);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}

static bool is_true(const char *name) {
    const char *value = environment(name);
    return value != NULL && strcasecmp(value, "true") == 0;
}

// A string of the profile, or NULL where it is absent or empty.
static const char *setting(const struct aliyun_config *c, const char *name) {
    const char *value = json_secret_string(c->profile, name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int load_profile(struct aliyun_config *c, const struct kms_request *request,
                        struct fault *f) {
    const char *name = request->profile;
    if (name == NULL && is_true("IGNORE_PROFILE"))
        return 0;
    if (name == NULL)
        name = environment("PROFILE");
    bool named = name != NULL;
    int found =
        config_file_read(&c->profiles_file, "ALIBABA_CLOUD_CONFIG_FILE", ".aliyun/config.json", f);
    if (found < 0)
        return -1;
    if (found > 0) {
        char what[200];
        diag_name(c->profiles_file.path, strlen(c->profiles_file.path), what, sizeof what);
        c->profiles = json_secret_parse(c->profiles_file.text, c->profiles_file.size, what, f);
        if (c->profiles == NULL) {
            f->status = f->status == EX_DATAERR ? EX_CONFIG : f->status;
            return -1;
        }
        if (name == NULL)
            name = json_secret_string(c->profiles, "current");
        size_t index;
        json_t *profile;
        json_array_foreach(json_object_get(c->profiles, "profiles"), index, profile) {
            const char *its_name = json_secret_string(profile, "name");
            if (name != NULL && its_name != NULL && strcmp(name, its_name) == 0)
                c->profile = profile;
        }
    }
    if (c->profile != NULL || !named)
        return 0;
    char shown[130];
    return diag_fault(f, EX_CONFIG, "no aliyun profile %s: expected it in %.300s",
                      diag_name(name, strlen(name), shown, sizeof shown), c->profiles_file.path);
}

static int load_region(struct aliyun_config *c, const struct kms_request *request,
                       bool has_endpoint, struct fault *f) {
    char of_key[64] = "";
    kms_region_of_arn(request->key_id, of_key, sizeof of_key);
    const char *region = request->region;
    if (region == NULL && request->profile == NULL)
        region = environment("REGION_ID");
    if (region == NULL)
        region = setting(c, "region_id");
    if (region == NULL)
        region = environment("REGION_ID");
    if (region == NULL && of_key[0] != '\0')
        region = of_key;
    if (region == NULL && has_endpoint)
        return 0; // the region is only a part of the endpoint's name
    if (region == NULL)
        return diag_fault(f, EX_CONFIG,
                          "no Alibaba Cloud region: expected --region, ALIBABA_CLOUD_REGION_ID, a "
                          "region in the aliyun profile, or a key ARN");
    if (!kms_region_valid(region)) {
        char shown[80];
        return diag_fault(f, EX_CONFIG,
                          "Alibaba Cloud region %s: expected a name such as cn-hangzhou",
                          diag_name(region, strlen(region), shown, sizeof shown));
    }
    snprintf(c->region, sizeof c->region, "%s", region);
    if (of_key[0] != '\0' && strcmp(of_key, c->region) != 0)
        snprintf(c->warning, sizeof c->warning,
                 "the region is %s, but the key's ARN says %s: see --region", c->region, of_key);
    return 0;
}

int aliyun_config_load(struct aliyun_config *c, const struct kms_request *request,
                       struct fault *f) {
    *c = (struct aliyun_config){.profile = NULL};
    if (load_profile(c, request, f) < 0)
        return -1;
    const char *endpoint = request->endpoint, *what = "--endpoint";
    enum http_plain plain = HTTP_PLAIN_ANYWHERE; // given by hand
    if (endpoint == NULL) {
        endpoint = setting(c, "endpoint");
        what = "endpoint of the aliyun profile";
        plain = HTTP_PLAIN_LOOPBACK;
    }
    if (load_region(c, request, endpoint != NULL, f) < 0)
        return -1;
    char text[200];
    if (endpoint == NULL) {
        const char *type = setting(c, "endpoint_type");
        snprintf(text, sizeof text, "https://kms%s.%s.aliyuncs.com",
                 type != NULL && strcasecmp(type, "vpc") == 0 ? "-vpc" : "", c->region);
        endpoint = text;
    }
    return kms_region_endpoint(endpoint, plain, what, c->endpoint, sizeof c->endpoint, c->host,
                               sizeof c->host, f);
}

void aliyun_config_free(struct aliyun_config *c) {
    json_decref(c->profiles);
    c->profiles = NULL;
    c->profile = NULL;
    config_file_free(&c->profiles_file);
    kms_credentials_free(&c->keys);
}

// Each source returns 1 with c->keys filled, 0 if it is not there, or -1 and *f.

static int from_environment(struct aliyun_config *c, struct fault *f) {
    static const char *const id[] = {"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_ID",
                                     "ALICLOUD_ACCESS_KEY_ID", NULL};
    static const char *const key[] = {"ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                                      "ALIBABACLOUD_ACCESS_KEY_SECRET",
                                      "ALICLOUD_ACCESS_KEY_SECRET", NULL};
    static const char *const token[] = {"ALIBABA_CLOUD_SECURITY_TOKEN",
                                        "ALIBABACLOUD_SECURITY_TOKEN", "ALICLOUD_SECURITY_TOKEN",
                                        NULL};
    int has_id = kms_credentials_from_env(&c->keys.id, id, f);
    int has_key = kms_credentials_from_env(&c->keys.key, key, f);
    int has_token = kms_credentials_from_env(&c->keys.token, token, f);
    if (has_id < 0 || has_key < 0 || has_token < 0)
        return -1;
    if (has_id != has_key)
        return diag_fault(f, EX_CONFIG,
                          "environment: expected ALIBABA_CLOUD_ACCESS_KEY_ID and "
                          "ALIBABA_CLOUD_ACCESS_KEY_SECRET, found one of them");
    if (has_id == 0 && environment("OIDC_TOKEN_FILE") != NULL && environment("ROLE_ARN") != NULL)
        return diag_fault(f, EX_CONFIG,
                          "a role by OIDC (ALIBABA_CLOUD_OIDC_TOKEN_FILE) is not supported; get "
                          "temporary keys by: aliyun sts AssumeRoleWithOIDC");
    snprintf(c->keys.source, sizeof c->keys.source, "the environment");
    return has_id;
}

// The metadata service of ECS. The clients fix its address; the variable moves it.
static int from_metadata(const char *role, struct aliyun_config *c, struct fault *f) {
    if (is_true("ECS_METADATA_DISABLED"))
        return 0;
    const char *base = getenv("XBPIPE_ECS_METADATA_ENDPOINT");
    char url[300], host[300];
    if (kms_region_endpoint(base != NULL && base[0] != '\0' ? base : "http://100.100.100.200",
                            HTTP_PLAIN_ANYWHERE, "metadata service", url, sizeof url, host,
                            sizeof host, f) < 0)
        return -1;
    const struct metadata_service service = {
        .base = url,
        .ttl_header = "X-aliyun-ecs-metadata-token-ttl-seconds",
        .token_header = "X-aliyun-ecs-metadata-token",
        .credentials = "/latest/meta-data/ram/security-credentials/",
        .key = "AccessKeySecret",
        .token = "SecurityToken",
        .need_token = is_true("IMDSV1_DISABLED"),
    };
    return metadata_service_credentials(&service, role, &c->keys, f);
}

static int from_profile(struct aliyun_config *c, struct fault *f) {
    if (c->profile == NULL)
        return 0;
    const char *mode = setting(c, "mode"), *name = setting(c, "name");
    const char *id = setting(c, "access_key_id"), *key = setting(c, "access_key_secret");
    const char *token = setting(c, "sts_token");
    char shown_name[80], shown_mode[60];
    diag_name(name != NULL ? name : "", name != NULL ? strlen(name) : 0, shown_name,
              sizeof shown_name);
    if (mode != NULL && strcmp(mode, "EcsRamRole") == 0) {
        int found = from_metadata(setting(c, "ram_role_name"), c, f);
        if (found == 0)
            return diag_fault(f, EX_CONFIG,
                              "aliyun profile %s wants the machine's role, but no metadata service "
                              "gives one",
                              shown_name);
        return found;
    }
    bool is_sts = mode != NULL && strcmp(mode, "StsToken") == 0;
    if (mode != NULL && !is_sts && strcmp(mode, "AK") != 0)
        return diag_fault(
            f, EX_CONFIG,
            "aliyun profile %s has the mode %s, which is not supported (AK, StsToken "
            "and EcsRamRole are); let the CLI ask: aliyun kms Decrypt ... | kmsunwrap "
            "--provider=response",
            shown_name, diag_name(mode, strlen(mode), shown_mode, sizeof shown_mode));
    if (id == NULL && key == NULL)
        return 0;
    if (id == NULL || key == NULL || (is_sts && token == NULL))
        return diag_fault(
            f, EX_CONFIG,
            "aliyun profile %s: expected access_key_id and access_key_secret%s, found "
            "not all of them",
            shown_name, is_sts ? " and sts_token" : "");
    if (kms_credentials_set(&c->keys.id, id, strlen(id), "access_key_id", f) < 0 ||
        kms_credentials_set(&c->keys.key, key, strlen(key), "access_key_secret", f) < 0 ||
        (is_sts && kms_credentials_set(&c->keys.token, token, strlen(token), "sts_token", f) < 0))
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "profile %.60s in %.110s", shown_name,
             c->profiles_file.path);
    return 1;
}

static int from_credentials_text(struct aliyun_config *c, const struct config_file *file,
                                 struct fault *f) {
    struct ini_value type = {"access_key", 10}, id, key, token, role;
    ini_get(file->text, file->size, "default", NULL, "type", &type);
    if (type.size == 12 && memcmp(type.text, "ecs_ram_role", 12) == 0) {
        char name[128] = "";
        if (ini_get(file->text, file->size, "default", NULL, "role_name", &role))
            snprintf(name, sizeof name, "%.*s", (int)role.size, role.text);
        return from_metadata(name[0] != '\0' ? name : NULL, c, f);
    }
    bool is_sts = type.size == 3 && memcmp(type.text, "sts", 3) == 0;
    if (!is_sts && !(type.size == 10 && memcmp(type.text, "access_key", 10) == 0)) {
        char shown[60];
        return diag_fault(f, EX_CONFIG,
                          "%.200s: type %s is not supported; expected access_key, sts or "
                          "ecs_ram_role",
                          file->path, diag_name(type.text, type.size, shown, sizeof shown));
    }
    if (!ini_get(file->text, file->size, "default", NULL, "access_key_id", &id) ||
        !ini_get(file->text, file->size, "default", NULL, "access_key_secret", &key))
        return 0;
    if (kms_credentials_set(&c->keys.id, id.text, id.size, "access_key_id", f) < 0 ||
        kms_credentials_set(&c->keys.key, key.text, key.size, "access_key_secret", f) < 0)
        return -1;
    if (is_sts && ini_get(file->text, file->size, "default", NULL, "security_token", &token) &&
        kms_credentials_set(&c->keys.token, token.text, token.size, "security_token", f) < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "%.180s", file->path);
    return 1;
}

static int from_credentials_file(struct aliyun_config *c, struct fault *f) {
    struct config_file file;
    int found =
        config_file_read(&file, "ALIBABA_CLOUD_CREDENTIALS_FILE", ".alibabacloud/credentials", f);
    if (found > 0)
        found = from_credentials_text(c, &file, f);
    config_file_free(&file);
    return found;
}

int aliyun_config_credentials(struct aliyun_config *c, const struct kms_request *request,
                              struct fault *f) {
    kms_credentials_free(&c->keys);
    c->keys.renewable = false;
    int found = 0;
    if (request->profile == NULL)
        found = from_environment(c, f);
    if (found == 0)
        found = from_profile(c, f);
    if (found == 0)
        found = from_credentials_file(c, f);
    if (found == 0)
        found = from_metadata(environment("ECS_METADATA"), c, f);
    if (found == 0 && environment("CREDENTIALS_URI") != NULL)
        return diag_fault(
            f, EX_CONFIG,
            "credentials from a URI (ALIBABA_CLOUD_CREDENTIALS_URI) are not supported; "
            "let the CLI ask: aliyun kms Decrypt ... | kmsunwrap --provider=response");
    if (found == 0)
        return diag_fault(f, EX_CONFIG,
                          "no Alibaba Cloud credentials: expected ALIBABA_CLOUD_ACCESS_KEY_ID and "
                          "ALIBABA_CLOUD_ACCESS_KEY_SECRET, keys in the aliyun profile or in "
                          "~/.alibabacloud/credentials, or a role of this machine; see aliyun "
                          "configure");
    return found < 0 ? -1 : 0;
}
