# SPDX-License-Identifier: Apache-2.0
# xbcrypt-dec: every option, exit status and message.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    doubt="xbcrypt-dec: warning: xbcrypt versions 1 and 2 cannot tell a wrong key from a right one, and the data are too short to show it: check the result before you rely on it"
    wrong_warning="xbcrypt-dec: warning: this looks like the wrong key: the plaintext is random bytes; open it with the program that made it before you rely on it"
}

hint() { printf '%s\n%s' "$1" "Try \`xbcrypt-dec --help' or \`xbcrypt-dec --usage' for more information."; }

@test "every version and key size gives the plaintext, for any number of threads" {
    for j in 1 2 7; do
        for s in v1.aes256 v2.aes128 v2.aes192 v2.aes256 v3.aes128 v3.aes192 v3.aes256 v3.chunk1000; do
            case $s in *128) k=128 ;; *192) k=192 ;; *) k=256 ;; esac
            xbcrypt-dec -j $j -f "$xbc/key$k" <"$xbc/plain.$s.xbcrypt" >out 2>err
            cmp out "$xbc/plain.txt"
            [ ! -s err ]
        done
    done
}

@test "whole streams of the documented procedure" {
    for j in 1 2 7; do
        xbcrypt-dec -j $j -f "$key" <"$fixtures/rds/stream_v3.xb.xbcrypt" | cmp - "$fixtures/mariadb/shop_qp.xb"
        xbcrypt-dec -j $j -f "$key" <"$fixtures/rds/stream_v2.xb.xbcrypt" 2>err | cmp - "$fixtures/mariadb/shop_qp.xb"
        [ ! -s err ]
    done
}

@test "empty input is an empty file" {
    [ ! -s "$xbc/empty.v3.xbcrypt" ]
    succeeds xbcrypt-dec -f "$xbc/key256" -i "$xbc/empty.v3.xbcrypt"
    [ -z "$output" ]
}

@test "-i, -o, -a, -d, -v, -f, --long forms of them, and -f /dev/fd/N" {
    succeeds xbcrypt-dec -d -a AES256 -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    cmp out "$xbc/plain.txt"
    rm out
    succeeds xbcrypt-dec --decrypt --encrypt-algo=aes256 --encrypt-key-file="$xbc/key256" --input="$xbc/plain.v3.aes256.xbcrypt" --output=out --threads=2 --max-chunk=128K
    cmp out "$xbc/plain.txt"
    rm out
    fails 0 "xbcrypt-dec: $xbc/key256: key for AES256" xbcrypt-dec -v -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    fails 0 "xbcrypt-dec: $xbc/key128: key for AES128" xbcrypt-dec --verbose -f "$xbc/key128" -i /dev/null
    xbcrypt-dec -f /dev/fd/9 -i "$xbc/plain.v3.aes256.xbcrypt" 9<"$xbc/key256" | cmp - "$xbc/plain.txt"
    xbcrypt-dec -f <(cat "$xbc/key256") -i - -o - <"$xbc/plain.v3.aes256.xbcrypt" | cmp - "$xbc/plain.txt"
}

@test "the key from the environment variable" {
    export XBCRYPT_ENCRYPTION_KEY
    XBCRYPT_ENCRYPTION_KEY=$(cat "$key")
    xbcrypt-dec <"$fixtures/rds/stream_v3.xb.xbcrypt" | cmp - "$fixtures/mariadb/shop_qp.xb"
    fails 0 "xbcrypt-dec: XBCRYPT_ENCRYPTION_KEY: key for AES256" xbcrypt-dec -v -i /dev/null
    # A file that is named wins.
    xbcrypt-dec -f "$xbc/key256" <"$xbc/plain.v3.aes256.xbcrypt" | cmp - "$xbc/plain.txt"
    XBCRYPT_ENCRYPTION_KEY=short
    fails 65 "xbcrypt-dec: XBCRYPT_ENCRYPTION_KEY: key has 5 bytes: expected 16, 24 or 32 (AES128, AES192, AES256)" xbcrypt-dec -i /dev/null
    XBCRYPT_ENCRYPTION_KEY=
    fails 64 "xbcrypt-dec: no key: use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbcrypt-dec -i /dev/null
    unset XBCRYPT_ENCRYPTION_KEY
    fails 64 "xbcrypt-dec: no key: use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbcrypt-dec -i /dev/null
}

