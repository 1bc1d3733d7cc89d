# SPDX-License-Identifier: Apache-2.0
# kmsunwrap and kmswrap against a loopback AWS KMS that verifies each request by botocore's signer.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_has_botocore || return 0
    service_start "$SERVICE"
    clean_environment
    aws_keys
    URL=http://127.0.0.1:$(cat "$SERVICE/port") &&
        kmswrap --provider=aws --key-id="$AWS_KEY" --endpoint="$URL" \
            --encryption-context=purpose=test --encryption-context='a=b=c' \
            <"$XBPIPE_TESTS/fixtures/rds/plaintext.b64" >"$BATS_FILE_TMPDIR/blob"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    service_needs
    cd "$BATS_TEST_TMPDIR" || return 1
    clean_environment
    aws_keys
    blob=$BATS_FILE_TMPDIR/blob
    url=http://127.0.0.1:$(cat "$SERVICE/port")
    plaintext=S14dTbl6ABEiM0RVZneImQ==
}

# Everything but credentials and region.
ask() { kmsunwrap --provider=aws --endpoint="$url" --encryption-context=purpose=test --encryption-context='a=b=c' "$@" <"$blob"; }
decrypt() { ask --region=us-east-1 "$@"; }

@test "the verifier accepts what botocore signed, and nothing damaged" {
    run -0 "$PYTHON" -B "$XBPIPE_TESTS/kms/verify_sigv4.py" "$XBPIPE_TESTS/fixtures/kms/aws-sigv4.json"
    [ "$output" = "8 requests taken, 52 damaged ones refused" ]
}

@test "a ciphertext is unwrapped, silently, in each output form" {
    run --separate-stderr decrypt
    [ "$status" -eq 0 ]
    [ "$output" = "$plaintext" ]
    [ -z "$stderr" ]
    [ "$(decrypt --output=hex)" = 4b5e1d4db97a00112233445566778899 ]
    [ "$(decrypt --output=raw | base64)" = "$plaintext" ]
}

@test "-v names the service, the user and the key; no secret" {
    run --separate-stderr decrypt -v
    [ "$stderr" = "kmsunwrap: provider aws: ${url#http://} (region us-east-1) as $AWS_ID from the environment, key $AWS_KEY, request REQ-LOOP" ]
}

@test "temporary credentials, with a token of 200 characters" {
    export AWS_ACCESS_KEY_ID=$AWS_TEMPORARY_ID AWS_SECRET_ACCESS_KEY=$AWS_TEMPORARY_SECRET AWS_SESSION_TOKEN=$AWS_TOKEN
    [ "$(decrypt)" = "$plaintext" ]
    unset AWS_SESSION_TOKEN
    AWS_SECURITY_TOKEN=$AWS_TOKEN run -0 decrypt
    run -69 decrypt
}

@test "the encryption context: order is free, values count, @FILE takes JSON" {
    [ "$(kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 --encryption-context='a=b=c' --encryption-context=purpose=test <"$blob")" = "$plaintext" ]
    echo '{"purpose":"test","a":"b=c"}' >context.json
    [ "$(kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 --encryption-context=@context.json <"$blob")" = "$plaintext" ]
    run --separate-stderr kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 <"$blob"
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: InvalidCiphertextException (request REQ-LOOP); the ciphertext is damaged, the encryption context is not the one it was made with, or it belongs to another region" ]
    run -65 kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 --encryption-context=a=B=c --encryption-context=purpose=test <"$blob"
}

@test "an encryption context that cannot be" {
    run --separate-stderr decrypt --encryption-context=nonsense
    [ "$status" -eq 64 ]
    [ "$stderr" = "kmsunwrap: --encryption-context: expected NAME=VALUE or @FILE, found no '='" ]
    run --separate-stderr decrypt --encryption-context=a=2
    [ "$status" -eq 64 ]
    [ "$stderr" = "kmsunwrap: encryption context: expected each name once, found a again" ]
    run -64 decrypt --encryption-context==2
    echo '{"a":' >context.json
    run -65 kmsunwrap --provider=aws --endpoint="$url" --encryption-context=@context.json <"$blob"
    for context in $'n=\xff' $'n\xff=v'; do
        run --separate-stderr decrypt --encryption-context="$context"
        [ "$status" -eq 64 ]
        [[ $stderr =~ ^'kmsunwrap: encryption context: n'(\\xff)?': expected UTF-8'$ ]]
    done
    run --separate-stderr decrypt --encryption-context=@none
    [ "$status" -eq 66 ]
    echo '{"a":7}' >context.json
    run -65 kmsunwrap --provider=aws --endpoint="$url" --encryption-context=@context.json <"$blob"
    echo '["a"]' >context.json
    run -65 kmsunwrap --provider=aws --endpoint="$url" --encryption-context=@context.json <"$blob"
    [ "$(requests aws)" -eq 0 ]
}

