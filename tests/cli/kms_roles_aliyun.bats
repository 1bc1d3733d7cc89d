# SPDX-License-Identifier: Apache-2.0
# kmsunwrap with the roles of Alibaba Cloud: RamRoleArn of the CLI's profiles, chains of them, and OIDC
# (RRSA). The STS on loopback verifies signatures.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_start "$SERVICE"
    clean_environment
    aliyun_keys
    echo QUJD | kmswrap --provider=aliyun --key-id="$ALIYUN_KEY" --endpoint="http://127.0.0.1:$(cat "$SERVICE/port")" \
        >"$BATS_FILE_TMPDIR/blob"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 066
    clean_environment
    url=http://127.0.0.1:$(cat "$SERVICE/port")
    export XBPIPE_ALIYUN_STS_ENDPOINT=$url
    blob=$BATS_FILE_TMPDIR/blob
    role=acs:ram::1111222233334444:role
    provider=acs:ram::1111222233334444:oidc-provider/ack-rrsa
    keys="\"access_key_id\": \"$ALIYUN_ID\", \"access_key_secret\": \"$ALIYUN_SECRET\""
    mkdir .aliyun
}

# shellcheck disable=SC2120 # bats passes them on by run
decrypt() { kmsunwrap --provider=aliyun --endpoint="$url" "$@" -i "$blob"; }

# profiles JSON...: the configuration, whose current profile is p.
profiles() {
    local IFS=,
    printf '{"current": "p", "profiles": [%s]}' "$*" >.aliyun/config.json
}

role_requests() {
    "$PYTHON" - "$SERVICE/log" <<'P'
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    if entry.get("service") == "aliyun-sts":
        given = entry["given"]
        if given["RoleSessionName"].startswith("xbpipe-"):
            given["RoleSessionName"] = "made"
        print((entry["key_id"] or "none")[:11], given)
P
}

# as_role NAME BY: the key is got with keys of that role, which those got.
as_role() {
    run --separate-stderr decrypt -v
    [ "$output" = QUJD ] || { echo "$stderr"; return 1; }
    [[ $stderr == *" from role $role/$1 by $2, key "* ]] || { echo "$stderr"; return 1; }
}

@test "RamRoleArn: keys of the profile, session name, duration, external id" {
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", $keys, \"ram_role_arn\": \"$role/app\", \"ram_session_name\": \"s\", \"expired_seconds\": 900}"
    as_role app "profile p in $PWD/.aliyun/config.json"
    [ "$(role_requests)" = "LTAIEXAMPLE {'DurationSeconds': '900', 'RoleArn': '$role/app', 'RoleSessionName': 's'}" ]
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", $keys, \"ram_role_arn\": \"$role/app\", \"external_id\": \"a b+c\"}"
    says 77 "kmsunwrap: role $role/app: NoPermission: the external id is another one" decrypt
    : >"$SERVICE/log"
    # With a token of their own.
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", \"access_key_id\": \"$ALIYUN_TEMPORARY_ID\", \"access_key_secret\": \"$ALIYUN_TEMPORARY_SECRET\", \"sts_token\": \"$ALIYUN_TOKEN\", \"ram_role_arn\": \"$role/machine\"}"
    as_role machine "profile p in $PWD/.aliyun/config.json"
}

@test "RamRoleArnWithRoleName: the keys are the machine's" {
    unset ALIBABA_CLOUD_ECS_METADATA_DISABLED
    export XBPIPE_ECS_METADATA_ENDPOINT=$url
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArnWithRoleName\", \"ram_role_name\": \"ram-role\", \"ram_role_arn\": \"$role/machine\"}"
    as_role machine "the metadata service, role ram-role"
}

