#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: to-apsaradb.sh BACKUP NEW_qp.xb [KEY]
#
# Turns your own backup into the form that ApsaraDB RDS imports: NEW_qp.xb, an xbstream whose members are
# each compressed by qpress. XtraBackup wrote this form itself up to 8.0.33. BACKUP is a folder that
# `xtrabackup --backup` made, compressed or not; or a file in any form that xbunpack --auto takes. If it
# is encrypted, the file KEY holds its key.
#
# A packed or compressed backup is unpacked first, into a folder beside NEW_qp.xb. Until the end this
# folder holds the whole database unencrypted. NEW_qp.xb appears after it has been read back and compared
# with the files. The manual of ApsaraDB says which server versions it imports, and how to start an import.
# After an error the script ends with the status of the program that found it, and there is no NEW_qp.xb.
set -euo pipefail
unset CDPATH # for the cd below

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
[ $# -eq 2 ] || [ $# -eq 3 ] || fail 64 'expected BACKUP NEW_qp.xb [KEY]; see --help'
backup=$1 new=$2
case $backup in -*) backup=./$backup ;; esac
case $new in -*) new=./$new ;; esac
[ -r "$backup" ] || fail 66 "$backup: no file or folder that can be read"
case $new in *_qp.xb) ;; *) fail 64 "$new: the name has to end in _qp.xb" ;; esac
[ ! -e "$new" ] || fail 73 "$new exists already"
key=()
[ $# -eq 2 ] || key=(-f "$3")

# A folder beside NEW_qp.xb, so that the file can be renamed into place. Whoever may write beside it can put
# another folder, or a link, in its place: nothing is written or removed through its name, but through 8.
made=$(mktemp -d -- "$new.XXXXXX") || exit 73
exec 8<"$made" || exit 73
work=/dev/fd/8
case "$(stat -Lc '%u %a' $work) $(ls -A $work/)" in
"$EUID 700 " | "$EUID 2700 ") ;;
*) fail 73 "$made: somebody else has changed it" ;;
esac
trap 'rm -rf $work/files $work/new $work/sums; rmdir -- "$made" || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

files=$work/files
if [ ! -d "$backup" ]; then
    xbunpack -C "$files" --auto "${key[@]}" -i "$backup"
elif [ -n "$(find "$backup" -regex '.*\.\(qp\|lz4\|zst\|xbcrypt\)' -print -quit)" ]; then
    xbpack -C "$backup" | xbunpack -C "$files" --auto "${key[@]}" -i -
else
    files=$backup
fi
[ -e "$files/xtrabackup_checkpoints" ] ||
    fail 65 "$backup: it has no xtrabackup_checkpoints, and is no backup that xtrabackup made"

xbpack -C "$files" --compress=qp -o "$work/new" --fsync
(cd "$files" && find . -type f -exec sha256sum {} +) >"$work/sums"
xbunpack --test --decompress --verify="$work/sums" -i "$work/new"
mv -T --no-clobber -- "$work/new" "$new"
[ ! -e "$work/new" ] || fail 73 "$new exists already"
