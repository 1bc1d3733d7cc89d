// SPDX-License-Identifier: Apache-2.0
#include "kms/metadata_service.h"

#include "kms/http.h"
#include "secret/json_secret.h"

#include <stdio.h>
#include <string.h>

// One request to a metadata service. Returns the status of its reply, which the caller frees, or 0.
static int ask(const char *method, const char *base, const char *path, const char *header,
               struct http_reply *reply, enum http_result *result) {
    char url[600];
    snprintf(url, sizeof url, "%s%s", base, path);
    struct http_request request = {.method = method, .url = url, .timeout = 1, .no_proxy = true};
    if (header != NULL)
        request.headers[request.header_count++] = header;
    struct fault ignored; // a missing metadata service is not a failure
    *result = http_call(&request, reply, &ignored);
    return *result == HTTP_DONE ? reply->status : 0;
}

// The first line of a reply, without blanks around it.
static void first_line(const struct http_reply *reply, char *out, size_t out_size) {
    size_t size = strcspn(reply->body, "\r\n");
    snprintf(out, out_size, "%.*s", (int)size, reply->body);
}

// Gets a session token, as a whole header line. Returns 1; 0 if there is no service; -1 if it needs
// no token.
static int session(const struct metadata_service *service, char *header, size_t size) {
    char ttl[100];
    snprintf(ttl, sizeof ttl, "%s: 21600", service->ttl_header);
    struct http_reply reply;
    enum http_result result;
    int status = ask("PUT", service->base, "/latest/api/token", ttl, &reply, &result);
    int found = status == 0 ? 0 : -1;
    if (status == 200 && reply.size > 0 && strpbrk(reply.body, "\r\n") == NULL) {
        int used = snprintf(header, size, "%s: %s", service->token_header, reply.body);
        found = used > 0 && (size_t)used < size ? 1 : -1;
    }
    http_reply_free(&reply);
    return found;
}

int metadata_service_get(const struct metadata_service *service, const char *path, char *value,
                         size_t size) {
    char header[1024];
    int have = session(service, header, sizeof header);
    if (have == 0 || (have < 0 && service->need_token))
        return 0;
    struct http_reply reply;
    enum http_result result;
    int status = ask("GET", service->base, path, have > 0 ? header : NULL, &reply, &result);
    if (status == 200)
        first_line(&reply, value, size);
    http_reply_free(&reply);
    explicit_bzero(header, sizeof header);
    return status == 200 && value[0] != '\0' ? 1 : 0;
}

int metadata_service_credentials(const struct metadata_service *service, const char *role,
                                 struct kms_credentials *c, struct fault *f) {
    char found[200], path[400];
    if (role == NULL) {
        if (metadata_service_get(service, service->credentials, found, sizeof found) == 0)
            return 0;
        role = found;
    }
    // Role names go into a path and messages, so only their usual letters are allowed.
    if (role[strspn(
            role, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-")] != '\0')
        return diag_fault(f, EX_CONFIG,
                          "metadata service: expected a role's name, found other text");
    char header[1024];
    int have = session(service, header, sizeof header);
    if (have == 0 || (have < 0 && service->need_token))
        return 0;
    snprintf(path, sizeof path, "%s%s", service->credentials, role);
    struct http_reply reply;
    enum http_result done;
    int status = ask("GET", service->base, path, have > 0 ? header : NULL, &reply, &done);
    explicit_bzero(header, sizeof header);
    int result;
    if (status != 200) {
        result = diag_fault(
            f, EX_CONFIG, "metadata service: expected credentials of the role %s, found status %d",
            diag_shown(role, 100), status);
    } else {
        json_t *object = json_secret_parse(reply.body, reply.size, "metadata service", f);
        const char *code = json_secret_string(object, "Code");
        if (object == NULL) {
            f->status = EX_CONFIG;
            result = -1;
        } else if (code != NULL && strcmp(code, "Success") != 0) {
            result = diag_fault(f, EX_CONFIG, "metadata service: no credentials of the role %s: %s",
                                diag_shown(role, 100), diag_shown(code, 100));
        } else {
            result = kms_credentials_from_json(c, object, service->key, service->token,
                                               "metadata service", f);
        }
        json_decref(object);
    }
    http_reply_free(&reply);
    if (result < 0)
        return -1;
    snprintf(c->source, sizeof c->source, "the metadata service, role %.120s", role);
    c->renewable = true;
    return 1;
}
