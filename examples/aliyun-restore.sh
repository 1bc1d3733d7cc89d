#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: aliyun-restore.sh CIPHERTEXT BACKUP DIR
#
# Restores an encrypted backup of ApsaraDB RDS for MySQL into the new folder DIR: has Alibaba Cloud
# KMS unwrap the key, whose ciphertext stands in the file CIPHERTEXT as the console shows it, then
# decrypts, decompresses and unpacks BACKUP, which was downloaded under its own name: *_qp.xb,
# *.xb.gz, *_xb.qp, *.xb, *.tar.gz, or *.xb.xbcrypt.
#
# The key is in this shell's memory and in pipes: in no file, no argument and no environment.
# Credentials and region are those of the aliyun CLI: see kmsunwrap(1). An error ends it with the
# status of the program that found it; what is in DIR then is not the backup.
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
[ -r "$ciphertext" ] || fail 66 "$ciphertext: no file that can be read"
[[ -f $backup && -r $backup ]] || fail 66 "$backup: no file that can be read"
[ ! -e "$dir" ] || [ -z "$(ls -A -- "$dir")" ] || fail 73 "$dir exists already"

# The key is the hexadecimal form of what the service returns, 32 characters.
key=$(kmsunwrap --provider=aliyun --output=hex <"$ciphertext")

unpack() { xbunpack -C "$dir" --decrypt -f <(printf %s "$key") --decompress; }

# A file of the archive, whose name $1 ends in .xbcrypt, becomes what it was.
restore_file() {
    local name=${1%.xbcrypt}
    case $name in
    *.qp) xbcrypt-dec -f <(printf %s "$key") -i "$1" | qpunpack >"$1.new" && mv -- "$1.new" "${name%.qp}" ;;
    *) xbcrypt-dec -f <(printf %s "$key") -i "$1" -o "$name" ;;
    esac
    rm -- "$1"
}

case $backup in
*.tar.gz)
    mkdir -p -- "$dir"
    tar -xizf "$backup" --no-same-owner -C "$dir"
    mapfile -d '' -t files < <(find "$dir" -type f -name '*.xbcrypt' -print0)
    for file in "${files[@]}"; do
        restore_file "$file"
    done
    ;;
*.xb.gz) gzip -dc <"$backup" | unpack ;;
*_xb.qp) qpunpack <"$backup" | unpack ;;
*.xb.xbcrypt) xbcrypt-dec -f <(printf %s "$key") <"$backup" | unpack ;;
*.xb) unpack <"$backup" ;;
*) fail 64 "$backup: expected a name that ends in .xb, .xb.gz, _xb.qp, .tar.gz or .xb.xbcrypt" ;;
esac