@test "a key file's trailing newline is removed if that alone gives a valid size" {
    for k in 128 192 256; do
        { cat "$xbc/key$k"; echo; } >withnewline
        fails 0 "xbcrypt-dec: withnewline: key for AES$k, its trailing newline removed" xbcrypt-dec -v -f withnewline -i "$xbc/plain.v3.aes$k.xbcrypt" -o out --overwrite
        cmp out "$xbc/plain.txt"
        { cat "$xbc/key$k"; printf '\r\n'; } >crlf
        run --separate-stderr xbcrypt-dec -f crlf -i /dev/null
        [ "$status" -eq 65 ]
        [[ $stderr == "xbcrypt-dec: crlf: key has $((k / 8 + 2)) bytes: expected 16, 24 or 32 (AES128, AES192, AES256)"* ]]
    done
    # Two newlines, a newline as the last of 16 bytes (a key as it is), a newline alone.
    { cat "$xbc/key256"; printf '\n\n'; } >two
    fails 65 "xbcrypt-dec: two: key has 34 bytes: expected 16, 24 or 32 (AES128, AES192, AES256); look for stray line ends in the key file" xbcrypt-dec -f two -i /dev/null
    printf '0123456789abcde\n' >sixteen
    fails 0 "xbcrypt-dec: sixteen: key for AES128" xbcrypt-dec -v -f sixteen -i /dev/null
    echo >blank
    fails 65 "xbcrypt-dec: blank: key has 1 bytes: expected 16, 24 or 32 (AES128, AES192, AES256)" xbcrypt-dec -f blank -i /dev/null
}

@test "key files of other sizes, missing, a directory, unreadable, standard input's" {
    : >nothing
    fails 65 "xbcrypt-dec: nothing: key has 0 bytes: expected 16, 24 or 32 (AES128, AES192, AES256); the command that should have written the key has failed" xbcrypt-dec -f nothing -i /dev/null
    head -c 31 "$xbc/key256" >short
    fails 65 "xbcrypt-dec: short: key has 31 bytes: expected 16, 24 or 32 (AES128, AES192, AES256)" xbcrypt-dec -f short -i /dev/null
    head -c 5000 /dev/zero >long
    fails 65 "xbcrypt-dec: key file long: too long: expected at most 4096 bytes" xbcrypt-dec -f long -i /dev/null
    fails 66 "xbcrypt-dec: cannot open key file missing: No such file or directory" xbcrypt-dec -f missing -i /dev/null
    fails 74 "xbcrypt-dec: cannot read key file /: Is a directory" xbcrypt-dec -f / -i /dev/null
    fails 64 "xbcrypt-dec: -f -: standard input is for the data; use -f FILE or -f /dev/fd/N" xbcrypt-dec -f - -i /dev/null
}

@test "without permission for the key, the input or the output: 77" {
    need_unprivileged
    install -m 000 "$xbc/key256" locked
    fails 77 "xbcrypt-dec: cannot open key file locked: Permission denied" unprivileged xbcrypt-dec -f locked -i /dev/null
    cp "$xbc/key256" open
    [ "$(id -u)" -ne 0 ] || chown 65534 open
    fails 77 "xbcrypt-dec: cannot open locked: Permission denied" unprivileged xbcrypt-dec -f open -i locked
    mkdir -m 555 shut
    fails 77 "xbcrypt-dec: shut/out: cannot create: Permission denied" unprivileged xbcrypt-dec -f open -i /dev/null -o shut/out
    [ -z "$(ls -A shut)" ]
}

@test "-a that the key does not fit: 64" {
    fails 64 "xbcrypt-dec: $xbc/key256: key has 32 bytes, which is AES256: -a says AES128 needs 16" xbcrypt-dec -a AES128 -f "$xbc/key256" -i /dev/null
    fails 64 "xbcrypt-dec: $xbc/key128: key has 16 bytes, which is AES128: -a says AES192 needs 24" xbcrypt-dec -a AES192 -f "$xbc/key128" -i /dev/null
    fails 64 "$(hint "xbcrypt-dec: -a DES: expected AES128, AES192, AES256 or NONE")" xbcrypt-dec -a DES -f "$xbc/key128" -i /dev/null
}

@test "a key on the command line is refused, with the reason, and never shown" {
    refusal="xbcrypt-dec: -k, --encrypt-key: a key on the command line can be read by every user of the machine; use -f FILE, -f /dev/fd/N, or the environment variable XBCRYPT_ENCRYPTION_KEY"
    for form in "-k SeCrEtSeCrEtSeCr" -kSeCrEtSeCrEtSeCr --encrypt-key=SeCrEtSeCrEtSeCr "--encrypt-key SeCrEtSeCrEtSeCr"; do
        # shellcheck disable=SC2086 # two words
        fails 64 "$refusal" xbcrypt-dec $form -i /dev/null
    done
}