@test "--key-id refuses a blob that was wrapped under another key" {
    [ "$(decrypt --key-id="$AWS_KEY")" = "$plaintext" ]
    [ "$(decrypt --key-id=1234abcd-12ab-34cd-56ef-1234567890ab)" = "$plaintext" ]
    run --separate-stderr decrypt --key-id=arn:aws:kms:us-east-1:111122223333:key/ffffffff
    [ "$status" -eq 65 ]
    [[ $stderr == "kmsunwrap: IncorrectKeyException: "*"; the ciphertext was wrapped with another key than that of --key-id" ]]
    script '[{"status":200,"body":{"Plaintext":"QUJD","KeyId":"arn:aws:kms:us-east-1:1:key/other"}}]'
    run --separate-stderr decrypt --key-id="$AWS_KEY"
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "kmsunwrap: the ciphertext was wrapped with another key: expected 1234abcd-12ab-34cd-56ef-1234567890ab, found other" ]
}

@test "kmswrap: Encrypt, and --generate prints the service's reply" {
    aws_url=(--provider=aws --endpoint="$url" --key-id="$AWS_KEY")
    echo QUJD | kmswrap "${aws_url[@]}" >wrapped
    [ "$(kmsunwrap "${aws_url[@]}" <wrapped)" = QUJD ]
    kmswrap "${aws_url[@]}" --generate --encryption-context=x=y </dev/null >reply
    [ "$(wc -l <reply)" -eq 1 ]
    "$PYTHON" -c 'import json; print(json.load(open("reply"))["CiphertextBlob"])' >wrapped
    [ "$(kmsunwrap "${aws_url[@]}" --encryption-context=x=y <wrapped)" = "$(kmsunwrap --provider=response <reply)" ]
    [ "$(kmsunwrap --provider=response --output=raw <reply | wc -c)" -eq 32 ]
    run --separate-stderr kmswrap --provider=aws --endpoint="$url" --generate
    [ "$status" -eq 64 ]
    [[ $stderr == "kmswrap: --provider=aws needs --key-id"* ]]
    run -64 kmswrap "${aws_url[@]}" --generate --output=raw
    run --separate-stderr kmswrap --provider=aws --endpoint="$url" --key-id=alias/none --region=us-east-1 --generate
    [ "$status" -eq 69 ]
}

@test "the same answers as the AWS CLI's, for Decrypt, a refusal and GenerateDataKey" {
    [ -x /usr/bin/aws ] || skip "the AWS CLI (Debian's awscli) is not installed"
    export AWS_DEFAULT_REGION=us-east-1
    base64 -d <"$blob" >raw
    cli=(/usr/bin/aws kms --endpoint-url "$url")
    "${cli[@]}" decrypt --ciphertext-blob fileb://raw --encryption-context 'purpose=test,a=b=c' >cli.json
    [ "$(kmsunwrap --provider=response <cli.json)" = "$(decrypt)" ]
    run --separate-stderr "${cli[@]}" decrypt --ciphertext-blob fileb://raw
    [ "$status" -ne 0 ]
    printf '%s\n' "$stderr" >refusal
    run --separate-stderr kmsunwrap --provider=response <refusal
    [ "$status" -eq 65 ]
    [[ $stderr == "kmsunwrap: InvalidCiphertextException"* ]]
    "${cli[@]}" generate-data-key --key-id "$AWS_KEY" --key-spec AES_256 >cli.json
    "$PYTHON" -c 'import json; print(json.load(open("cli.json"))["CiphertextBlob"])' >wrapped
    [ "$(kmsunwrap --provider=aws --endpoint="$url" <wrapped)" = "$(kmsunwrap --provider=response <cli.json)" ]
}

@test "--envelope takes ciphertext and context from S3 object metadata" {
    cat >head.json <<JSON
{"Metadata": {"x-amz-key-v2": "$(cat "$blob")", "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==",
 "x-amz-matdesc": "{\"purpose\":\"test\",\"a\":\"b=c\"}", "x-amz-wrap-alg": "kms",
 "x-amz-cek-alg": "AES/CBC/PKCS5Padding", "x-amz-unencrypted-content-length": "5"}}
JSON
    run --separate-stderr kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 --envelope=head.json </dev/null
    [ "$stderr" = "" ]
    [ "$output" = "$plaintext" ]
    run --separate-stderr kmsunwrap --provider=aws --envelope=head.json --encryption-context=a=b
    [ "$status" -eq 64 ]
    run --separate-stderr kmsunwrap --master-key=x --envelope=head.json
    [ "$status" -eq 64 ]
    [[ $stderr == "kmsunwrap: --envelope has no meaning with --provider=file"* ]]
    run -64 kmsunwrap --provider=aws --envelope=a --envelope=b --envelope=c
    run -66 kmsunwrap --provider=aws --envelope=none
    echo '{"Metadata":{"owner":"me"}}' >head.json
    run --separate-stderr kmsunwrap --provider=aws --envelope=head.json
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: envelope: expected the metadata of an object that a client encrypted, found none of its keys" ]
}

