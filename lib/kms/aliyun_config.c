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

const char *aliyun_config_environment(const char *name) {
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

bool aliyun_config_is_true(const char *name) {
    const char *value = aliyun_config_environment(name);
    return value != NULL && strcasecmp(value, "true") == 0;
}

const char *aliyun_config_setting(const json_t *profile, const char *name) {
    const char *value = json_secret_string(profile, name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *setting(const struct aliyun_config *c, const char *name) {
    return aliyun_config_setting(c->profile, name);
}

json_t *aliyun_config_profile(const struct aliyun_config *c, const char *name) {
    size_t index;
    json_t *profile, *found = NULL;
    json_array_foreach(json_object_get(c->profiles, "profiles"), index, profile) {
        const char *its_name = json_secret_string(profile, "name");
        if (its_name != NULL && strcmp(name, its_name) == 0)
            found = profile;
    }
    return found;
}

static int load_profile(struct aliyun_config *c, const struct kms_request *request,
                        struct fault *f) {
    const char *name = request->profile;
    if (name == NULL && aliyun_config_is_true("IGNORE_PROFILE"))
        return 0;
    if (name == NULL)
        name = aliyun_config_environment("PROFILE");
    bool named = name != NULL;
    int found =
        config_file_read(&c->profiles_file, "ALIBABA_CLOUD_CONFIG_FILE", ".aliyun/config.json", f);
    if (found < 0)
        return -1;
    if (found > 0) {
        c->profiles = json_secret_parse(c->profiles_file.text, c->profiles_file.size,
                                        c->profiles_file.shown, f);
        if (c->profiles == NULL) {
            f->status = f->status == EX_DATAERR ? EX_CONFIG : f->status;
            return -1;
        }
        if (name == NULL)
            name = json_secret_string(c->profiles, "current");
        c->profile = name != NULL ? aliyun_config_profile(c, name) : NULL;
    }
    if (c->profile != NULL || !named)
        return 0;
    return diag_fault(f, EX_CONFIG, "no aliyun profile %s: expected it in %.300s",
                      diag_shown(name, 130), c->profiles_file.shown);
}

static int load_region(struct aliyun_config *c, const struct kms_request *request,
                       bool has_endpoint, struct fault *f) {
    char of_key[64] = "";
    kms_region_of_arn(request->key_id, of_key, sizeof of_key);
    const char *region = request->region;
    if (region == NULL && request->profile == NULL)
        region = aliyun_config_environment("REGION_ID");
    if (region == NULL)
        region = setting(c, "region_id");
    if (region == NULL)
        region = aliyun_config_environment("REGION_ID");
    if (region == NULL && of_key[0] != '\0')
        region = of_key;
    if (region == NULL && has_endpoint)
        return 0; // the region is only a part of the endpoint's name
    if (region == NULL)
        return diag_fault(f, EX_CONFIG,
                          "no Alibaba Cloud region: expected --region, ALIBABA_CLOUD_REGION_ID, a "
                          "region in the aliyun profile, or a key ARN");
    if (!kms_region_valid(region)) {
        return diag_fault(f, EX_CONFIG,
                          "Alibaba Cloud region %s: expected a name such as cn-hangzhou",
                          diag_shown(region, 80));
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
    enum http_plain plain = HTTP_PLAIN_ANYWHERE; // given by the user
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

int aliyun_config_sts(const char *region, char url[static ALIYUN_ENDPOINT_SIZE], char *host,
                      size_t host_size, struct fault *f) {
    char text[200];
    const char *named = getenv("XBPIPE_ALIYUN_STS_ENDPOINT");
    if (region == NULL)
        region = aliyun_config_environment("STS_REGION");
    if (region != NULL && !kms_region_valid(region))
        return diag_fault(f, EX_CONFIG, "Alibaba Cloud STS: expected a region such as cn-hangzhou");
    snprintf(text, sizeof text, "https://sts%s%s%.60s.aliyuncs.com",
             region != NULL && aliyun_config_is_true("VPC_ENDPOINT_ENABLED") ? "-vpc" : "",
             region != NULL ? "." : "", region != NULL ? region : "");
    return kms_region_endpoint(named != NULL && named[0] != '\0' ? named : text,
                               HTTP_PLAIN_LOOPBACK, "STS", url, ALIYUN_ENDPOINT_SIZE, host,
                               host_size, f);
}

void aliyun_config_free(struct aliyun_config *c) {
    json_decref(c->profiles);
    c->profiles = NULL;
    c->profile = NULL;
    config_file_free(&c->profiles_file);
    kms_credentials_free(&c->keys);
    kms_credentials_free(&c->from_environment);
    config_file_list_free(&c->files);
}
