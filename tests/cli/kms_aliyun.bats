# SPDX-License-Identifier: Apache-2.0
# kmsunwrap and kmswrap against a loopback Alibaba Cloud KMS that verifies each request by a
# verifier of its own (tests/kms/verify_acs3.py).
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_start "$SERVICE"
    clean_environment
    aliyun_keys
    URL=http://127.0.0.1:$(cat "$SERVICE/port") &&
        kmswrap --provider=aliyun --key-id="$ALIYUN_KEY" --endpoint="$URL" \
            --encryption-context=Example='a b*c~d/é' --encryption-context=acs:rds:instance=rm-bp1 \
            <"$XBPIPE_TESTS/fixtures/rds/plaintext.b64" >"$BATS_FILE_TMPDIR/blob"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    clean_environment
    aliyun_keys
    blob=$BATS_FILE_TMPDIR/blob
    url=http://127.0.0.1:$(cat "$SERVICE/port")
    plaintext=S14dTbl6ABEiM0RVZneImQ==
}

context=(--encryption-context=Example='a b*c~d/é' --encryption-context=acs:rds:instance=rm-bp1)
decrypt() { kmsunwrap --provider=aliyun --endpoint="$url" "${context[@]}" "$@" <"$blob"; }

@test "the verifier accepts what Alibaba Cloud's client libraries signed, and nothing damaged" {
    run -0 "$PYTHON" "$XBPIPE_TESTS/kms/verify_acs3.py" "$XBPIPE_TESTS/fixtures/kms/alibaba-v3.json"
    [ "$output" = "11 vectors verified, 33 damaged ones refused" ]
}

@test "a ciphertext becomes the sample's password, silently" {
    run --separate-stderr decrypt
    [ "$status" -eq 0 ]
    [ "$output" = "$plaintext" ]
    [ -z "$stderr" ]
    decrypt | b64hex -n | cmp - "$XBPIPE_TESTS/fixtures/rds/password.hex"
    [ "$(decrypt --output=hex)" = 4b5e1d4db97a00112233445566778899 ]
    # Line breaks in the ciphertext, as a console's window makes them.
    fold -w 60 "$blob" >folded
    [ "$(kmsunwrap --provider=aliyun --endpoint="$url" "${context[@]}" <folded)" = "$plaintext" ]
}

@test "-v names the service, the user and the key; no secret" {
    run --separate-stderr decrypt -v
    [ "$stderr" = "kmsunwrap: provider aliyun: ${url#http://} as $ALIYUN_ID from the environment, key $ALIYUN_KEY, request 2075-LOOP" ]
}

@test "kmswrap: Encrypt keeps the key out of the URL, --generate prints the service's reply" {
    aliyun=(--provider=aliyun --endpoint="$url" --key-id="$ALIYUN_KEY")
    echo QUJDREVG | kmswrap "${aliyun[@]}" >wrapped
    grep -q '"action": "Encrypt"' "$SERVICE/log"
    run -1 grep QUJDREVG "$SERVICE/log"
    [ "$(kmsunwrap "${aliyun[@]}" <wrapped)" = QUJDREVG ]
    kmswrap "${aliyun[@]}" --generate >reply
    "$PYTHON" -c 'import json; print(json.load(open("reply"))["CiphertextBlob"])' >wrapped
    [ "$(kmsunwrap "${aliyun[@]}" <wrapped)" = "$(kmsunwrap --provider=response <reply)" ]
    run -69 kmswrap --provider=aliyun --endpoint="$url" --key-id=other --generate
    run -64 kmswrap --provider=aliyun --endpoint="$url" --generate
}

@test "--key-id refuses a blob that was wrapped under another key" {
    run -0 decrypt --key-id="$ALIYUN_KEY"
    run -0 decrypt --key-id=acs:kms:cn-hangzhou:1234:key/$ALIYUN_KEY
    run --separate-stderr decrypt --key-id=key-other
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "kmsunwrap: the ciphertext was wrapped with another key: expected key-other, found $ALIYUN_KEY" ]
}

@test "a damaged ciphertext, another context, and text that is no base64" {
    run --separate-stderr kmsunwrap --provider=aliyun --endpoint="$url" <"$blob"
    [ "$status" -eq 65 ]
    [[ $stderr == "kmsunwrap: InvalidParameter: The specified parameter \"CiphertextBlob\" is not valid (request 2075-LOOP); the ciphertext is damaged"* ]]
    echo 'QUJ*' >text
    run --separate-stderr kmsunwrap --provider=aliyun --endpoint="$url" <text
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: bad base64 at input offset 3: expected a base64 character, found a character outside the base64 alphabet" ]
    run -65 kmsunwrap --provider=aliyun --endpoint="$url" </dev/null
}