@test "--envelope of a key that was wrapped without a context" {
    kmswrap --provider=aws --key-id="$AWS_KEY" --endpoint="$url" <"$XBPIPE_TESTS/fixtures/rds/plaintext.b64" >plain
    cat >head.json <<JSON
{"Metadata": {"x-amz-key-v2": "$(cat plain)", "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==", "x-amz-matdesc": "{}",
 "x-amz-wrap-alg": "kms", "x-amz-cek-alg": "AES/CBC/PKCS5Padding"}}
JSON
    run --separate-stderr kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 --envelope=head.json </dev/null
    [ "$stderr" = "" ]
    [ "$output" = "$plaintext" ]
}

@test "--envelope: the region of the key that the context names is used where none is given" {
    kmswrap --provider=aws --endpoint="$url" --key-id="$AWS_KEY" --encryption-context=kms_cmk_id="$AWS_KEY" \
        <"$XBPIPE_TESTS/fixtures/rds/plaintext.b64" >wrapped
    cat >head.json <<JSON
{"x-amz-key-v2": "$(cat wrapped)", "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==",
 "x-amz-matdesc": "{\"kms_cmk_id\":\"$AWS_KEY\"}", "x-amz-wrap-alg": "kms", "x-amz-cek-alg": "AES/CBC/PKCS5Padding"}
JSON
    : >"$SERVICE/log"
    run --separate-stderr kmsunwrap --provider=aws --endpoint="$url" --envelope=head.json
    [ "$output" = "$plaintext" ]
    [ -z "$stderr" ]
    [ "$(requests '"region": "us-east-1"')" -eq 1 ]
    run --separate-stderr kmsunwrap --provider=aws --endpoint="$url" --envelope=head.json --region=eu-west-1
    [ "$stderr" = "kmsunwrap: warning: the region is eu-west-1, but the key's ARN says us-east-1: see --region" ]
}

# Credentials

@test "environment: one of the pair alone, and nothing at all" {
    unset AWS_SECRET_ACCESS_KEY
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: environment: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, found one of them" ]
    unset AWS_ACCESS_KEY_ID
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: no AWS credentials: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, keys in profile default, or a role of this container or machine; see aws configure" ]
    [ "$(requests aws)" -eq 0 ]
}

@test "shared credentials file: default profile, AWS_PROFILE, --profile, and their order" {
    mkdir .aws
    cat >.aws/credentials <<INI
# a comment
[default]
aws_access_key_id = $AWS_ID
aws_secret_access_key=$AWS_SECRET

[temporary]
AWS_ACCESS_KEY_ID = $AWS_TEMPORARY_ID
aws_secret_access_key = $AWS_TEMPORARY_SECRET
aws_session_token = $AWS_TOKEN
[half]
aws_access_key_id = x
INI
    # The environment wins over AWS_PROFILE, the option over both.
    AWS_PROFILE=temporary run --separate-stderr decrypt -v
    [[ $stderr == *" as $AWS_ID from the environment,"* ]]
    run --separate-stderr decrypt -v --profile=temporary
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $AWS_TEMPORARY_ID from profile temporary in "* ]]
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    run --separate-stderr decrypt -v
    [[ $stderr == *" as $AWS_ID from profile default in "* ]]
    AWS_PROFILE=temporary run --separate-stderr decrypt -v
    [[ $stderr == *" as $AWS_TEMPORARY_ID from profile temporary in "* ]]
    AWS_DEFAULT_PROFILE=temporary run --separate-stderr decrypt -v
    [[ $stderr == *" as $AWS_TEMPORARY_ID "* ]]
    run --separate-stderr decrypt --profile=none
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: no AWS profile none: expected it in $HOME/.aws/config or $HOME/.aws/credentials" ]]
    run --separate-stderr decrypt --profile=half
    [ "$status" -eq 78 ]
    mv .aws/credentials elsewhere
    AWS_SHARED_CREDENTIALS_FILE=elsewhere run -0 decrypt
}

@test "config file: static keys, region, endpoints, quoted profile names" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    mkdir .aws
    cat >.aws/config <<INI
