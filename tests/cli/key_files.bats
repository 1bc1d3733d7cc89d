# SPDX-License-Identifier: Apache-2.0
# Key files that users besides their owner can read get a warning in every program that reads one;
# other files do not.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    kms=$fixtures/kms
    cp "$xbc/key256" "$kms/demo-master.key" "$kms/aws-generate-data-key.json" .
    printf '%s' "$(sed -n 's/.*"Plaintext": *"\([^"]*\)".*/\1/p' aws-generate-data-key.json)" >data.key
    printf 'TAPE and the rest of a backup' >plain
    s3cse-enc -e meta.json -f aws-generate-data-key.json <plain >object
    s3cse-enc --content=gcm -e gcm.json -f aws-generate-data-key.json <plain >gcm
    make_xbstream 'MEMBER name=a data=x' >archive
}

warning() { echo "$1: warning: $2 $3 can be read by others: chmod 600 $3"; }

# warned WHAT FILE COMMAND...: warns of the file in modes that its group or others can read, goes on
# in the same way, and says nothing in the others.
warned() {
    local what=$1 file=$2
    shift 2
    local program=$1
    [ "$program" != from ] || program=$3
    chmod 600 "$file"
    rm -rf out
    succeeds "$@"
    local output_before=$output
    for mode in 640 604 644 444 664; do
        chmod $mode "$file"
        rm -rf out
        fails 0 "$(warning "$program" "$what" "$file")" "$@"
        [ "$output" = "$output_before" ]
    done
    for mode in 400 600 622 711; do
        chmod $mode "$file"
        rm -rf out
        succeeds "$@"
    done
    chmod 600 "$file"
}

@test "xbcrypt-dec, xbcrypt-enc, xbunpack, xbpack: the key file" {
    warned "key file" key256 xbcrypt-dec -f key256 -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    warned "key file" key256 xbcrypt-enc -f key256 -i plain -o out
    warned "key file" key256 xbunpack --decrypt -f key256 -C out -i archive
    warned "key file" key256 xbpack --encrypt -f key256 -o out plain
}

@test "kmsunwrap, kmswrap: the master key file" {
    warned "master key file" demo-master.key from "$kms/demo-ciphertext.b64" kmsunwrap --master-key=demo-master.key
    warned "master key file" demo-master.key from "$fixtures/rds/plaintext.b64" kmswrap --master-key=demo-master.key
}

@test "s3cse-dec, s3cse-enc: the data key file and the wrapping key file" {
    warned "data key file" data.key s3cse-dec -e meta.json -f data.key -i object -o out
    warned "data key file" aws-generate-data-key.json s3cse-enc -e /dev/null -f aws-generate-data-key.json -i plain -o out
    python3 "$XBPIPE_TESTS/s3/unpack.py" "$fixtures/s3" v || skip "no python3 to unpack the vectors"
    rm out
    for v in v/good/java-v3-aesgcm-commit-1000 v/good/java-v3-rsaoaepsha1-commit-1000; do
        cp $v/wrapping.key .
        chmod 644 wrapping.key
        run -0 --separate-stderr s3cse-dec -e $v/meta.json --wrapping-key=wrapping.key -i $v/object -o out
        [ "${stderr_lines[0]}" = "$(warning s3cse-dec "wrapping key file" wrapping.key)" ]
        rm out
        chmod 600 wrapping.key
        run -0 --separate-stderr s3cse-dec -e $v/meta.json --wrapping-key=wrapping.key -i $v/object -o out
        [[ $stderr != *"read by others"* ]]
        rm out wrapping.key
    done
}

@test "a link is as its file; pipes and the environment give no warning" {
    umask 000
    ln -s key256 link
    succeeds xbcrypt-dec -f link -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    chmod 644 key256
    fails 0 "$(warning xbcrypt-dec "key file" link)" xbcrypt-dec -f link -i "$xbc/plain.v3.aes256.xbcrypt" -o out2
    fails 0 "$(warning xbcrypt-dec "key file" /dev/fd/9)" xbcrypt-dec -f /dev/fd/9 -i "$xbc/plain.v3.aes256.xbcrypt" -o out3 9<key256
    succeeds xbcrypt-dec -f <(cat key256) -i "$xbc/plain.v3.aes256.xbcrypt" -o out4
    mkfifo -m 666 fifo
    cat key256 >fifo &
    succeeds xbcrypt-dec -f fifo -i "$xbc/plain.v3.aes256.xbcrypt" -o out5
    XBCRYPT_ENCRYPTION_KEY=$(cat "$key") succeeds xbcrypt-dec -i "$fixtures/rds/stream_v3.xb.xbcrypt" -o out6
}

@test "a file that holds no key is an error only; a name is printed without its control characters" {
    echo short >short
    chmod 644 short
    run -65 --separate-stderr xbcrypt-dec -f short -i /dev/null
    [ "${#stderr_lines[@]}" -eq 1 ]
    cp key256 $'k\e[2J'
    chmod 644 $'k\e[2J'
    fails 0 "$(warning xbcrypt-dec "key file" 'k\x1b[2J')" xbcrypt-dec -f $'k\e[2J' -i /dev/null -o out
    chmod 600 $'k\e[2J'
    run -0 --separate-stderr xbcrypt-dec -v -f $'k\e[2J' -i /dev/null -o out3
    [[ $stderr == *'k\x1b[2J: key for AES256'* ]]
}

@test "a file with a key in another form: what it is, and what to do" {
    hint() {
        printf -- "$2" >form
        fails 65 "xbcrypt-dec: form: key has $1 bytes: expected 16, 24 or 32 (AES128, AES192, AES256); $3" xbcrypt-dec -f form -i /dev/null
    }
    digits=00112233445566778899aabbccddeeff
    hint 64 "$digits$digits" "it is a key as hexadecimal digits: -f <(xxd -r -p FILE)"
    hint 65 "$digits${digits^^}\\n" "it is a key as hexadecimal digits: -f <(xxd -r -p FILE)"
    hint 48 "$digits${digits:16}" "it is a key as hexadecimal digits: -f <(xxd -r -p FILE)"
    hint 44 "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=" "it is a key as base64: -f <(base64 -d FILE)"
    hint 45 "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=\\n" "it is a key as base64: -f <(base64 -d FILE)"
    hint 35 "\\xef\\xbb\\xbf$digits" "it begins with a byte order mark: save it without one, as ASCII"
    hint 6 "\\xff\\xfea\\0b\\0" "it is UTF-16 text, as PowerShell's > writes it: save it as ASCII, without a line end"
    hint 20 '{"Plaintext":"QUJD"}' "it is the reply of a key service: -f <(kmsunwrap --output=raw < FILE), for a backup of ApsaraDB -f <(kmsunwrap --output=hex < FILE)"
    hint 25 '{"CiphertextBlob":"QUJD"}' "it is a wrapped key: a key service has to unwrap it, see kmsunwrap(1)"
    hint 60 "AQICAHhAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" "it is base64 text: if it is a wrapped key, a key service has to unwrap it, see kmsunwrap(1)"
    hint 27 '-----BEGIN PRIVATE KEY-----' "it is a PEM file"
    hint 0 "" "the command that should have written the key has failed"
    # The hints are true.
    printf '%s%s' $digits $digits >form
    succeeds xbcrypt-dec -f <(xxd -r -p form) -i /dev/null
    printf 'pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=' >form
    succeeds xbcrypt-dec -f <(base64 -d form) -i /dev/null
    printf '{"Plaintext":"%s"}' "$(printf 0123456789abcdef0123456789abcdef | base64)" >form
    succeeds xbcrypt-dec -f <(kmsunwrap --output=raw <form) -i /dev/null
    printf '{"Plaintext":"%s"}' "$(printf 0123456789abcdef | base64)" >form
    succeeds xbcrypt-dec -f <(kmsunwrap --output=hex <form) -i /dev/null
    # In the other programs, too.
    printf '%s%s' $digits $digits >form
    fails 65 "kmsunwrap: master key file: expected 16, 24 or 32 bytes (raw, not base64 or hexadecimal), found 64; it is a key as hexadecimal digits: -f <(xxd -r -p FILE)" \
        kmsunwrap --master-key=form -i "$kms/demo-ciphertext.b64"
    fails 65 "s3cse-dec: wrong size or form of the data key: expected 32 bytes, or 44 characters of base64, found 64 bytes; it is a key as hexadecimal digits: -f <(xxd -r -p FILE)" \
        s3cse-dec -e meta.json -f form -i object
}

@test "a key typed in place of its file is never shown" {
    for typed in 00112233445566778899aabbccddeeff pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg= \
        'S14dTbl6ABEiM0RVZneImQ==' 'my secret pass$$' 'a/b+c/d+e/f+g/h+i/j+k/l+m/n+' \
        00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff \
        "$(head -c 300 /dev/zero | tr '\0' a)"; do
        not_shown="there is no file of that name, which is not shown here since it looks like a key; write the key into a file, and give its name"
        fails 66 "xbcrypt-dec: cannot open key file: $not_shown" xbcrypt-dec -f "$typed" -i /dev/null
        fails 66 "xbcrypt-enc: cannot open key file: $not_shown" xbcrypt-enc -f "$typed" -i /dev/null
        fails 66 "xbunpack: cannot open key file: $not_shown" xbunpack --decrypt -f "$typed" -C out -i archive
        fails 66 "xbpack: cannot open key file: $not_shown" xbpack --encrypt -f "$typed" -o out plain
        fails 66 "kmsunwrap: cannot open master key file: $not_shown" kmsunwrap --master-key="$typed" -i "$kms/demo-ciphertext.b64"
        fails 66 "s3cse-dec: cannot open data key file: $not_shown" s3cse-dec -e meta.json -f "$typed" -i object
        for program in xbcrypt-dec xbcrypt-enc qpunpack s3cse-dec; do
            case $program in s3cse-dec) words=(-e meta.json -f key) ;; *) words=() ;; esac
            run -64 --separate-stderr $program "${words[@]}" -i none "$typed"
            [[ ${stderr_lines[0]} == "$program: unexpected operand, which is not shown here since it looks like a key: there is one input, and it is given already" ]]
            [[ $stderr != *"$typed"* ]]
        done
        for program in xbcrypt-dec xbcrypt-enc s3cse-dec; do
            case $program in s3cse-dec) words=(-e meta.json -f key) ;; *) words=() ;; esac
            fails 66 "$program: there is no file of the name given as input, which is not shown here since it looks like a key; write a key into a file, and give its name with -f" \
                $program "${words[@]}" "$typed"
        done
    done
    # The name of a file that is not there is shown.
    mkdir keys
    for name in backup.key keys/a-key-of-many-letters /etc/a-key-of-many-letters; do
        fails 66 "xbcrypt-dec: cannot open key file $name: No such file or directory" xbcrypt-dec -f "$name" -i /dev/null
    done
}

