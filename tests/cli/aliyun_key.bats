# SPDX-License-Identifier: Apache-2.0
# examples/aliyun-key.sh: from the ciphertext of a backup to its files.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_start "$SERVICE"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    clean_environment
    aliyun_keys
    example=$XBPIPE_TESTS/../examples/aliyun-key.sh
    mkdir .aliyun
    printf '{"current":"a","profiles":[{"name":"a","mode":"AK","endpoint":"http://127.0.0.1:%s"}]}' \
        "$(cat "$SERVICE/port")" >.aliyun/config.json
    kmswrap --provider=aliyun --key-id="$ALIYUN_KEY" <"$XBPIPE_TESTS/fixtures/rds/plaintext.b64" >ciphertext
}

@test "a backup's ciphertext leads to the backup's files" {
    command -v xbunpack >/dev/null || skip "xbunpack is not built"
    run --separate-stderr "$example" ciphertext xbunpack -C restored --decrypt --decompress -f /dev/fd/9 \
        <"$XBPIPE_TESTS/fixtures/rds/full_v3_qp.xb"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    (cd restored && sha256sum --quiet -c "$XBPIPE_TESTS/fixtures/mariadb/shop.sha256")
}

@test "the key comes by a pipe and is in no argument and no variable" {
    "$example" ciphertext bash -c '[ -p /dev/fd/9 ] && cat /dev/fd/9 >key; env >variables; tr "\0" " " </proc/$PPID/cmdline >arguments'
    tr -d '\n' <key | cmp - "$XBPIPE_TESTS/fixtures/rds/password.hex"
    run -1 grep -F "$(cat key)" variables arguments
    run -1 grep -F "$(cat "$XBPIPE_TESTS/fixtures/rds/plaintext.b64")" variables arguments
}

@test "a refusal ends it with kmsunwrap's status, and the command is not run" {
    script '[{"status":403,"body":{"Code":"Forbidden.NoPermission","Message":"no"}}]'
    run --separate-stderr "$example" ciphertext touch was-run
    [ "$status" -eq 77 ]
    [[ $stderr == "kmsunwrap: Forbidden.NoPermission: "* ]]
    [ ! -e was-run ]
}

@test "usage, and a ciphertext that is not there" {
    run --separate-stderr "$example" ciphertext
    [ "$status" -eq 64 ]
    [ "$stderr" = "usage: aliyun-key.sh CIPHERTEXT COMMAND [ARGUMENT...]" ]
    run ! "$example" none touch was-run
    [ ! -e was-run ]
}