[default]
region = us-east-1
aws_access_key_id = $AWS_ID
aws_secret_access_key = $AWS_SECRET
[profile by-service]
region = us-east-1
services = local
endpoint_url = http://127.0.0.1:1
aws_access_key_id = $AWS_ID
aws_secret_access_key = $AWS_SECRET
[services local]
s3 =
  endpoint_url = http://127.0.0.1:2
kms =
  endpoint_url = $url
[profile "with quotes"]
region = us-east-1
endpoint_url = $url
aws_access_key_id = $AWS_ID
aws_secret_access_key = $AWS_SECRET
[plain]
region = us-east-1
INI
    [ "$(ask)" = "$plaintext" ]
    context=(--encryption-context=purpose=test --encryption-context='a=b=c')
    [ "$(kmsunwrap --provider=aws --profile=by-service "${context[@]}" <"$blob")" = "$plaintext" ]
    [ "$(kmsunwrap --provider=aws --profile='with quotes' "${context[@]}" <"$blob")" = "$plaintext" ]
    run -78 kmsunwrap --provider=aws --profile=plain "${context[@]}" <"$blob"
    # Environment before profile, the service's own variable first.
    [ "$(AWS_ENDPOINT_URL_KMS=$url AWS_ENDPOINT_URL=http://127.0.0.1:1 kmsunwrap --provider=aws "${context[@]}" <"$blob")" = "$plaintext" ]
    [ "$(AWS_ENDPOINT_URL=$url kmsunwrap --provider=aws "${context[@]}" <"$blob")" = "$plaintext" ]
}

@test "credential_process: what it starts may not hold its output for ever" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export AWS_PROFILE=p
    mkdir -p .aws
    keys='{"Version": 1, "AccessKeyId": "'$AWS_ID'", "SecretAccessKey": "'$AWS_SECRET'"}'
    printf '[profile p]\ncredential_process = echo $$ >pid; echo '"'%s'"'; sleep 60 & echo $! >pid\n' "$keys" >.aws/config
    begin=$SECONDS
    run --separate-stderr decrypt --timeout=1
    kill "$(cat pid)"
    [ $((SECONDS - begin)) -lt 30 ]
    [ "$status" -eq 75 ]
    [ "$stderr" = "kmsunwrap: credential_process has ended, but something that it started still holds its output open after 1 s; see --timeout" ]
    # One that takes longer itself is waited for: a person may have to type something.
    printf '[profile p]\ncredential_process = sleep 3; echo '"'%s'"'\n' "$keys" >.aws/config
    [ "$(decrypt --timeout=1)" = "$plaintext" ]
    # So is what it started, if that ends in time.
    printf '[profile p]\ncredential_process = echo '"'%s'"'; sleep 1 &\n' "$keys" >.aws/config
    [ "$(decrypt --timeout=20)" = "$plaintext" ]
}

@test "credential_process: quoting, its environment, its failures" {
    unset AWS_ACCESS_KEY_ID
    mkdir .aws
    cat >process.sh <<SH
env >"\$1"
cat >>"\$1"
echo '{"Version":1,"AccessKeyId":"$AWS_TEMPORARY_ID","SecretAccessKey":"$AWS_TEMPORARY_SECRET","SessionToken":"$AWS_TOKEN"}'
SH
    printf '[profile p]\ncredential_process = sh "%s/process.sh" "%s/saw it"\n' "$PWD" "$PWD" >.aws/config
    export XBCRYPT_ENCRYPTION_KEY=0123456789abcdef
    run --separate-stderr decrypt -v --profile=p
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $AWS_TEMPORARY_ID from credential_process of profile p,"* ]]
    run -1 grep -E 'SECRET|0123456789abcdef|AQICAH' "saw it"
    grep -q "^HOME=" "saw it"
    printf '[profile p]\ncredential_process = echo no; exit 3\n' >.aws/config
    run --separate-stderr decrypt --profile=p
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: credential_process failed: expected exit status 0, found status 3" ]
    printf '[profile p]\ncredential_process = echo SECRETTEXT\n' >.aws/config
    run --separate-stderr decrypt --profile=p
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: credential_process: bad JSON"* && $stderr != *SECRETTEXT* ]]
    printf '[profile p]\ncredential_process = true\n' >.aws/config
    run --separate-stderr decrypt --profile=p
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: credential_process: expected credentials as JSON of at most 65536 bytes, found none" ]
    printf '[profile p]\ncredential_process = echo {}\n' >.aws/config
    run -78 decrypt --profile=p
}