@test "ChainableRamRoleArn: chains, loops, and what is incomplete" {
    base="{\"name\": \"base\", \"mode\": \"AK\", $keys}"
    app="{\"name\": \"app\", \"mode\": \"ChainableRamRoleArn\", \"source_profile\": \"base\", \"ram_role_arn\": \"$role/app\"}"
    profiles "$base" "$app" "{\"name\": \"p\", \"mode\": \"ChainableRamRoleArn\", \"source_profile\": \"app\", \"ram_role_arn\": \"$role/next\"}"
    run --separate-stderr decrypt -v
    [ "$output" = QUJD ] || { echo "$stderr"; false; }
    [ "$(role_requests | cut -d' ' -f1)" = "LTAIEXAMPLE
STS.ROLEAPP" ]
    profiles "{\"name\": \"p\", \"mode\": \"ChainableRamRoleArn\", \"source_profile\": \"q\", \"ram_role_arn\": \"r\"}" \
        "{\"name\": \"q\", \"mode\": \"ChainableRamRoleArn\", \"source_profile\": \"p\", \"ram_role_arn\": \"r\"}"
    says 78 "kmsunwrap: aliyun profile q: source_profile p leads back to itself" decrypt
    profiles "{\"name\": \"p\", \"mode\": \"ChainableRamRoleArn\", \"source_profile\": \"p\", \"ram_role_arn\": \"r\"}"
    says 78 "kmsunwrap: aliyun profile p: source_profile p leads back to itself" decrypt
    profiles "{\"name\": \"p\", \"mode\": \"ChainableRamRoleArn\", \"source_profile\": \"x\", \"ram_role_arn\": \"r\"}"
    says 78 "kmsunwrap: aliyun profile p: expected a profile that source_profile names, found none called x" decrypt
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", \"ram_role_arn\": \"r\"}"
    says 78 "kmsunwrap: aliyun profile p: no keys to assume its role with" decrypt
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", $keys}"
    says 78 "kmsunwrap: aliyun profile p: expected ram_role_arn, found not all of them" decrypt
    profiles "{\"name\": \"p\", \"mode\": \"OIDC\", \"ram_role_arn\": \"r\"}"
    says 78 "kmsunwrap: aliyun profile p: expected ram_role_arn, oidc_provider_arn and oidc_token_file, found not all of them" decrypt
    profiles "{\"name\": \"p\", \"mode\": \"CloudSSO\"}"
    says 78 "kmsunwrap: aliyun profile p has the mode CloudSSO, which is not supported; let the CLI ask: aliyun kms Decrypt ... | kmsunwrap --provider=response" decrypt
}

@test "OIDC, as a pod has it (RRSA), and in a profile" {
    printf 'OIDC-TOKEN\n' >token
    export ALIBABA_CLOUD_ROLE_ARN=$role/pod ALIBABA_CLOUD_OIDC_PROVIDER_ARN=$provider ALIBABA_CLOUD_OIDC_TOKEN_FILE=$PWD/token
    as_role pod OIDC
    [ "$(role_requests)" = "none {'Action': 'AssumeRoleWithOIDC', 'Format': 'JSON', 'OIDCProviderArn': '$provider', 'OIDCToken': 'OIDC-TOKEN', 'RoleArn': '$role/pod', 'RoleSessionName': 'made', 'Version': '2015-04-01'}" ]
    : >"$SERVICE/log"
    ALIBABA_CLOUD_ROLE_SESSION_NAME=mine run -0 decrypt
    [ "$(requests '"RoleSessionName": "mine"')" -eq 1 ]
    unset ALIBABA_CLOUD_OIDC_PROVIDER_ARN
    says 78 "kmsunwrap: environment: expected ALIBABA_CLOUD_ROLE_ARN and ALIBABA_CLOUD_OIDC_PROVIDER_ARN beside ALIBABA_CLOUD_OIDC_TOKEN_FILE, found not both" decrypt
    # Keys in the environment count more.
    aliyun_keys
    [ "$(decrypt)" = QUJD ]
    clean_environment
    profiles "{\"name\": \"p\", \"mode\": \"OIDC\", \"ram_role_arn\": \"$role/pod\", \"oidc_provider_arn\": \"$provider\", \"oidc_token_file\": \"$PWD/token\"}"
    export XBPIPE_ALIYUN_STS_ENDPOINT=$url
    as_role pod OIDC
    printf 'ANOTHER' >token
    run --separate-stderr decrypt
    [ "$status" -eq 69 ]
    [ "$stderr" = "kmsunwrap: role $role/pod: InvalidIdentityToken: The web identity token is not valid" ]
}

# credentials LINE...: ~/.alibabacloud/credentials, which the SDKs read.
credentials() {
    mkdir -p .alibabacloud
    printf '%s\n' '[other]' 'type = rsa_key_pair' '[default]' "$@" >.alibabacloud/credentials
}

@test "~/.alibabacloud/credentials: ram_role_arn and oidc_role_arn" {
    file=$HOME/.alibabacloud/credentials
    credentials 'type = ram_role_arn' "access_key_id = $ALIYUN_ID" "access_key_secret = $ALIYUN_SECRET" "role_arn = $role/app" \
        'role_session_name = s' 'role_session_expiration = 900'
    as_role app "$file"
    [ "$(role_requests)" = "LTAIEXAMPLE {'DurationSeconds': '900', 'RoleArn': '$role/app', 'RoleSessionName': 's'}" ]
    expired='{"status": 403, "body": {"Code": "InvalidSecurityToken.Expired", "Message": "expired"}}'
    : >"$SERVICE/log"
    script "[$expired]"
    [ "$(decrypt)" = QUJD ]
    [ "$(role_requests | wc -l)" -eq 2 ]
    credentials 'type = ram_role_arn' "access_key_id = $ALIYUN_TEMPORARY_ID" "access_key_secret = $ALIYUN_TEMPORARY_SECRET" \
        "security_token = $ALIYUN_TOKEN" "role_arn = $role/machine"
    as_role machine "$file"
    credentials 'type = ram_role_arn' "access_key_id = $ALIYUN_ID" "role_arn = $role/app"
    says 78 "kmsunwrap: $file: expected access_key_id and access_key_secret, to assume the role with, found not both" decrypt
    credentials 'type = ram_role_arn' "access_key_id = $ALIYUN_ID" "access_key_secret = $ALIYUN_SECRET"
    says 78 "kmsunwrap: $file: expected role_arn, found not all of them" decrypt
    printf 'OIDC-TOKEN\n' >token
    for name in oidc_token_file_path oidc_token_file; do
        credentials 'type = oidc_role_arn' "role_arn = $role/pod" "oidc_provider_arn = $provider" "$name = $PWD/token"
        as_role pod OIDC
    done
    credentials 'type = oidc_role_arn' "role_arn = $role/pod" "oidc_provider_arn = $provider"
    says 78 "kmsunwrap: $file: expected role_arn, oidc_provider_arn and oidc_token_file_path, found not all of them" decrypt
}

@test "expired credentials of a role are got anew, with the token that is there then" {
    expired='{"status": 403, "body": {"Code": "InvalidSecurityToken.Expired", "Message": "expired"}}'
    busy='{"status": 429, "body": {"Code": "Throttling.User", "Message": "slow"}}'
    mkdir one
    printf 'OIDC-TOKEN' >one/token
    ln -s one data
    ln -s data/token link
    export ALIBABA_CLOUD_ROLE_ARN=$role/pod ALIBABA_CLOUD_OIDC_PROVIDER_ARN=$provider ALIBABA_CLOUD_OIDC_TOKEN_FILE=$PWD/link
    script "[$expired, $busy, $expired]"
    [ "$(decrypt)" = QUJD ]
    [ "$(role_requests | wc -l)" -eq 3 ]
    unset ALIBABA_CLOUD_ROLE_ARN ALIBABA_CLOUD_OIDC_PROVIDER_ARN ALIBABA_CLOUD_OIDC_TOKEN_FILE
    : >"$SERVICE/log"
    profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", $keys, \"ram_role_arn\": \"$role/app\"}"
    script "[$expired]"
    [ "$(decrypt)" = QUJD ]
    [ "$(role_requests | wc -l)" -eq 2 ]
}

@test "the endpoint of STS: of all regions, of one, inside a VPC" {
    unset XBPIPE_ALIYUN_STS_ENDPOINT
    export https_proxy=http://127.0.0.1:1
    sts() { # NAME, the profile's further members
        profiles "{\"name\": \"p\", \"mode\": \"RamRoleArn\", $keys, \"ram_role_arn\": \"$role/app\"${2:+, $2}}"
        run --separate-stderr decrypt --retries=0
        [[ $stderr == "kmsunwrap: cannot reach $1: "* ]] || { echo "$1: $stderr"; return 1; }
    }
    sts sts.aliyuncs.com
    sts sts.cn-beijing.aliyuncs.com '"sts_region": "cn-beijing"'
    ALIBABA_CLOUD_STS_REGION=cn-hangzhou sts sts.cn-hangzhou.aliyuncs.com
    ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED=true sts sts-vpc.cn-beijing.aliyuncs.com '"sts_region": "cn-beijing"'
}