# Credentials

@test "environment, under each of the three prefixes, with and without a token" {
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
    for prefix in ALIBABA_CLOUD ALIBABACLOUD ALICLOUD; do
        (
            export ${prefix}_ACCESS_KEY_ID=$ALIYUN_TEMPORARY_ID ${prefix}_ACCESS_KEY_SECRET=$ALIYUN_TEMPORARY_SECRET
            export ${prefix}_SECURITY_TOKEN="$ALIYUN_TOKEN"
            [ "$(decrypt)" = "$plaintext" ]
        )
    done
    ALIBABA_CLOUD_ACCESS_KEY_ID=$ALIYUN_ID run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: environment: expected ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, found one of them" ]
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: no Alibaba Cloud credentials: expected ALIBABA_CLOUD_ACCESS_KEY_ID"*"; see aliyun configure" ]]
    ALIBABA_CLOUD_ROLE_ARN=x ALIBABA_CLOUD_OIDC_TOKEN_FILE=y run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: environment: expected ALIBABA_CLOUD_ROLE_ARN and ALIBABA_CLOUD_OIDC_PROVIDER_ARN beside "* ]]
    ALIBABA_CLOUD_CREDENTIALS_URI=http://127.0.0.1:1 run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: credentials from a URI (ALIBABA_CLOUD_CREDENTIALS_URI) are not supported; "* ]]
}

profiles() {
    mkdir -p .aliyun
    cat >.aliyun/config.json <<JSON
{"current": "main", "profiles": [
 {"name": "main", "mode": "AK", "access_key_id": "$ALIYUN_ID", "access_key_secret": "$ALIYUN_SECRET",
  "region_id": "cn-hangzhou", "endpoint": "$url"},
 {"name": "sts", "mode": "StsToken", "access_key_id": "$ALIYUN_TEMPORARY_ID",
  "access_key_secret": "$ALIYUN_TEMPORARY_SECRET", "sts_token": "$ALIYUN_TOKEN"},
 {"name": "ecs", "mode": "EcsRamRole", "ram_role_name": "ram-role"},
 {"name": "vpc", "mode": "AK", "access_key_id": "x", "access_key_secret": "y", "region_id": "cn-shanghai",
  "endpoint_type": "vpc"},
 {"name": "role", "mode": "CloudSSO", "access_key_id": "x", "access_key_secret": "y"},
 {"name": "half", "mode": "AK", "access_key_id": "x"}]}
JSON
}

@test "the CLI's profiles: current, by variable, by option; AK, StsToken, EcsRamRole; the others named" {
    profiles
    # The environment wins over the current profile, the option over the environment.
    run --separate-stderr decrypt -v
    [[ $stderr == *" as $ALIYUN_ID from the environment,"* ]]
    run --separate-stderr decrypt -v --profile=sts
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $ALIYUN_TEMPORARY_ID from profile sts in $HOME/.aliyun/config.json,"* ]]
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
    [ "$(kmsunwrap --provider=aliyun "${context[@]}" <"$blob")" = "$plaintext" ] # its endpoint too
    ALIBABA_CLOUD_PROFILE=sts run --separate-stderr decrypt -v
    [[ $stderr == *" as $ALIYUN_TEMPORARY_ID from profile sts in "* ]]
    ALIBABA_CLOUD_IGNORE_PROFILE=TRUE run -78 decrypt
    run --separate-stderr decrypt --profile=role
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: aliyun profile role has the mode CloudSSO, which is not supported; let the CLI ask: aliyun kms Decrypt ... | kmsunwrap --provider=response" ]
    run --separate-stderr decrypt --profile=half
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: aliyun profile half: expected access_key_id and access_key_secret, found not all of them" ]]
    run --separate-stderr decrypt --profile=none
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: no aliyun profile none: expected it in $HOME/.aliyun/config.json" ]
    mv .aliyun/config.json elsewhere
    ALIBABA_CLOUD_CONFIG_FILE=elsewhere run -0 decrypt
    echo '{"SECRETTEXT' >elsewhere
    ALIBABA_CLOUD_CONFIG_FILE=elsewhere run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr != *SECRETTEXT* ]]
}