@test "SSO and what signs in by a browser are named, with the command that gets temporary keys" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    mkdir .aws
    for setting in sso_session sso_start_url login_session; do
        printf '[profile p]\n%s = x\n' $setting >.aws/config
        run --separate-stderr decrypt --profile=p
        [ "$status" -eq 78 ]
        [[ $stderr == "kmsunwrap: AWS profile p "*"($setting), which is not supported; get temporary keys by: eval \"\$(aws configure export-credentials --profile p --format env)\"" ]]
    done
}

@test "the container's endpoint, with its token from environment or file" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container
    AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret run --separate-stderr decrypt -v
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $AWS_TEMPORARY_ID from the container's endpoint,"* ]]
    printf container-secret >token
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token run -0 decrypt
    printf 'container-secret\nX: y' >token
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: container token: expected one line, found a line's end" ]
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: container credentials: expected status 200 from "*", found 401" ]]
    AWS_CONTAINER_CREDENTIALS_FULL_URI=http://example.invalid/x run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == *"plain http is for loopback addresses and --endpoint only: use https" ]]
    AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/x run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [[ $stderr == "kmsunwrap: container credentials: cannot reach 127.0.0.1:1: "* ]]
}

@test "a container's endpoint that gives no credentials, or such as need no token" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    touch "$SERVICE/no-metadata-token"
    export AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/page
    pages '{"/page": "<html>"}'
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: container credentials: "* ]]
    pages '{"/page": "{\"AccessKeyId\": \"x\"}"}'
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: container credentials: expected a JSON object with AccessKeyId and SecretAccessKey" ]
    pages '{"/page": "{\"AccessKeyId\": \"x\", \"SecretAccessKey\": \"a\\nb\"}"}'
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: container credentials: expected printable text, found a control character" ]
    pages '{"/page": "{\"AccessKeyId\": \"'"$AWS_ID"'\", \"SecretAccessKey\": \"'"$AWS_SECRET"'\"}"}'
    run --separate-stderr decrypt -v
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $AWS_ID from the container's endpoint,"* ]]
}

@test "the endpoint of a container at its own address is asked by plain http" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    unshare -rn true 2>/dev/null || skip "no network namespace can be made, in which the address has no owner"
    export AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/role
    run --separate-stderr unshare -rn kmsunwrap --provider=aws --endpoint="$url" --region=us-east-1 --retries=0 <"$blob"
    [ "$status" -eq 69 ]
    [[ $stderr == "kmsunwrap: container credentials: cannot reach 169.254.170.2: "* ]]
}

@test "configuration from a pipe is read as a file is" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    printf '[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n' "$AWS_ID" "$AWS_SECRET" >file
    AWS_SHARED_CREDENTIALS_FILE=<(cat file) run -0 decrypt
    [ "$output" = "$plaintext" ]
    AWS_CONFIG_FILE=<(cat file) run -0 decrypt
    [ "$output" = "$plaintext" ]
    AWS_CONFIG_FILE=/dev/zero says 78 "kmsunwrap: /dev/zero: expected at most 1048576 bytes" decrypt
}

@test "credentials that cannot be, from each source, and addresses that are none" {
    AWS_ACCESS_KEY_ID=$'x\ty' says 78 \
        "kmsunwrap: environment variable AWS_ACCESS_KEY_ID: expected printable text, found a control character" decrypt
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export AWS_SHARED_CREDENTIALS_FILE=file
    printf '[default]\naws_access_key_id=x\naws_secret_access_key=y\x01\n' >file
    says 78 "kmsunwrap: aws_secret_access_key: expected printable text, found a control character" decrypt
    printf '[default]\naws_access_key_id=x\naws_secret_access_key=y\naws_session_token=z\x01\n' >file
    says 78 "kmsunwrap: aws_session_token: expected printable text, found a control character" decrypt
    AWS_SHARED_CREDENTIALS_FILE=. says 74 "kmsunwrap: cannot read .: Is a directory" decrypt
    rm file
    AWS_CONTAINER_CREDENTIALS_FULL_URI=ftp://x says 78 \
        "kmsunwrap: container credentials ftp://x: expected a URL of the scheme https" decrypt
    unset AWS_EC2_METADATA_DISABLED
    AWS_EC2_METADATA_SERVICE_ENDPOINT=ftp://x says 78 \
        "kmsunwrap: metadata service ftp://x: expected a URL of the scheme https" decrypt
}

@test "the metadata service of EC2: session token, role, region; and when it is turned off" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED
    export AWS_EC2_METADATA_SERVICE_ENDPOINT=$url/
    run --separate-stderr ask -v
    [ "$output" = "$plaintext" ]
    [[ $stderr == *"(region us-east-1) as $AWS_TEMPORARY_ID from the metadata service, role app-role,"* ]]
    # A service that knows no session tokens.
    touch "$SERVICE/no-metadata-token"
    run -0 ask
    AWS_EC2_METADATA_DISABLED=true run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1 run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: no AWS credentials: "* ]]
}

