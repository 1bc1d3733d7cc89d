// SPDX-License-Identifier: Apache-2.0
#include "kms/aliyun_credentials.h"

#include "kms/ini.h"
#include "kms/kms_region.h"
#include "kms/metadata_service.h"
#include "kms/sts_aliyun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Each source returns 1 with c->keys filled, 0 if it does not exist, or -1 and *f.

static int from_environment(struct aliyun_config *c, struct fault *f) {
    if (c->from_environment.id.size > 0)
        return kms_credentials_copy(&c->keys, &c->from_environment, f) < 0 ? -1 : 1;
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
    snprintf(c->keys.source, sizeof c->keys.source, "the environment");
    if (has_id == 0)
        return 0;
    return kms_credentials_copy(&c->from_environment, &c->keys, f) < 0 ? -1 : 1;
}

// The metadata service of ECS. Its address is fixed in the clients; a variable changes it here.
static int from_metadata(const char *role, struct aliyun_config *c, struct fault *f) {
    if (aliyun_config_is_true("ECS_METADATA_DISABLED"))
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
        .need_token = aliyun_config_is_true("IMDSV1_DISABLED"),
    };
    return metadata_service_credentials(&service, role, &c->keys, f);
}

// ---- Roles

static int assume(struct aliyun_config *c, const struct kms_role *role, const char *region,
                  const struct kms_request *request, struct fault *f) {
    char endpoint[ALIYUN_ENDPOINT_SIZE], host[300], source[sizeof c->keys.source];
    const struct sts_aliyun sts = {.endpoint = endpoint, .host = host};
    if (role->token_file != NULL && !config_file_list_add(&c->files, role->token_file))
        return diag_fault_memory(f);
    if (aliyun_config_sts(region, endpoint, host, sizeof host, f) < 0 ||
        sts_aliyun_assume(&sts, role, request, &c->keys, f) < 0)
        return -1;
    snprintf(source, sizeof source, "%s", role->token_file != NULL ? "OIDC" : c->keys.source);
    snprintf(c->keys.source, sizeof c->keys.source, "role %s by %.70s", diag_shown(role->arn, 120),
             source);
    c->keys.renewable = true;
    return 1;
}

static bool is_complete(const struct kms_role *role) {
    return role->arn != NULL && (role->token_file == NULL) == (role->provider == NULL);
}

// The role of a pod, named by the environment (RRSA).
static int from_oidc(struct aliyun_config *c, const struct kms_request *request, struct fault *f) {
    const struct kms_role role = {.arn = aliyun_config_environment("ROLE_ARN"),
                                  .session = aliyun_config_environment("ROLE_SESSION_NAME"),
                                  .provider = aliyun_config_environment("OIDC_PROVIDER_ARN"),
                                  .token_file = aliyun_config_environment("OIDC_TOKEN_FILE")};
    if (role.token_file == NULL)
        return 0;
    if (!is_complete(&role))
        return diag_fault(f, EX_CONFIG,
                          "environment: expected ALIBABA_CLOUD_ROLE_ARN and "
                          "ALIBABA_CLOUD_OIDC_PROVIDER_ARN beside ALIBABA_CLOUD_OIDC_TOKEN_FILE, "
                          "found not both");
    return assume(c, &role, NULL, request, f);
}

// ---- Profiles of the aliyun CLI

// A profile in the chain from one that assumes a role to the keys at its start.
struct step {
    const struct step *before;
    const json_t *profile;
};
enum { STEPS_MAX = 16 };

static int of_profile(struct aliyun_config *c, const struct step *step,
                      const struct kms_request *request, struct fault *f);

static const char *name_of(const json_t *profile) {
    const char *name = aliyun_config_setting(profile, "name");
    return name != NULL ? name : "";
}

static int from_profile_keys(struct aliyun_config *c, const json_t *profile, bool is_sts,
                             struct fault *f) {
    const char *id = aliyun_config_setting(profile, "access_key_id");
    const char *key = aliyun_config_setting(profile, "access_key_secret");
    const char *token = aliyun_config_setting(profile, "sts_token");
    const char *shown = diag_shown(name_of(profile), 80);
    if (id == NULL && key == NULL)
        return 0;
    if (id == NULL || key == NULL || (is_sts && token == NULL))
        return diag_fault(
            f, EX_CONFIG,
            "aliyun profile %s: expected access_key_id and access_key_secret%s, found "
            "not all of them",
            shown, is_sts ? " and sts_token" : "");
    if (kms_credentials_set(&c->keys.id, id, strlen(id), "access_key_id", f) < 0 ||
        kms_credentials_set(&c->keys.key, key, strlen(key), "access_key_secret", f) < 0)
        return -1;
    secret_free(&c->keys.token);
    if (is_sts && kms_credentials_set(&c->keys.token, token, strlen(token), "sts_token", f) < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "profile %.60s in %.110s", shown,
             c->profiles_file.shown);
    return 1;
}

