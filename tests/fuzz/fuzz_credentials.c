// SPDX-License-Identifier: Apache-2.0
// Configuration of the clouds' clients. First byte: bit 0 Alibaba Cloud, bit 1 a profile is asked
// for, bit 2 there is a metadata service, bits 3-4 what that answers; then, each up to a NUL, the
// credentials file, the configuration file, the output of a credential process and the reply of the
// metadata service. The linker puts the __wrap_ functions in the place of those they are named
// after: nothing is run or asked.
//
// Parsers: ini.c aws_config.c aws_credentials.c sts_aws.c aliyun_config.c
// kms_credentials.c
#include "fuzz.h"
#include "kms/aliyun_credentials.h"
#include "kms/aws_credentials.h"
#include "kms/child.h"
#include "kms/http.h"
#include "kms/ini.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As the headers say, whatever that becomes.
__typeof__(http_call) __wrap_http_call;
__typeof__(child_output) __wrap_child_output;

static uint8_t mode;
static struct fuzz_input printed, answer;
static const int bad_config[] = {EX_CONFIG, 0};
// A role may be refused, and the file with its token may be none.
static const int bad_credentials[] = {EX_CONFIG,   EX_NOPERM, EX_NOINPUT, EX_UNAVAILABLE,
                                      EX_TEMPFAIL, EX_IOERR,  EX_DATAERR, 0};

enum http_result __wrap_http_call(const struct http_request *request, struct http_reply *reply,
                                  struct fault *f) {
    static const int statuses[] = {200, 404, 200, 500};
    for (size_t i = 0; i < request->header_count; i++)
        if (strpbrk(request->headers[i], "\r\n") != NULL)
            fuzz_broken("a header of two lines: %s", request->headers[i]);
    if (strpbrk(request->url, " \r\n") != NULL)
        fuzz_broken("a URL of \"%s\"", request->url);
    *reply = (struct http_reply){.date = -1};
    if (!(mode & 4)) {
        diag_fault(f, EX_UNAVAILABLE, "not reached");
        return HTTP_FAILED;
    }
    reply->status =
        strcmp(request->method, "PUT") == 0 && mode & 16 ? 200 : statuses[mode >> 3 & 3];
    reply->size = answer.size < HTTP_REPLY_MAX ? answer.size : HTTP_REPLY_MAX;
    reply->body = wiped_malloc(reply->size + 1);
    if (reply->body == NULL)
        abort();
    if (reply->size > 0)
        memcpy(reply->body, answer.data, reply->size);
    reply->body[reply->size] = '\0';
    return HTTP_DONE;
}

int __wrap_child_output(const char *command, size_t size, const char *what, unsigned timeout,
                        struct secret *output, struct fault *f) {
    (void)timeout;
    if (size == 0 || memchr(command, '\n', size) != NULL)
        fuzz_broken("a command of %zu bytes, or of two lines", size);
    *output = SECRET_NONE;
    if (printed.size == 0)
        return diag_fault(f, EX_CONFIG, "%s: it printed nothing", what);
    if (secret_new(output, printed.size + 1, f) < 0)
        return -1;
    memcpy(output->data, printed.data, printed.size);
    output->size = printed.size;
    return 0;
}

// What was found must fit headers, and not be shown.
static void check_keys(const struct kms_credentials *c) {
    const struct secret *parts[] = {&c->id, &c->key, &c->token};
    for (size_t i = 0; i < 3; i++) {
        const char *text = kms_credentials_text(parts[i]);
        if (strlen(text) != parts[i]->size || strpbrk(text, "\r\n") != NULL)
            fuzz_broken("a credential with a control character");
    }
    fuzz_check_text(c->source, sizeof c->source);
    char text[3000];
    snprintf(text, sizeof text, "before %.900s %.900s after", kms_credentials_text(&c->key),
             kms_credentials_text(&c->token));
    kms_credentials_scrub(c, text);
    if (c->key.size >= 8 && c->key.size < 900 && strspn((const char *)c->key.data, "*") == 0 &&
        memmem(text, strlen(text), c->key.data, c->key.size) != NULL)
        fuzz_broken("a secret that is still there after it was scrubbed");
}

static void check_config(const char *region, size_t region_room, const char *endpoint,
                         const char *host, const char *warning, size_t warning_room) {
    fuzz_check_text(region, region_room);
    fuzz_check_text(warning, warning_room);
    if (strncasecmp(endpoint, "http", 4) != 0 || host[0] == '\0' ||
        strpbrk(endpoint, " \r\n") != NULL || strpbrk(host, " \r\n/") != NULL)
        fuzz_broken("an endpoint of \"%s\" at \"%s\"", endpoint, host);
}

static void check_aws(const struct kms_request *request) {
    struct aws_config c;
    struct fault f;
    if (aws_config_load(&c, request, &f) < 0) {
        fuzz_check_fault(&f, bad_config);
    } else {
        check_config(c.region, sizeof c.region, c.endpoint, c.host, c.warning, sizeof c.warning);
        if (aws_credentials_find(&c, request, &f) < 0)
            fuzz_check_fault(&f, bad_credentials);
        else
            check_keys(&c.keys);
    }
    aws_config_free(&c);
}

static void check_aliyun(const struct kms_request *request) {
    struct aliyun_config c;
    struct fault f;
    if (aliyun_config_load(&c, request, &f) < 0) {
        fuzz_check_fault(&f, bad_config);
    } else {
        check_config(c.region, sizeof c.region, c.endpoint, c.host, c.warning, sizeof c.warning);
        if (aliyun_credentials_find(&c, request, &f) < 0)
            fuzz_check_fault(&f, bad_credentials);
        else
            check_keys(&c.keys);
    }
    aliyun_config_free(&c);
}

