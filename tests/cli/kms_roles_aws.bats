# SPDX-License-Identifier: Apache-2.0
# kmsunwrap with the roles of AWS: web identities (IRSA), roles that profiles assume, EKS Pod
# Identity. The STS on loopback verifies signatures by botocore's signer; the AWS CLI, given the
# same, makes the same requests.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_has_botocore || return 0
    service_start "$SERVICE"
    clean_environment
    aws_keys
    echo QUJD | kmswrap --provider=aws --key-id="$AWS_KEY" --endpoint="http://127.0.0.1:$(cat "$SERVICE/port")" \
        >"$BATS_FILE_TMPDIR/blob"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    service_needs
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 066
    clean_environment
    url=http://127.0.0.1:$(cat "$SERVICE/port")
    export AWS_ENDPOINT_URL=$url AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
    blob=$BATS_FILE_TMPDIR/blob
    role=arn:aws:iam::111122223333:role
    mkdir .aws
    printf '[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$AWS_ID" "$AWS_SECRET" >.aws/credentials
}

decrypt() { kmsunwrap --provider=aws "$@" -i "$blob"; }

# profile NAME LINE...: adds a profile to the configuration.
profile() {
    printf '[profile %s]\n' "$1" >>.aws/config
    printf '%s\n' "${@:2}" >>.aws/config
}

# The requests for roles since the log was emptied: action, key, and parameters but session's name.
role_requests() {
    "$PYTHON" - "$SERVICE/log" <<'P'
import json, sys
for line in open(sys.argv[1]):
    entry = json.loads(line)
    if entry.get("service") == "aws-sts":
        given = entry["given"]
        if given["RoleSessionName"].startswith(("botocore-session-", "xbpipe-")):
            given["RoleSessionName"] = "made"
        key = (entry["key_id"] or "none")[:11]
        print(key, given)
P
}

# same_as_cli NAME: the AWS CLI with that profile ("": none) asks STS for the same, and gets the key.
same_as_cli() {
    aws --version 2>/dev/null | grep -qE '^aws-cli/(1\.(29\.([6-9]|[1-9][0-9])|[3-9][0-9])|2\.(1[3-9]|[2-9][0-9]))' ||
        { echo "# not compared with the AWS CLI: not there, or older than AWS_ENDPOINT_URL" >&3; return 0; }
    rm -rf .aws/cli # where it keeps the keys of roles
    role_requests >ours
    : >"$SERVICE/log"
    base64 -d "$blob" >blob.raw
    run --separate-stderr aws kms decrypt --ciphertext-blob fileb://blob.raw --query Plaintext --output text ${1:+--profile "$1"}
    [ "$output" = QUJD ] || { echo "$output $stderr"; return 1; }
    role_requests >theirs
    diff ours theirs
    [ -s ours ]
}

@test "a web identity, as a pod has it (IRSA)" {
    printf 'WEB-IDENTITY-TOKEN' >token
    export AWS_ROLE_ARN=$role/pod AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token AWS_ROLE_SESSION_NAME=a-session
    run --separate-stderr decrypt -v
    [ "$status" -eq 0 ] || { echo "$stderr"; false; }
    [ "$output" = QUJD ]
    [[ $stderr == *" as ASIAROLEPOD"*" from role $role/pod by a web identity,"* ]]
    [ "$(role_requests)" = "none {'Action': 'AssumeRoleWithWebIdentity', 'RoleArn': '$role/pod', 'RoleSessionName': 'a-session', 'Version': '2011-06-15', 'WebIdentityToken': 'WEB-IDENTITY-TOKEN'}" ]
    same_as_cli ""
}

@test "a web identity in a profile; keys in the environment count more, --profile counts more than them" {
    printf 'WEB-IDENTITY-TOKEN\n' >token
    profile pod "role_arn = $role/pod" "web_identity_token_file = $PWD/token" "role_session_name = b"
    [ "$(decrypt --profile=pod)" = QUJD ]
    : >"$SERVICE/log"
    export AWS_PROFILE=pod
    run --separate-stderr decrypt -v
    [[ $stderr == *" from role $role/pod by a web identity,"* ]]
    aws_keys
    run --separate-stderr decrypt -v
    [[ $stderr == *" as $AWS_ID from the environment,"* ]]
    run --separate-stderr decrypt -v --profile=pod
    [[ $stderr == *" from role $role/pod by a web identity,"* ]]
}

