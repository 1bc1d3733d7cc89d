# SPDX-License-Identifier: Apache-2.0
# Key files that others than their owner can read get a warning in every program that reads one, and
# nothing else does.
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
}
