# SPDX-License-Identifier: Apache-2.0
# No key is in the files of /proc of a running program, nor in a core dump of one at its end.
# (tests/fault also searches the memory of every program at its end.)
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    # So that a program that leaves core dumps on fails the test.
    ulimit -Sc "$(ulimit -Hc)"
    secret=q7VfXw2LmZ0tRk9sYbHc4JdNgPu6AeT3
    printf %s "$secret" >key
    # Its last round key (FIPS 197, 5.2), which is the first one of decryption: in hexadecimal.
    last_round=$(python3 -S -E "$XBPIPE_TESTS/cli/last_round_key.py" <key)
    xbcrypt-enc -f key -i "$xbc/plain.txt" -o plain.xbcrypt
    mkfifo pipe
}

teardown() { [ -z "${pid-}" ] || kill "$pid" 2>/dev/null || true; }

# Starts a program whose standard input is a pipe that stays empty, and waits until it reads there.
start_waiting() {
    "$@" <pipe 2>err 3>&- &
    pid=$!
    exec 8>pipe
    for _ in $(seq 200); do
        # Its name, not the shell's; and asleep.
        [[ $(cat /proc/$pid/comm) == "$1" && $(awk '/^State/ { print $2 }' /proc/$pid/status) == S ]] && break
        sleep 0.02
    done
    sleep 0.1
}

stop_waiting() {
    exec 8>&-
    wait $pid || true
    pid=
}

# Checks that the text is in nothing that other users can read, or that children would inherit.
shows_nothing_of() {
    for file in cmdline environ maps status stat limits mountinfo; do
        run -1 grep -aqF -- "$1" "/proc/$pid/$file"
    done
    [ "$(awk '/^Max core file size/ { print $5 }' /proc/$pid/limits)" -le 1 ]
}

@test "a running filter with a key file: not in its arguments or environment, and no core dumps" {
    for command in "xbcrypt-dec -f key" "xbcrypt-enc -f key" "xbunpack --decrypt -f key -C out" \
        "xbpack --encrypt -f key -C . -T -"; do
        # shellcheck disable=SC2086 # words
        start_waiting $command
        shows_nothing_of "$secret"
        stop_waiting
    done
}

@test "a running filter with the key in the environment: it is overwritten there" {
    for command in "xbcrypt-dec" "xbcrypt-enc" "xbunpack --decrypt -C out" "xbcrypt-dec -f key"; do
        export XBCRYPT_ENCRYPTION_KEY=$secret
        # shellcheck disable=SC2086 # words
        start_waiting $command
        unset XBCRYPT_ENCRYPTION_KEY
        shows_nothing_of "$secret"
        shows_nothing_of "${secret:0:8}"
        stop_waiting
    done
    # The search can fail: another variable is seen.
    OTHER=$secret start_waiting xbcrypt-dec -f key
    grep -aqF "$secret" "/proc/$pid/environ"
    stop_waiting
}

# Runs xbcrypt-dec as start_waiting does, but unprivileged and under a hard limit of the size of core
# dumps, with its key from a pipe.
start_limited() {
    # shellcheck disable=SC2016 # of the other shell
    unprivileged bash -c 'echo $$ >&7; ulimit -c "$1"; exec xbcrypt-dec -f <(echo "$2")' - "$1" "$secret" \
        7>number <pipe >out 2>err 3>&- &
    exec 8>pipe
    for _ in {1..200}; do
        pid=$(cat number)
        [ -n "$pid" ] && [[ $(cat /proc/$pid/comm) == xbcrypt-dec && $(awk '/^State/ { print $2 }' /proc/$pid/status) == S ]] && break
        sleep 0.02
    done
    sleep 0.1
}

@test "no core dump either, to a collector, if the limit is 0 and may not be raised" {
    need_unprivileged
    [ "$(ulimit -Hc)" = unlimited ] || skip "core dumps have a hard limit here: $(ulimit -Hc)"
    # The kernel gives the files of /proc to root if a process makes no dump at all.
    start_limited 0
    [ "$(awk '/^Max core file size/ { print $5 $6 }' /proc/$pid/limits)" = 00 ]
    [ "$(stat -c %u /proc/$pid/limits)" -eq 0 ]
    cat plain.xbcrypt >&8
    exec 8>&-
    wait
    cmp out "$xbc/plain.txt"
    [ ! -s err ]
    start_limited unlimited
    [ "$(awk '/^Max core file size/ { print $5 $6 }' /proc/$pid/limits)" = 11 ]
    [ "$(stat -c %u /proc/$pid/limits)" -ne 0 ]
    exec 8>&-
    wait
    pid=
}