@test "~/.alibabacloud/credentials: access_key, sts, other types" {
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
    mkdir .alibabacloud
    printf '[default]\ntype = access_key\naccess_key_id = %s\naccess_key_secret = %s\n' $ALIYUN_ID $ALIYUN_SECRET >.alibabacloud/credentials
    run --separate-stderr decrypt -v
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $ALIYUN_ID from $HOME/.alibabacloud/credentials,"* ]]
    printf '[default]\ntype = sts\naccess_key_id = %s\naccess_key_secret = %s\nsecurity_token = %s\n' $ALIYUN_TEMPORARY_ID $ALIYUN_TEMPORARY_SECRET "$ALIYUN_TOKEN" >elsewhere
    ALIBABA_CLOUD_CREDENTIALS_FILE=elsewhere run -0 decrypt
    printf '[default]\ntype = rsa_key_pair\n' >elsewhere
    ALIBABA_CLOUD_CREDENTIALS_FILE=elsewhere run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: elsewhere: type rsa_key_pair is not supported; expected access_key, sts, ecs_ram_role, ram_role_arn or oidc_role_arn; or let the CLI ask: aliyun kms Decrypt ... | kmsunwrap --provider=response" ]
}

@test "the metadata service of ECS: by itself, by profile, without session tokens, turned off" {
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_ECS_METADATA_DISABLED
    export XBPIPE_ECS_METADATA_ENDPOINT=$url
    run --separate-stderr decrypt -v
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $ALIYUN_TEMPORARY_ID from the metadata service, role ram-role,"* ]]
    ALIBABA_CLOUD_ECS_METADATA=ram-role run -0 decrypt
    profiles
    run -0 decrypt --profile=ecs
    rm -r .aliyun
    touch "$SERVICE/no-metadata-token"
    run -0 decrypt
    ALIBABA_CLOUD_IMDSV1_DISABLED=true run -78 decrypt
    ALIBABA_CLOUD_ECS_METADATA_DISABLED=true run -78 decrypt
    XBPIPE_ECS_METADATA_ENDPOINT=http://127.0.0.1:1 run -78 decrypt
}

@test "a machine's role: by a profile without a service, by a credentials file, and none" {
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET ALIBABA_CLOUD_ECS_METADATA_DISABLED
    profiles
    XBPIPE_ECS_METADATA_ENDPOINT=http://127.0.0.1:1 says 78 \
        "kmsunwrap: aliyun profile ecs wants the machine's role, but no metadata service gives one" decrypt --profile=ecs
    rm -r .aliyun
    export XBPIPE_ECS_METADATA_ENDPOINT=$url ALIBABA_CLOUD_CREDENTIALS_FILE=file
    printf '[default]\ntype = ecs_ram_role\n' >file
    run --separate-stderr decrypt -v
    [ "$output" = "$plaintext" ]
    [[ $stderr == *" as $ALIYUN_TEMPORARY_ID from the metadata service, role ram-role,"* ]]
    printf '[default]\ntype = ecs_ram_role\nrole_name = other\n' >file
    says 78 "kmsunwrap: metadata service: expected credentials of the role other, found status 404" decrypt
    pages '{"/latest/meta-data/ram/security-credentials/other": "{\"Code\": \"Failed\", \"AccessKeyId\": \"x\", \"AccessKeySecret\": \"y\"}"}'
    says 78 "kmsunwrap: metadata service: no credentials of the role other: Failed" decrypt
    pages '{"/latest/meta-data/ram/security-credentials/other": "{\"Code\": \"Success\", \"AccessKeyId\": \"x\"}"}'
    says 78 "kmsunwrap: metadata service: expected a JSON object with AccessKeyId and AccessKeySecret" decrypt
    pages '{"/latest/meta-data/ram/security-credentials/other": "<html>"}'
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: metadata service: "* ]]
    printf '[default]\ntype = ecs_ram_role\nrole_name = a/../b\n' >file
    says 78 "kmsunwrap: metadata service: expected a role's name, found other text" decrypt
    unset ALIBABA_CLOUD_CREDENTIALS_FILE
    XBPIPE_ECS_METADATA_ENDPOINT=ftp://x run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: "*" ftp://x: expected a URL of the scheme https" ]]
    # No service, and what names a role need not be there.
    rm file
    ALIBABA_CLOUD_ECS_METADATA=ram-role XBPIPE_ECS_METADATA_ENDPOINT=http://127.0.0.1:1 run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: no Alibaba Cloud credentials: expected "* ]]
}

