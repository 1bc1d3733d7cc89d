#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: rekey.sh OLDKEY NEWKEY BACKUP NEW
#
# Encrypts a backup again: BACKUP has the key in the file OLDKEY, NEW gets the one in NEWKEY; both may
# be pipes. BACKUP is *.xbcrypt, a stream encrypted as a whole; *.xb, an xbstream whose members are
# encrypted; or a folder of encrypted files. NEW is always xbcrypt version 3.
#
# What is in BACKUP is in clear in pipes only, never on a disk. NEW appears once all of it was read
# again and found to hold the same as BACKUP, which stays as it is: remove it when you have no more
# need of it and its key. An xbstream takes its own size twice beside NEW, until it is done. Others may
# write to BACKUP meanwhile, and to the folder that NEW is in. An error ends it with the status of the
# program that found it, and without NEW.
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
[ $# -eq 4 ] || fail 64 'expected OLDKEY NEWKEY BACKUP NEW; see --help'
old_shown=${3%/} new_shown=${4%/} backup=${3%/} new=${4%/}
case $backup in /*) ;; *) backup=$PWD/$backup ;; esac
case $new in /*) ;; *) new=$PWD/$new ;; esac
[ -r "$backup" ] || fail 66 "$old_shown: no file or folder that can be read"
[ ! -e "$new" ] || fail 73 "$new_shown exists already"
form=$backup
[ ! -d "$backup" ] || form=folder
case $form in
folder | *.xb | *.xbcrypt) ;;
*) fail 64 "$old_shown: expected a folder or a name that ends in .xb or .xbcrypt" ;;
esac

# The keys as descriptors 8 and 9, which can be opened for each file: a key from a pipe is put into
# memory, in a file without a name.
exec 8<"$1" 9<"$2" || exit 66
in_memory() {
    local name
    name=$(umask 077 && mktemp /dev/shm/rekey.XXXXXX)
    exec 7<>"$name"
    rm -- "$name"
    cat >&7
}
[ -f /dev/fd/8 ] || { in_memory <&8 && exec 8<&7 7<&-; }
[ -f /dev/fd/9 ] || { in_memory <&9 && exec 9<&7 7<&-; }
if cmp -s /dev/fd/8 /dev/fd/9; then
    fail 65 'the two keys are the same'
fi

# A folder beside NEW, so that the new file can be renamed into place. All is done from inside of it:
# whoever may write beside it can put another folder, or a link, in its place, but nothing is written
# or removed through its name.
part=$(mktemp -d -- "$new.XXXXXX") || exit 73
cd -P -- "$part"
case "$(stat -c '%u %a' .) $(ls -A)" in
"$EUID 700 " | "$EUID 2700 ") ;;
*) fail 73 "$part: somebody else has changed it" ;;
esac
trap 'rm -rf list member members new old.sums new.sums; rmdir -- "$part"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

decrypt() { xbcrypt-dec -f "/dev/fd/$1" -i "$2"; }

# rekey FROM TO: one encrypted file.
rekey() { decrypt 8 "$1" | xbcrypt-enc -f /dev/fd/9 -o "$2"; }

# same FROM TO: checks that they hold the same, each under its key.
same() {
    local from to
    from=$(decrypt 8 "$1" | sha256sum)
    to=$(decrypt 9 "$2" | sha256sum)
    [ "$from" = "$to" ] || fail 65 "$1: what was written differs: the disk or the memory is at fault"
}

# Each encrypted file of the folder $1, which the user knows as $2; there must be one. A folder that
# cannot be read is an error, and so is a link, which could lead anywhere.
encrypted_files() {
    local others
    others=$(cd "$1" && find . ! -type f ! -type d -print -quit)
    [ -z "$others" ] || fail 65 "$2/$others: neither a file nor a folder"
    (cd "$1" && find . -type f -name '*.xbcrypt' -print0) >list
    mapfile -d '' -t files <list
    rm -- list
    [ ${#files[@]} -gt 0 ] || fail 65 "$old_shown: nothing in it is encrypted"
}

case $form in
folder)
    encrypted_files "$backup" "$old_shown"
    # Others may change the folder while it is copied. tar follows no link, nobody else can change the
    # copy, and what counts is what is found there.
    mkdir new
    tar -C "$backup" --format=posix --sparse -cf - . | tar -C new --numeric-owner -xpf -
    encrypted_files new "$old_shown"
    for file in "${files[@]}"; do
        rekey "new/$file" member
        same "$backup/$file" member
        mv -T -- member "new/$file"
    done
    ;;
*.xbcrypt)
    rekey "$backup" new
    same "$backup" new
    ;;
*)
    xbunpack -C members -i "$backup"
    encrypted_files members "$old_shown"
    for file in "${files[@]}"; do
        rekey "members/$file" member
        mv -T -- member "members/$file"
    done
    xbpack -C members >new
    xbunpack --test --decrypt -f /dev/fd/8 --manifest=- -i "$backup" | LC_ALL=C sort >old.sums
    xbunpack --test --decrypt -f /dev/fd/9 --manifest=- -i new | LC_ALL=C sort >new.sums
    cmp -s old.sums new.sums ||
        fail 65 "$old_shown: what was written differs: the disk or the memory is at fault"
    ;;
esac
sync -- new
mv -T --no-clobber -- new "$new"
[ ! -e new ] || fail 73 "$new_shown exists already"
