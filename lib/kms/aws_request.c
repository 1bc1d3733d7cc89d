// SPDX-License-Identifier: Apache-2.0
#include "kms/aws_request.h"

#include "secret/wiped.h"

#include <stdio.h>
#include <string.h>

int aws_request_sign(struct aws_request *r, struct http_request *http, const char *service,
                     const char *region, const struct kms_credentials *keys, struct fault *f) {
    aws_request_free(r);
    if (keys->token.size > 0) {
        static const char name[] = "X-Amz-Security-Token: ";
        r->token = wiped_malloc(sizeof name + keys->token.size);
        if (r->token == NULL)
            return diag_fault_memory(f);
        memcpy(r->token, name, sizeof name - 1);
        memcpy(r->token + sizeof name - 1, keys->token.data, keys->token.size + 1);
        http->headers[http->header_count++] = r->token;
    }
    snprintf(r->sigv4, sizeof r->sigv4, "aws:amz:%s:%s", region, service);
    http->sigv4 = r->sigv4;
    http->user = kms_credentials_text(&keys->id);
    http->password = kms_credentials_text(&keys->key);
    return 0;
}

void aws_request_free(struct aws_request *r) {
    wiped_free(r->token);
    r->token = NULL;
}
