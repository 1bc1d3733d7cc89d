#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The benchmark runs, compares the results of both sides and reports every case. Times are not
# checked: whether a goal is met depends on the machine.

bats_require_minimum_version 1.5.0

setup() { load loops.bash; }

bench="$XBPIPE_TESTS/bench/run"

@test "every case of the benchmark is in its table" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    mkdir "$BATS_TEST_TMPDIR/build"
    for program in "$BUILD_DIR"/*; do
        ln -s "$program" "$BATS_TEST_TMPDIR/build/"
    done
    rm -f "$BATS_TEST_TMPDIR"/build/bench.*
    run --separate-stderr "$bench" "$BATS_TEST_TMPDIR/build" 4M 1
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [[ ${lines[-1]} =~ ^[0-9]+\ of\ [0-9]+\ goals\ met$ ]]
    table="$BATS_TEST_TMPDIR/build/bench.tsv"
    awk -F'\t' 'NF != 11 { exit 1 }' "$table"
    for case in 'xbcrypt-dec v3' 'xbcrypt-enc v3' 'xbcrypt-dec v2' 'qpunpack level 1' \
        'qpunpack -j1 level 2' 'qpunpack -j1 level 3' 'xbpack' 'xbunpack, 409 files of 1 KiB' \
        'xbunpack, plain stream' 'xbunpack, one pass' 'cat | xbcrypt-dec | xbunpack' \
        's3cse-dec cbc' 's3cse-dec gcm' 's3cse-dec commit' \
        'scaling: xbcrypt-dec v3' 'scaling: xbcrypt-enc v3' 'scaling: qpunpack' \
        'scaling: one pass' 'memory: xbcrypt-dec v3' 'memory: xbcrypt-enc v3' 'memory: qpunpack level 1' \
        'memory: s3cse-enc' 'memory: xbunpack, plain' 'memory: xbunpack, one pass' \
        'memory: xbunpack --auto, gzip' 'start-up: b64hex of 24 bytes'; do
        cut -f1 "$table" | grep -Fx "$case"
    done
    # What was timed has a time above zero.
    awk -F'\t' 'NR > 1 && $2 != "" && $2 + 0 <= 0 { exit 1 }' "$table"
}

@test "the benchmark leaves no data behind" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    mkdir "$BATS_TEST_TMPDIR/empty"
    before=$(find /dev/shm "${TMPDIR:-/tmp}" -maxdepth 1 -name 'xbpipe-bench-*' 2>/dev/null | wc -l)
    run "$bench" "$BATS_TEST_TMPDIR/empty" 1M 1
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == bench:*generate* ]]
    after=$(find /dev/shm "${TMPDIR:-/tmp}" -maxdepth 1 -name 'xbpipe-bench-*' 2>/dev/null | wc -l)
    [ "$after" -le "$before" ]
}

@test "a program that gives a wrong result ends the benchmark" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    mkdir "$BATS_TEST_TMPDIR/build"
    for program in "$BUILD_DIR"/*; do
        ln -s "$program" "$BATS_TEST_TMPDIR/build/"
    done
    rm "$BATS_TEST_TMPDIR/build/xbcrypt-dec"
    printf '#!/bin/sh\ncat\n' >"$BATS_TEST_TMPDIR/build/xbcrypt-dec"
    chmod +x "$BATS_TEST_TMPDIR/build/xbcrypt-dec"
    run "$bench" "$BATS_TEST_TMPDIR/build" 1M 1
    [ "$status" -eq 1 ]
    [[ $output == *'bench: xbcrypt-dec of v2.xbcrypt does not give the stream that went in' ]]
}

@test "a wrong SIZE or RUNS is refused" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    for arguments in 'x 1' '0 1' '1M 0' '1M x' '1T 1'; do
        # shellcheck disable=SC2086 # two arguments
        run "$bench" "$BUILD_DIR" $arguments
        [ "$status" -eq 64 ]
        [ "$output" = "bench: expected a SIZE such as 64M or 1G and a number of RUNS" ]
    done
}
