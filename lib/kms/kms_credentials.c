// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_credentials.h"

#include "kms/http.h"
#include "os/fdio.h"
#include "secret/json_secret.h"
#include "secret/wiped.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_MAX = 16 << 10, FILE_MAX = 1 << 20 };

int kms_credentials_set(struct secret *s, const char *text, size_t size, const char *what,
                        struct fault *f) {
    secret_free(s);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return diag_fault(f, EX_CONFIG,
                              "%s: expected printable text, found a control character", what);
    if (size > VALUE_MAX)
        return diag_fault(f, EX_CONFIG, "%s: expected at most %d bytes, found %zu", what, VALUE_MAX,
                          size);
    if (secret_new(s, size + 1, f) < 0)
        return -1;
    memcpy(s->data, text, size);
    s->size = size;
    return 0;
}

int kms_credentials_from_env(struct secret *s, const char *const *names, struct fault *f) {
    *s = SECRET_NONE;
    for (; *names != NULL; names++) {
        struct secret value;
        int found = secret_from_env(&value, *names, VALUE_MAX, f);
        if (found < 0)
            return -1;
        if (found > 0) {
            char what[100];
            snprintf(what, sizeof what, "environment variable %s", *names);
            int result = kms_credentials_set(s, (const char *)value.data, value.size, what, f);
            secret_free(&value);
            return result < 0 ? -1 : 1;
        }
    }
    return 0;
}

int kms_credentials_from_json(struct kms_credentials *c, const json_t *object, const char *key,
                              const char *token, const char *what, struct fault *f) {
    const char *id_text = json_secret_string(object, "AccessKeyId");
    const char *key_text = json_secret_string(object, key);
    const char *token_text = json_secret_string(object, token);
    if (id_text == NULL || key_text == NULL)
        return diag_fault(f, EX_CONFIG, "%s: expected a JSON object with AccessKeyId and %s", what,
                          key);
    if (kms_credentials_set(&c->id, id_text, strlen(id_text), what, f) < 0 ||
        kms_credentials_set(&c->key, key_text, strlen(key_text), what, f) < 0)
        return -1;
    if (token_text != NULL)
        return kms_credentials_set(&c->token, token_text, strlen(token_text), what, f);
    secret_free(&c->token);
    return 0;
}

const char *kms_credentials_text(const struct secret *s) {
    return s->data != NULL ? (const char *)s->data : "";
}

static void scrub(const struct secret *s, char *text) {
    enum { SHOWS = 8 }; // so many characters in a row are no chance
    if (s->size < SHOWS)
        return;
    const char *secret = (const char *)s->data;
    const char *end = text + strlen(text);
    char *place;
    // On behind what was found: a secret may itself begin with such stars.
    while ((place = memmem(text, (size_t)(end - text), secret, SHOWS)) != NULL) {
        size_t i = 0;
        for (; i < s->size && place[i] == secret[i]; i++)
            place[i] = '*';
        text = place + i;
    }
}

void kms_credentials_scrub(const struct kms_credentials *c, char *text) {
    scrub(&c->key, text);
    scrub(&c->token, text);
}

void kms_credentials_free(struct kms_credentials *c) {
    secret_free(&c->id);
    secret_free(&c->key);
    secret_free(&c->token);
}

static const char *home(void) {
    const char *path = getenv("HOME");
    if (path != NULL && path[0] != '\0')
        return path;
    const struct passwd *user = getpwuid(getuid());
    return user != NULL ? user->pw_dir : NULL;
}

static int too_long(const char *shown, struct fault *f) {
    return diag_fault(f, EX_CONFIG, "%s: expected at most %d bytes", shown, FILE_MAX);
}

int config_file_read(struct config_file *file, const char *variable, const char *below_home,
                     struct fault *f) {
    *file = (struct config_file){.size = 0};
    const char *named = getenv(variable);
    const char *directory = home();
    int used = 0;
    if (named != NULL && named[0] != '\0')
        used = snprintf(file->path, sizeof file->path, "%s", named);
    else if (directory != NULL)
        used = snprintf(file->path, sizeof file->path, "%s/%s", directory, below_home);
    else
        return 0;
    char shown[200];
    diag_name(file->path, strlen(file->path), shown, sizeof shown);
    if (used < 0 || (size_t)used >= sizeof file->path)
        return diag_fault(f, EX_CONFIG, "the path %s is too long", shown);
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0)
        return diag_fault_errno(f, errno == EACCES ? EX_NOPERM : EX_CONFIG, errno, "cannot open %s",
                                shown);
    int result = 1;
    struct stat status;
    if (fstat(fd, &status) < 0) {
        result = diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", shown);
    } else if (status.st_size > FILE_MAX) {
        result = too_long(shown, f);
    } else {
        // A pipe has no size, nor has a file of /proc.
        size_t room = status.st_size > 0 ? (size_t)status.st_size : FILE_MAX + 1;
        file->text = wiped_malloc(room + 1);
        ssize_t n = file->text != NULL ? fdio_read_full(fd, file->text, room) : 0;
        if (file->text == NULL) {
            result = diag_fault_memory(f);
        } else if (n < 0) {
            result = diag_fault_errno(f, EX_IOERR, errno, "cannot read %s", shown);
        } else if (n > FILE_MAX) {
            result = too_long(shown, f);
        } else {
            file->size = (size_t)n;
            file->text[n] = '\0';
        }
    }
    close(fd); // opened for reading: nothing can be lost
    if (result < 0)
        config_file_free(file);
    return result;
}

void config_file_free(struct config_file *file) {
    wiped_free(file->text);
    file->text = NULL;
    file->size = 0;
}

// One request to a metadata service. Returns the status of its reply, which the caller frees, or 0.
static int ask(const char *method, const char *base, const char *path, const char *header,
               struct http_reply *reply, enum http_result *result) {
    char url[600];
    snprintf(url, sizeof url, "%s%s", base, path);
    struct http_request request = {.method = method, .url = url, .timeout = 1, .no_proxy = true};
    if (header != NULL)
        request.headers[request.header_count++] = header;
    struct fault ignored; // no metadata service is no failure
    *result = http_call(&request, reply, &ignored);
    return *result == HTTP_DONE ? reply->status : 0;
}

// The first line of a reply, without blanks around it.
static void first_line(const struct http_reply *reply, char *out, size_t out_size) {
    size_t size = strcspn(reply->body, "\r\n");
    snprintf(out, out_size, "%.*s", (int)size, reply->body);
}

// Gets a session token, as a whole header line. Returns 1; 0 if the service is not there; -1 if it
// does without.
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

int metadata_get(const struct metadata_service *service, const char *path, char *value,
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

int metadata_credentials(const struct metadata_service *service, const char *role,
                         struct kms_credentials *c, struct fault *f) {
    char found[200], path[400];
    if (role == NULL) {
        if (metadata_get(service, service->credentials, found, sizeof found) == 0)
            return 0;
        role = found;
    }
    // What goes into a path and messages: the letters that role names are made of.
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
            role, status);
    } else {
        json_t *object = json_secret_parse(reply.body, reply.size, "metadata service", f);
        const char *code = json_secret_string(object, "Code");
        if (object == NULL) {
            f->status = EX_CONFIG;
            result = -1;
        } else if (code != NULL && strcmp(code, "Success") != 0) {
            char shown[100];
            result = diag_fault(f, EX_CONFIG, "metadata service: no credentials of the role %s: %s",
                                role, diag_name(code, strlen(code), shown, sizeof shown));
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
