# SPDX-License-Identifier: Apache-2.0
# No secret is left in the memory of kmsunwrap and kmswrap when they end, not even in the buffers of
# libcurl, OpenSSL and jansson.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    cd "$BATS_FILE_TMPDIR" || return 1
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=localhost' -addext subjectAltName=DNS:localhost \
        -keyout server.key -out server.pem 2>/dev/null
    service_start "$SERVICE" "$PWD/server.pem" "$PWD/server.key"
    "${CC:-cc}" -shared -fPIC -O2 -o remains.so "$XBPIPE_TESTS/kms/remains.c" || true
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    [[ $BUILD_DIR != */san-* ]] || skip "a sanitizer keeps freed memory, and cannot be preloaded into"
    [ -s "$BATS_FILE_TMPDIR/remains.so" ] || skip "no C compiler to make what is preloaded"
    cd "$BATS_TEST_TMPDIR" || return 1
    clean_environment
    url=(--endpoint="https://localhost:$(cat "$SERVICE/port")" --cacert="$BATS_FILE_TMPDIR/server.pem")
    plaintext=$XBPIPE_TESTS/fixtures/rds/plaintext.b64
}

# Runs the command with its memory searched for the texts before "--", and for the sample's
# plaintext, raw, in base64 and in hexadecimal.
searched() {
    local secrets=()
    while [ "$1" != -- ]; do
        secrets+=("$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')")
        shift
    done
    shift
    secrets+=("$(b64hex -n <"$plaintext")" "$(od -An -v -tx1 -N 22 "$plaintext" | tr -d ' \n')")
    secrets+=("$(b64hex -n <"$plaintext" | od -An -v -tx1 | tr -d ' \n')")
    local all
    all=$(IFS=,; echo "${secrets[*]}")
    REMAINS=$(tr 0123456789abcdef fedcba9876543210 <<<"$all") LD_PRELOAD=$BATS_FILE_TMPDIR/remains.so "$@"
}

@test "the search finds what a program leaves: the plaintext in a shell's variable" {
    run --separate-stderr searched -- bash -c 'read -r line; echo "${#line}"' <"$plaintext"
    [[ $stderr != *"control"* ]]
    [[ $stderr != *"3 secrets, 0 places" ]]
}

@test "aws, with a session token" {
    service_needs
    export AWS_ACCESS_KEY_ID=$AWS_TEMPORARY_ID AWS_SECRET_ACCESS_KEY=$AWS_TEMPORARY_SECRET AWS_SESSION_TOKEN=$AWS_TOKEN
    aws=(--provider=aws "${url[@]}" --key-id="$AWS_KEY")
    run --separate-stderr searched "$AWS_TEMPORARY_SECRET" "$AWS_TOKEN" -- kmswrap "${aws[@]}" <"$plaintext"
    [ "$stderr" = "remains: 5 secrets, 0 places" ]
    printf %s "$output" >blob
    run --separate-stderr searched "$AWS_TEMPORARY_SECRET" "$AWS_TOKEN" -- kmsunwrap "${aws[@]}" <blob
    [ "$output" = "$(cat "$plaintext")" ]
    [ "$stderr" = "remains: 5 secrets, 0 places" ]
}

@test "aws, with keys from the credentials file" {
    service_needs
    mkdir .aws
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$AWS_ID" "$AWS_SECRET" >.aws/credentials
    run --separate-stderr searched "$AWS_SECRET" -- kmswrap --provider=aws "${url[@]}" --key-id="$AWS_KEY" <"$plaintext"
    [ "$status" -eq 0 ]
    [ "$stderr" = "remains: 4 secrets, 0 places" ]
}

@test "aliyun, with a session token, and with keys from the profile" {
    export ALIBABA_CLOUD_ACCESS_KEY_ID=$ALIYUN_TEMPORARY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET=$ALIYUN_TEMPORARY_SECRET
    export ALIBABA_CLOUD_SECURITY_TOKEN=$ALIYUN_TOKEN
    aliyun=(--provider=aliyun "${url[@]}" --key-id="$ALIYUN_KEY")
    run --separate-stderr searched "$ALIYUN_TEMPORARY_SECRET" "$ALIYUN_TOKEN" -- kmswrap "${aliyun[@]}" <"$plaintext"
    [ "$stderr" = "remains: 5 secrets, 0 places" ]
    printf %s "$output" >blob
    run --separate-stderr searched "$ALIYUN_TEMPORARY_SECRET" "$ALIYUN_TOKEN" -- kmsunwrap "${aliyun[@]}" <blob
    [ "$output" = "$(cat "$plaintext")" ]
    [ "$stderr" = "remains: 5 secrets, 0 places" ]
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN
    mkdir .aliyun
    printf '{"current":"a","profiles":[{"name":"a","mode":"AK","access_key_id":"%s","access_key_secret":"%s"}]}' \
        "$ALIYUN_ID" "$ALIYUN_SECRET" >.aliyun/config.json
    run --separate-stderr searched "$ALIYUN_SECRET" -- kmsunwrap "${aliyun[@]}" <blob
    [ "$output" = "$(cat "$plaintext")" ]
    [ "$stderr" = "remains: 4 secrets, 0 places" ]
}

@test "file and response, and b64hex" {
    install -m 600 "$XBPIPE_TESTS/fixtures/kms/demo-master.key" master.key
    run --separate-stderr searched -- kmsunwrap --master-key=master.key \
        <"$XBPIPE_TESTS/fixtures/kms/demo-ciphertext.b64"
    [ "$status" -eq 0 ]
    [ "$stderr" = "remains: 3 secrets, 0 places" ]
    printf '{"Plaintext":"%s"}' "$(cat "$plaintext")" >reply
    for form in base64 hex raw; do
        run --separate-stderr searched -- kmsunwrap --provider=response --output=$form <reply
        [ "$stderr" = "remains: 3 secrets, 0 places" ]
    done
    run --separate-stderr searched -- b64hex <"$plaintext"
    [ "$stderr" = "remains: 3 secrets, 0 places" ]
}

@test "core dumps are off" {
    ulimit -c unlimited 2>/dev/null || skip "core dumps are forbidden here already"
    mkdir .aws
    printf '[profile p]\ncredential_process = ulimit -c >limit; exit 1\n' >.aws/config
    run -78 kmsunwrap --provider=aws --region=us-east-1 --profile=p <"$plaintext"
    [ "$(cat limit)" = 0 ]
}
