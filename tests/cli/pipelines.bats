# SPDX-License-Identifier: Apache-2.0
# The programs beside each other and beside others: the four forms of ApsaraDB packages, pipefail,
# readers that go away.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    set -o pipefail
    rds=$fixtures/rds
    shop=$fixtures/mariadb/shop.sha256
    part=$rds/part.sha256
}

@test "from the key service's plaintext to the files: an encrypted stream" {
    b64hex <"$rds/plaintext.b64" >KEY
    for s in v2 v3; do
        xbcrypt-dec -f KEY <"$rds/stream_$s.xb.xbcrypt" 2>err | xbunpack -C out --decompress
        restored out "$shop"
        rm -r out
    done
    # The key need not be in a file.
    xbcrypt-dec -f <(b64hex <"$rds/plaintext.b64") <"$rds/stream_v3.xb.xbcrypt" | xbunpack -C out --decompress
    restored out "$shop"
}

@test "a package in qpress, in gzip, and a tar of encrypted members" {
    for j in 1 2 7; do
        qpunpack -j $j -o <"$rds/part_xb.qp" | xbunpack -j $j -C out --decrypt -f "$key"
        restored out "$part"
        rm -r out
        gzip -dc <"$rds/part.xb.gz" | xbunpack -j $j -C out --decrypt -f "$key"
        restored out "$part"
        rm -r out
    done
    mkdir out
    tar -C out -xzf "$rds/part.tar.gz"
    while IFS= read -r f; do
        xbcrypt-dec -f "$key" -i "out/$f" -o "out/${f%.xbcrypt}"
        rm "out/$f"
    done < <(files out)
    restored out "$part"
}

@test "there and back" {
    for j in 1 2 7; do
        xbcrypt-enc -j $j -s 5000 -f "$key" <"$fixtures/mariadb/shop_qp.xb" | xbcrypt-dec -j $j -f "$key" | cmp - "$fixtures/mariadb/shop_qp.xb"
    done
}

@test "data that arrives in drops" {
    drops() { while IFS= read -r -N 1 c; do printf %s "$c"; sleep 0.001; done; }
    printf 'a text without zero bytes\n' >text
    make_qpress ARCHIVE 'FILE name=f data=@text' >f.qp
    xbcrypt-enc -f "$key" <f.qp >f.qp.xbcrypt
    make_xbstream 'MEMBER name=f.qp.xbcrypt data=@f.qp.xbcrypt' >f.xb
    # dd passes one byte at a time on.
    for j in 1 3; do
        dd bs=1 status=none <f.xb | xbunpack -j $j -C out --decrypt -f "$key" --decompress
        cmp out/f text
        rm -r out
        dd bs=1 status=none <f.qp.xbcrypt | xbcrypt-dec -j $j -f "$key" | dd bs=1 status=none | qpunpack -j $j | cmp - text
        drops <text | xbcrypt-enc -j $j -f "$key" | xbcrypt-dec -f "$key" | cmp - text
    done
}

@test "a failure anywhere fails the pipeline, and says so once" {
    head -c 1000000 "$rds/stream_v3.xb.xbcrypt" >cut
    run --separate-stderr bash -c "set -o pipefail; xbcrypt-dec -f '$key' <cut | xbunpack -C out --decompress"
    [ "$status" -eq 65 ]
    [ "$(grep -c ^xbcrypt-dec: <<<"$stderr")" -eq 1 ]
    [[ $stderr == *"xbunpack: xbstream ends too early"* ]]
    run -1 grep -rF .xbpipe- out
    # The one after it fails: the one before it ends quietly.
    rm -r out
    run --separate-stderr bash -c "set -o pipefail; xbcrypt-dec -f '$key' <'$rds/stream_v3.xb.xbcrypt' | xbunpack -C out --decompress -v -j 1 --max-chunk=1K"
    [ "$status" -eq 65 ]
    run -1 grep ^xbcrypt-dec: <<<"$stderr"
}

# Statuses of a program whose reader takes one byte: quits "PREFIX" COMMAND...
quits() {
    local j prefix=$1
    shift
    for j in 1 3; do
        rm -f status err
        bash -c "$prefix"'{ "$@" 2>err; echo $? >status; } | head -c 1 >/dev/null' - "$@" -j $j || true
        [ ! -s err ] || {
            cat err
            return 1
        }
    done
    cat status
}

