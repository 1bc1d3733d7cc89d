// SPDX-License-Identifier: Apache-2.0
#include "kms/kms.h"

#include "kms/kms_aliyun.h"
#include "kms/kms_aws.h"
#include "kms/kms_file.h"
#include "kms/kms_response.h"

#include <string.h>

const struct kms_provider kms_providers[] = {
    {
        .name = "file",
        .options = KMS_OPTION_MASTER_KEY,
        .required = KMS_OPTION_MASTER_KEY,
        .input = "the wrapped key in base64",
        .unwrap = kms_file_unwrap,
        .wrap = kms_file_wrap,
        .generate = kms_file_generate,
    },
    {
        .name = "response",
        .input = "the reply of a key service",
        .unwrap = kms_response_unwrap,
    },
    {
        .name = "aliyun",
        .options = KMS_OPTION_NETWORK | KMS_OPTION_KEY_ID | KMS_OPTION_CONTEXT,
        .input = "the ciphertext in base64",
        .unwrap = kms_aliyun_unwrap,
        .wrap = kms_aliyun_wrap,
        .generate = kms_aliyun_generate,
    },
    {
        .name = "aws",
        .options =
            KMS_OPTION_NETWORK | KMS_OPTION_KEY_ID | KMS_OPTION_CONTEXT | KMS_OPTION_ENVELOPE,
        .input = "the ciphertext in base64",
        .unwrap = kms_aws_unwrap,
        .wrap = kms_aws_wrap,
        .generate = kms_aws_generate,
    },
    {.name = NULL},
};

const struct kms_provider *kms_provider_find(const char *name) {
    for (const struct kms_provider *p = kms_providers; p->name != NULL; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}
