# SPDX-License-Identifier: Apache-2.0
# The sandbox of the programs: code that takes over a program after its options are read can do
# nothing; --no-sandbox; kernels that offer less.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    read -ra compiler <<<"${CC:-cc}"
    "${compiler[@]}" -shared -fPIC -O2 -o intruder.so "$XBPIPE_TESTS/cli/intruder.c" || true
}

setup() {
    load common
    sanitized && skip "builds with sanitizers have no sandbox"
    counts_lines && skip "builds that count lines have no sandbox"
    mkdir inside outside
    echo text >outside/file
    echo text >inside/here
    install -m 600 "$fixtures/kms/demo-master.key" master.key
    export INTRUDER_OUTSIDE=$PWD/outside INTRUDER_INSIDE=$PWD/inside/here
}

# Runs the command with the intruder in it, and checks that it ran and got nothing: N refusals.
# Those to names of files are refused only if the kernel has Landlock.
refuses() {
    local count=$1
    shift
    [ -s "$BATS_FILE_TMPDIR/intruder.so" ] || skip "no C compiler to make what is preloaded"
    LD_PRELOAD=$BATS_FILE_TMPDIR/intruder.so run --separate-stderr "$@"
    echo "$*: status $status: $stderr"
    [ "$status" -eq 0 ]
    [ "$stderr" = "intruder: 0 of $count" ]
    [ "$(cat outside/file)" = text ]
    [ "$(files outside)" = file ]
}

need_landlock() {
    run --separate-stderr xbunpack -v -t <"$fixtures/mariadb/shop_qp.xb"
    [[ $stderr != *Landlock* ]] || skip "$stderr"
}

@test "filters: nothing but what is open" {
    echo 0123456789abcdef >KEY
    xbcrypt-enc -f KEY <outside/file >encrypted
    refuses 16 xbcrypt-enc -f KEY -i outside/file
    refuses 16 xbcrypt-dec -f KEY -i encrypted
    refuses 16 qpunpack -i "$fixtures/rds/part_xb.qp"
    need_landlock
    refuses 16 xbcrypt-dec -f KEY -i encrypted -o inside/out
    cmp inside/out outside/file
}

@test "xbunpack, qpunpack -C: the target directory, and the directory of the manifest" {
    need_landlock
    refuses 16 xbunpack -C inside --decompress --decrypt -f "$key" -i "$fixtures/rds/full_v3_qp.xb"
    mkdir lists
    refuses 16 xbunpack -C inside --overwrite --decompress --decrypt -f "$key" --manifest=lists/m -i "$fixtures/rds/full_v3_qp.xb"
    [ -s lists/m ]
    (cd inside && sha256sum --quiet -c ../lists/m)
    refuses 16 qpunpack -C inside -i "$fixtures/rds/part_xb.qp"
}

@test "the thread that shows progress is shut in, too" {
    [ -s "$BATS_FILE_TMPDIR/intruder.so" ] || skip "no C compiler to make what is preloaded"
    need_landlock
    xb=$fixtures/mariadb/shop_qp.xb
    export INTRUDER_THREAD=1
    : >err
    (head -c 10000 "$xb"; for _ in {1..200}; do grep -q ' of 16' err && break; sleep 0.05; done; tail -c +10001 "$xb") |
        LD_PRELOAD=$BATS_FILE_TMPDIR/intruder.so xbunpack --progress -C inside 2>err
    cat err
    [ "$(grep -c '^intruder: ' err)" -eq 1 ]
    grep -qx 'intruder: 0 of 16' err
    [ "$(files outside)" = file ]
}

@test "the intruder succeeds if it may: the checks above can fail" {
    [ -s "$BATS_FILE_TMPDIR/intruder.so" ] || skip "no C compiler to make what is preloaded"
    LD_PRELOAD=$BATS_FILE_TMPDIR/intruder.so run --separate-stderr \
        xbunpack --no-sandbox -C inside -i "$fixtures/mariadb/shop_qp.xb"
    [[ $stderr == *"intruder: read a file outside"* && $stderr == *"intruder: start a process"* ]]
    [[ $stderr == *"intruder: reach the network"* && $stderr == *"intruder: rename a file out"* ]]
}

