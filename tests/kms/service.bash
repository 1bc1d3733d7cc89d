# SPDX-License-Identifier: Apache-2.0
# For bats files that need the key service on loopback: starts and stops it, and makes an
# environment in which nothing of the machine's own configuration counts.
# shellcheck disable=SC2034 # the files that load this one use what it sets

AWS_KEY=arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
ALIYUN_KEY=key-hzz00000000000000exmp
AWS_ID=AKIAEXAMPLELOOPBACK1 AWS_SECRET=aws/Secret+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
AWS_TEMPORARY_ID=ASIAEXAMPLELOOPBACK2 AWS_TEMPORARY_SECRET=aws/Secret+BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB
ALIYUN_ID=LTAIEXAMPLELOOPBACK1 ALIYUN_SECRET=aliSecretAAAAAAAAAAAAAAAAAAAAA
ALIYUN_TEMPORARY_ID=STS.EXAMPLELOOPBACK2 ALIYUN_TEMPORARY_SECRET=aliSecretBBBBBBBBBBBBBBBBBBBBB
TOKEN_TAIL=$(printf 'T+/=%.0s' {1..50})
AWS_TOKEN=AwsToken/$TOKEN_TAIL
ALIYUN_TOKEN=AliToken/$TOKEN_TAIL
PYTHON=/usr/bin/python3 # the one for which the distribution packages botocore

# Starts a service whose files are in the directory $1; the rest are a certificate and its key.
service_start() {
    local directory=$1
    mkdir -p "$directory"
    # Its descriptors are not bats's, which would wait for them.
    "$PYTHON" -B "$XBPIPE_TESTS/kms/loopback.py" "$@" </dev/null >"$directory/out" 2>"$directory/err" 3>&- 4>&- &
    echo $! >"$directory/pid"
    for _ in {1..200}; do
        [ -s "$directory/port" ] && return 0
        sleep 0.05
    done
    cat "$directory/err" >&2
    return 1
}

service_stop() {
    [ ! -s "$1/pid" ] || kill "$(cat "$1/pid")" 2>/dev/null || true
}

# Whether requests to AWS can be verified.
service_has_botocore() { (cd "$XBPIPE_TESTS/kms" && "$PYTHON" -B -c 'import verify_sigv4' 2>/dev/null); }

service_needs() {
    service_has_botocore || skip "neither python3-botocore nor awscli is installed"
}

# What the service in $SERVICE does with the next requests: a JSON list.
script() {
    printf '%s' "$1" >"$SERVICE/script"
}

# Further pages of the metadata services: a JSON object of path and text.
pages() {
    printf '%s' "$1" >"$SERVICE/pages"
}

# How many requests of this description were made since the last script.
requests() {
    grep -c "$1" "$SERVICE/log" || true
}

# No configuration but what a test makes.
clean_environment() {
    local variable
    for variable in $(compgen -e | grep -E '^(AWS_|ALIBABA|ALICLOUD|XBPIPE_STS|SSL_CERT|CURL_|XBPIPE_ECS|.*_proxy$|.*_PROXY$)'); do
        unset "$variable"
    done
    export HOME=$BATS_TEST_TMPDIR
    export AWS_EC2_METADATA_DISABLED=true ALIBABA_CLOUD_ECS_METADATA_DISABLED=true
    : >"$SERVICE/log"
    rm -f "$SERVICE/script" "$SERVICE/sts-script" "$SERVICE/no-metadata-token" "$SERVICE/pages"
}

aws_keys() { export AWS_ACCESS_KEY_ID=$AWS_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET; }
aliyun_keys() { export ALIBABA_CLOUD_ACCESS_KEY_ID=$ALIYUN_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET=$ALIYUN_SECRET; }

# says STATUS MESSAGE COMMAND...: no output, and exactly that message.
says() {
    local expected=$1 message=$2
    shift 2
    run --separate-stderr "$@"
    if [ "$status" -ne "$expected" ] || [ "$stderr" != "$message" ] || [ -n "$output" ]; then
        echo "status $status, expected $expected; \"$stderr\", expected \"$message\""
        return 1
    fi
}