static void set(const char *const *names, const char *value) {
    for (; *names != NULL; names++)
        setenv(*names, value, 1);
}

static void start(void) {
    static bool started;
    static const char *const off[] = {"AWS_EC2_METADATA_DISABLED",
                                      "ALIBABA_CLOUD_ECS_METADATA_DISABLED", NULL};
    if (!started)
        json_secret_start();
    started = true;
    set(off, mode & 4 ? "false" : "true");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const first[] = {"AWS_SHARED_CREDENTIALS_FILE",
                                        "ALIBABA_CLOUD_CREDENTIALS_FILE", NULL};
    static const char *const second[] = {"AWS_CONFIG_FILE", "ALIBABA_CLOUD_CONFIG_FILE", NULL};
    struct fuzz_input in = {data, size};
    mode = fuzz_byte(&in);
    struct fuzz_input credentials = fuzz_text(&in), config = fuzz_text(&in);
    printed = fuzz_text(&in);
    answer = in;
    start();
    set(first, fuzz_file(0, credentials.data, credentials.size));
    set(second, fuzz_file(1, config.data, config.size));
    struct kms_request request = {.profile = mode & 2 ? "work" : NULL, .no_sandbox = true};
    if (mode & 1)
        check_aliyun(&request);
    else
        check_aws(&request);
    struct ini_value value = {NULL, 0};
    uint8_t *copy = fuzz_copy(config.data, config.size);
    if (ini_get((const char *)copy, config.size, "default", mode & 8 ? "s3" : NULL, "region",
                &value) &&
        (value.size == 0 || !ini_has_section((const char *)copy, config.size, "default") ||
         (const uint8_t *)value.text < copy ||
         (const uint8_t *)value.text + value.size > copy + config.size))
        fuzz_broken("a value that is none");
    free(copy);
    return 0;
}

void fuzz_repair(uint8_t *data, size_t size, unsigned seed) {
    (void)data, (void)size, (void)seed;
}

void fuzz_seeds(fuzz_add *add) {
#define SEED(text) add(text, sizeof text - 1)
    SEED("\0[default]\naws_access_key_id = AKIA\naws_secret_access_key = ********secret\n\0"
         "[default]\nregion = us-east-1\nservices = local\n\n[services local]\nkms = \n"
         "  endpoint_url = http://localhost:4566\n");
    SEED("\2# none\n\0[profile work]\nregion=cn-north-1\ncredential_process = /bin/get\n\0"
         "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"SessionToken\":\"T\"}");
    SEED("\2[work]\naws_access_key_id=A\n\0[profile \"work\"]\nregion=eusc-de-east-1\n"
         "role_arn = arn:aws:iam::1:role/r\n");
    SEED("\6[base]\naws_access_key_id=A\naws_secret_access_key=S\n\0[profile "
         "work]\nregion=us-east-1\n"
         "role_arn = arn:aws:iam::1:role/r\nsource_profile = next\n[profile "
         "next]\nsource_profile=base\n"
         "role_arn = r\nexternal_id = e\nduration_seconds = 900\n\0\0<R><Credentials><AccessKeyId>A"
         "</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken></"
         "Credentials>");
    SEED("\2\0[profile work]\nregion=us-east-1\nrole_arn = r\nweb_identity_token_file = "
         "/dev/null\n");
    SEED("\16[base]\naws_access_key_id=A\naws_secret_access_key=S\n\0[profile "
         "work]\nregion=us-east-1\n"
         "role_arn = r\nsource_profile = "
         "base\n\0\0<Error><Code>AccessDenied</Code><Message>m</Message>");
    SEED("\4\0[default]\nregion=us-iso-east-1\n\0\0{\"Code\":\"Success\",\"AccessKeyId\":\"A\","
         "\"SecretAccessKey\":\"S\",\"Token\":\"T\"}");
    SEED("\4\0\0\0us-east-1");
    SEED("\x14\0\0\0role");
    SEED("\1[default]\ntype = sts\naccess_key_id = A\naccess_key_secret = S\nsecurity_token = T\n"
         "\0{\"current\":\"default\",\"profiles\":[{\"name\":\"default\",\"region_id\":"
         "\"cn-hangzhou\"}]}");
    SEED("\1\0{\"current\":\"p\",\"profiles\":[{\"name\":\"p\",\"mode\":\"StsToken\","
         "\"access_key_id\":\"A\",\"access_key_secret\":\"S\",\"sts_token\":\"T\",\"region_id\":"
         "\"cn-hangzhou\",\"endpoint_type\":\"vpc\"}]}");
    SEED("\3\0{\"profiles\":[{\"name\":\"work\",\"mode\":\"AK\",\"access_key_id\":\"A\","
         "\"access_key_secret\":\"S\",\"endpoint\":\"kms.example.com\"}]}");
    SEED("\5[default]\ntype = ecs_ram_role\nrole_name = r\n\0{\"profiles\":[],\"current\":\"x\"}");
    SEED("\7\0{\"profiles\":[{\"name\":\"work\",\"mode\":\"EcsRamRole\",\"ram_role_name\":\"r\","
         "\"region_id\":\"cn-hangzhou\"}]}\0\0{\"AccessKeyId\":\"A\",\"AccessKeySecret\":\"S\","
         "\"SecurityToken\":\"T\"}");
#undef SEED
}
