# SPDX-License-Identifier: Apache-2.0
# s3cse-enc: what it writes is read by another implementation; every option, status and message.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 066 # a key file that others can read gets a warning
    head -c 32 /dev/urandom >key
    arn=arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    printf '{"CiphertextBlob": "AQICAHhN", "Plaintext": "%s", "KeyId": "%s"}\n' "$(base64 -w 0 key)" "$arn" >reply
    printf 'TAPE and the rest of a backup' >plain
}

# A Python with the cryptography package.
find_python() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import cryptography' 2>/dev/null; then return 0; fi
    done
    skip "no python3 with the cryptography package (Debian: python3-cryptography)"
}

# $1 status, $2 message, then a command.
refused() {
    local expected=$1 message=$2
    shift 2
    run --separate-stderr "$@"
    [ "$status" -eq "$expected" ] || { echo "status $status: $stderr"; return 1; }
    [ "${stderr_lines[0]}" = "s3cse-enc: $message" ] || { echo "$stderr"; return 1; }
}

@test "an independent decoder reads every content at sizes around each boundary" {
    find_python
    for content in cbc gcm commit; do
        for size in 0 1 15 16 17 1000 70001 131072 300000; do
            head -c $size /dev/urandom >input
            rm -f env.json
            s3cse-enc --content=$content -e env.json --data-key=reply <input >body
            "$python" "$XBPIPE_TESTS/s3/decode.py" env.json key <body | cmp - input
            s3cse-dec -e env.json -f key <body 2>/dev/null | cmp - input
        done
    done
}

@test "the independent decoder refuses what is damaged" {
    find_python
    for content in cbc gcm commit; do
        rm -f env.json
        s3cse-enc --content=$content -e env.json -f reply <plain >body
        head -c 20 body >cut.bin
        run "$python" "$XBPIPE_TESTS/s3/decode.py" env.json key <cut.bin
        [ "$status" -ne 0 ]
    done
}

@test "the default is the shape of RDS for SQL Server, member by member" {
    s3cse-enc -e env.json -f reply -i plain -o body
    iv=$(sed -n 's/.*"x-amz-iv": "\(.*\)",/\1/p' env.json)
    [ "$(printf %s "$iv" | base64 -d | wc -c)" -eq 16 ]
    diff env.json - <<END
{
    "x-amz-key-v2": "AQICAHhN",
    "x-amz-iv": "$iv",
    "x-amz-cek-alg": "AES/CBC/PKCS5Padding",
    "x-amz-wrap-alg": "kms",
    "x-amz-matdesc": "{\"kms_cmk_id\":\"$arn\"}",
    "x-amz-unencrypted-content-length": "29"
}
END
    [ "$(wc -c <body)" -eq 32 ]
    [ "$(openssl enc -d -aes-256-cbc -K "$(od -An -v -tx1 key | tr -d ' \n')" \
        -iv "$(printf %s "$iv" | base64 -d | od -An -v -tx1 | tr -d ' \n')" -in body)" = "$(cat plain)" ]
    s3cse-enc --rds -e again.json -f reply -i plain -o again
    [ "$(sed '/x-amz-iv/d' again.json)" = "$(sed '/x-amz-iv/d' env.json)" ]
    run -1 cmp -s again body
}

@test "the metadata map goes through the AWS CLI's parser" {
    find_python
    s3cse-enc --encryption-context='städte=Zürich "1"' -e env.json -f reply -i plain -o body
    run -1 env LC_ALL=C grep -q '[^ -~]' env.json
    # The CLI takes a map of strings; readers parse the map inside matdesc.
    "$python" - <<END
import json
env = json.load(open("env.json"))
assert all(isinstance(v, str) for v in env.values())
assert json.loads(env["x-amz-matdesc"]) == {"kms_cmk_id": "$arn", "städte": 'Zürich "1"'}, env
END
}