@test "an expired token is renewed once if its source can" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED
    export AWS_EC2_METADATA_SERVICE_ENDPOINT=$url
    expired='{"status":400,"body":{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}}'
    script "[$expired]"
    run -0 decrypt
    [ "$(requests '"metadata token"')" -eq 4 ]
    script "[$expired,$expired]"
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: ExpiredTokenException: "*"; the temporary credentials have expired: get new ones (aws sso login, or aws configure export-credentials) (2 tries)" ]]
}

@test "a container's credentials are renewed with its token, from the variable or the file" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container
    expired='{"status":400,"body":{"__type":"ExpiredTokenException","message":"expired"}}'
    printf container-secret >token
    for variable in AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=token; do
        script "[$expired]"
        export "${variable?}"
        run -0 --separate-stderr decrypt
        [ "$output" = "$plaintext" ]
        [ -z "$stderr" ]
        unset "${variable%%=*}"
    done
}

@test "if new credentials for expired ones cannot be got, the message says so" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    touch "$SERVICE/no-metadata-token"
    export AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/page
    pages '{"/page": "{\"AccessKeyId\": \"'"$AWS_ID"'\", \"SecretAccessKey\": \"'"$AWS_SECRET"'\"}"}'
    script '[{"status":400,"body":{"__type":"ExpiredTokenException","message":"expired"},"pages":{"/page":"{}"}}]'
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: container credentials: expected a JSON object with AccessKeyId and SecretAccessKey" ]
    [ "$(requests scripted)" -eq 1 ] && [ "$(requests Decrypt)" -eq 0 ]
}

# Region and endpoint

@test "region: option, AWS_REGION, AWS_DEFAULT_REGION, key ARN; a warning where ARN and region differ" {
    run --separate-stderr ask
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: no AWS region: expected --region, AWS_REGION, a region in profile default, or a key ARN" ]
    AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-2 run -0 ask
    [ "$(requests eu-west-1)" -eq 1 ]
    AWS_DEFAULT_REGION=eu-west-2 run -0 ask
    [ "$(requests eu-west-2)" -eq 1 ]
    AWS_REGION=eu-west-1 run -0 ask --region=eu-west-3
    [ "$(requests eu-west-3)" -eq 1 ]
    run -0 ask --key-id="$AWS_KEY"
    [ "$(requests us-east-1)" -eq 1 ]
    run --separate-stderr ask --key-id="$AWS_KEY" --region=eu-west-1
    [ "$output" = "$plaintext" ]
    [ "$stderr" = "kmsunwrap: warning: the region is eu-west-1, but the key's ARN says us-east-1: see --region" ]
    run -78 ask --region=../x
}

@test "default endpoints: the names asked for, by the proxy that refuses them" {
    # Nothing listens there: the message names the host that was wanted.
    want() {
        run --separate-stderr kmsunwrap --provider=aws --retries=0 "$@" <"$blob"
        [ "$status" -eq 69 ]
    }
    export https_proxy=http://127.0.0.1:1
    want --region=us-east-1
    [[ $stderr == "kmsunwrap: cannot reach kms.us-east-1.amazonaws.com: "* ]]
    want --region=cn-north-1
    [[ $stderr == *" kms.cn-north-1.amazonaws.com.cn: "* ]]
    AWS_USE_FIPS_ENDPOINT=true want --region=us-gov-west-1
    [[ $stderr == *" kms-fips.us-gov-west-1.amazonaws.com: "* ]]
    AWS_USE_DUALSTACK_ENDPOINT=true want --region=eu-west-1
    [[ $stderr == *" kms.eu-west-1.api.aws: "* ]]
    AWS_ENDPOINT_URL=$url AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true want --region=eu-west-1
    [[ $stderr == *" kms.eu-west-1.amazonaws.com: "* ]]
}

@test "endpoints that cannot be, and plain http from a variable only to loopback" {
    for bad in ftp://x http://user@127.0.0.1 "http://127.0.0.1/path" "http://127.0.0.1/?q" "http://"; do
        run --separate-stderr kmsunwrap --provider=aws --region=us-east-1 --endpoint="$bad" <"$blob"
        [ "$status" -eq 78 ]
    done
    name=$(head -c 600 /dev/zero | tr '\0' x)
    run --separate-stderr decrypt --endpoint="https://$name"
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: --endpoint: the URL is too long" ]
    run --separate-stderr decrypt --endpoint="https://${name::300}"
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: --endpoint https://xxx"*": expected https://HOST" ]]
    run --separate-stderr decrypt --profile="$name"
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: the profile's name is too long" ]
    AWS_ENDPOINT_URL=http://kms.example.invalid run --separate-stderr kmsunwrap --provider=aws --region=us-east-1 <"$blob"
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: AWS_ENDPOINT_URL http://kms.example.invalid: plain http is for loopback addresses and --endpoint only: use https" ]
}

