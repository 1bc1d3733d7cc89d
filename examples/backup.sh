#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: backup.sh -k KEY [-n NAME] [-z none] [-i BASE.json] [-u UPLOAD] DIR COMMAND...
#        backup.sh -k KEY --rewrap DIR/NAME.json
#
# Makes an encrypted backup from the xbstream that COMMAND writes: mariadb-backup or xtrabackup with
# --backup --stream=xbstream, or xbpack of a folder, such as a clone. The backup is compressed by zstd
# (-z none: not compressed), encrypted as xbcrypt 3 with a new data key, and put into DIR:
#   NAME               the backup. The default is the host's name and the time
#   NAME.sha256        the SHA-256 of each file in it, for sha256sum -c
#   NAME.json          what restore.sh needs: the wrapped key, the size, the SHA-256, the tool that made
#                      the backup, and its LSNs. It is written last: without it there is no backup
#
# KEY wraps the data key, by kmswrap(1): aws:ID, aliyun:ID, or file:PATH with a master key. Region and
# credentials are those of the services' tools.
# -i: make an incremental backup, based on the backup of BASE.json; COMMAND must be a backup tool.
# -u: do not store NAME in DIR, but pass it to this shell command on standard input, and then copies of
#     the other two files; $1 is the file's name: -u 'aws s3 cp - "s3://bucket/$1"'
# --rewrap: wrap the data key with KEY instead of its present key; only NAME.json changes.
#
# The data key is only in this shell's memory and in pipes, and the unencrypted data only in pipes: neither
# reaches a disk. After an error the script ends with the status of the program that found it, and there is
# no NAME.json. If the script is killed, a folder .backup.* stays in DIR; you can remove it.
set -euo pipefail
umask 077

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
key_by='' name='' compression=zstd base='' upload='' rewrap=''
while getopts k:n:z:i:u:-: option; do
    case $option in
    k) key_by=$OPTARG ;;
    n) name=$OPTARG ;;
    z) compression=$OPTARG ;;
    i) base=$OPTARG ;;
    u) upload=$OPTARG ;;
    -)
        [ "$OPTARG" = rewrap ] || fail 64 "--$OPTARG: there is no such option; see --help"
        rewrap=yes
        ;;
    *) exit 64 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] || fail 64 'expected -k KEY DIR COMMAND...; see --help'

# field NAME FILE: a value of a JSON file as this script writes it.
field() { sed -nE 's/^ *"'"$1"'": "([^"]*)",?$/\1/p' "$2"; }

# Sets the options of kmswrap and kmsunwrap for KEY.
kms_options() {
    case $1 in
    file:?*) kms=(--provider=file --master-key="${1#*:}") ;;
    aws:?* | aliyun:?*) kms=(--provider="${1%%:*}" --key-id="${1#*:}") ;;
    *) fail 64 "-k '$1': expected file:PATH, aws:ID or aliyun:ID" ;;
    esac
    case $1 in *[\"\\[:cntrl:]]*) fail 64 "-k '$1': a quote, a backslash or a control character is not for JSON" ;; esac
}

# A folder beside the result, so that files can be renamed into place. Whoever may write beside it can put
# another folder, or a link, in its place: nothing is written or removed through its name, but through 8.
begin() {
    made=$(mktemp -d -- "$1/.backup.XXXXXX") || exit 73
    exec 8<"$made" || exit 73
    work=/dev/fd/8
    case "$(stat -Lc '%u %a' $work) $(ls -A $work/)" in
    "$EUID 700 " | "$EUID 2700 ") ;;
    *) fail 73 "$made: somebody else has changed it" ;;
    esac
    trap 'kill $(jobs -p) 2>/dev/null || :; find $work/ -mindepth 1 -delete; rmdir -- "$made" || :' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

kms_options "$key_by"
if [ -n "$rewrap" ]; then
    json=$1
    case $json in -*) json=./$json ;; esac
    [ -r "$json" ] || fail 66 "$json: no file that can be read"
    old=$(field key "$json")
    [ -n "$old" ] || fail 65 "$json: it names no key: it is not as backup.sh wrote it"
    new=("${kms[@]}")
    kms_options "$old"
    # The id of a service's key is in the ciphertext.
    key=$(field ciphertext "$json" | kmsunwrap "${kms[@]}")
    wrapped=$(printf %s "$key" | kmswrap "${new[@]}")
    kms=("${new[@]}")
    [ "$(printf %s "$wrapped" | kmsunwrap "${kms[@]}")" = "$key" ] || fail 70 'the new key does not unwrap what it wrapped'
    begin "$(dirname -- "$json")"
    while IFS= read -r line; do
        case $line in
        '  "key": '*) printf '  "key": "%s",\n' "$key_by" ;;
        '  "ciphertext": '*) printf '  "ciphertext": "%s",\n' "$wrapped" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$json" >"$work/json"
    sync -- "$work/json"
    mv -T -- "$work/json" "$json"
    exit
