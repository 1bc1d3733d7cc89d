// SPDX-License-Identifier: Apache-2.0
#include "kms.h"

#include "kms_file.h"
#include "kms_response.h"

#include <string.h>

const struct kms_provider kms_providers[] = {
    {
        .name = "file",
        .options = KMS_OPTION_MASTER_KEY,
        .required = KMS_OPTION_MASTER_KEY,
        .input = "the wrapped key in base64",
        .unwrap = kms_file_unwrap,
        .wrap = kms_file_wrap,
    },
    {
        .name = "response",
        .input = "the reply of a key service",
        .unwrap = kms_response_unwrap,
    },
    {.name = NULL},
};

const struct kms_provider *kms_provider_find(const char *name) {
    for (const struct kms_provider *p = kms_providers; p->name != NULL; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
