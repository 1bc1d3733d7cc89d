// SPDX-License-Identifier: Apache-2.0
#include "kms/kms_region.h"

#include <stdio.h>
#include <string.h>

int kms_region_endpoint(const char *endpoint, enum http_plain plain, const char *what, char *url,
                        size_t url_size, char *host, size_t host_size, struct fault *f) {
    const char *scheme = strstr(endpoint, "://") != NULL ? "" : "https://";
    int used = snprintf(url, url_size, "%s%s", scheme, endpoint);
    if (used < 0 || (size_t)used >= url_size)
        return diag_fault(f, EX_CONFIG, "%s: the URL is too long", what);
    if (url[used - 1] == '/')
        url[used - 1] = '\0';
    if (http_url_check(url, plain, what, host, host_size, f) < 0)
        return -1;
    if (strchr(strstr(url, "://") + 3, '/') != NULL)
        return diag_fault(f, EX_CONFIG, "%s: expected a URL without a path", what);
    return 0;
}

bool kms_region_valid(const char *region) {
    return region[0] != '\0' && region[0] != '-' &&
           region[strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

bool kms_region_of_arn(const char *key_id, char *region, size_t size) {
    const char *place;
    if (key_id == NULL)
        return false;
    if (strncmp(key_id, "acs:kms:", 8) == 0)
        place = key_id + 8;
    else if (strncmp(key_id, "arn:", 4) == 0 && (place = strstr(key_id + 4, ":kms:")) != NULL)
        place += 5;
    else
        return false;
    size_t length = strcspn(place, ":");
    if (length == 0 || length >= size)
        return false;
    snprintf(region, size, "%.*s", (int)length, place);
    return kms_region_valid(region);
}