# Refusals, failures, tries

@test "every error of the vectors becomes a status and a line with its code" {
    "$PYTHON" - "$XBPIPE_TESTS/fixtures/kms/aws-errors.json" <<'PY' >errors
import json, sys
for e in json.load(open(sys.argv[1]))["errors"]:
    print(json.dumps([{"status": e["http_status"], "body": e["body"]}]), e["retryable"], e["code"], sep="\t")
PY
    while IFS=$'\t' read -r reply retryable code; do
        script "$reply"
        run --separate-stderr decrypt --retries=0
        if [ "$retryable" = True ]; then [ "$status" -eq 75 ]; else [[ $status =~ ^(65|69|77|78)$ ]]; fi
        [[ $stderr == "kmsunwrap: "*"$code"* ]]
        [ -z "$output" ]
        [[ $stderr != *"$AWS_SECRET"* ]]
    done <errors
}

@test "access denied says which permission is missing" {
    script '[{"status":400,"body":{"__type":"AccessDeniedException","Message":"User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt"}}]'
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [ "$stderr" = "kmsunwrap: AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt (request REQ-LOOP); the caller needs kms:Decrypt on this key: add the role or user to the key's users, and allow the action in its IAM policy" ]
    script '[{"status":400,"body":{"__type":"AccessDeniedException"}}]'
    run --separate-stderr kmswrap --provider=aws --endpoint="$url" --key-id="$AWS_KEY" --generate
    [[ $stderr == *"the caller needs kms:GenerateDataKey on this key"* ]]
}

@test "a wrong secret is refused by the signature's verifier, and what it echoes is not shown" {
    export AWS_ACCESS_KEY_ID=$AWS_TEMPORARY_ID AWS_SECRET_ACCESS_KEY=wrong AWS_SESSION_TOKEN=$AWS_TOKEN
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: InvalidSignatureException: The request signature we calculated does not match the signature you provided (request REQ-LOOP); the access key id or secret is wrong"* ]]
    [[ $stderr != *AwsToken* ]]
    # A service that puts the token into its message.
    export AWS_SECRET_ACCESS_KEY=$AWS_TEMPORARY_SECRET
    script '[{"status":400,"body":{"__type":"ValidationException","message":"bad header TOKEN here"}}]'
    export AWS_SESSION_TOKEN=$AWS_TOKEN
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [[ $stderr == *"bad header ****"* && $stderr != *AwsToken* && $stderr != *"T+/="* ]]
}

@test "a clock that is off is shown beside the service's" {
    date=$(LC_ALL=C date -u -d '+2 hours' '+%a, %d %b %Y %H:%M:%S GMT')
    reply="{\"status\":400,\"headers\":{\"Date\":\"$date\"},\"body\":{\"__type\":\"InvalidSignatureException\",\"message\":\"Signature expired\"}}"
    script "[$reply,$reply]"
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr =~ "set this machine's clock: it says "20[0-9-]+T[0-9:]+Z", the service's says "20[0-9-]+T[0-9:]+Z ]]
    # Even if the message does not say so; a minute does not count.
    reply=${reply/Signature expired/no}
    script "[$reply,$reply]"
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == *"set this machine's clock: it says "* ]]
    date=$(LC_ALL=C date -u -d '+1 minute' '+%a, %d %b %Y %H:%M:%S GMT')
    script "[{\"status\":400,\"headers\":{\"Date\":\"$date\"},\"body\":{\"__type\":\"InvalidSignatureException\",\"message\":\"no\"}}]"
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr != *clock* ]]
}

@test "the code of a refusal is also taken from its header" {
    script '[{"status":400,"headers":{"x-amzn-ErrorType":"AccessDeniedException:http://internal/"},"body":"<html>"}]'
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: AccessDeniedException (request REQ-LOOP); "* ]]
}

