#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: aliyun-key.sh CIPHERTEXT COMMAND [ARGUMENT...]
#
# Lets Alibaba Cloud KMS unwrap the ciphertext of an ApsaraDB RDS for MySQL backup, which is in the
# file CIPHERTEXT as the console shows it, and runs COMMAND with the backup's key on descriptor 9, a
# pipe: the key is never in a file, an argument, or the environment. For example:
#
#   aliyun-key.sh ciphertext.b64 xbunpack -C restored --decrypt --decompress -f /dev/fd/9 < backup.xb
#
# Credentials and region come from the environment (ALIBABA_CLOUD_ACCESS_KEY_ID, ...,
# ALIBABA_CLOUD_REGION_ID) or from the aliyun CLI's profile: see kmsunwrap(1).
set -euo pipefail

if [ "${1-}" = --help ]; then
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi
if [ $# -lt 2 ]; then
    echo "usage: ${0##*/} CIPHERTEXT COMMAND [ARGUMENT...]" >&2
    exit 64
fi
ciphertext=$1
shift

# The password is the hexadecimal form of the plaintext that the service returns. The reader of a key
# file removes its newline.
exec 9< <(kmsunwrap --provider=aliyun --output=hex <"$ciphertext")
# A key fits into the pipe, so its writers end before it is read; a refusal ends this script with
# kmsunwrap's status before the command begins.
wait $!
exec -- "$@"