static int from_machine(struct aliyun_config *c, const json_t *profile, struct fault *f) {
    int found = from_metadata(aliyun_config_setting(profile, "ram_role_name"), c, f);
    return found != 0 ? found
                      : diag_fault(f, EX_CONFIG,
                                   "aliyun profile %s wants the machine's role, but no metadata "
                                   "service gives one",
                                   diag_shown(name_of(profile), 80));
}

// The keys of the profile that `source_profile` names.
static int from_source(struct aliyun_config *c, const struct step *step,
                       const struct kms_request *request, struct fault *f) {
    const char *source = aliyun_config_setting(step->profile, "source_profile");
    const json_t *next = source != NULL ? aliyun_config_profile(c, source) : NULL;
    const char *shown = diag_shown(name_of(step->profile), 80);
    const char *shown_source = source != NULL ? diag_shown(source, 80) : "";
    if (next == NULL)
        return diag_fault(f, EX_CONFIG,
                          "aliyun profile %s: expected a profile that source_profile names, found "
                          "none%s%s",
                          shown, source != NULL ? " called " : "", shown_source);
    unsigned steps = 0;
    for (const struct step *s = step; s != NULL; s = s->before)
        if (++steps == STEPS_MAX || s->profile == next)
            return diag_fault(f, EX_CONFIG, "aliyun profile %s: source_profile %s leads %s", shown,
                              shown_source,
                              steps == STEPS_MAX ? "through too many profiles" : "back to itself");
    return of_profile(c, &(struct step){step, next}, request, f);
}

// A profile that assumes a role: with its own keys, those of the machine, those of another profile,
// or a token.
static int from_role(struct aliyun_config *c, const struct step *step, const char *mode,
                     const struct kms_request *request, struct fault *f) {
    const json_t *p = step->profile;
    bool by_token = strcmp(mode, "OIDC") == 0;
    char duration[24] = "";
    json_int_t seconds = json_integer_value(json_object_get(p, "expired_seconds"));
    if (seconds > 0)
        snprintf(duration, sizeof duration, "%lld", (long long)seconds);
    const struct kms_role role = {
        .arn = aliyun_config_setting(p, "ram_role_arn"),
        .session = aliyun_config_setting(p, "ram_session_name"),
        .external_id = aliyun_config_setting(p, "external_id"),
        .duration = duration[0] != '\0' ? duration : NULL,
        .provider = by_token ? aliyun_config_setting(p, "oidc_provider_arn") : NULL,
        .token_file = by_token ? aliyun_config_setting(p, "oidc_token_file") : NULL};
    if (!is_complete(&role) || (by_token && role.token_file == NULL))
        return diag_fault(
            f, EX_CONFIG, "aliyun profile %s: expected ram_role_arn%s, found not all of them",
            diag_shown(name_of(p), 80), by_token ? ", oidc_provider_arn and oidc_token_file" : "");
    int found = by_token ? 1
                : strcmp(mode, "RamRoleArn") == 0
                    ? from_profile_keys(c, p, aliyun_config_setting(p, "sts_token") != NULL, f)
                : strcmp(mode, "ChainableRamRoleArn") == 0 ? from_source(c, step, request, f)
                                                           : from_machine(c, p, f);
    if (found == 0)
        return diag_fault(f, EX_CONFIG, "aliyun profile %s: no keys to assume its role with",
                          diag_shown(name_of(p), 80));
    return found < 0 ? -1 : assume(c, &role, aliyun_config_setting(p, "sts_region"), request, f);
}

static int of_profile(struct aliyun_config *c, const struct step *step,
                      const struct kms_request *request, struct fault *f) {
    static const char *const roles[] = {"RamRoleArn", "ChainableRamRoleArn",
                                        "RamRoleArnWithRoleName", "OIDC"};
    const json_t *p = step->profile;
    const char *mode = aliyun_config_setting(p, "mode");
    if (mode == NULL || strcmp(mode, "AK") == 0)
        return from_profile_keys(c, p, false, f);
    if (strcmp(mode, "StsToken") == 0)
        return from_profile_keys(c, p, true, f);
    if (strcmp(mode, "EcsRamRole") == 0)
        return from_machine(c, p, f);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(mode, roles[i]) == 0)
            return from_role(c, step, mode, request, f);
    return diag_fault(f, EX_CONFIG,
                      "aliyun profile %s has the mode %s, which is not supported; let the CLI ask: "
                      "aliyun kms Decrypt ... | kmsunwrap --provider=response",
                      diag_shown(name_of(p), 80), diag_shown(mode, 60));
}

// ----

enum { TEXT_SIZE = 512 };

// What the file says for `name`, in `out`; NULL if it says nothing, or too much.
static const char *file_setting(const struct config_file *file, const char *name,
                                char out[static TEXT_SIZE]) {
    struct ini_value value;
    if (!ini_get(file->text, file->size, "default", NULL, name, &value) || value.size >= TEXT_SIZE)
        return NULL;
    memcpy(out, value.text, value.size);
    out[value.size] = '\0';
    return value.size > 0 ? out : NULL;
}

