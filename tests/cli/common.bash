# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of the stream programs share. To be loaded in setup(). `load` does not end at a
# command that fails: each says so itself.

load "$XBPIPE_TESTS/cli/loops.bash"
# A directory of the test's own: bats keeps files of its own beside it.
mkdir "$BATS_TEST_TMPDIR/work" || return 1
cd "$BATS_TEST_TMPDIR/work" || return 1
fixtures=$XBPIPE_TESTS/fixtures
# Key files that others can read get a warning, so the tests' own, and copies of those in git, are
# the owner's alone.
umask 066
xbc=$BATS_TEST_TMPDIR/xbcrypt # fixtures/xbcrypt with such keys
mkdir "$xbc" || return 1
ln -s "$fixtures"/xbcrypt/[!k]* "$xbc" || return 1
cp "$fixtures"/xbcrypt/key* "$xbc" || return 1
key=$BATS_TEST_TMPDIR/password.hex # of all of fixtures/rds
cp "$fixtures/rds/password.hex" "$key" || return 1

# A shell ignores SIGINT in what it starts in the background, nohup SIGHUP, and what they start
# inherits that: before a command that a test sends a signal.
killable="env --default-signal=HUP,INT,TERM"

make_xbstream() { python3 -B -S -E "$XBPIPE_TESTS/cli/make_xbstream.py" "$@"; }
make_qpress() { python3 -B -S -E "$XBPIPE_TESTS/cli/make_qpress.py" "$@"; }

# Skips the test if no program can be traced here.
need_strace() {
    command -v strace >/dev/null || skip "strace is not installed"
    sanitized && skip "a sanitizer's process cannot be traced"
    strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
}

# fails STATUS MESSAGE COMMAND...: it ends with that status and exactly that on standard error.
fails() {
    local expected=$1 message=$2
    shift 2
    run --separate-stderr "$@"
    if [ "$status" -ne "$expected" ] || [ "${stderr-}" != "$message" ]; then
        echo "command:  $*"
        echo "status:   $status, expected $expected"
        echo "stderr:   $stderr"
        echo "expected: $message"
        return 1
    fi
}

# succeeds COMMAND...: status 0 and nothing on standard error.
succeeds() { fails 0 "" "$@"; }

# Everything below a directory that is not a directory, hidden files included; a directory that is not there has none.
files() { [ ! -e "$1" ] || (cd "$1" && find . ! -type d | sed 's,^\./,,' | LC_ALL=C sort); }

# restored DIR SUMS: the files of the list are there, right, and no others.
restored() {
    [ "$(files "$1")" = "$(sed 's/^[0-9a-f]*  //; s,^\./,,' "$2" | LC_ALL=C sort)" ] || {
        echo "files in $1:"
        files "$1" | head -20
        return 1
    }
    (cd "$1" && sha256sum -c --quiet --strict "$2")
}

# Programs that a standard input is not typed to: with the file `in` on it.
from() {
    local input=$1
    shift
    "$@" <"$input"
}

# Runs a command as a user for whom permissions count.
unprivileged() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    fi
}

# Skips the test, with the reason, if `unprivileged` cannot work.
need_unprivileged() {
    [ "$(id -u)" -ne 0 ] && return
    counts_lines && skip "the user nobody may not write the counts of the lines"
    chmod go+x "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" .
    unprivileged test -x "$BUILD_DIR/xbunpack" -a -r "$fixtures/xbcrypt/plain.txt" -a -x "$PWD" ||
        skip "the user nobody cannot get at the build, the fixtures, or the test's directory"
}

sanitized() { [[ $BUILD_DIR == */san-* ]]; }
counts_lines() { [[ $BUILD_DIR == */coverage ]]; }

# peak FILE COMMAND...: runs it with the file as input; the most memory it had, in KiB, is in $peak, its status in
# $status, its user and system time, in ms, in $cpu.
peak() {
    python3 -S -E -c 'import resource, subprocess, sys
with open(sys.argv[1], "rb") as f: r = subprocess.run(sys.argv[2:], stdin=f, stdout=subprocess.DEVNULL, stderr=open("err", "wb"))
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(r.returncode, u.ru_maxrss, round(1e3 * (u.ru_utime + u.ru_stime)))' "$@" >measured
    read -r status peak cpu <measured
    export status peak cpu
}

# changing PROGRAM COMMAND N: packs the folder t with N threads while COMMAND changes what is in it; messages are in
# the file err. The reader of the output holds the program up after the first bytes, when the first file has been opened.
changing() {
    mkfifo pipe
    (
        exec 3<pipe
        head -c 100 <&3 >/dev/null
        eval "$2"
        cat <&3 >/dev/null
    ) &
    local reader=$! status=0
    "$1" -j "$3" -C t >pipe 2>err || status=$?
    wait $reader
    rm pipe
    return $status
}
