# SPDX-License-Identifier: Apache-2.0
# --progress, --json-progress, SIGUSR1: what they print, when, and that they disturb nothing.
bats_require_minimum_version 1.5.0

setup() {
    load common
    rds=$XBPIPE_TESTS/fixtures/rds
    cp "$key" key
    chmod 600 key
    full=$rds/full_v3_qp.xb
    size=$(stat -c %s "$full")
}

# The restored size of the fixture.
restored=18675995

# Reads lines of JSON; what is asserted of them is Python.
json() { python3 -S -E -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin]
'"$1"; }

# until_lines N PATTERN FILE: waits until the file has as many such lines. The JSON of a moment is
# written after its text.
until_lines() {
    for _ in {1..600}; do
        [ "$(grep -c "$2" "$3")" -ge "$1" ] && return
        sleep 0.05
    done
    echo "$3 has no $1 lines with $2" >&2
    return 1
}
export -f until_lines

@test "--progress: the last line has totals, rate and ratio" {
    run --separate-stderr xbunpack --progress --decrypt -f key --decompress -C out -i "$full"
    [ "$status" -eq 0 ]
    [[ ${stderr_lines[-1]} =~ ^xbunpack:\ 1\.8\ MiB\ in,\ 17\.8\ MiB\ out,\ 0:0[0-9]\ elapsed,\ [0-9.]+\ [KM]iB/s,\ ratio\ 9\.[0-9]+$ ]] ||
        { echo "$stderr"; false; }
    # Without it, not a word.
    run --separate-stderr xbunpack --decrypt -f key --decompress -C out2 -i "$full"
    [ -z "$stderr" ]
    # With -v, but no terminal, no progress either.
    run --separate-stderr xbunpack -v --decrypt -f key --decompress -C out3 -i "$full"
    [[ $stderr != *elapsed* ]]
}

@test "every program of streams has it, and counts what it reads and writes" {
    head -c 100000 /dev/urandom >plain
    xbcrypt-enc --json-progress=3 -f key <plain >enc 3>j.enc
    xbcrypt-dec --json-progress=3 -f key <enc 3>j.dec | cmp - plain
    qpunpack --json-progress=3 <"$rds/part_xb.qp" >part.xb 3>j.qp
    xbpack --json-progress=3 plain >packed 3>j.pack
    xbunpack --test --json-progress=3 <packed 3>j.unpack
    head -c 32 /dev/urandom >data.key
    printf '{"CiphertextBlob":"QUJD","Plaintext":"%s","KeyId":"arn:aws:kms:x"}' "$(base64 <data.key)" >reply
    chmod 600 reply data.key
    s3cse-enc --json-progress=3 -e envelope -f reply <plain >body 3>j.s3enc
    s3cse-dec --json-progress=3 -e envelope -f data.key <body 3>j.s3dec | cmp - plain
    check() { # FILE IN OUT
        tail -n 1 "$1" | json "last, = lines
assert last['in'] == $2 and last['out'] == $3 and last['done'] and last['ok'], last
assert last['in_size'] in ($2, None), last"
    }
    check j.enc 100000 "$(stat -c %s enc)"
    check j.dec "$(stat -c %s enc)" 100000
    check j.qp "$(stat -c %s "$rds/part_xb.qp")" "$(stat -c %s part.xb)"
    check j.pack 100000 "$(stat -c %s packed)"
    check j.unpack "$(stat -c %s packed)" 100000
    check j.s3enc 100000 "$(stat -c %s body)"
    check j.s3dec "$(stat -c %s body)" 100000
}