@test "throttling is tried again, with a pause, and then succeeds; or ends with 75" {
    slow='{"status":400,"body":{"__type":"ThrottlingException","message":"Rate exceeded"}}'
    script "[$slow]"
    run --separate-stderr decrypt --retries=1
    [ "$status" -eq 0 ]
    [ "$output" = "$plaintext" ]
    [ -z "$stderr" ]
    script "[$slow,$slow]"
    run --separate-stderr decrypt --retries=1
    [ "$status" -eq 75 ]
    [ "$stderr" = "kmsunwrap: ThrottlingException: Rate exceeded (request REQ-LOOP); try again later (2 tries)" ]
    script '[{"status":503,"body":"busy"}]'
    run --separate-stderr decrypt --retries=0
    [ "$status" -eq 75 ]
    [ "$stderr" = "kmsunwrap: HTTP status 503 (request REQ-LOOP); try again later" ]
}

@test "a connection that breaks, and half a reply, are tried again" {
    script '["close"]'
    run -0 decrypt --retries=1
    script '["truncate"]'
    run -0 decrypt --retries=1
    script '["truncate"]'
    run --separate-stderr decrypt --retries=0
    [ "$status" -eq 75 ]
    [[ $stderr == "kmsunwrap: ${url#http://} ended the connection before its reply was whole: "* ]]
}

@test "no reply in time" {
    script '["delay 3"]'
    run --separate-stderr decrypt --retries=0 --timeout=1
    [ "$status" -eq 75 ]
    [ "$stderr" = "kmsunwrap: no reply from ${url#http://} within 1 s: try again, or see --timeout" ]
}

@test "a connection that is not made in time" {
    # One that is queued and never accepted: nothing answers the TLS handshake.
    "$PYTHON" -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(60)' >port 3>&- 4>&- &
    until [ -s port ]; do sleep 0.05; done
    run --separate-stderr decrypt --endpoint="https://127.0.0.1:$(cat port)" --retries=0 --timeout=1
    kill $!
    [ "$status" -eq 69 ]
    [ "$stderr" = "kmsunwrap: cannot reach 127.0.0.1:$(cat port) within 1 s; see --region, --endpoint and the proxy" ]
}

@test "a host with a name that is too long to be shown" {
    name=$(head -c 210 /dev/zero | tr '\0' x)
    https_proxy=http://127.0.0.1:1 run --separate-stderr decrypt --endpoint="https://$name" --retries=0
    [ "$status" -eq 69 ]
    [[ $stderr == "kmsunwrap: cannot reach the service: "* ]]
}

@test "nothing listens" {
    run --separate-stderr kmsunwrap --provider=aws --region=us-east-1 --endpoint=http://127.0.0.1:1 --retries=0 <"$blob"
    [ "$status" -eq 69 ]
    [[ $stderr == "kmsunwrap: cannot reach 127.0.0.1:1: "*"; see --region, --endpoint and the proxy" ]]
}

@test "replies that are none: broken JSON, a page, a list, nothing, a member twice" {
    for action in garbage html list empty; do
        script "[\"$action\"]"
        run --separate-stderr decrypt
        [ "$status" -eq 69 ]
        [[ $stderr == "kmsunwrap: expected a JSON object as reply, found something else ("*" bytes); check that the endpoint is the key service" ]]
        [ -z "$output" ]
    done
    script '["duplicate"]'
    run -69 decrypt
    script '[{"status":200,"body":{"KeyId":"x"}}]'
    run --separate-stderr decrypt
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: reply: expected a string Plaintext, found no such member" ]
}

@test "a reply of 64 KiB is taken, a longer one is not" {
    script '["full"]'
    [ "$(decrypt)" = "$plaintext" ]
    script '["big"]'
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [ "$stderr" = "kmsunwrap: ${url#http://}: expected a reply of at most 65536 bytes, found a longer one" ]
}

@test "a redirect is not followed" {
    script '["redirect"]'
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [ "$stderr" = "kmsunwrap: the endpoint answers with a redirect (status 307), which is not followed; see --region and --endpoint" ]
    [ "$(requests elsewhere)" -eq 0 ]
}

@test "usage: numbers out of range, options of other providers" {
    for bad in --timeout=0 --timeout=601 --timeout=x --retries=21 --retries=-1; do
        run -64 decrypt "$bad"
    done
    for option in --region=x --endpoint=x --profile=x --key-id=x --encryption-context=a=b --cacert=x --timeout=1 --retries=1; do
        run --separate-stderr kmsunwrap --master-key=x "$option"
        [ "$status" -eq 64 ]
        [[ $stderr == "kmsunwrap: ${option%%=*} has no meaning with --provider=file"* ]]
        run --separate-stderr kmsunwrap --provider=aws "${option%%=*}=" <"$blob"
        [ "$status" -eq 64 ]
        [[ $stderr == "kmsunwrap: ${option%%=*}: expected a value, found an empty one"* ]]
    done
    run --separate-stderr decrypt --master-key=x
    [[ $stderr == "kmsunwrap: --master-key has no meaning with --provider=aws"* ]]
}
