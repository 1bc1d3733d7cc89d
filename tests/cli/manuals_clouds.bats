# SPDX-License-Identifier: Apache-2.0
# The examples of the manual pages that call a key service or S3, unchanged, against services on
# loopback. Stand-ins for aws, kmsunwrap and kmswrap add the addresses of these services, which the
# pages cannot name; the stand-in for the aliyun CLI, which is not a Debian package, prints a
# recorded reply.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_has_botocore || return 0
    service_start "$SERVICE"
    python3 "$XBPIPE_TESTS/s3/unpack.py" "$XBPIPE_TESTS/fixtures/s3" "$BATS_FILE_TMPDIR/v"
    python3 "$XBPIPE_TESTS/s3/s3_server.py" "$BATS_FILE_TMPDIR/s3" "$BATS_FILE_TMPDIR/port" \
        "$XBPIPE_TESTS/fixtures/s3/kms-replies.json" </dev/null >/dev/null 2>&1 3>&- 4>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    for _ in {1..100}; do [ -e "$BATS_FILE_TMPDIR/port" ] && break; sleep 0.1; done
}

teardown_file() {
    service_stop "$SERVICE"
    [ ! -e "$BATS_FILE_TMPDIR/pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/pid")"
}

# stand_in NAME: a command NAME that runs the script on standard input.
stand_in() {
    { echo '#!/bin/bash'; cat; } >"bin/$1"
    chmod 755 "bin/$1"
}

setup() {
    load loops.bash
    service_needs
    aws --version >/dev/null 2>&1 || skip "the AWS CLI is not installed (Debian: awscli)"
    cd "$BATS_TEST_TMPDIR" || return 1
    clean_environment
    aws_keys
    aliyun_keys
    export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_PAGER='' AWS_MAX_ATTEMPTS=1
    kms=http://127.0.0.1:$(cat "$SERVICE/port")
    s3=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")
    root=$XBPIPE_TESTS/..
    fixtures=$XBPIPE_TESTS/fixtures
    bucket=$BATS_FILE_TMPDIR/s3/B
    mkdir -p bin "$bucket"
    rm -f "${bucket:?}"/*
    stand_in aws <<<"case \$1 in kms) url=$kms ;; *) url=$s3 ;; esac; exec $(command -v aws) --endpoint-url \"\$url\" \"\$@\""
    for program in kmsunwrap kmswrap; do
        stand_in $program <<<"case \" \$* \" in *--provider=aws* | *--provider=aliyun*) exec $(command -v $program) --endpoint=$kms \"\$@\" ;; esac
            exec $(command -v $program) \"\$@\""
    done
    stand_in aliyun <<<"[ \"\$*\" = 'kms Decrypt --CiphertextBlob '\"\$(cat ciphertext)\" ] && cat '$fixtures/kms/aliyun-decrypt.json'"
    PATH=$PWD/bin:$PATH
}

# Runs the examples of the page $1; the ARNs in them that end in dots are a key of the service.
run_examples() {
    awk '/^\.Sh / { in_examples = $0 == ".Sh EXAMPLES"; next }
        !in_examples { next }
        /^\.Bd/ { on = 1; next } /^\.Ed/ { on = 0 }
        on && sub(/^(\$|>) /, "") { gsub(/\\e/, "\\"); print }' "$root/man/$1" |
        sed "s,^arn=.*,arn=$AWS_KEY," >commands
    [ -s commands ]
    bash -euo pipefail commands
}

# An object as RDS for SQL Server makes it, and a .pvk object with the password of its certificate.
upload_backup() {
    s3cse-enc -i db.bak -o "$bucket/db.bak" -e "$bucket/db.bak.meta" -f <(kmswrap --provider=aws --generate \
        --key-id="$AWS_KEY" --encryption-context="kms_cmk_id=$AWS_KEY")
    password=UGFzc3dvcmQgb2YgYSBjZXJ0aWZpY2F0ZQ==
    echo "$password" | kmswrap --provider=aws --key-id="$AWS_KEY" >rds-tde-pwd.b64
    echo pvk >"$bucket/tde.pvk"
    printf '{"rds-tde-pwd": "%s"}' "$(cat rds-tde-pwd.b64)" >"$bucket/tde.pvk.meta"
}

@test "s3cse-dec(1): the examples run" {
    seq 20000 >db.bak
    upload_backup
    mv db.bak original
    v=$BATS_FILE_TMPDIR/v/good/python-v3-kmscontext-commit-instr-1000
    cp "$v/meta.json" head.json
    cp "$v/instruction" db.bak.instruction
    cp "$v/kms.key" key
    cp "$v/object" body
    run_examples s3cse-dec.1 >out
    cmp db.bak original
    cmp db2.bak original
    cmp db3.bak "$v/plain"
    grep -q "$password" out
}

@test "s3cse-enc(1): the examples run" {
    seq 20000 >db.bak
    run_examples s3cse-enc.1
    cmp db.bak.enc "$bucket/db.bak"
    run -1 cmp "$bucket/db.bak" db.bak
}

@test "kmsunwrap(1): the examples run" {
    seq 20000 >db.bak
    upload_backup
    cp "$bucket/db.bak" db.bak.enc
    mv db.bak original
    cp "$fixtures/rds/full_v3_qp.xb" b.xb
    cp "$fixtures/kms/demo-master.key" "$fixtures/kms/demo-ciphertext.b64" .
    kmswrap --provider=aliyun --region=cn-hangzhou --key-id="$ALIYUN_KEY" <"$fixtures/rds/plaintext.b64" >ciphertext
    kmswrap --provider=aws --key-id="$AWS_KEY" <"$fixtures/rds/plaintext.b64" | base64 -d >blob
    run_examples kmsunwrap.1 >out
    (cd restored && sha256sum -c --quiet "$fixtures/mariadb/shop.sha256")
    cmp db.bak original
    grep -qx "$password" out
    grep -qx 4b5e1d4db97a00112233445566778899 out
    base64 -d "$fixtures/rds/plaintext.b64" | cmp - data-key
    [ "$(cat key)" = "$(sed -n 's/.*"Plaintext": *"\([^"]*\)".*/\1/p' "$fixtures/kms/aliyun-decrypt.json" | b64hex)" ]
}

@test "kmswrap(1): the examples run" {
    seq 20000 >db.bak
    echo 4b5e1d4db97a00112233445566778899 >key.hex
    run_examples kmswrap.1 >out
    [ "$(stat -c %s key)" -eq 32 ]
    kmsunwrap --master-key=master.key --output=hex <out | cmp - key.hex
    s3cse-dec -e metadata.json -f <(kmsunwrap --provider=aws --envelope=metadata.json) <db.bak.enc | cmp - db.bak
}

@test "b64hex(1): the examples run" {
    cp "$fixtures/kms/demo-master.key" master.key
    cp "$fixtures/kms/demo-ciphertext.b64" ciphertext.b64
    echo 4b5e1d4db97a00112233445566778899 >digits.hex
    run_examples b64hex.1 >out
    [ "$(sed -n 1p out)" = 4b5e1d4db97a00112233445566778899 ]
    [ "$(sed -n 2p out)" = S14dTbl6ABEiM0RVZneImQ== ]
    [ "$(stat -c %s key)" -eq 32 ]
}
