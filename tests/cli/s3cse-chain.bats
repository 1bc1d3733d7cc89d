# SPDX-License-Identifier: Apache-2.0
# From an object in S3 to a backup: the key's way from a KMS through kmsunwrap into s3cse-dec, and
# the recipe in examples/. All services are on loopback.
bats_require_minimum_version 1.5.0

setup_file() {
    umask 066 # a key file that others can read gets a warning
    command -v python3 >/dev/null || return 0
    python3 "$XBPIPE_TESTS/s3/unpack.py" "$XBPIPE_TESTS/fixtures/s3" "$BATS_FILE_TMPDIR/v" || return 1
    python3 "$XBPIPE_TESTS/s3/s3_server.py" "$BATS_FILE_TMPDIR/s3" "$BATS_FILE_TMPDIR/port" \
        "$XBPIPE_TESTS/fixtures/s3/kms-replies.json" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    for _ in $(seq 100); do [ -e "$BATS_FILE_TMPDIR/port" ] && break; sleep 0.1; done
}

teardown_file() {
    [ ! -e "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
}

setup() {
    load loops.bash
    umask 066
    cd "$BATS_TEST_TMPDIR" || return 1
    command -v python3 >/dev/null || skip "python3 is not installed; it unpacks the vectors and plays S3"
    good=$BATS_FILE_TMPDIR/v/good
    recipe=$XBPIPE_TESTS/../examples/sqlserver-restore.sh
    for variable in $(compgen -e | grep -E '^AWS_|_proxy$|_PROXY$'); do unset "$variable"; done
    export HOME=$BATS_TEST_TMPDIR
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
    export AWS_EC2_METADATA_DISABLED=true AWS_MAX_ATTEMPTS=1 AWS_PAGER=
    export AWS_REQUEST_CHECKSUM_CALCULATION=when_required AWS_RESPONSE_CHECKSUM_VALIDATION=when_required
    S3_ENDPOINT=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")
    export S3_ENDPOINT AWS_ENDPOINT_URL_KMS=$S3_ENDPOINT
}

teardown() {
    [ -z "${SERVICE:-}" ] || service_stop "$SERVICE"
}

# Puts an object and its metadata where the stand-in serves it: KEY, vector directory.
upload() {
    local to=$BATS_FILE_TMPDIR/s3/backups
    mkdir -p "$to"
    cp "$2/object" "$to/$1"
    cp "$2/meta.json" "$to/$1.meta"
    [ ! -e "$2/instruction" ] || cp "$2/instruction" "$to/$1.instruction"
}

need_aws() {
    aws --version >/dev/null 2>&1 || skip "the AWS CLI is not installed (Debian: awscli)"
}

@test "the key goes from a KMS reply through kmsunwrap into s3cse-dec" {
    v=$good/ruby-v1-kms-cbc-1000
    printf '{"KeyId":"arn:aws:kms:x","Plaintext":"%s","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}' "$(cat "$v/kms.key")" >reply
    s3cse-dec -e "$v/meta.json" -f <(kmsunwrap --provider=response <reply) <"$v/object" | cmp - "$v/plain"
    s3cse-dec -e "$v/meta.json" -f <(kmsunwrap --provider=response --output=raw <reply) <"$v/object" | cmp - "$v/plain"
}

@test "where kmsunwrap fails, s3cse-dec finds no key and says so" {
    v=$good/ruby-v1-kms-cbc-1000
    run --separate-stderr s3cse-dec -e "$v/meta.json" -f <(echo '{' | kmsunwrap --provider=response 2>/dev/null) -i "$v/object"
    [ "$status" -eq 65 ]
    [ "$stderr" = "s3cse-dec: the data key file is empty: the command that should have written the key has failed" ]
}

@test "every vector under a KMS key: loopback KMS, kmsunwrap --envelope, s3cse-dec" {
    count=0
    for v in "$good"/*; do
        [ -e "$v/kms.key" ] || continue
        envelope=("--envelope=$v/meta.json")
        [ ! -e "$v/instruction" ] || envelope+=("--envelope=$v/instruction")
        s3cse-dec "${envelope[@]}" -f <(kmsunwrap --provider=aws "${envelope[@]}") <"$v/object" 2>err | cmp - "$v/plain"
        count=$((count + 1))
    done
    [ $count -eq 17 ]
}

@test "the negative vector with another encryption context: the KMS refuses it" {
    v=$BATS_FILE_TMPDIR/v/bad/kms-context
    run --separate-stderr kmsunwrap --provider=aws --envelope="$v/meta.json"
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [[ $stderr == *InvalidCiphertextException* ]]
}

@test "from kmswrap --generate to s3cse-enc, and from kmsunwrap to s3cse-dec: signed requests" {
    load ../kms/service
    export SERVICE=$BATS_TEST_TMPDIR/kms
    service_needs
    service_start "$SERVICE"
    unset AWS_REGION AWS_DEFAULT_REGION
    aws_keys
    AWS_ENDPOINT_URL_KMS=http://127.0.0.1:$(cat "$SERVICE/port")
    head -c 100000 /dev/urandom >plain
    s3cse-enc -i plain -o cbc -e cbc.json -f <(kmswrap --provider=aws --generate --key-id="$AWS_KEY" \
        --encryption-context="kms_cmk_id=$AWS_KEY")
    s3cse-enc --content=gcm --encryption-context=db=orders -i plain -o gcm -e gcm.json -f <(kmswrap --provider=aws \
        --generate --key-id="$AWS_KEY" --encryption-context=db=orders \
        --encryption-context=aws:x-amz-cek-alg=AES/GCM/NoPadding)
    s3cse-enc --content=commit -i plain -o commit -e commit.json -f <(kmswrap --provider=aws --generate \
        --key-id="$AWS_KEY" --encryption-context=aws:x-amz-cek-alg=115)
    for content in cbc gcm commit; do
        s3cse-dec -e $content.json -f <(kmsunwrap --provider=aws --region=us-east-1 --envelope $content.json) \
            <$content 2>err | cmp - plain
    done
    # Another context than the one the key was made under is refused.
    sed 's/orders/others/' gcm.json >other.json
    run --separate-stderr kmsunwrap --provider=aws --region=us-east-1 --envelope other.json
    [ "$status" -eq 65 ]
}

@test "the password of a TDE certificate: kmsunwrap of rds-tde-pwd, and the text is the password" {
    blob=$(sed -n 's/.*"x-amz-key-v2": "\([^"]*\)".*/\1/p' "$good/ruby-v1-kms-cbc-1000/meta.json")
    # The recorded blob has a context, which such a blob has not.
    [ "$(echo "$blob" | kmsunwrap --provider=aws --encryption-context=kms_cmk_id=arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab)" \
        = "$(cat "$good/ruby-v1-kms-cbc-1000/kms.key")" ]
}

@test "the recipe: a backup as RDS writes it" {
    need_aws
    upload db.bak "$good/ruby-v1-kms-cbc-70001"
    run --separate-stderr "$recipe" backups db.bak db.bak
    [ "$status" -eq 0 ] || { echo "$stderr"; false; }
    cmp db.bak "$good/ruby-v1-kms-cbc-70001/plain"
    [ "$output" = "db.bak: restore it by RESTORE DATABASE ... FROM DISK = N'db.bak'" ]
    [[ $stderr == *"70001 bytes, beginning with TAPE: a SQL Server backup, not compressed"* ]]
    # It does not touch a file that is there.
    run --separate-stderr "$recipe" backups db.bak db.bak
    [ "$status" -eq 73 ]
}

@test "the recipe: an instruction file, and an envelope split between it and the metadata" {
    need_aws
    upload instr.bak "$good/go-v1-kms-gcm-instr-1000"
    "$recipe" backups instr.bak one.bak
    cmp one.bak "$good/go-v1-kms-gcm-instr-1000/plain"
    upload split.bak "$good/python-v3-kmscontext-commit-instr-1000"
    "$recipe" backups split.bak two.bak
    cmp two.bak "$good/python-v3-kmscontext-commit-instr-1000/plain"
}

# recipe_refuses STATUS PATTERN ARGUMENT...: the recipe ends so, says it, and leaves nothing.
recipe_refuses() {
    local expected=$1 pattern=$2
    shift 2
    run --separate-stderr "$recipe" "$@"
    [ "$status" -eq "$expected" ] || { echo "status $status: $stderr"; return 1; }
    # shellcheck disable=SC2053 # a pattern
    [[ $stderr == $pattern ]] || { echo "$stderr"; return 1; }
    [ -z "$(find . -name 'out.bak*')" ] || { ls -la; return 1; }
}

@test "the recipe: an object without an envelope is never taken, plain or not" {
    need_aws
    mkdir -p "$BATS_FILE_TMPDIR/s3/backups"
    none="has no envelope: it is not encrypted by a client, a copy of it lost its metadata, or somebody replaced it; nothing is fetched"
    # A plaintext that somebody put there; an encrypted one whose metadata a copy lost.
    cp "$good/ruby-v1-kms-cbc-70001/plain" "$BATS_FILE_TMPDIR/s3/backups/planted.bak"
    cp "$good/ruby-v1-kms-cbc-70001/object" "$BATS_FILE_TMPDIR/s3/backups/copied.bak"
    recipe_refuses 65 "sqlserver-restore.sh: planted.bak $none. If it should not be encrypted: aws s3 cp s3://backups/planted.bak out.bak" \
        backups planted.bak out.bak
    recipe_refuses 65 "sqlserver-restore.sh: copied.bak $none*" backups copied.bak out.bak
}

@test "the recipe: what decrypts to no SQL Server backup has no file" {
    need_aws
    upload iv.bak "$good/ruby-v1-kms-cbc-70001"
    iv=$(sed -n 's/.*"x-amz-iv": "\(.\).*/\1/p' "$good/ruby-v1-kms-cbc-70001/meta.json")
    other=A
    [ "$iv" != A ] || other=B
    sed "s/\"x-amz-iv\": \"./\"x-amz-iv\": \"$other/" "$good/ruby-v1-kms-cbc-70001/meta.json" \
        >"$BATS_FILE_TMPDIR/s3/backups/iv.bak.meta"
    recipe_refuses 65 "*iv.bak decrypts to something that is no SQL Server backup: it begins with neither TAPE nor MSSQLBAK" \
        backups iv.bak out.bak
}

@test "the recipe: --key-id takes nothing that another key encrypted" {
    need_aws
    upload key.bak "$good/ruby-v1-kms-cbc-70001"
    "$recipe" --key-id arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab backups key.bak good.bak
    cmp good.bak "$good/ruby-v1-kms-cbc-70001/plain"
    recipe_refuses 65 "*the ciphertext was wrapped with another key*" \
        --key-id=arn:aws:kms:us-east-1:111122223333:key/0000abcd-12ab-34cd-56ef-1234567890ab backups key.bak out.bak
}

@test "the recipe: --version-id, and an object that is replaced meanwhile" {
    need_aws
    upload versions.bak "$good/ruby-v1-kms-cbc-1000"
    to=$BATS_FILE_TMPDIR/s3/backups
    cp "$good/ruby-v1-kms-cbc-70001/object" "$to/versions.bak@older"
    cp "$good/ruby-v1-kms-cbc-70001/meta.json" "$to/versions.bak@older.meta"
    "$recipe" --version-id older backups versions.bak older.bak
    cmp older.bak "$good/ruby-v1-kms-cbc-70001/plain"
    "$recipe" backups versions.bak latest.bak
    cmp latest.bak "$good/ruby-v1-kms-cbc-1000/plain"
    recipe_refuses 69 "*404*" --version-id=none backups versions.bak out.bak
    upload replaced.bak "$good/ruby-v1-kms-cbc-70001"
    echo another >"$to/replaced.bak.etags"
    recipe_refuses 75 "*replaced.bak was replaced while it was fetched: try again, with --version-id" \
        backups replaced.bak out.bak
}

@test "the recipe: a KMS that refuses, a body that is cut, no object: a status, a reason, no file" {
    need_aws
    upload refused.bak "$BATS_FILE_TMPDIR/v/bad/kms-context"
    recipe_refuses 65 "kmsunwrap: InvalidCiphertextException*" backups refused.bak out.bak
    upload body.cut "$good/ruby-v1-kms-cbc-70001"
    recipe_refuses 65 "*s3cse-dec: the object is *: expected 70016 bytes by ContentLength*" backups body.cut out.bak
    recipe_refuses 69 "*404*" backups absent.bak out.bak
    usage="usage: sqlserver-restore.sh [[]--version-id ID] [[]--key-id KEY-ARN] BUCKET KEY FILE"
    recipe_refuses 64 "$usage" backups
    recipe_refuses 64 "$usage" --version-id= backups a out.bak
    recipe_refuses 64 "$usage" --version backups a out.bak
}

@test "s3cse-enc's envelope through aws s3api put-object, head-object and back" {
    need_aws
    head -c 32 /dev/urandom >key
    printf '{"CiphertextBlob":"QUJD","Plaintext":"%s","KeyId":"arn:aws:kms:x"}' "$(base64 -w 0 key)" >reply
    v=$good/ruby-v1-kms-cbc-70001
    s3cse-enc -e env.json -f reply -i "$v/plain" -o body
    aws --endpoint-url "$S3_ENDPOINT" s3api put-object --bucket backups --key made.bak --body body --metadata file://env.json >put.json
    aws --endpoint-url "$S3_ENDPOINT" s3api head-object --bucket backups --key made.bak >head.json
    s3cse-dec -e head.json -f key -i "$BATS_FILE_TMPDIR/s3/backups/made.bak" | cmp - "$v/plain"
    aws --endpoint-url "$S3_ENDPOINT" s3 cp --quiet body s3://backups/copied.bak --metadata "$(cat env.json)"
    aws --endpoint-url "$S3_ENDPOINT" s3api head-object --bucket backups --key copied.bak >head2.json
    s3cse-dec -e head2.json -f key -i "$BATS_FILE_TMPDIR/s3/backups/copied.bak" | cmp - "$v/plain"
}