@test "an expired token of the machine's role is renewed once; one from the environment is not" {
    unset ALIBABA_CLOUD_ECS_METADATA_DISABLED
    export XBPIPE_ECS_METADATA_ENDPOINT=$url
    expired='{"status":400,"body":{"Code":"InvalidSecurityToken.Expired","Message":"Specified SecurityToken is expired."}}'
    script "[$expired]"
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [ "$(requests scripted)" -eq 1 ]
    [ "$(requests Decrypt)" -eq 0 ]
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
    script "[$expired]"
    : >"$SERVICE/log"
    [ "$(decrypt)" = "$plaintext" ]
    [ "$(requests '"metadata token"')" -eq 4 ] # for the role's name and its keys, twice
    script "[$expired,$expired]"
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: InvalidSecurityToken.Expired: "*" (2 tries)" ]]
}

@test "credentials that cannot be: half, control characters, too long; and files that cannot be read" {
    unset ALIBABA_CLOUD_ACCESS_KEY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET
    export ALIBABA_CLOUD_CREDENTIALS_FILE=file
    printf '[default]\naccess_key_id = x\n' >file
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: no Alibaba Cloud credentials: expected "* ]]
    printf '[default]\naccess_key_id = x\x01y\naccess_key_secret = z\n' >file
    says 78 "kmsunwrap: access_key_id: expected printable text, found a control character" decrypt
    printf '[default]\naccess_key_id = x\naccess_key_secret = z\x7f\n' >file
    says 78 "kmsunwrap: access_key_secret: expected printable text, found a control character" decrypt
    printf '[default]\ntype = sts\naccess_key_id = x\naccess_key_secret = z\nsecurity_token = a\x02b\n' >file
    says 78 "kmsunwrap: security_token: expected printable text, found a control character" decrypt
    mkdir .aliyun
    long=$(head -c 16385 /dev/zero | tr '\0' x)
    echo '{"profiles": [{"name": "long", "access_key_id": "x", "access_key_secret": "'"$long"'"}]}' >.aliyun/config.json
    says 78 "kmsunwrap: access_key_secret: expected at most 16384 bytes, found 16385" decrypt --profile=long
    rm -r .aliyun
    ALIBABA_CLOUD_ACCESS_KEY_ID=$'x\ty' says 78 \
        "kmsunwrap: environment variable ALIBABA_CLOUD_ACCESS_KEY_ID: expected printable text, found a control character" decrypt
    ALIBABA_CLOUD_CONFIG_FILE=. says 74 "kmsunwrap: cannot read .: Is a directory" decrypt
    ln -s loop loop
    ALIBABA_CLOUD_CREDENTIALS_FILE=loop says 78 "kmsunwrap: cannot open loop: Too many levels of symbolic links" decrypt
    ALIBABA_CLOUD_CREDENTIALS_FILE=. says 74 "kmsunwrap: cannot read .: Is a directory" decrypt
    head -c 1048577 /dev/zero | tr '\0' '#' >file
    says 78 "kmsunwrap: file: expected at most 1048576 bytes" decrypt
    name=$(head -c 512 /dev/zero | tr '\0' x)
    ALIBABA_CLOUD_CREDENTIALS_FILE=$name run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr == "kmsunwrap: the path xxx"*" is too long" ]]
}

# Region and endpoint

@test "region: option, variable, profile, key ARN; and the endpoints they make" {
    export https_proxy=http://127.0.0.1:1
    want() {
        run --separate-stderr kmsunwrap --provider=aliyun --retries=0 "$@" <"$blob"
        [ "$status" -eq 69 ]
    }
    want --region=cn-beijing
    [[ $stderr == "kmsunwrap: cannot reach kms.cn-beijing.aliyuncs.com: "* ]]
    ALIBABA_CLOUD_REGION_ID=cn-beijing want
    [[ $stderr == *" kms.cn-beijing.aliyuncs.com: "* ]]
    want --key-id=acs:kms:cn-shenzhen:1234:key/key-x
    [[ $stderr == *" kms.cn-shenzhen.aliyuncs.com: "* ]]
    want --endpoint=kst-hzz.cryptoservice.kms.aliyuncs.com
    [[ $stderr == *" kst-hzz.cryptoservice.kms.aliyuncs.com: "* ]]
    profiles
    want --profile=vpc
    [[ $stderr == *" kms-vpc.cn-shanghai.aliyuncs.com: "* ]]
    ALIBABA_CLOUD_REGION_ID=cn-beijing want --profile=vpc
    [[ $stderr == *" kms-vpc.cn-shanghai.aliyuncs.com: "* ]]
    rm -r .aliyun
    run --separate-stderr kmsunwrap --provider=aliyun <"$blob"
    [ "$status" -eq 78 ]
    [ "$stderr" = "kmsunwrap: no Alibaba Cloud region: expected --region, ALIBABA_CLOUD_REGION_ID, a region in the aliyun profile, or a key ARN" ]
    run -78 kmsunwrap --provider=aliyun --region=a/b <"$blob"
    run --separate-stderr decrypt --region=cn-beijing --key-id=acs:kms:cn-hangzhou:1:key/$ALIYUN_KEY
    [ "$stderr" = "kmsunwrap: warning: the region is cn-beijing, but the key's ARN says cn-hangzhou: see --region" ]
}

