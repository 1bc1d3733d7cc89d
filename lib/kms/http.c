// SPDX-License-Identifier: Apache-2.0
#include "kms/http.h"

#include "secret/wiped.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int http_start(struct fault *f) {
    // libcurl and OpenSSL would write the secrets of each session to this file: anyone who has the
    // file and the recorded traffic could read the plaintext of keys.
    unsetenv("SSLKEYLOGFILE");
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiped_malloc, wiped_free, wiped_realloc,
                             wiped_strdup, wiped_calloc) != CURLE_OK)
        return diag_fault(f, EX_OSERR, "cannot start libcurl");
    return 0;
}

static bool is_loopback(const char *host) {
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

// Puts the value of the Host header into host. Returns false if it does not fit, is missing, or an
// allocation failed.
static bool put_host(CURLU *parts, char *host, size_t host_size) {
    char *name = NULL, *port = NULL;
    bool good = curl_url_get(parts, CURLUPART_HOST, &name, 0) == CURLUE_OK && name[0] != '\0';
    if (good) {
        CURLUcode found = curl_url_get(parts, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
        bool has_port = found == CURLUE_OK;
        int used =
            snprintf(host, host_size, "%s%s%s", name, has_port ? ":" : "", has_port ? port : "");
        good = (has_port || found == CURLUE_NO_PORT) && used > 0 && (size_t)used < host_size;
    }
    curl_free(name);
    curl_free(port);
    return good;
}

static bool has_part(CURLU *parts, CURLUPart which) {
    char *text = NULL;
    bool found = curl_url_get(parts, which, &text, 0) == CURLUE_OK;
    curl_free(text);
    return found;
}

static const char NO_MEMORY[] = "out of memory";

// Makes the results of http_url_check. Returns NULL, or what is wrong.
static const char *check_parts(CURLU *parts, enum http_plain plain, char *host, size_t host_size) {
    char *scheme = NULL, *name = NULL;
    const char *wrong = NULL;
    CURLUcode scheme_found = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    CURLUcode name_found = curl_url_get(parts, CURLUPART_HOST, &name, 0);
    if (scheme_found == CURLUE_OUT_OF_MEMORY || name_found == CURLUE_OUT_OF_MEMORY)
        wrong = NO_MEMORY;
    else if (scheme_found != CURLUE_OK || name_found != CURLUE_OK ||
             !put_host(parts, host, host_size))
        wrong = "expected https://HOST";
    else if (has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_QUERY) ||
             has_part(parts, CURLUPART_FRAGMENT))
        wrong = "expected a URL without user name, query and fragment";
    else if (strcasecmp(scheme, "http") == 0 &&
             !(plain == HTTP_PLAIN_ANYWHERE || (plain == HTTP_PLAIN_LOOPBACK && is_loopback(name))))
        wrong = "plain http is for loopback addresses and --endpoint only: use https";
    else if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
        wrong = "expected a URL of the scheme https";
    curl_free(scheme);
    curl_free(name);
    return wrong;
}

// A URL in printable form, without the parts that may be secret: the user's name and password, the
// query and the fragment. Returns out.
static const char *show_url(const char *url, char out[static 200]) {
    const char *scheme_end = strstr(url, "://"), *at = strrchr(url, '@');
    size_t scheme = scheme_end != NULL ? (size_t)(scheme_end - url) + 3 : 0;
    bool has_user = at != NULL && at >= url + scheme;
    const char *rest = has_user ? at + 1 : url + scheme;
    size_t size = strcspn(rest, "?#");
    snprintf(out, 200, "%s%s%s%.1s%s", diag_shown_name(url, scheme, 30), has_user ? "...@" : "",
             diag_shown_name(rest, size, 140), rest + size, rest[size] != '\0' ? "..." : "");
    return out;
}

int http_url_check(const char *url, enum http_plain plain, const char *what, char *host,
                   size_t host_size, struct fault *f) {
    CURLU *parts = curl_url();
    if (parts == NULL)
        return diag_fault_memory(f);
    const char *wrong = "expected https://HOST";
    // libcurl also accepts another number of slashes than two; the checks here do not.
    bool absolute =
        strncmp(url + strcspn(url, ":/"), "://", 3) == 0 && url[strcspn(url, ":/") + 3] != '/';
    CURLUcode taken =
        absolute ? curl_url_set(parts, CURLUPART_URL, url, 0) : CURLUE_MALFORMED_INPUT;
    if (taken == CURLUE_OUT_OF_MEMORY)
        wrong = NO_MEMORY;
    else if (taken == CURLUE_OK)
        wrong = check_parts(parts, plain, host, host_size);
    curl_url_cleanup(parts);
    if (wrong == NULL)
        return 0;
    if (wrong == NO_MEMORY)
        return diag_fault_memory(f);
    char shown[200];
    return diag_fault(f, EX_CONFIG, "%s %s: %s", what, show_url(url, shown), wrong);
}

static size_t take_body(char *data, size_t unit, size_t count, void *user) {
    struct http_reply *reply = user;
    size_t size = unit * count;
    if (size > HTTP_REPLY_MAX - reply->size)
        return 0; // makes libcurl end with CURLE_WRITE_ERROR
    memcpy(reply->body + reply->size, data, size);
    reply->size += size;
    return size;
}

// The value of the header `name`, without blanks around it, if `line` is that header; else NULL.
static const char *header_value(const char *line, size_t size, const char *name,
                                size_t *value_size) {
    size_t name_size = strlen(name);
    if (size <= name_size || strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
        return NULL;
    line += name_size + 1;
    size -= name_size + 1;
    while (size > 0 && (line[0] == ' ' || line[0] == '\t')) {
        line++;
        size--;
    }
    while (size > 0 && memchr(" \t\r\n", line[size - 1], 4) != NULL)
        size--;
    *value_size = size;
    return line;
}

static size_t take_header(char *line, size_t unit, size_t count, void *user) {
    struct http_reply *reply = user;
    size_t size = unit * count, value_size;
    const char *value = header_value(line, size, "x-amzn-requestid", &value_size);
    if (value == NULL)
        value = header_value(line, size, "x-acs-request-id", &value_size);
    if (value != NULL)
        diag_name(value, value_size, reply->request_id, sizeof reply->request_id);
    value = header_value(line, size, "x-amzn-errortype", &value_size);
    if (value != NULL)
        diag_name(value, value_size, reply->error_type, sizeof reply->error_type);
    value = header_value(line, size, "date", &value_size);
    if (value != NULL) {
        char text[64];
        snprintf(text, sizeof text, "%.*s", (int)value_size, value);
        reply->date = curl_getdate(text, NULL);
    }
    return size;
}

// The CA file that curl's users name by environment variables, which the library does not read.
static const char *ca_file_from_environment(void) {
    static const char *const names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}

static bool set_options(CURL *curl, const struct http_request *request, struct http_reply *reply,
                        struct curl_slist *headers, char *error) {
    const char *ca_file = request->ca_file != NULL ? request->ca_file : ca_file_from_environment();
    const char *ca_path = getenv("SSL_CERT_DIR");
    bool good =
        curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "xbpipe/" XBPIPE_VERSION) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)request->timeout) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply) == CURLE_OK;
    if (good && request->body != NULL)
        good = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
    if (good && ca_file != NULL)
        good = curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (good && request->ca_file == NULL && ca_path != NULL && ca_path[0] != '\0')
        good = curl_easy_setopt(curl, CURLOPT_CAPATH, ca_path) == CURLE_OK;
    if (good && request->ca_file != NULL) // only this CA
        good = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    // A proxy could read a whole request that is not encrypted.
    if (good && (request->no_proxy || strncasecmp(request->url, "http://", 7) == 0))
        good = curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
    if (good && request->sigv4 != NULL)
        good = curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, request->sigv4) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_USERNAME, request->user) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password) == CURLE_OK;
    return good;
}

