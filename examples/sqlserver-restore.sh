#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches a native backup of RDS for SQL Server from S3 and decrypts it, for a SQL Server anywhere.
#
#     sqlserver-restore.sh BUCKET KEY FILE
#
# Needs the AWS CLI, kmsunwrap and s3cse-dec. The caller needs s3:GetObject on the object and
# kms:Decrypt on the key that encrypted it. S3_ENDPOINT names another S3 service. The data key is
# never on a disk, and FILE appears only once all of it is decrypted and found to be right.
set -euo pipefail

if [ "${1-}" = --help ]; then
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi
if [ $# -ne 3 ]; then
    echo "usage: ${0##*/} BUCKET KEY FILE" >&2
    exit 64
fi
bucket=$1 key=$2 file=$3
if [ -e "$file" ]; then
    echo "${0##*/}: $file exists already" >&2
    exit 73
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

s3() {
    aws ${S3_ENDPOINT:+--endpoint-url "$S3_ENDPOINT"} "$@"
}

# The envelope: in the metadata of the object, or in an instruction file, or split between both.
s3 s3api head-object --bucket "$bucket" --key "$key" --output json >"$work/head.json"
envelope=("$work/head.json")
info=$(s3cse-dec --info -e "$work/head.json" 2>/dev/null) || info="format: incomplete"
case $info in
"format: none"* | "format: incomplete"*)
    if s3 s3api get-object --bucket "$bucket" --key "$key.instruction" "$work/instruction" >/dev/null 2>"$work/err"; then
        envelope+=("$work/instruction")
    elif ! grep -qE '\((404|NoSuchKey|AccessDenied|403)\)' "$work/err"; then
        cat "$work/err" >&2
        exit 69
    elif [ "${info#format: none}" != "$info" ]; then
        echo "${0##*/}: $key has no envelope: it is not encrypted by a client, and is fetched as it is" >&2
        s3 s3 cp --only-show-errors "s3://$bucket/$key" "$file"
        exit 0
    fi
    ;;
esac

# The key: asked for under the encryption context that the envelope holds. Its output goes through a
# pipe; if the KMS refuses, kmsunwrap says why and s3cse-dec finds no key.
unwrap() {
    kmsunwrap --provider=aws "${envelope[@]/#/--envelope=}"
}

# One pass from S3 to the file. A cut download ends the pipeline with a failure, even where the body
# up to there looks whole.
set +e
s3 s3 cp --only-show-errors "s3://$bucket/$key" - |
    s3cse-dec -v "${envelope[@]/#/--envelope=}" -f <(unwrap) -o "$file"
status=("${PIPESTATUS[@]}")
set -e
if [ "${status[1]}" -ne 0 ]; then
    exit "${status[1]}"
elif [ "${status[0]}" -ne 0 ]; then
    rm -f "$file"
    exit 69
fi
echo "$file: restore it by RESTORE DATABASE ... FROM DISK = N'$file'"