# Refusals, failures, tries

@test "every error of the vectors becomes a status and a line with its code" {
    "$PYTHON" - "$XBPIPE_TESTS/fixtures/kms/alibaba-errors.json" <<'PY' >errors
import json, sys
for e in json.load(open(sys.argv[1]))["errors"]:
    reply = {"status": e["http_status"], "body": e["body"]}
    xml = e["body"].startswith("<")
    print(json.dumps([reply, reply]), e["retryable"], "HTTP status 404" if xml else e["code"], sep="\t")
PY
    while IFS=$'\t' read -r reply retryable code; do
        script "$reply"
        run --separate-stderr decrypt --retries=0
        if [ "$retryable" = True ]; then [ "$status" -eq 75 ]; else [[ $status =~ ^(65|69|77|78)$ ]]; fi
        [[ $stderr == "kmsunwrap: $code"* ]]
        [ -z "$output" ]
    done <errors
}

@test "permission, key state, a wrong secret" {
    script '[{"status":403,"body":{"Code":"Forbidden.NoPermission","Message":"This operation is forbidden by permission system.","RequestId":"R1"}}]'
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [ "$stderr" = "kmsunwrap: Forbidden.NoPermission: This operation is forbidden by permission system (request R1); grant the RAM user or role the action kms:Decrypt on this key" ]
    script '[{"status":409,"body":{"Code":"Rejected.Disabled","Message":"off"}}]'
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [ "$stderr" = "kmsunwrap: Rejected.Disabled: off (request REQ-LOOP); enable the key in the KMS console, then try again" ]
    export ALIBABA_CLOUD_ACCESS_KEY_ID=$ALIYUN_TEMPORARY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET=wrong ALIBABA_CLOUD_SECURITY_TOKEN=$ALIYUN_TOKEN
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: SignatureDoesNotMatch: Specified signature is not matched with our calculation (request 2075-LOOP); the access key id or secret is wrong"* ]]
    [[ $stderr != *AliToken* ]]
    script '[{"status":400,"body":{"Code":"MissingParameter","Message":"seen TOKEN here"}}]'
    export ALIBABA_CLOUD_ACCESS_KEY_ID=$ALIYUN_TEMPORARY_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET=$ALIYUN_TEMPORARY_SECRET ALIBABA_CLOUD_SECURITY_TOKEN=$ALIYUN_TOKEN
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [[ $stderr == *"seen ****"* && $stderr != *AliToken* && $stderr != *"T+/="* ]]
}

@test "a used nonce is tried again at once with a new one; throttling after a pause" {
    script '[{"status":400,"body":{"Code":"SignatureNonceUsed","Message":"again"}}]'
    run -0 decrypt --retries=0
    [ "$(requests '"action": "Decrypt"')" -eq 1 ]
    script '[{"status":429,"body":{"Code":"Rejected.Throttling","Message":"QPS Limit Exceeded"}}]'
    run -0 decrypt --retries=1
    script '[{"status":500,"body":{"Code":"InternalFailure","Message":"x"}}]'
    run -75 decrypt --retries=0
}

@test "a clock that is off is shown beside the service's" {
    date=$(LC_ALL=C date -u -d '-1 day' '+%a, %d %b %Y %H:%M:%S GMT')
    reply="{\"status\":400,\"headers\":{\"Date\":\"$date\"},\"body\":{\"Code\":\"IllegalTimestamp\",\"Message\":\"old\"}}"
    script "[$reply,$reply]"
    run --separate-stderr decrypt
    [ "$status" -eq 78 ]
    [[ $stderr =~ "set this machine's clock: it says "20[0-9-]+T[0-9:]+Z", the service's says "20[0-9-]+T[0-9:]+Z ]]
}

@test "truncated, malformed and redirected replies" {
    script '["truncate"]'
    run -75 decrypt --retries=0
    for action in garbage html list empty duplicate; do
        script "[\"$action\"]"
        run -69 decrypt
    done
    script '["redirect"]'
    run -69 decrypt
    [ "$(requests elsewhere)" -eq 0 ]
    script '["big"]'
    run -69 decrypt
}