@test "a web identity that is refused, incomplete, or cannot be read" {
    printf 'ANOTHER' >token
    export AWS_ROLE_ARN=$role/pod AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token
    says 69 "kmsunwrap: role $role/pod: InvalidIdentityToken: The web identity token is not valid" decrypt
    : >token
    says 78 "kmsunwrap: the token file is empty" decrypt
    AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/none says 66 "kmsunwrap: cannot open token file $PWD/none: No such file or directory" decrypt
    unset AWS_ROLE_ARN
    says 78 "kmsunwrap: environment: expected AWS_ROLE_ARN beside AWS_WEB_IDENTITY_TOKEN_FILE, found none" decrypt
    profile p "web_identity_token_file = x"
    says 78 "kmsunwrap: AWS profile p has a web_identity_token_file: expected a role_arn, found none" decrypt --profile=p
}

@test "a role with the keys of a source profile: external id, session name, duration" {
    profile partner "role_arn = $role/partner" "source_profile = base" "external_id = a b+c/d" \
        "role_session_name = my-session" "duration_seconds = 1800"
    run --separate-stderr decrypt -v --profile=partner
    [ "$status" -eq 0 ] || { echo "$stderr"; false; }
    [ "$output" = QUJD ]
    [[ $stderr == *" as ASIAROLEPARTNER"*" from role $role/partner by profile base in $PWD/.aws/credentials,"* ]]
    [ "$(role_requests)" = "AKIAEXAMPLE {'Action': 'AssumeRole', 'DurationSeconds': '1800', 'ExternalId': 'a b+c/d', 'RoleArn': '$role/partner', 'RoleSessionName': 'my-session', 'Version': '2011-06-15'}" ]
    same_as_cli partner
    : >"$SERVICE/log"
    profile app "role_arn = $role/app" "source_profile = base"
    [ "$(decrypt --profile=app)" = QUJD ]
    same_as_cli app
}

