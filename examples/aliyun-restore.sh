#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: aliyun-restore.sh CIPHERTEXT BACKUP DIR
#
# Restores an encrypted backup of ApsaraDB RDS for MySQL into the new folder DIR: lets Alibaba Cloud
# KMS unwrap the key, whose ciphertext is in the file CIPHERTEXT as the console shows it, then
# decrypts, decompresses and unpacks BACKUP. The name of BACKUP does not matter: xbunpack --auto
# recognises an xbstream or a tar archive, in gzip, qpress or encrypted as a whole, with members in
# any form.
#
# The key is in this shell's memory and in a pipe: in no file, no argument and no environment.
# Credentials and region are those of the aliyun CLI: see kmsunwrap(1). An error ends it with the
# status of the program that found it; then DIR does not hold the backup.
set -euo pipefail

program=${0##*/}
fail() {
    local status=$1
    shift
    printf '%s: %s\n' "$program" "$*" >&2
    exit "$status"
}

if [ "${1-}" = --help ]; then
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi
[ $# -eq 3 ] || fail 64 'expected CIPHERTEXT BACKUP DIR; see --help'
ciphertext=$1 backup=$2 dir=$3
case $backup in -*) backup=./$backup ;; esac
[ -r "$ciphertext" ] || fail 66 "$ciphertext: no file that can be read"
[[ -f $backup && -r $backup ]] || fail 66 "$backup: no file that can be read"
[ ! -e "$dir" ] || [ -z "$(ls -A -- "$dir")" ] || fail 73 "$dir exists already"

# The key is the hexadecimal form of the plaintext that the service returns, 32 characters.
key=$(kmsunwrap --provider=aliyun --output=hex <"$ciphertext")
xbunpack --auto -C "$dir" -f <(printf %s "$key") -i "$backup"