@test "kmsunwrap: the network, and of files what TLS and the resolver read" {
    need_landlock
    service_start "$PWD/service"
    service=$PWD/service
    clean_environment
    export HOME=$PWD/outside ALIBABA_CLOUD_ACCESS_KEY_ID=$ALIYUN_ID ALIBABA_CLOUD_ACCESS_KEY_SECRET=$ALIYUN_SECRET
    aliyun=(--provider=aliyun --endpoint="http://127.0.0.1:$(cat "$service/port")" --key-id="$ALIYUN_KEY")
    kmswrap "${aliyun[@]}" <"$fixtures/rds/plaintext.b64" >blob
    export INTRUDER_NETWORK=1
    run kmsunwrap "${aliyun[@]}" <blob
    service_status=$status
    refuses 15 from blob kmsunwrap "${aliyun[@]}"
    [ "$output" = "$(cat "$fixtures/rds/plaintext.b64")" ]
    service_stop "$service"
    [ "$service_status" -eq 0 ]
    unset INTRUDER_NETWORK
    refuses 16 from "$fixtures/kms/demo-ciphertext.b64" kmsunwrap --master-key=master.key
}

@test "--no-sandbox: each program does the same without" {
    for program in xbcrypt-dec xbcrypt-enc xbunpack qpunpack s3cse-dec s3cse-enc kmsunwrap kmswrap; do
        "$program" --help | grep -q -- --no-sandbox
    done
    echo 0123456789abcdef >KEY
    xbcrypt-enc --no-sandbox -f KEY <outside/file | xbcrypt-dec --no-sandbox -f KEY | cmp - outside/file
    xbunpack --no-sandbox -C inside <"$fixtures/mariadb/shop_qp.xb"
    succeeds from "$fixtures/kms/demo-ciphertext.b64" kmsunwrap --no-sandbox --master-key=master.key
    command -v strace >/dev/null || skip "strace, which shows that nothing is called, is not installed"
    strace -f -o calls xbunpack --no-sandbox -t <"$fixtures/mariadb/shop_qp.xb" >/dev/null
    run grep -E '(landlock_[a-z_]*|seccomp)\(|NO_NEW_PRIVS' calls
    [ "$status" -eq 1 ]
}

@test "a kernel without Landlock: all works, and -v says what is lacking" {
    create_ruleset=landlock_create_ruleset
    run --separate-stderr python3 -S -E "$XBPIPE_TESTS/cli/without_call.py" $create_ruleset \
        xbunpack -v -C inside -i "$fixtures/mariadb/shop_qp.xb"
    [ "$status" -eq 0 ]
    [ "${stderr_lines[0]}" = "xbunpack: sandbox: this kernel has no Landlock, or it is turned off: file names are not confined" ]
    rm -r inside
    mkdir inside
    succeeds python3 -S -E "$XBPIPE_TESTS/cli/without_call.py" $create_ruleset \
        xbunpack -C inside -i "$fixtures/mariadb/shop_qp.xb"
}

@test "no byte of the input is read before the program is shut in" {
    command -v strace >/dev/null || skip "strace is not installed"
    for program in "xbunpack -C inside" "qpunpack" "xbcrypt-dec -f $key"; do
        # shellcheck disable=SC2086 # words
        strace -f -e trace=read,mmap,seccomp,landlock_restrict_self,clone,clone3 -o calls $program <outside/file || true
        read_at=$(grep -nE 'read\(0,' calls | grep -v ENOSYS | head -n 1 | cut -d: -f1)
        filter_at=$(grep -n 'SECCOMP_SET_MODE_FILTER, .*{len=' calls | head -n 1 | cut -d: -f1)
        thread_at=$(grep -nE 'clone3?\(' calls | head -n 1 | cut -d: -f1)
        [ "$filter_at" -lt "$read_at" ]
        [ "$filter_at" -lt "$thread_at" ]
        # It is read, never mapped: nobody can change it after it was checked.
        run grep -E 'mmap\(.*, 0, 0' calls
        [ "$status" -eq 1 ]
    done
}
