# SPDX-License-Identifier: Apache-2.0
# xbcrypt-enc: what it writes, judged by another implementation, and every option and status.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
}

hint() { printf '%s\n%s' "$1" "Try \`xbcrypt-enc --help' or \`xbcrypt-enc --usage' for more information."; }

# A little-endian number of $3 bytes at offset $2 of file $1.
number() { od -An -v -tu1 -j "$2" -N "$3" "$1" | awk '{ for (i = NF; i > 0; i--) n = 256 * n + $i; printf "%.0f", n }'; }
hex() { od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'; }
slice() { tail -c +$(($2 + 1)) "$1" | head -c "$3"; }

# Reads a version 3 file with openssl and sha256sum alone: decode FILE KEYFILE >PLAIN. Leaves the
# IVs in `ivs` and the sizes of the chunks' data in `sizes`.
decode() {
    local at=0 size n
    : >ivs
    : >sizes
    size=$(stat -c %s "$1")
    while [ $at -lt "$size" ]; do
        [ "$(slice "$1" $at 8)" = XBCRYP03 ] || return 1
        [ "$(number "$1" $((at + 8)) 8)" -eq 0 ] || return 2
        n=$(number "$1" $((at + 16)) 8)
        [ "$(number "$1" $((at + 24)) 8)" -eq "$n" ] || return 3
        [ "$(number "$1" $((at + 36)) 8)" -eq 16 ] || return 4
        hex "$1" $((at + 44)) 16 >>ivs
        echo >>ivs
        slice "$1" $((at + 60)) "$n" >payload
        # gzip's trailer holds the CRC-32.
        [ "$(gzip -c payload | tail -c 8 | head -c 4 | od -An -tx4)" = "$(slice "$1" $((at + 32)) 4 | od -An -tx4)" ] || return 5
        if [ "$2" = none ]; then
            cp payload clear
        else
            openssl enc -d "-aes-$((8 * $(stat -c %s "$2")))-ctr" -K "$(hex "$2" 0 32)" -iv "$(tail -n 1 ivs)" <payload >clear || return 6
        fi
        head -c $((n - 32)) clear >data
        [ "$(sha256sum <data | cut -c 1-64)" = "$(hex clear $((n - 32)) 32)" ] || return 7
        echo $((n - 32)) >>sizes
        cat data
        at=$((at + 60 + n))
    done
}

@test "openssl and sha256sum read what it writes, for every algorithm" {
    for k in 128 192 256; do
        succeeds xbcrypt-enc -a AES$k -f "$xbc/key$k" -i "$xbc/plain.txt" -o coded --overwrite
        decode coded "$xbc/key$k" >back
        cmp back "$xbc/plain.txt"
        [ "$(tr '\n' ' ' <sizes)" = "65536 65536 65536 3395 " ]
        [ "$(sort -u ivs | wc -l)" -eq 4 ]
        xbcrypt-dec -f "$xbc/key$k" <coded | cmp - "$xbc/plain.txt"
    done
}

@test "-a NONE: the data as it is with its hash behind" {
    succeeds xbcrypt-enc -a NONE -i "$xbc/plain.txt" -o coded
    decode coded none >back
    cmp back "$xbc/plain.txt"
    slice coded 60 65536 | cmp - <(head -c 65536 "$xbc/plain.txt")
    xbcrypt-dec -a NONE <coded | cmp - "$xbc/plain.txt"
    fails 65 "xbcrypt-dec: SHA-256 of xbcrypt chunk at input offset 0 does not match; most likely this is not the key the backup was encrypted with" xbcrypt-dec -f "$xbc/key256" -i coded
    xbcrypt-enc -f "$xbc/key256" -i "$xbc/plain.txt" -o encrypted
    fails 65 "xbcrypt-dec: SHA-256 of xbcrypt chunk at input offset 0 does not match; the chunk is encrypted or damaged" xbcrypt-dec -a NONE -i encrypted
}

@test "-s: chunks of 1K to 64M" {
    xbcrypt-enc -s 1K -f "$xbc/key256" -i "$xbc/plain.txt" -o coded
    [ "$(stat -c %s coded)" -eq $((200003 + 196 * 92)) ]
    xbcrypt-dec -f "$xbc/key256" <coded | cmp - "$xbc/plain.txt"
    head -c 20480 coded >some
    head -c $((18 * 1116)) coded >some
    decode some "$xbc/key256" >back
    head -c $((18 * 1024)) "$xbc/plain.txt" | cmp - back
    [ "$(sort -u ivs | wc -l)" -eq 18 ]
    for size in 1000000 976KiB 64M; do
        xbcrypt-enc --encrypt-chunk-size=$size -f "$xbc/key256" -i "$xbc/plain.txt" -o coded --overwrite
        decode coded "$xbc/key256" | cmp - "$xbc/plain.txt"
        [ "$(cat sizes)" = 200003 ]
    done
    for size in 0 65M 67108865 64G x '' -1; do
        fails 64 "$(hint "xbcrypt-enc: -s $size: expected a size from 1K to 64M")" xbcrypt-enc -s "$size" -f "$xbc/key256" -i /dev/null
    done
}

@test "the largest chunk goes through, both ways" {
    head -c 70000000 /dev/zero | xbcrypt-enc -s 64M -f "$xbc/key256" >coded
    [ "$(number coded 16 8)" -eq $((67108864 + 32)) ]
    [ "$(xbcrypt-dec -f "$xbc/key256" <coded | tr -d '\0' | wc -c)" -eq 0 ]
    [ "$(xbcrypt-dec -f "$xbc/key256" <coded | wc -c)" -eq 70000000 ]
}

@test "sizes around the chunk's, any number of threads" {
    for size in 1 1023 1024 1025 2047 2048 2049; do
        head -c $size "$xbc/plain.txt" >plain
        for j in 1 2 7; do
            xbcrypt-enc -j $j -s 1024 -f "$xbc/key192" <plain >coded
            [ "$(stat -c %s coded)" -eq $((size + (size + 1023) / 1024 * 92)) ]
            xbcrypt-dec -j $j -f "$xbc/key192" <coded | cmp - plain
        done
    done
}

@test "no two runs use an IV twice" {
    for i in 1 2 3; do
        xbcrypt-enc -s 16K -f "$xbc/key256" <"$xbc/plain.txt" >coded
        decode coded "$xbc/key256" >/dev/null
        cat ivs >>all
    done
    [ "$(wc -l <all)" -eq 39 ]
    [ "$(sort -u all | wc -l)" -eq 39 ]
}

@test "empty input gives empty output" {
    succeeds xbcrypt-enc -f "$xbc/key256" -i /dev/null -o coded
    [ -f coded ]
    [ ! -s coded ]
}

@test "keys as for xbcrypt-dec" {
    fails 64 "xbcrypt-enc: no key: use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbcrypt-enc -i /dev/null
    XBCRYPT_ENCRYPTION_KEY=$(cat "$key") xbcrypt-enc -i "$xbc/plain.txt" -o coded
    decode coded "$key" | cmp - "$xbc/plain.txt"
    fails 66 "xbcrypt-enc: cannot open key file missing: No such file or directory" xbcrypt-enc -f missing -i /dev/null
    head -c 20 "$key" >short
    fails 65 "xbcrypt-enc: short: key has 20 bytes: expected 16, 24 or 32 (AES128, AES192, AES256)" xbcrypt-enc -f short -i /dev/null
    fails 64 "xbcrypt-enc: $xbc/key128: key has 16 bytes, which is AES128: -a says AES256 needs 32" xbcrypt-enc -a AES256 -f "$xbc/key128" -i /dev/null
    fails 64 "$(hint "xbcrypt-enc: -a RC4: expected AES128, AES192, AES256 or NONE")" xbcrypt-enc -a RC4 -f "$xbc/key128" -i /dev/null
    fails 64 "xbcrypt-enc: -f -: standard input is for the data; use -f FILE or -f /dev/fd/N" xbcrypt-enc -f - -i /dev/null
    fails 64 "xbcrypt-enc: -k, --encrypt-key: a key on the command line can be read by every user of the machine; use -f FILE, -f /dev/fd/N, or the environment variable XBCRYPT_ENCRYPTION_KEY" xbcrypt-enc -k SeCrEt
    fails 0 "xbcrypt-enc: $xbc/key192: key for AES192" xbcrypt-enc -v -f "$xbc/key192" -i /dev/null
}

@test "-d and other options that it does not have, operands: 64" {
    fails 64 "xbcrypt-enc: -d: this program encrypts; xbcrypt-dec decrypts" xbcrypt-enc -d -f "$xbc/key256"
    run --separate-stderr xbcrypt-enc --frobnicate
    [ "$status" -eq 64 ]
    [[ $stderr == *"unrecognized option '--frobnicate'"* ]]
    fails 64 "$(hint "xbcrypt-enc: unexpected operand 'other': there is one input, and it is given already")" xbcrypt-enc file other
    fails 64 "$(hint "xbcrypt-enc: 0: expected a number of threads from 1 to 1024")" xbcrypt-enc --threads=0
}

@test "input and output that fail: 66, 73, 74" {
    fails 66 "xbcrypt-enc: cannot open missing: No such file or directory" xbcrypt-enc -f "$xbc/key256" -i missing
    fails 66 "xbcrypt-enc: / is a directory: expected a file" xbcrypt-enc -f "$xbc/key256" -i /
    echo old >out
    fails 73 "xbcrypt-enc: out: file exists already; remove it, or use --overwrite to replace it" xbcrypt-enc -f "$xbc/key256" -i "$xbc/plain.txt" --output=out
    [ "$(cat out)" = old ]
    full() { xbcrypt-enc -f "$xbc/key256" -i "$xbc/plain.txt" >/dev/full; }
    fails 74 "xbcrypt-enc: cannot write standard output: No space left on device" full
    closed() { xbcrypt-enc -f "$xbc/key256" -i "$xbc/plain.txt" >&-; }
    fails 74 "xbcrypt-enc: cannot write standard output: Bad file descriptor" closed
    [ "$(files .)" = out ]
}

@test "--help, --usage, --version; also if they cannot be written" {
    run -0 xbcrypt-enc --help
    [[ $output == "Usage: xbcrypt-enc [OPTION...]"* ]]
    run -0 xbcrypt-enc --usage
    [[ $output == "Usage: xbcrypt-enc ["* ]]
    run -0 xbcrypt-enc --version
    [[ $output =~ ^xbcrypt-enc\ \(xbpipe\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    for option in --help --usage --version; do
        full() { xbcrypt-enc $option >/dev/full; }
        fails 74 "xbcrypt-enc: cannot write standard output: No space left on device" full
    done
}