@test "a line a second on the way: bytes, rate, share, time left, member; also while the input stalls" {
    # The size is known: a file that is read to its half, and then waits for its reader.
    mkfifo full.fifo
    : >json
    (head -c 1000000 "$full"; until_lines 2 '"in":1000000,' json; tail -c +1000001 "$full") >full.fifo &
    xbunpack --progress --json-progress=3 --decrypt -f key --decompress -C out <full.fifo 2>err 3>json
    [ "$(grep -c 'in, .* out, .*/s, ' err)" -ge 2 ]
    [ "$(wc -l <err)" -eq "$(wc -l <json)" ]
    grep -qE '^xbunpack: 976\.6 KiB in, [0-9.]+ MiB out, 0 B/s, [a-z_0-9]+/?' err
    json "
assert 3 <= len(lines) <= lines[-1]['elapsed'] + 1, lines
assert [l['done'] for l in lines] == [False] * (len(lines) - 1) + [True]
assert all(set(l) == {'in', 'out', 'elapsed', 'in_size', 'member', 'done'} for l in lines[:-1])
stalled, last = [l for l in lines if l['in'] == 1000000][-1], lines[-1]
assert stalled['in_size'] is None and '.' in stalled['member'], lines
assert last['in'] == $size and last['out'] == $restored and last['ok'] is True, last
assert all(b['elapsed'] - a['elapsed'] > 0.9 for a, b in zip([{'elapsed': 0}] + lines, lines[:-1])), lines" <json
    # A file's size is known.
    xbcrypt-enc -f key -s 1K <"$full" >enc
    : >json
    xbcrypt-dec --json-progress=3 --progress -f key -i enc 2>err 3>json | (until_lines 1 in json; cat >/dev/null)
    grep -qE ', [0-9]+ %, ([0-9:]+|\?) left$' err
    json "assert lines[0]['in_size'] == $(stat -c %s enc) and lines[0]['member'] is None, lines" <json
}

@test "SIGUSR1 prints one line, as dd does, also without --progress; the program goes on" {
    mkfifo in
    xbcrypt-enc -f key <in >enc 2>err &
    program=$!
    exec 4>in
    head -c 70000 /dev/zero >&4
    for _ in {1..100}; do # until its threads are there
        [ "$(find "/proc/$program/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 2 ] && break
        sleep 0.05
    done
    kill -USR1 "$program"
    for _ in {1..100}; do [ -s err ] && break; sleep 0.05; done
    [ "$(wc -l <err)" -eq 1 ]
    head -c 30000 /dev/zero >&4
    exec 4>&-
    wait "$program"
    grep -qE '^xbcrypt-enc: ([0-9.]+ KiB|0 B) in, ([0-9.]+ KiB|0 B) out, [0-9.]+ [KM]?i?B/s$' err
    [ "$(xbcrypt-dec -f key <enc | wc -c)" -eq 100000 ]
}

@test "SIGUSR1 while a program waits for its key does not end it, and is answered" {
    mkfifo slow
    for command in "xbcrypt-enc -f slow" "xbunpack --decrypt -f slow -C out" "xbpack --encrypt -f slow key"; do
        # shellcheck disable=SC2086 # words
        $command </dev/null >out.$$ 2>err &
        program=$!
        for _ in {1..100}; do # until it opens the pipe
            [[ $(cat "/proc/$program/comm") == "${command%% *}" && $(awk '/^State/ { print $2 }' "/proc/$program/status") == S ]] && break
            sleep 0.05
        done
        kill -USR1 "$program"
        timeout 5 bash -c 'cat key >slow' || kill "$program" # where nobody reads
        status=0
        wait "$program" || status=$?
        cat err
        [ "$status" -lt 128 ] # xbunpack says that its input is empty
        [ "$(grep -cE "^${command%% *}: [0-9.]+ [KM]?i?B in, " err)" -eq 1 ]
    done
}

@test "failure: the last line says so, then comes the error" {
    head -c 500000 "$full" >cut
    run xbunpack --progress --json-progress=3 --decrypt -f key --decompress -C out -i cut 3>json
    [ "$status" -eq 65 ]
    [[ $output == *" elapsed, "*"xbunpack: xbstream ends too early"* ]] || { echo "$output"; false; }
    tail -n 1 json | json "assert lines[0]['done'] and lines[0]['ok'] is False, lines"
}

@test "on a terminal one line is rewritten, messages stand between, and it is there by itself" {
    cat >terminal.py <<'END'
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "-c", sys.argv[1]])
out = b""
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:
        break
    if not piece:
        break
    out += piece