static int from_file_keys(struct aliyun_config *c, const struct config_file *file, bool is_sts,
                          struct fault *f) {
    struct ini_value id, key, token;
    if (!ini_get(file->text, file->size, "default", NULL, "access_key_id", &id) ||
        !ini_get(file->text, file->size, "default", NULL, "access_key_secret", &key))
        return 0;
    if (kms_credentials_set(&c->keys.id, id.text, id.size, "access_key_id", f) < 0 ||
        kms_credentials_set(&c->keys.key, key.text, key.size, "access_key_secret", f) < 0)
        return -1;
    if (is_sts && ini_get(file->text, file->size, "default", NULL, "security_token", &token) &&
        kms_credentials_set(&c->keys.token, token.text, token.size, "security_token", f) < 0)
        return -1;
    snprintf(c->keys.source, sizeof c->keys.source, "%.180s", file->shown);
    return 1;
}

static int from_file_role(struct aliyun_config *c, const struct config_file *file, bool by_token,
                          const struct kms_request *request, struct fault *f) {
    char text[6][TEXT_SIZE];
    struct kms_role role = {.arn = file_setting(file, "role_arn", text[0]),
                            .session = file_setting(file, "role_session_name", text[1]),
                            .external_id = file_setting(file, "external_id", text[2]),
                            .duration = file_setting(file, "role_session_expiration", text[3])};
    if (by_token) {
        role.provider = file_setting(file, "oidc_provider_arn", text[4]);
        role.token_file = file_setting(file, "oidc_token_file_path", text[5]);
        if (role.token_file == NULL)
            role.token_file = file_setting(file, "oidc_token_file", text[5]);
    }
    if (!is_complete(&role) || (by_token && role.token_file == NULL))
        return diag_fault(f, EX_CONFIG, "%.200s: expected role_arn%s, found not all of them",
                          file->shown,
                          by_token ? ", oidc_provider_arn and oidc_token_file_path" : "");
    int found = by_token ? 1 : from_file_keys(c, file, true, f);
    if (found == 0)
        return diag_fault(f, EX_CONFIG,
                          "%.200s: expected access_key_id and access_key_secret, to assume the "
                          "role with, found not both",
                          file->shown);
    return found < 0 ? -1 : assume(c, &role, NULL, request, f);
}

static int from_credentials_text(struct aliyun_config *c, const struct config_file *file,
                                 const struct kms_request *request, struct fault *f) {
    char text[TEXT_SIZE], role[TEXT_SIZE];
    const char *type = file_setting(file, "type", text);
    if (type == NULL || strcmp(type, "access_key") == 0)
        return from_file_keys(c, file, false, f);
    if (strcmp(type, "sts") == 0)
        return from_file_keys(c, file, true, f);
    if (strcmp(type, "ecs_ram_role") == 0)
        return from_metadata(file_setting(file, "role_name", role), c, f);
    if (strcmp(type, "ram_role_arn") == 0 || strcmp(type, "oidc_role_arn") == 0)
        return from_file_role(c, file, type[0] == 'o', request, f);
    return diag_fault(f, EX_CONFIG,
                      "%.200s: type %s is not supported; expected access_key, sts, ecs_ram_role, "
                      "ram_role_arn or oidc_role_arn; or let the CLI ask: aliyun kms Decrypt ... "
                      "| kmsunwrap --provider=response",
                      file->shown, diag_shown(type, 60));
}

static int from_credentials_file(struct aliyun_config *c, const struct kms_request *request,
                                 struct fault *f) {
    struct config_file file;
    int found =
        config_file_read(&file, "ALIBABA_CLOUD_CREDENTIALS_FILE", ".alibabacloud/credentials", f);
    if (found > 0 && !config_file_list_add(&c->files, file.path))
        found = diag_fault_memory(f);
    if (found > 0)
        found = from_credentials_text(c, &file, request, f);
    config_file_free(&file);
    return found;
}

int aliyun_credentials_find(struct aliyun_config *c, const struct kms_request *request,
                            struct fault *f) {
    kms_credentials_free(&c->keys);
    c->keys.renewable = false;
    int found = 0;
    if (request->profile == NULL)
        found = from_environment(c, f);
    if (found == 0 && request->profile == NULL)
        found = from_oidc(c, request, f);
    if (found == 0 && c->profile != NULL)
        found = of_profile(c, &(struct step){NULL, c->profile}, request, f);
    if (found == 0)
        found = from_credentials_file(c, request, f);
    if (found == 0)
        found = from_metadata(aliyun_config_environment("ECS_METADATA"), c, f);
    if (found == 0 && aliyun_config_environment("CREDENTIALS_URI") != NULL)
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