fi

dir=$1
shift
[ $# -ge 1 ] || fail 64 'expected a COMMAND that writes the backup; see --help'
[ -d "$dir" ] || fail 73 "$dir: no such folder"
case $dir in -*) dir=./$dir ;; esac
case $compression in zstd | none) ;; *) fail 64 "-z $compression: expected zstd or none" ;; esac
[ -n "$name" ] || name=$(uname -n)-$(date -u +%Y%m%dT%H%M%SZ)
case $name in '' | .* | -* | *[!A-Za-z0-9._-]*) fail 64 "-n $name: expected a name of letters, digits, '.', '_' and '-'" ;; esac
for file in "$name" "$name.sha256" "$name.json"; do
    [ ! -e "$dir/$file" ] || fail 73 "$dir/$file exists already"
done
lsn=''
if [ -n "$base" ]; then
    [ -r "$base" ] || fail 66 "$base: no file that can be read"
    lsn=$(field to_lsn "$base")
    [ -n "$lsn" ] || fail 65 "$base: it has no to_lsn: an increment needs a backup of the same tool below it"
    set -- "$@" --incremental-lsn="$lsn"
fi
begin "$dir"

reply=$(kmswrap "${kms[@]}" --generate)
key=$(printf %s "$reply" | kmsunwrap --provider=response)
wrapped=$(printf %s "${reply//\\/}" | sed -nE 's/.*"CiphertextBlob" *: *"([^"]*)".*/\1/p')
unset reply
[ -n "$wrapped" ] || fail 69 'the reply of the key service has no CiphertextBlob'

compress() { if [ "$compression" = zstd ]; then zstd -q -T0; else cat; fi; }
store() { if [ -n "$upload" ]; then bash -c "$upload" upload "$1"; else cat >"$work/$1"; fi; }

# The stream is verified while it is stored, and the stored bytes are counted: each reader has a pipe.
mkfifo "$work/verify" "$work/look" "$work/sum" "$work/count"
xbunpack --test --manifest="$work/$name.sha256" -i - <"$work/verify" & verify=$!
xbunpack --info -i - <"$work/look" >"$work/info" 2>/dev/null & look=$!
sha256sum <"$work/sum" >"$work/sha256" & sum=$!
wc -c <"$work/count" >"$work/size" & count=$!
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
"$@" 8<&- | tee -p "$work/verify" "$work/look" | compress |
    xbcrypt-enc -f <(printf %s "$key" | base64 -d) | tee "$work/sum" "$work/count" | store "$name"
wait $verify || fail $? "what ${1##*/} wrote is not a whole xbstream"
wait $look || : >"$work/info" # a folder, not the backup of a tool
wait $sum && wait $count

# One of the values of xbunpack --info.
info() { sed -n "s/^$1: //p" "$work/info" | tr -cd "A-Za-z0-9 .:_+~()-"; }
[ -z "$base" ] || [ "$(info from-lsn)" = "$lsn" ] ||
    fail 65 "the increment begins at LSN $(info from-lsn): expected $lsn, where $base ends"
cat >"$work/$name.json" <<JSON
{
  "format": "xbpipe backup 1",
  "file": "$name",
  "size": "$(tr -d ' ' <"$work/size")",
  "sha256": "$(cut -c 1-64 "$work/sha256")",
  "manifest": "$name.sha256",
  "manifest_sha256": "$(sha256sum <"$work/$name.sha256" | cut -c 1-64)",
  "compression": "$compression",
  "encryption": "xbcrypt 3, AES-256",
  "key": "$key_by",
  "ciphertext": "$wrapped",
  "tool": "$(info tool)",
  "tool_version": "$(info tool-version)",
  "server_version": "$(info server-version)",
  "type": "$(info type)",
  "base": "${base##*/}",
  "from_lsn": "$(info from-lsn)",
  "to_lsn": "$(info to-lsn)",
  "started": "$started",
  "ended": "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}
JSON
if [ -n "$upload" ]; then
    for file in "$name.sha256" "$name.json"; do
        store "$file" <"$work/$file"
    done
else
    sync -- "$work/$name"
    mv -T --no-clobber -- "$work/$name" "$dir/$name"
fi
sync -- "$work/$name.sha256" "$work/$name.json"
mv -T --no-clobber -- "$work/$name.sha256" "$dir/$name.sha256"
sync -- "$dir"
mv -T --no-clobber -- "$work/$name.json" "$dir/$name.json"
sync -- "$dir"
for file in "$name" "$name.sha256" "$name.json"; do
    [ ! -f "$work/$file" ] || fail 73 "$dir/$file exists already"
done