@test "--kms-cmk-id and --encryption-context make the context under which the key was generated" {
    s3cse-enc --kms-cmk-id=alias/backup --encryption-context=db=orders --encryption-context a= \
        -e env.json -f reply -i plain -o body
    grep -qxF '    "x-amz-matdesc": "{\"kms_cmk_id\":\"alias/backup\",\"db\":\"orders\",\"a\":\"\"}",' env.json
    s3cse-enc --content=gcm --encryption-context=db=orders -e gcm.json -f reply -i plain -o gcm
    grep -qxF '    "x-amz-matdesc": "{\"aws:x-amz-cek-alg\":\"AES/GCM/NoPadding\",\"db\":\"orders\"}",' gcm.json
    s3cse-enc --content=commit --encryption-context=db=orders -e commit.json -f reply -i plain -o commit
    grep -qxF '    "x-amz-t": "{\"aws:x-amz-cek-alg\":\"115\",\"db\":\"orders\"}",' commit.json
    s3cse-dec -e gcm.json -f key -i gcm | cmp - plain
    s3cse-dec -e commit.json -f key -i commit | cmp - plain
}

@test "-v says what the envelope says; without it nothing is said" {
    run --separate-stderr s3cse-enc -v --content=gcm -e env.json -f reply -i plain -o body
    [ "$status" -eq 0 ]
    [ "$stderr" = "s3cse-enc: format: 2
s3cse-enc: content: AES/GCM/NoPadding (AES-256-GCM; authenticated)
s3cse-enc: key wrap: kms+context (AWS KMS, bound to the content algorithm; kmsunwrap --envelope unwraps it)
s3cse-enc: encryption context: aws:x-amz-cek-alg=AES/GCM/NoPadding
s3cse-enc: plaintext: 29 bytes" ]
    run --separate-stderr s3cse-enc -e env.json --overwrite -f reply -i plain -o body
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
}

@test "usage: 64" {
    refused 64 "-e FILE is missing: without its envelope nobody can decrypt the object" s3cse-enc -f reply
    refused 64 "--data-key=FILE is missing: the reply that kmswrap --generate prints" s3cse-enc -e env.json
    refused 64 "--content=ctr: expected cbc, gcm or commit" s3cse-enc -e env.json -f reply --content=ctr
    refused 64 "--rds and --content: RDS for SQL Server uses cbc" s3cse-enc -e env.json -f reply --rds --content=gcm
    refused 64 "--kms-cmk-id: only the envelopes of --content=cbc hold a kms_cmk_id" \
        s3cse-enc -e env.json -f reply --content=gcm --kms-cmk-id=k
    refused 64 "--encryption-context=x: expected NAME=VALUE" s3cse-enc -e env.json -f reply --encryption-context=x
    refused 64 "--encryption-context==x: expected NAME=VALUE" s3cse-enc -e env.json -f reply --encryption-context==x
    refused 64 "--encryption-context: a appears twice" \
        s3cse-enc -e env.json -f reply --encryption-context=a=1 --encryption-context=a=2
    refused 64 "--encryption-context: the pair kms_cmk_id is made by this program" \
        s3cse-enc -e env.json -f reply --encryption-context=kms_cmk_id=2
    refused 64 "--encryption-context: the pair aws:x-amz-cek-alg is made by this program" \
        s3cse-enc -e env.json -f reply --encryption-context=aws:x-amz-cek-alg=115
    refused 64 "-e -: the object goes to standard output; name its file by -o FILE" s3cse-enc -e - -f reply
    refused 64 "unexpected operand 'y': there is one input, and it is given already" s3cse-enc -e env.json -f reply x y
    [ ! -e env.json ]
}

@test "replies that are none: 65, before anything is written" {
    refused 65 "the data key file is empty: the command that should have written the key has failed" \
        s3cse-enc -e env.json -f /dev/null -i plain
    refused 65 "the data key file is no reply of GenerateDataKey: expected JSON with the strings Plaintext and CiphertextBlob, as kmswrap --generate prints it" \
        s3cse-enc -e env.json -f <(echo '{"Plaintext":"QUJD"}') -i plain
    refused 65 "Plaintext in the data key file: expected the base64 of 32 bytes; generate an AES_256 key" \
        s3cse-enc -e env.json -f <(echo '{"Plaintext":"QUJD","CiphertextBlob":"QUJD"}') -i plain
    refused 65 "the data key file has no KeyId: give --kms-cmk-id, as in the encryption context under which the key was generated" \
        s3cse-enc -e env.json -f <(sed 's/KeyId/Other/' reply) -i plain
    [ -z "$output" ]
    [ ! -e env.json ]
    s3cse-enc -e env.json -f <(sed 's/KeyId/Other/' reply) --kms-cmk-id=k -i plain -o body
}

@test "an envelope larger than S3 keeps, or of odd bytes, is refused before anything is encrypted" {
    long=$(printf 'x%.0s' $(seq 2000))
    run --separate-stderr s3cse-enc -e env.json -f reply -i plain --encryption-context=a="$long"
    [ "$status" -eq 65 ]
    [[ $stderr == "s3cse-enc: the envelope takes "*" bytes of metadata: expected at most 2048, the most that S3 keeps with an object; use a shorter encryption context" ]]
    [ -z "$output" ]
    refused 65 "the encryption context is not UTF-8" \
        s3cse-enc -e env.json -f reply -i plain --encryption-context=a=$'\xe9'
    [ ! -e env.json ]
}

@test "existing files stay, unless --overwrite: 73" {
    echo old >env.json
    refused 73 "env.json: file exists already; remove it, or use --overwrite to replace it" \
        s3cse-enc -e env.json -f reply -i plain -o body
    [ "$(cat env.json)" = old ]
    [ ! -e body ]
    mv env.json body
    refused 73 "body: file exists already; remove it, or use --overwrite to replace it" \
        s3cse-enc -e env.json -f reply -i plain -o body
    [ ! -e env.json ]
    s3cse-enc --overwrite -e env.json -f reply -i plain -o body
    s3cse-dec -e env.json -f key -i body | cmp - plain
    refused 66 "cannot open no-such: No such file or directory" s3cse-enc -e e2 -f reply -i no-such
    refused 66 "cannot open data key file no-such: No such file or directory" s3cse-enc -e e2 -f no-such -i plain
    [ -z "$(find . -name '.xbpipe*' -o -name e2)" ]
}

@test "envelope and object under one name are refused, with --overwrite too: one would replace the other" {
    mkdir folder
    ln -s folder link
    for names in "both both" "both ./both" "folder/both link/both"; do
        read -r envelope body <<<"$names"
        for option in "" --overwrite; do
            refused 73 "$body: two outputs have this name: expected a file for each" \
                s3cse-enc $option -e "$envelope" -o "$body" -f reply -i plain
        done
    done
    [ -z "$(find . -name both -o -name '.xbpipe*')" ]
    s3cse-enc -e both -o folder/both -f reply -i plain
    s3cse-dec -e both -i folder/both -f key | cmp - plain
}

@test "full disks and a closed standard output: 74, and no envelope" {
    for out in /dev/full closed; do
        status=0
        if [ $out = closed ]; then
            s3cse-enc -e env.json -f reply -i plain >&- 2>err || status=$?
            message="s3cse-enc: cannot write standard output: Bad file descriptor"
        else
            s3cse-enc -e env.json -f reply -i plain -o - >/dev/full 2>err || status=$?
            message="s3cse-enc: cannot write standard output: No space left on device"
        fi
        [ "$status" -eq 74 ]
        [ "$(head -n 1 err)" = "$message" ]
        [ ! -e env.json ]
    done
    refused 74 "cannot write /dev/full: No space left on device" s3cse-enc -e /dev/full -f reply -i plain -o body
    [ ! -e body ]
    [ -z "$(find . -name '.xbpipe*')" ]
}

@test "the envelope may go to standard output, and to a pipe" {
    s3cse-enc -e - -f reply -i plain -o body >env.json
    s3cse-dec -e env.json -f key -i body | cmp - plain
    mkfifo pipe
    cat pipe >env2.json &
    s3cse-enc -e pipe -f reply <plain >body2
    wait $!
    s3cse-dec -e env2.json -f key -i body2 | cmp - plain
}

@test "the key is in no file and no message" {
    s3cse-enc -v -e env.json -f reply -i plain -o body 2>err
    secret=$(base64 -w 0 key)
    run -1 grep -qF "$secret" env.json err
    run -1 grep -qF "$(od -An -v -tx1 key | tr -d ' \n')" env.json err
}