@test "a reader that goes away ends each filter quietly, by SIGPIPE" {
    head -c 20000000 /dev/zero >zeros
    xbcrypt-enc -f "$key" <zeros >zeros.xbcrypt
    make_qpress ARCHIVE\ block=20000000 'FILE name=f data=@zeros' 'FILE name=g data=@zeros' >zeros.qp
    [ "$(quits "" xbcrypt-enc -f "$key" -i zeros)" -eq 141 ]
    [ "$(quits "" xbcrypt-dec -f "$key" -i zeros.xbcrypt)" -eq 141 ]
    [ "$(quits "" qpunpack -i zeros.qp)" -eq 141 ]
}

@test "where SIGPIPE is ignored, quietly with a status that is not 0" {
    head -c 20000000 /dev/zero >zeros
    xbcrypt-enc -f "$key" <zeros >zeros.xbcrypt
    make_qpress ARCHIVE\ block=20000000 'FILE name=f data=@zeros' 'FILE name=g data=@zeros' >zeros.qp
    [ "$(quits "trap '' PIPE; " xbcrypt-enc -f "$key" -i zeros)" -eq 74 ]
    [ "$(quits "trap '' PIPE; " xbcrypt-dec -f "$key" -i zeros.xbcrypt)" -eq 74 ]
    [ "$(quits "trap '' PIPE; " qpunpack -i zeros.qp)" -eq 74 ]
}

@test "lists and help into a pipe that is closed: quiet" {
    mkfifo closed
    for command in "xbunpack -t -i $rds/part_lz4.xb" "qpunpack -t -i $fixtures/qpress/tree.L1.qp" "xbunpack --help"; do
        # A pipe that nobody reads any more.
        exec 8<>closed 9>closed 8<&-
        status=0
        # shellcheck disable=SC2086 # several words
        $command >&9 2>err || status=$?
        [ "$status" -eq 141 ]
        [ ! -s err ]
    done
}

@test "standard error closed does no harm" {
    xbcrypt-dec -f "$xbc/key256" -i "$xbc/plain.v2.aes256.xbcrypt" -o out 2>&-
    cmp out "$xbc/plain.txt"
    run -65 bash -c "xbunpack -C dir -i '$rds/part_xb.qp' 2>&-"
    [ -z "$(files dir)" ]
}

@test "memory does not depend on the length of the stream" {
    sanitized && skip "a sanitizer needs more memory than the limit of this test"
    long() { for _ in $(seq 40); do cat "$rds/stream_v3.xb.xbcrypt"; done; }
    limited() { (ulimit -v 400000 && "$@"); }
    n=$((40 * $(stat -c %s "$fixtures/mariadb/shop_qp.xb")))
    [ "$(long | limited xbcrypt-dec -j 2 -f "$key" | wc -c)" -eq $n ]
    [ "$(long | limited xbcrypt-enc -j 2 -f "$key" | limited xbcrypt-dec -j 2 -f "$key" | cksum)" = "$(long | cksum)" ]
}

# Regression: with two threads and more, what was done waited in the queue while the input stalled.
@test "what has come is passed on while the input stalls, for every -j" {
    local j tries
    for j in 1 2 7; do
        rm -f in out
        mkfifo in
        xbcrypt-dec -j "$j" -f "$xbc/key256" < in > out &
        exec 7> in
        head -c 131000 "$xbc/plain.v3.aes256.xbcrypt" >&7
        # One whole chunk of 64 KiB has come, and a part of the second.
        for ((tries = 0; tries < 100 && $(stat -c %s out) < 65536; tries++)); do sleep 0.1; done
        exec 7>&-
        status=0
        wait $! || status=$?
        [ "$status" -eq 65 ]
        [ "$tries" -lt 100 ]
        cmp out <(head -c 65536 "$xbc/plain.txt")
    done
}

# The cipher library keeps the expanded key in memory of its own.
@test "a program that has read a key leaves no core dump" {
    for command in "xbcrypt-dec -f $xbc/key256" "xbcrypt-enc -f $xbc/key256" "xbunpack -C . --decrypt -f $xbc/key256"; do
        rm -f in
        mkfifo in
        # shellcheck disable=SC2086 # several words
        (ulimit -c unlimited 2>/dev/null; exec $command <in >out) &
        pid=$!
        exec 7>in
        # The limit is in bytes here; 1 also holds where core dumps go to a program.
        for ((tries = 0; tries < 100; tries++)); do
            grep -qE '^Max core file size +1 +1 ' "/proc/$pid/limits" && break
            sleep 0.05
        done
        exec 7>&-
        wait $pid || true
        [ "$tries" -lt 100 ]
    done
}