sys.stdout.buffer.write(out)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
    : >json
    python3 -S -E terminal.py "stty cols 60; (head -c 1000000 '$full'; until_lines 2 in json; tail -c +1000001 '$full') |
        xbunpack -v --json-progress=3 --decrypt -f key --decompress -C out 3>json" >screen
    # A line on the way is no longer than the terminal is wide, has no newline, and is erased.
    tr '\r' '\n' <screen | sed 's/^\x1b\[K//' | grep -E '^xbunpack: .* in, .* out, ' | grep -v elapsed >lines
    [ "$(wc -l <lines)" -ge 2 ]
    awk 'length($0) > 59 { exit 1 }' lines
    [ "$(grep -c $'\033\\[K' screen)" -ge 1 ]
    # Each member's name has a line of its own, and the last line stays.
    tr -d '\r' <screen | grep -qE "^($(printf '\033')\\[K)?xbunpack: .*\.xbcrypt -> "
    grep -qE 'elapsed, .*ratio [0-9.]+.$' screen
    # Without -v the same; with --no-progress, in the middle of a pipeline, and if it takes less than
    # a second, nothing of it.
    slow="(head -c 1000000 '$full'; sleep 1.2; tail -c +1000001 '$full')"
    python3 -S -E terminal.py "$slow | xbunpack --decrypt -f key --decompress -C out2" >screen
    grep -q elapsed screen
    python3 -S -E terminal.py "$slow | xbunpack --no-progress --decrypt -f key --decompress -C out3" >screen
    run -1 grep -q elapsed screen
    python3 -S -E terminal.py "$slow | xbcrypt-enc -f key | cat >coded" >screen
    run -1 grep -q elapsed screen
    python3 -S -E terminal.py "xbcrypt-enc -f key -i '$full' -o coded2" >screen
    run -1 grep -q elapsed screen
}

@test "hours that are left, on a terminal that is wide enough" {
    truncate -s 1T big || skip "no file of 1 TiB can be made here"
    # Its reader takes nothing, so that what is done in the first second is little.
    : >json
    # shellcheck disable=SC2016 # expanded by the inner shell
    python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" 2 bash -c \
        'xbcrypt-enc --progress --json-progress=3 -f key -i big 3>json | until_lines 1 in json; exit 0' >screen
    tr '\r' '\n' <screen | grep -oE '^(.\[K)?xbcrypt-enc: .*, 0 %, [0-9]+:[0-5][0-9]:[0-5][0-9] left' |
        sed 's/.*, //; s/ left//' >left
    json "
hours, minutes, seconds = map(int, open('left').readline().split(':'))
first = lines[0]
rest = first['elapsed'] * (2**40 - first['in']) / first['in']
assert hours > 0 and abs(3600 * hours + 60 * minutes + seconds - rest) < 1 + rest / 1000, (first, rest)" <json
}

@test "--json-progress: a reader that does not read, one that goes away, no such descriptor" {
    # A pipe that is full: no line, and no waiting but a second for the last.
    mkfifo full.pipe
    (exec 5<>full.pipe
        dd if=/dev/zero of=/dev/fd/5 bs=64K oflag=nonblock count=40 2>/dev/null || true # until it is full
        timeout -s KILL 60 xbcrypt-enc --json-progress=5 -f key <"$full" >enc)
    xbcrypt-dec -f key <enc | cmp - "$full"
    # A closed pipe is no reason to die.
    xbcrypt-enc --json-progress=5 -f key <"$full" 5> >(exec true) >enc
    xbcrypt-dec -f key <enc | cmp - "$full"
    for fd in 250 0 x '' 99999999999 -1; do
        run -64 xbcrypt-enc --json-progress="$fd" -f key
        [[ $output == *"--json-progress=$fd: "* ]]
    done
    exec 6<key
    run -64 xbcrypt-enc --json-progress=6 -f key
    [[ $output == *"--json-progress=6: that descriptor is not open for writing"* ]]
}

@test "a standard error that takes nothing does not hold the data up" {
    mkfifo full.pipe
    exec 5<>full.pipe
    dd if=/dev/zero of=/dev/fd/5 bs=64K oflag=nonblock count=40 2>/dev/null || true # until it is full
    : >json
    (head -c 900000 "$full"; until_lines 1 in json; tail -c +900001 "$full") |
        timeout -s KILL 30 xbunpack --progress --json-progress=6 --decrypt -f key --decompress -C out 2>&5 6>json
    exec 5>&-
    tail -n 1 json | json "assert lines[0]['out'] == $restored and lines[0]['ok'], lines"
}