@test "a key typed as the value of another option is not shown" {
    secret=$(cat "$key")
    # hides COMMAND...: it says which option is wrong, and not how.
    hides() {
        run -64 --separate-stderr "$@"
        [[ $stderr == *"...: expected "* && $stderr != *"${secret:0:16}"* ]] || { echo "$*: $stderr"; return 1; }
    }
    for option in decrypt decompress max-chunk max-size max-total sparse threads; do
        hides xbunpack -C out --$option="$secret" -i none
    done
    hides xbpack -C out --encrypt="$secret"
    hides xbpack -C out --compress="$secret"
    hides xbcrypt-enc -a "$secret" -i none
    hides xbcrypt-enc -s "$secret" -i none
    hides xbcrypt-dec --max-chunk="${secret:0:16}" -i none
    hides qpunpack --max-chunk="$secret" -i none
    hides s3cse-enc -e meta.json -f key --encryption-context="$secret"
    for option in provider output timeout retries; do hides kmsunwrap --$option="$secret"; done
    run -64 --separate-stderr qppack -i a "$secret"
    [[ $stderr != *"${secret:0:16}"* ]]
    # Too short for a key.
    run -64 --separate-stderr xbunpack -C out --max-chunk="${secret:0:15}" -i none
    [[ $stderr == *"--max-chunk=${secret:0:15}: expected "* ]]
}

@test "a key typed where members are named is not shown; names of members are" {
    archive=$fixtures/mariadb/shop_qp.xb
    said="xbunpack: a member that was named, which is not shown here since it looks like a key: not found in the archive; write a key into a file, and give its name with -f"
    for secret in "$(cat "$key")" "$(head -c 32 /dev/zero | tr '\0' 5)" "$(head -c 24 /dev/zero | base64 -w 0)7a=" S14dTbl6ABEiM0RVZneImQ==; do
        echo "$secret"
        fails 66 "$said" xbunpack -t -i "$archive" "$secret"
        fails 66 "$said" xbunpack -C out --decompress -i "$archive" "$secret"
        fails 66 "$said" xbunpack --to-stdout="$secret" -i "$archive"
    done
    # Names as long as keys.
    for name in innodb_sys_undo1 innodb_table_stats_other performance.schema0123; do
        echo "$name"
        fails 66 "xbunpack: $name: not found in the archive; -t lists what it holds" xbunpack -t -i "$archive" "$name"
    done
}