@test "an abbreviation of the refused option does not show the key either" {
    run --separate-stderr xbcrypt-dec --encrypt-k=SeCrEtSeCrEtSeCr -i /dev/null
    [ "$status" -eq 64 ]
    [[ $stderr != *SeCrEt* ]]
}

@test "a wrong key for version 3: 65, the likely cause, and no output" {
    tr 0-9 1-90 <"$xbc/key256" >other
    fails 65 "xbcrypt-dec: SHA-256 of xbcrypt chunk at input offset 0 does not match; most likely this is not the key the backup was encrypted with" xbcrypt-dec -f other -i "$xbc/plain.v3.aes256.xbcrypt"
    [ -z "$output" ]
    fails 65 "$stderr" xbcrypt-dec -f other -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    [ "$(files .)" = other ]
}

@test "the base64 text itself as a key gets the hint" {
    fails 65 "xbcrypt-dec: SHA-256 of xbcrypt chunk at input offset 0 does not match; the key looks like base64: give its bytes in hexadecimal (b64hex)" xbcrypt-dec -f <(cat "$fixtures/rds/plaintext.b64") -i "$fixtures/rds/stream_v3.xb.xbcrypt"
    [ -z "$output" ]
}

@test "a wrong key in another form gets a hint, which is true" {
    stream=$fixtures/rds/stream_v3.xb.xbcrypt
    wrong="xbcrypt-dec: SHA-256 of xbcrypt chunk at input offset 0 does not match"
    b64hex -n <"$fixtures/rds/plaintext.b64" >lower
    tr a-f A-F <lower >upper
    if ! cmp -s lower upper; then # the sample's has digits only
        fails 65 "$wrong; the key is hexadecimal digits in upper case: the password of ApsaraDB has them in lower case: -f <(tr A-F a-f <FILE)" xbcrypt-dec -f upper -i "$stream"
    fi
    printf 00112233445566778899AABBCCDDEEFF >upper
    fails 65 "$wrong; the key is hexadecimal digits in upper case: the password of ApsaraDB has them in lower case: -f <(tr A-F a-f <FILE)" xbcrypt-dec -f upper -i "$stream"
    xbcrypt-enc -f <(tr A-F a-f <upper) -i /dev/stdin -o other.xbcrypt <<<data
    succeeds xbcrypt-dec -f <(tr A-F a-f <upper) -i other.xbcrypt
    xxd -r -p lower >raw
    fails 65 "$wrong; the key is 16 raw bytes: if it is the Plaintext of a backup of ApsaraDB, give it as hexadecimal digits: -f <(xxd -p FILE | tr -d '\\n')" xbcrypt-dec -f raw -i "$stream"
    succeeds xbcrypt-dec -f <(xxd -p raw | tr -d '\n') -i "$stream" -o out
    printf abcdefghijklmnopqrstuvwx | base64 | tr -d '\n' >b64
    fails 65 "$wrong; the key may be base64 of 24 bytes: -f <(base64 -d FILE)" xbcrypt-dec -f b64 -i "$stream"
    printf 'a pass phrase of 32 characters !' >phrase
    fails 65 "$wrong; most likely this is not the key the backup was encrypted with" xbcrypt-dec -f phrase -i "$stream"
}

@test "a wrong key for version 2: 65 and no output; with --no-strict a warning" {
    tr 0-9 1-90 <"$xbc/key256" >other
    fails 0 "$wrong_warning" xbcrypt-dec --strict --no-strict -f other -i "$xbc/plain.v2.aes256.xbcrypt" -o out
    [ "$(stat -c %s out)" -eq 200003 ]
    run -1 cmp -s out "$xbc/plain.txt"
    rm out
    for options in "" --strict "--no-strict --strict"; do
        # shellcheck disable=SC2086 # words
        fails 65 "xbcrypt-dec: this looks like the wrong key: the data of xbcrypt chunk at input offset 0 decrypts to random bytes; if it is data that is random by nature, use --no-strict" xbcrypt-dec $options -f other -i "$xbc/plain.v2.aes256.xbcrypt" -o out
        [ "$(files .)" = other ]
    done
    xbcrypt-dec -f other <"$xbc/plain.v2.aes256.xbcrypt" >out 2>err || true
    [ ! -s out ]
    # And with the right key.
    succeeds xbcrypt-dec -f "$xbc/key256" -i "$xbc/plain.v2.aes256.xbcrypt" -o out --overwrite
    cmp out "$xbc/plain.txt"
    # Too little to tell: said at the end, with what to do.
    python3 - "$xbc/key256" >short <<'END'
import struct, subprocess, sys, zlib
key = open(sys.argv[1], "rb").read()[:32]
data = subprocess.run(["openssl", "enc", "-aes-256-ctr", "-K", key.hex(), "-iv", "00" * 15 + "00"],
                      input=b"a few bytes", stdout=subprocess.PIPE, check=True).stdout
sys.stdout.buffer.write(b"XBCRYP02" + struct.pack("<QQQIQ", 0, len(data), len(data), zlib.crc32(data), 16) + bytes(16) + data)
END
    fails 0 "$doubt" xbcrypt-dec -f "$xbc/key256" -i short -o short.out
}