@test "chained roles, and a profile that is its own source" {
    profile app "role_arn = $role/app" "source_profile = base"
    profile next "role_arn = $role/next" "source_profile = app"
    [ "$(decrypt --profile=next)" = QUJD ]
    [ "$(role_requests | cut -d' ' -f1)" = "AKIAEXAMPLE
ASIAROLEAPP" ]
    same_as_cli next
    # Keys beside a role: they are the profile's own source, and what it is to others.
    profile own "role_arn = $role/app" "source_profile = own" "aws_access_key_id = $AWS_ID" "aws_secret_access_key = $AWS_SECRET"
    profile of-own "role_arn = $role/app" "source_profile = own"
    for name in own of-own; do
        : >"$SERVICE/log"
        [ "$(decrypt --profile=$name)" = QUJD ] || { echo "$name"; false; }
        [ "$(role_requests | cut -d' ' -f1)" = AKIAEXAMPLE ] || { echo "$name"; false; }
        same_as_cli $name
    done
}

@test "loops of source profiles are refused, and what is incomplete" {
    profile a "role_arn = $role/app" "source_profile = b"
    profile b "role_arn = $role/app" "source_profile = c"
    profile c "role_arn = $role/app" "source_profile = a"
    says 78 "kmsunwrap: AWS profile c: source_profile a leads back to itself" decrypt --profile=a
    profile own "role_arn = $role/app" "source_profile = own"
    says 78 "kmsunwrap: AWS profile own: no keys in own to assume its role with" decrypt --profile=own
    for i in {1..20}; do profile "p$i" "role_arn = $role/app" "source_profile = p$((i + 1))"; done
    says 78 "kmsunwrap: AWS profile p16: source_profile p17 leads through too many profiles" decrypt --profile=p1
    profile none "role_arn = $role/app" "source_profile = nobody"
    says 78 "kmsunwrap: AWS profile none: no profile nobody, which source_profile names" decrypt --profile=none
    profile neither "role_arn = $role/app"
    says 78 "kmsunwrap: AWS profile neither assumes a role: expected source_profile or credential_source, found neither" decrypt --profile=neither
    profile both "role_arn = $role/app" "source_profile = base" "credential_source = Environment"
    says 78 "kmsunwrap: AWS profile both assumes a role: expected source_profile or credential_source, found both" decrypt --profile=both
    profile empty "region = us-east-1"
    profile of-empty "role_arn = $role/app" "source_profile = empty"
    says 78 "kmsunwrap: AWS profile of-empty: no keys in empty to assume its role with" decrypt --profile=of-empty
    profile other "role_arn = $role/app" "credential_source = Other"
    says 78 "kmsunwrap: AWS profile other: no credentials from credential_source Other: expected Environment, EcsContainer or Ec2InstanceMetadata, and keys there" decrypt --profile=other
    profile code "role_arn = $role/app" "source_profile = base" "mfa_serial = arn:aws:iam::1:mfa/me"
    says 78 "kmsunwrap: AWS profile code assumes a role with a code that a person types (mfa_serial), which is not supported; get temporary keys by: eval \"\$(aws configure export-credentials --profile code --format env)\"" decrypt --profile=code
    [ "$(requests sts)" -eq 0 ]
}

@test "credential_source: the environment, the machine, the container" {
    profile environment "role_arn = $role/app" "credential_source = Environment"
    profile machine "role_arn = $role/machine" "credential_source = Ec2InstanceMetadata"
    profile container "role_arn = $role/machine" "credential_source = EcsContainer"
    AWS_ACCESS_KEY_ID=$AWS_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET run --separate-stderr decrypt -v --profile=environment
    [[ $stderr == *" from role $role/app by the environment,"* ]] || { echo "$stderr"; false; }
    unset AWS_EC2_METADATA_DISABLED
    AWS_EC2_METADATA_SERVICE_ENDPOINT=$url run --separate-stderr decrypt -v --profile=machine
    [[ $stderr == *" from role $role/machine by the metadata service, role app-role,"* ]] || { echo "$stderr"; false; }
    AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container AWS_CONTAINER_AUTHORIZATION_TOKEN=container-secret \
        run --separate-stderr decrypt -v --profile=container
    [[ $stderr == *" from role $role/machine by the container's endpoint,"* ]] || { echo "$stderr"; false; }
}

@test "credential_process as the source of a role" {
    profile process "credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"$AWS_ID\", \"SecretAccessKey\": \"$AWS_SECRET\"}'"
    profile app "role_arn = $role/app" "source_profile = process"
    [ "$(decrypt --profile=app)" = QUJD ]
    same_as_cli app
}

@test "EKS Pod Identity: the container's endpoint with its token file, and hosts that it may not have" {
    printf 'container-secret' >token
    export AWS_CONTAINER_CREDENTIALS_FULL_URI=$url/container AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/token
    [ "$(decrypt)" = QUJD ]
    for host in 169.254.170.1 169.254.169.254 example.com 10.0.0.1 169.254.170.23.example.com; do
        AWS_CONTAINER_CREDENTIALS_FULL_URI=http://$host/v1/credentials run --separate-stderr decrypt
        [ "$status" -eq 78 ]
        [[ $stderr == "kmsunwrap: container credentials http://$host/v1/credentials: plain http is for loopback addresses and --endpoint only: use https" ]] || { echo "$host: $stderr"; false; }
    done
}

@test "expired credentials of a role are got anew, as often as needed, with what is there then" {
    printf 'WEB-IDENTITY-TOKEN' >token
    expired='{"status": 400, "body": {"__type": "ExpiredTokenException", "message": "expired"}}'
    busy='{"status": 400, "body": {"__type": "ThrottlingException", "message": "slow"}}'
    export AWS_ROLE_ARN=$role/pod AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/token
    script "[$expired, $busy, $expired, $busy]"
    [ "$(decrypt --retries=3)" = QUJD ]
    [ "$(role_requests | wc -l)" -eq 3 ]
    # The token file is a link that the kubelet lets point to another folder.
    mkdir one two
    printf 'WEB-IDENTITY-TOKEN' >one/token
    ln -s one data
    ln -s data/token link
    export AWS_WEB_IDENTITY_TOKEN_FILE=$PWD/link
    : >"$SERVICE/log"
    script "[$expired]"
    [ "$(decrypt)" = QUJD ]
    [ "$(role_requests | wc -l)" -eq 2 ]
    # Expired once more at once: that is said.
    script "[$expired, $expired]"
    run --separate-stderr decrypt
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: ExpiredTokenException: expired"* ]]
    unset AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE
    # With keys that can be taken once only.
    profile environment "role_arn = $role/app" "credential_source = Environment"
    profile process "credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"$AWS_ID\", \"SecretAccessKey\": \"$AWS_SECRET\"}'"
    profile app "role_arn = $role/app" "source_profile = process"
    profile next "role_arn = $role/next" "source_profile = app"
    for name in app next environment; do
        script "[$expired]"
        : >"$SERVICE/log"
        AWS_ACCESS_KEY_ID=$AWS_ID AWS_SECRET_ACCESS_KEY=$AWS_SECRET run --separate-stderr decrypt --profile=$name
        [ "$output" = QUJD ] || { echo "$name: $stderr"; false; }
    done
}

@test "STS is busy, breaks off, refuses, answers something else" {
    profile app "role_arn = $role/app" "source_profile = base"
    export AWS_PROFILE=app
    printf '[{"status": 503, "body": "busy"}, "close", {"status": 400, "body": "<Error><Code>Throttling</Code></Error>"}]' >"$SERVICE/sts-script"
    [ "$(decrypt --retries=3)" = QUJD ]
    printf '[{"status": 503, "body": "busy"}]' >"$SERVICE/sts-script"
    run --separate-stderr decrypt --retries=0
    [ "$status" -eq 69 ] || [ "$status" -eq 75 ]
    [ "$stderr" = "kmsunwrap: role $role/app: HTTP status 503" ]
    printf '[{"status": 200, "body": "<html>sign in</html>"}]' >"$SERVICE/sts-script"
    says 69 "kmsunwrap: expected credentials as the reply of STS, found something else; check that the endpoint is that service" decrypt
    profile other "role_arn = $role/next" "source_profile = base"
    says 77 "kmsunwrap: role $role/next: AccessDenied: User: $AWS_ID is not authorized to perform: sts:AssumeRole" decrypt --profile=other
    profile partner "role_arn = $role/partner" "source_profile = base" "external_id = another"
    says 77 "kmsunwrap: role $role/partner: AccessDenied: the external id is another one" decrypt --profile=partner
}

@test "the endpoint of STS: variables, profile, region" {
    profile app "role_arn = $role/app" "source_profile = base"
    export AWS_PROFILE=app
    AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_ENDPOINT_URL_STS=$url AWS_ENDPOINT_URL_KMS=$url run -0 decrypt
    unset AWS_ENDPOINT_URL
    # By the proxy that refuses them.
    export https_proxy=http://127.0.0.1:1
    run --separate-stderr decrypt --endpoint="$url" --retries=0
    [[ $stderr == "kmsunwrap: cannot reach sts.us-east-1.amazonaws.com: "* ]]
    AWS_REGION=cn-north-1 run --separate-stderr decrypt --endpoint="$url" --retries=0
    [[ $stderr == "kmsunwrap: cannot reach sts.cn-north-1.amazonaws.com.cn: "* ]]
    AWS_USE_FIPS_ENDPOINT=true run --separate-stderr decrypt --endpoint="$url" --retries=0
    [[ $stderr == "kmsunwrap: cannot reach sts-fips.us-east-1.amazonaws.com: "* ]]
    printf '[profile app]\nservices = s\n[services s]\nsts =\n  endpoint_url = %s\n' "$url" >>.aws/config
    [ "$(decrypt --endpoint="$url")" = QUJD ]
}

@test "names in the configuration reach the terminal without their control characters" {
    profile $'a\e[2J' "role_arn = $role/app" $'source_profile = b\e[2J'
    says 78 'kmsunwrap: AWS profile a\x1b[2J: no profile b\x1b[2J, which source_profile names' decrypt --profile=$'a\e[2J'
    says 78 'kmsunwrap: no AWS profile c\x1b[2J: expected it in '"$PWD/.aws/config or $PWD/.aws/credentials" decrypt --profile=$'c\e[2J'
    mv .aws/credentials $'cre\e[2J'
    printf '[half]\naws_access_key_id = x\n' >>$'cre\e[2J'
    AWS_SHARED_CREDENTIALS_FILE=$'cre\e[2J' says 78 'kmsunwrap: AWS profile half in cre\x1b[2J: expected aws_access_key_id and aws_secret_access_key, found one of them' decrypt --profile=half
}