// Translates libcurl's result. `error` is its own text, which shows no header and no body, but may
// quote the URL of a proxy with its password.
static enum http_result judge(CURL *curl, CURLcode code, const struct http_request *request,
                              const char *error, struct fault *f) {
    char host[200] = "";
    CURLU *parts = curl_url();
    if (parts == NULL || curl_url_set(parts, CURLUPART_URL, request->url, 0) != CURLUE_OK ||
        !put_host(parts, host, sizeof host))
        snprintf(host, sizeof host, "the service");
    curl_url_cleanup(parts);
    bool shows_url = strchr(error, '@') != NULL || strstr(error, "://") != NULL;
    const char *reason = error[0] != '\0' && !shows_url ? error : curl_easy_strerror(code);
    double connected = 0;
    switch (code) {
    case CURLE_OK:
        return HTTP_DONE;
    case CURLE_OUT_OF_MEMORY:
        diag_fault_memory(f);
        return HTTP_FAILED;
    case CURLE_WRITE_ERROR:
        diag_fault(f, EX_UNAVAILABLE,
                   "%s: expected a reply of at most %d bytes, found a longer one", host,
                   HTTP_REPLY_MAX);
        return HTTP_FAILED;
    case CURLE_SSL_CACERT_BADFILE:
        diag_fault(f, EX_CONFIG, "cannot use the CA file: %s; see --cacert", reason);
        return HTTP_FAILED;
    case CURLE_PEER_FAILED_VERIFICATION:
        diag_fault(f, EX_UNAVAILABLE,
                   "%s is not trusted: %s; if its certificate comes from a CA of your own, name "
                   "that by --cacert",
                   host, reason);
        return HTTP_FAILED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        diag_fault(f, EX_UNAVAILABLE, "cannot reach %s: %s; see --region, --endpoint and the proxy",
                   host, reason);
        return HTTP_AGAIN;
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME, &connected);
        if (connected > 0)
            diag_fault(f, EX_TEMPFAIL, "no reply from %s within %u s: try again, or see --timeout",
                       host, request->timeout);
        else
            diag_fault(f, EX_UNAVAILABLE,
                       "cannot reach %s within %u s; see --region, --endpoint and the proxy", host,
                       request->timeout);
        return HTTP_AGAIN;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        diag_fault(f, EX_TEMPFAIL,
                   "%s ended the connection before its reply was whole: %s; try again", host,
                   reason);
        return HTTP_AGAIN;
    default:
        diag_fault(f, EX_UNAVAILABLE, "%s: %s", host, reason);
        return HTTP_FAILED;
    }
}

enum http_result http_call(const struct http_request *request, struct http_reply *reply,
                           struct fault *f) {
    *reply = (struct http_reply){.date = -1};
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    enum http_result result = HTTP_FAILED;
    CURL *curl = curl_easy_init();
    reply->body = wiped_malloc(HTTP_REPLY_MAX + 1);
    bool good = curl != NULL && reply->body != NULL;
    for (size_t i = 0; good && i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(headers, request->headers[i]);
        good = longer != NULL;
        if (good)
            headers = longer;
    }
    if (good && set_options(curl, request, reply, headers, error)) {
        result = judge(curl, curl_easy_perform(curl), request, error, f);
        long status = 0;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        reply->status = (int)status;
        reply->body[reply->size] = '\0';
    } else if (good) {
        diag_fault(f, EX_OSERR, "libcurl lacks what is needed: expected 7.85 or later with TLS");
    } else {
        diag_fault_memory(f);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (result != HTTP_DONE)
        http_reply_free(reply);
    return result;
}

void http_reply_free(struct http_reply *reply) {
    wiped_free(reply->body);
    *reply = (struct http_reply){.date = -1};
}