@test "a running filter's key is in locked memory that no dump holds" {
    start_waiting xbcrypt-dec -f key
    # The secure heap: not dumped (dd), and locked (lo) if the limit allows.
    flags=$(grep '^VmFlags.* dd' "/proc/$pid/smaps")
    locked=$(awk '/^Max locked memory/ { print $4 }' "/proc/$pid/limits")
    if [ "$locked" = unlimited ] || [ "$locked" -ge 1000000 ]; then [[ $flags == *" lo "* ]]; fi
    stop_waiting
}

@test "kmsunwrap and s3cse-dec while they wait" {
    head -c 32 "$fixtures/kms/demo-master.key" >master
    start_waiting kmsunwrap --master-key=master
    shows_nothing_of "$(cat master | tr -d '\0')"
    stop_waiting
    cp "$fixtures/kms/aws-generate-data-key.json" reply
    text=$(sed -n 's/.*"Plaintext": *"\([^"]*\)".*/\1/p' reply)
    printf %s "$text" >data.key
    s3cse-enc -e meta -f reply -i "$xbc/plain.txt" -o object
    start_waiting s3cse-dec -e meta -f data.key -o out
    shows_nothing_of "$text"
    stop_waiting
}

# dumped COMMAND...: a core of the command as it is about to end, in `core`.
dumped() {
    command -v gdb >/dev/null || skip "gdb is not installed, which makes the core dump"
    sanitized && skip "a sanitizer keeps freed memory"
    rm -f core
    gdb -q -batch -nx -ex 'set confirm off' -ex 'set debuginfod enabled off' -ex 'set use-coredump-filter off' \
        -ex 'set dump-excluded-mappings on' -ex 'set environment LC_ALL=C' -ex 'catch syscall exit_group' \
        -ex "run $(printf '%q ' "${@:2}") <${input:-/dev/null} >dump.out" -ex 'gcore core' -ex kill \
        "$(command -v "$1")" >gdb.log 2>&1 || true
    [ -s core ] || {
        grep -q ptrace gdb.log && skip "gdb may not trace processes here"
        cat gdb.log
        return 1
    }
}

# Whether the core holds the bytes, given in hexadecimal.
core_holds() {
    python3 -S -E -c 'import sys; sys.exit(0 if bytes.fromhex(sys.argv[1]) in open("core", "rb").read() else 3)' "$1"
}

hex() { od -An -v -tx1 | tr -d ' \n'; }

@test "a core of a finished decryption holds neither the key, its halves, nor its last round key" {
    for command in "xbcrypt-dec -j1 -f key -i plain.xbcrypt -o out1" \
        "xbcrypt-dec -j3 -f key -i plain.xbcrypt -o out2" "xbcrypt-enc -j2 -f key -i $xbc/plain.txt -o out3"; do
        # shellcheck disable=SC2086 # words
        dumped $command
        for part in "${secret:0:16}" "${secret:16}" "$(printf %s "$secret" | hex)"; do
            run -3 core_holds "$(printf %s "$part" | hex)"
        done
        run -3 core_holds "$last_round"
        # The search finds what is there: an argument.
        core_holds "$(printf %s -o | hex)$(printf '\0out' | hex)"
    done
    cmp out1 "$xbc/plain.txt"
}

@test "cores of xbunpack, kmsunwrap and s3cse-dec hold no key" {
    mkdir files
    cp "$xbc/plain.txt" files
    xbpack --encrypt -f key -C files -o archive
    dumped xbunpack --decrypt -f key -j2 -C out -i archive
    cmp out/plain.txt "$xbc/plain.txt"
    for part in "${secret:0:16}" "${secret:16}"; do run -3 core_holds "$(printf %s "$part" | hex)"; done
    run -3 core_holds "$last_round"

    cp "$fixtures/kms/demo-master.key" master
    input=$fixtures/kms/demo-ciphertext.b64
    dumped kmsunwrap --master-key=master
    cmp dump.out "$fixtures/rds/plaintext.b64"
    run -3 core_holds "$(head -c 16 master | hex)"
    run -3 core_holds "$(tail -c 16 master | hex)"
    run -3 core_holds "$(base64 -d <dump.out | hex)"
    run -3 core_holds "$(tr -d '\n' <dump.out | hex)"
    input=

    cp "$fixtures/kms/aws-generate-data-key.json" reply
    sed -n 's/.*"Plaintext": *"\([^"]*\)".*/\1/p' reply | tr -d '\n' >data.key
    s3cse-enc --content=gcm -e meta -f reply -i "$xbc/plain.txt" -o object
    dumped s3cse-dec -e meta -f data.key -i object -o out4
    cmp out4 "$xbc/plain.txt"
    run -3 core_holds "$(hex <data.key)"
    run -3 core_holds "$(base64 -d <data.key | head -c 16 | hex)"
    run -3 core_holds "$(base64 -d <data.key | tail -c 16 | hex)"
}
