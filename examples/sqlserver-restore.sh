#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches a native backup of RDS for SQL Server from S3 and decrypts it, for a SQL Server anywhere.
#
#     sqlserver-restore.sh [--version-id ID] [--key-id KEY-ARN] BUCKET KEY FILE
#
# --version-id fetches that version of the object. --key-id refuses objects that another KMS key
# encrypted: use it if others can write to the bucket.
#
# FILE appears only once the object is decrypted, has the length that S3 gives, did not change
# meanwhile, and begins like a SQL Server backup. An object without an envelope is always refused: a
# copy may have lost its metadata, or somebody may have replaced the backup. To fetch an object that is
# not encrypted, use aws s3 cp.
#
# Needs the AWS CLI, kmsunwrap and s3cse-dec. The caller needs s3:GetObject on the object and
# kms:Decrypt on the key. S3_ENDPOINT names another S3 service. The data key is never on a disk.
set -euo pipefail

fail() {
    local status=$1
    shift
    echo "${0##*/}: $*" >&2
    exit "$status"
}

version=() key_id=()
while [ $# -gt 0 ]; do
    case $1 in
    --help)
        sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
        exit
        ;;
    --version-id=?*) version=("$1") ;;
    --key-id=?*) key_id=("$1") ;;
    --version-id | --key-id) # the value is the next argument
        set -- "$1=${2-}" "${@:3}"
        continue
        ;;
    *) break ;;
    esac
    shift
done
if [ $# -ne 3 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: ${0##*/} [--version-id ID] [--key-id KEY-ARN] BUCKET KEY FILE" >&2
    exit 64
fi
bucket=$1 key=$2 file=$3
case $file in -*) file=./$file ;; esac
[ ! -e "$file" ] || fail 73 "$file exists already"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# This one is beside FILE, so that what is in it can be renamed. Whoever may write there can put another
# folder, or a link, in its place: nothing is written or removed through its name, but through 8.
unchecked=$(mktemp -d -- "$file.XXXXXX") || exit 73
exec 8<"$unchecked" || exit 73
inside() { (cd -P /dev/fd/8 && "$@"); }
case "$(stat -Lc '%u %a' /dev/fd/8) $(ls -A /dev/fd/8/)" in
"$EUID 700 " | "$EUID 2700 ") ;;
*) fail 73 "$unchecked: somebody else has changed it" ;;
esac
trap 'rm -rf "$work"; inside rm -f part; rmdir -- "$unchecked"' EXIT
case $file in /*) whole=$file ;; *) whole=$PWD/$file ;; esac

s3() {
    aws ${S3_ENDPOINT:+--endpoint-url "$S3_ENDPOINT"} "$@"
}
head_object() {
    s3 s3api head-object --bucket "$bucket" --key="$key" "${version[@]}" --output json
}
etag() {
    sed -n 's/^.*"ETag": *"\(.*\)".*$/\1/p' "$1"
}

# The envelope: in the metadata of the object, or in an instruction file, or split between both.
head_object >"$work/head.json" || exit 69
envelope=("$work/head.json")
info=$(s3cse-dec --info -e "$work/head.json" 2>"$work/err") || info="format: incomplete"
case $info in
"format: none"* | "format: incomplete")
    if s3 s3api get-object --bucket "$bucket" --key="$key.instruction" "$work/instruction" >/dev/null 2>"$work/why"; then
        envelope+=("$work/instruction")
    elif ! grep -qE '\((404|NoSuchKey|AccessDenied|403)\)' "$work/why"; then
        cat "$work/why" >&2
        exit 69
    elif [ "$info" = "format: incomplete" ]; then
        cat "$work/err" >&2
        exit 65
    else
        fail 65 "$key has no envelope: it is not encrypted by a client, a copy of it lost its metadata, or" \
            "somebody replaced it; nothing is fetched. If it should not be encrypted: aws s3 cp s3://$bucket/$key $file"
    fi
    ;;
esac

# The key, through a pipe that holds all of it: a refusal ends this script with kmsunwrap's status.
exec 9< <(kmsunwrap --provider=aws "${key_id[@]}" "${envelope[@]/#/--envelope=}")
wait $!

# A single connection, for that version; or the parts of the object in parallel.
fetch() {
    if [ ${#version[@]} -gt 0 ]; then
        s3 s3api get-object --bucket "$bucket" --key="$key" "${version[@]}" /dev/fd/3 3>&1 >"$work/out"
    else
        s3 s3 cp --only-show-errors "s3://$bucket/$key" -
    fi
}
set +e
fetch | inside s3cse-dec -v "${envelope[@]/#/--envelope=}" -f /dev/fd/9 -o part 9<&9
status=("${PIPESTATUS[@]}")
set -e
[ "${status[1]}" -eq 0 ] || exit "${status[1]}"
[ "${status[0]}" -eq 0 ] || fail 69 "$key could not be fetched whole"
head_object >"$work/after.json" || exit 69
[ "$(etag "$work/head.json")" = "$(etag "$work/after.json")" ] ||
    fail 75 "$key was replaced while it was fetched: try again, with --version-id"
head -c 8 /dev/fd/8/part | grep -qaE '^(TAPE|MSSQLBAK)' ||
    fail 65 "$key decrypts to something that is no SQL Server backup: it begins with neither TAPE nor MSSQLBAK"
inside mv -nT -- part "$whole"
[ ! -e /dev/fd/8/part ] || fail 73 "$file exists already"
echo "$file: restore it by RESTORE DATABASE ... FROM DISK = N'$file'"
