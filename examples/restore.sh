#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: restore.sh [-k KEY] NAME.json DIR
#
# Restores a backup of backup.sh into the new folder DIR. It asks the key service that NAME.json names
# for the data key, decrypts and unpacks the backup, which must be beside NAME.json, and compares it and
# every file in it with the stored SHA-256 values. DIR appears when everything is there and right.
#
# -k: use KEY instead of the one in NAME.json, in the form that backup.sh takes: for example file:PATH
#     if the master key is in another place now. Give it if others can write to NAME.json, which no key
#     protects: whoever replaces that file and the backup also chooses the key.
#
# The data key is only in this shell's memory and in pipes, not on a disk. After an error the script ends
# with the status of the program that found it, and there is no DIR.
set -euo pipefail

program=${0##*/}
fail() {
    local status=$1
    shift
    set -- "$*" # what a file says reaches a terminal as plain characters
    printf '%s: %s\n' "$program" "${1//[[:cntrl:]]/?}" >&2
    exit "$status"
}

if [ "${1-}" = --help ]; then
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit
fi
key_by=''
while getopts k: option; do
    case $option in
    k) key_by=$OPTARG ;;
    *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || fail 64 'expected NAME.json DIR; see --help'
json=$1 dir=${2%/}
case $dir in -*) dir=./$dir ;; esac
case $json in -*) json=./$json ;; esac
[ -f "$json" ] || fail 66 "$json: no such file. It holds the wrapped key, and nothing else opens the backup:" \
    'look for a copy where backups are stored, and for one that was uploaded'
[ ! -e "$dir" ] || fail 73 "$dir exists already"

# field NAME: a value of the JSON file, as backup.sh writes it.
field() {
    local value
    value=$(sed -nE 's/^ *"'"$1"'": "([^"]*)",?$/\1/p' "$json")
    [ -n "$value" ] || fail 65 "$json: no \"$1\" in it: it is damaged, or not as backup.sh wrote it; look for a copy"
    printf %s "$value"
}
[ "$(field format)" = 'xbpipe backup 1' ] || fail 65 "$json: it is no file of backup.sh"
place=$(dirname -- "$json")
# One a line: the status of an assignment is that of its last command.
name=$(field file)
manifest=$(field manifest)
size=$(field size)
sha256=$(field sha256)
ciphertext=$(field ciphertext)
manifest_sha256=$(field manifest_sha256)
[ -n "$key_by" ] || key_by=$(field key)
case $name$manifest in */*) fail 65 "$json: it names files elsewhere" ;; esac
for file in "$name" "$manifest"; do
    [ -r "$place/$file" ] || fail 66 "$place/$file: no file that can be read; it belongs beside $json"
done
found=$(stat -L -c %s -- "$place/$name")
[ "$found" = "$size" ] || fail 65 "$place/$name has $found bytes: expected $size; fetch it again"
[ "$(sha256sum <"$place/$manifest" | cut -c 1-64)" = "$manifest_sha256" ] ||
    fail 65 "$place/$manifest is not what was written: fetch it again"

case $key_by in
file:?*) kms=(--provider=file --master-key="${key_by#*:}") ;;
aws:?* | aliyun:?*) kms=(--provider="${key_by%%:*}") ;;
*) fail 64 "key '$key_by': expected file:PATH, aws:ID or aliyun:ID" ;;
esac
key=$(printf %s "$ciphertext" | kmsunwrap "${kms[@]}") ||
    fail $? "$key_by does not unwrap the key of $json; -k KEY names another"

# A folder beside DIR, so that the files can be renamed into place. Whoever may write beside it can put
# another folder, or a link, in its place: nothing is written or removed through its name, but through 8.
made=$(mktemp -d -- "$dir.XXXXXX") || exit 73
exec 8<"$made" || exit 73
work=/dev/fd/8
case "$(stat -Lc '%u %a' $work) $(ls -A $work/)" in
"$EUID 700 " | "$EUID 2700 ") ;;
*) fail 73 "$made: somebody else has changed it" ;;
esac
trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf $work/files $work/pipe $work/sha256; rmdir -- "$made" || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkfifo "$work/pipe"
sha256sum <"$work/pipe" >"$work/sha256" & sum=$!
status=0
tee -p "$work/pipe" <"$place/$name" |
    xbunpack -C "$work/files" --auto -f <(printf %s "$key" | base64 -d) --verify="$place/$manifest" --fsync -i - || status=$?
wait $sum
[ "$(cut -c 1-64 "$work/sha256")" = "$sha256" ] ||
    fail 65 "$place/$name is damaged, its SHA-256 is not that in $json: fetch it again; if there is no other," \
        'xbunpack --salvage saves what is sound of it'
[ $status -eq 0 ] || fail $status "$place/$name is as it was written: the key in $json must be that of another backup"
mv -T --no-clobber -- "$work/files" "$dir"
[ ! -e "$work/files" ] || fail 73 "$dir exists already"
