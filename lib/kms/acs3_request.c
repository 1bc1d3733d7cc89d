// SPDX-License-Identifier: Apache-2.0
#include "kms/acs3_request.h"

#include "base/hex.h"
#include "kms/acs3.h"
#include "secret/wiped.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

// Adds `text`, which it then owns, to the request as the next header line.
static int add_line(struct acs3_request *r, struct http_request *http, const char *name,
                    const char *value, struct fault *f) {
    size_t size = strlen(name) + strlen(value) + 3, i = http->header_count;
    char *line = wiped_malloc(size);
    if (line == NULL)
        return diag_fault_memory(f);
    snprintf(line, size, "%s: %s", name, value);
    wiped_free(r->lines[i]);
    r->lines[i] = line;
    http->headers[http->header_count++] = line;
    return 0;
}

static int make_nonce(char nonce[33], struct fault *f) {
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return diag_fault(f, EX_OSERR, "cannot get random bytes");
    hex_encode(bytes, sizeof bytes, false, nonce);
    nonce[32] = '\0';
    return 0;
}

int acs3_request_sign(struct acs3_request *r, struct http_request *http,
                      const struct kms_credentials *keys, struct fault *f) {
    const char *query = r->in_body ? "" : r->parameters;
    const char *body = r->in_body ? r->parameters : "";
    char nonce[33], date[32], hash[65];
    time_t now = time(NULL);
    struct tm utc;
    if (make_nonce(nonce, f) < 0 || acs3_sha256(body, strlen(body), hash, f) < 0)
        return -1;
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return diag_fault(f, EX_SOFTWARE, "cannot tell the time");
    // In the order that the signature needs.
    struct acs3_pair signed_headers[ACS3_REQUEST_HEADERS];
    size_t count = 0;
    if (r->in_body)
        signed_headers[count++] =
            (struct acs3_pair){"content-type", "application/x-www-form-urlencoded"};
    signed_headers[count++] = (struct acs3_pair){"host", r->host};
    signed_headers[count++] = (struct acs3_pair){"x-acs-action", r->action};
    signed_headers[count++] = (struct acs3_pair){"x-acs-content-sha256", hash};
    signed_headers[count++] = (struct acs3_pair){"x-acs-date", date};
    if (keys->token.size > 0)
        signed_headers[count++] =
            (struct acs3_pair){"x-acs-security-token", kms_credentials_text(&keys->token)};
    signed_headers[count++] = (struct acs3_pair){"x-acs-signature-nonce", nonce};
    signed_headers[count++] = (struct acs3_pair){"x-acs-version", r->version};
    char *authorization;
    if (acs3_sign("POST", query, signed_headers, count, kms_credentials_text(&keys->id),
                  kms_credentials_text(&keys->key), &authorization, f) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_line(r, http, signed_headers[i].name, signed_headers[i].value, f);
    wiped_free(r->authorization);
    size_t size = strlen(authorization) + sizeof "Authorization: ";
    r->authorization = wiped_malloc(size);
    if (r->authorization != NULL)
        snprintf(r->authorization, size, "Authorization: %s", authorization);
    wiped_free(authorization);
    if (result < 0 || r->authorization == NULL)
        return result < 0 ? -1 : diag_fault_memory(f);
    http->headers[http->header_count++] = r->authorization;
    http->headers[http->header_count++] = "Accept: application/json";
    if (!r->in_body)
        http->headers[http->header_count++] = "Content-Type:"; // libcurl's, which is not signed
    http->method = "POST";
    http->body = body;
    return 0;
}

char *acs3_request_url(const struct acs3_request *r, const char *endpoint) {
    const char *query = r->in_body ? "" : r->parameters;
    size_t size = strlen(endpoint) + strlen(query) + 3;
    char *url = wiped_malloc(size);
    if (url != NULL)
        snprintf(url, size, "%s/%s%s", endpoint, query[0] != '\0' ? "?" : "", query);
    return url;
}

void acs3_request_free(struct acs3_request *r) {
    wiped_free(r->authorization);
    r->authorization = NULL;
    for (size_t i = 0; i < ACS3_REQUEST_HEADERS; i++) {
        wiped_free(r->lines[i]);
        r->lines[i] = NULL;
    }
}