@test "a damaged chunk: 65, its offset, and what came before it whole" {
    # The third chunk of 64 KiB.
    at=$((2 * (60 + 65536 + 32)))
    cp "$xbc/plain.v3.aes256.xbcrypt" bad
    printf X | dd of=bad bs=1 seek=$((at + 1000)) conv=notrunc status=none
    for j in 1 2 7; do
        run --separate-stderr from bad xbcrypt-dec -j $j -f "$xbc/key256" -o -
        [ "$status" -eq 65 ]
        [[ $stderr == "xbcrypt-dec: damaged xbcrypt chunk at input offset $at: CRC-32: expected 0x"*", found 0x"*"; fetch the backup again" ]]
        xbcrypt-dec -j $j -f "$xbc/key256" <bad 2>/dev/null >out || true
        [ "$(stat -c %s out)" -eq 131072 ]
        head -c 131072 "$xbc/plain.txt" | cmp - out
        run -65 xbcrypt-dec -j $j -f "$xbc/key256" -i bad -o named
        [ ! -e named ]
    done
    [ "$(files .)" = "bad
out" ]
}

@test "a cut file: 65, and all its whole chunks for any number of threads" {
    head -c 1500000 "$fixtures/rds/stream_v3.xb.xbcrypt" >cut
    for j in 1 2 7 1 2 7; do
        fails 65 "xbcrypt-dec: input ends inside the xbcrypt chunk at input offset 1443816: expected 65628 bytes, found 56184; it was cut short: fetch the backup again" bash -c "xbcrypt-dec -j $j -f '$key' <cut >out"
        [ "$(stat -c %s out)" -eq 1441792 ]
        head -c 1441792 "$fixtures/mariadb/shop_qp.xb" | cmp - out
    done
}

@test "input that is something else: 65" {
    echo hello, this is no xbcrypt chunk at all >text
    fails 65 'xbcrypt-dec: not an xbcrypt chunk at input offset 0: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, found "hello, t"' xbcrypt-dec -f "$xbc/key256" -i text
    printf '\033[2J\n\\\200' >text
    fails 65 'xbcrypt-dec: not an xbcrypt chunk at input offset 0: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, found "\x1b[2J\x0a\x5c\x80h"' bash -c "{ cat text; echo hh; } | xbcrypt-dec -f '$xbc/key256'"
}

@test "a claimed size: 65 at once, and --max-chunk" {
    huge() { printf 'XBCRYP03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\200\0\0\0\0\0\0\0\200\0\0\0\0\20\0\0\0\0\0\0\0aaaaaaaaaaaaaaaa'; }
    huge >bad
    fails 65 "xbcrypt-dec: xbcrypt chunk size at input offset 24 too large: expected at most 268435456, found 9223372036854775808; if the file is sound, use a larger --max-chunk" xbcrypt-dec -f "$xbc/key256" -i bad
    fails 65 "xbcrypt-dec: xbcrypt chunk size at input offset 24 too large: expected at most 65567, found 65568; if the file is sound, use a larger --max-chunk" xbcrypt-dec --max-chunk=65567 -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt"
    succeeds xbcrypt-dec --max-chunk=65568 -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    for size in 0 1023 1025G 2T x ''; do
        fails 64 "$(hint "xbcrypt-dec: --max-chunk=$size: expected a size from 1K to 1024G")" xbcrypt-dec --max-chunk=$size -f "$xbc/key256" -i bad
    done
}

@test "a failed allocation: 71" {
    sanitized && skip "a sanitizer needs more address space than the limit of this test"
    claim() { printf 'XBCRYP03\0\0\0\0\0\0\0\0\0\0\0\17\0\0\0\0\0\0\0\17\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0aaaaaaaaaaaaaaaa'; head -c 251658240 /dev/zero; }
    limited() { claim | (ulimit -v 200000 && xbcrypt-dec -j1 -f "$xbc/key256"); }
    fails 71 "xbcrypt-dec: out of memory" limited
}

@test "-j takes 1 to 1024" {
    for n in 0 1025 x -1 ''; do
        fails 64 "$(hint "xbcrypt-dec: $n: expected a number of threads from 1 to 1024")" xbcrypt-dec -j "$n" -f "$xbc/key256" -i /dev/null
    done
    succeeds xbcrypt-dec -j 64 -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    cmp out "$xbc/plain.txt"
}

@test "the input cannot be opened or read: 66 and 74" {
    fails 66 "xbcrypt-dec: cannot open missing: No such file or directory" xbcrypt-dec -f "$xbc/key256" -i missing
    fails 66 "xbcrypt-dec: / is a directory: expected a file" xbcrypt-dec -f "$xbc/key256" -i /
    fails 74 "xbcrypt-dec: cannot read standard input at input offset 0: Is a directory" from / xbcrypt-dec -f "$xbc/key256"
    closed() { xbcrypt-dec -f "$xbc/key256" <&-; }
    fails 74 "xbcrypt-dec: cannot read standard input at input offset 0: Bad file descriptor" closed
}

@test "the output exists, or cannot be created: 73" {
    decrypt() { xbcrypt-dec -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" "$@"; }
    echo old >out
    fails 73 "xbcrypt-dec: out: file exists already; remove it, or use --overwrite to replace it" decrypt -o out
    [ "$(cat out)" = old ]
    succeeds decrypt -o out --overwrite
    cmp out "$xbc/plain.txt"
    mkdir dir
    fails 73 "xbcrypt-dec: dir: a directory has that name" decrypt -o dir --overwrite
    fails 73 "xbcrypt-dec: missing/out: cannot create: No such file or directory" decrypt -o missing/out
    fails 73 "xbcrypt-dec: dir/: expected the name of a file" decrypt -o dir/
    ln -s out link
    fails 73 "xbcrypt-dec: link: file exists already; remove it, or use --overwrite to replace it" decrypt -o link
    [ "$(files .)" = "link
out" ]
}

@test "a full device and a closed standard output: 74" {
    full() { xbcrypt-dec -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" >/dev/full; }
    fails 74 "xbcrypt-dec: cannot write standard output: No space left on device" full
    closed() { xbcrypt-dec -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" >&-; }
    fails 74 "xbcrypt-dec: cannot write standard output: Bad file descriptor" closed
    fails 74 "xbcrypt-dec: cannot write /dev/full: No space left on device" xbcrypt-dec -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o /dev/full
}

@test "unknown options and operands: 64" {
    run --separate-stderr xbcrypt-dec --frobnicate
    [ "$status" -eq 64 ]
    [[ $stderr == *"unrecognized option '--frobnicate'"* ]]
    fails 64 "$(hint "xbcrypt-dec: unexpected operand 'other': there is one input, and it is given already")" xbcrypt-dec -i file other
}

@test "--help, --usage, --version; also if they cannot be written" {
    run -0 xbcrypt-dec --help
    [[ $output == "Usage: xbcrypt-dec [OPTION...]"* ]]
    run -0 xbcrypt-dec --usage
    [[ $output == "Usage: xbcrypt-dec ["* ]]
    run -0 xbcrypt-dec --version
    [[ $output =~ ^xbcrypt-dec\ \(xbpipe\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    for option in --help --usage --version; do
        full() { xbcrypt-dec $option >/dev/full; }
        fails 74 "xbcrypt-dec: cannot write standard output: No space left on device" full
        closed() { xbcrypt-dec $option >&-; }
        fails 74 "xbcrypt-dec: cannot write standard output: Bad file descriptor" closed
    done
}

@test "a signal while the output is unfinished leaves no file" {
    for signal in TERM INT HUP; do
        mkfifo pipe
        $killable xbcrypt-dec -f "$xbc/key256" -o out <pipe 2>err &
        pid=$!
        exec 8>pipe
        head -c 100000 "$xbc/plain.v3.aes256.xbcrypt" >&8
        for _ in $(seq 100); do [ -n "$(find . -name '.xbpipe-*')" ] && break; sleep 0.05; done
        [ -n "$(find . -name '.xbpipe-*')" ]
        kill -$signal $pid
        rc=0
        wait $pid || rc=$?
        exec 8>&-
        [ $rc -eq $((128 + $(kill -l $signal))) ]
        rm pipe
        [ "$(cat err)" = "xbcrypt-dec: interrupted" ]
        [ "$(files .)" = err ]
    done
}
