# SPDX-License-Identifier: Apache-2.0
# Extractions that are killed: a file with a final name is whole, every other is a temporary file
# that the next run removes; after SIGTERM, SIGINT and SIGHUP there are no temporary files.
bats_require_minimum_version 1.5.0

setup_file() {
    # Files of sizes from one chunk to many, packed encrypted, 48 MB in all.
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir plain
    printf 'q7VfXw2LmZ0tRk9sYbHc4JdNgPu6AeT3' >key
    chmod 600 key
    for n in $(seq 60); do
        size=$((n % 6 == 0 ? 5000000 : n * 7001))
        head -c $size /dev/zero | openssl enc -aes-128-ctr -K 00 -iv "$(printf %032x "$n")" 2>/dev/null >plain/f$n
    done
    (cd plain && sha256sum f*) >sums
    xbpack --encrypt -f key -C plain -o archive
    seed=${KILL_SEED:-20240501}
    echo "# KILL_SEED=$seed" >&3
    echo "$seed" >seed
}

setup() {
    load common.bash
    here=$BATS_FILE_TMPDIR
    RANDOM=$(cat "$here/seed")
    extract=(xbunpack -C out --decrypt -f "$here/key")
}

# Starts the program in the background, with the default answers to signals ($killable).
start() {
    $killable "$@" &
    pid=$!
}

# ended STATUS: the process started last ends with that status or, if it was faster, with 0.
ended() {
    local rc=0
    wait "$pid" || rc=$?
    [ $rc -eq "$1" ] || [ $rc -eq 0 ] || {
        echo "status $rc, expected $1"
        return 1
    }
}

# What has a final name is whole; all else has the name of a temporary file. Counts both.
whole() {
    named=0 temporary=0
    local file
    : >"$here/found"
    for file in $(files "$1"); do
        if [[ $file =~ ^(.*/)?\.xbpipe-[0-9a-f]{16}\.tmp$ ]]; then
            temporary=$((temporary + 1))
        else
            grep "  $file.xbcrypt\$\|  $file\$" "$here/sums" >>"$here/found"
            named=$((named + 1))
        fi
    done
    [ "$named" -eq "$(wc -l <"$here/found")" ]
    [ "$named" -eq 0 ] || (cd "$1" && sha256sum -c --quiet "$here/found")
}


@test "SIGKILL at random moments: what has its name is whole, and the next run cleans and completes" {
    timed() { # microseconds that the command took, in $took
        local began
        began=$(date +%s%N)
        "$@"
        took=$((($(date +%s%N) - began) / 1000))
    }
    timed "${extract[@]}" -i "$here/archive"
    restored out "$here/sums"
    cut=0
    # A machine that gets faster or slower on the way makes some come too late.
    for ((run = 0; run < 8 || cut < 2 && run < 50; run++)); do
        rm -r out
        start "${extract[@]}" -i "$here/archive"
        delay=$((RANDOM * took / 32768))
        sleep "$(printf %d.%06d $((delay / 1000000)) $((delay % 1000000)))"
        kill -KILL $pid 2>/dev/null || true
        ended 137
        [ -d out ] || mkdir out
        whole out
        [ "$named" -eq 60 ] || cut=$((cut + 1))
        timed succeeds "${extract[@]}" --overwrite -i "$here/archive"
        restored out "$here/sums"
    done
    echo "# $cut of $run were cut short" >&3
    [ "$cut" -ge 2 ]
}

@test "SIGKILL at random places of the input: temporary files are there, and the next run removes them" {
    size=$(stat -c %s "$here/archive")
    seen=0
    for _ in 1 2 3; do
        mkfifo pipe
        start "${extract[@]}" -i pipe
        exec 8>pipe
        head -c $((RANDOM * (size - 1) / 32768)) "$here/archive" >&8
        # All of it has been taken in, and more is waited for.
        for _ in $(seq 100); do [ "$(files out 2>/dev/null | grep -c tmp)" -gt 0 ] && break; sleep 0.02; done
        kill -KILL $pid
        ended 137
        exec 8>&-
        rm pipe
        whole out
        [ "$temporary" -eq 0 ] || seen=$((seen + 1))
        succeeds "${extract[@]}" --overwrite -i "$here/archive"
        restored out "$here/sums"
        rm -r out
    done
    [ "$seen" -ge 2 ]
}

@test "SIGTERM, SIGINT and SIGHUP at random moments and places: whole files only, and death by the signal" {
    size=$(stat -c %s "$here/archive")
    for signal in TERM INT HUP; do
        # A moment, while all of the input is there.
        rm -rf out
        start "${extract[@]}" -i "$here/archive"
        sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
        kill -$signal $pid 2>/dev/null || true
        ended $((128 + $(kill -l $signal)))
        [ ! -d out ] || whole out
        [ ! -d out ] || [ "$temporary" -eq 0 ]
        # A place: the rest of the input does not come.
        rm -rf out
        mkfifo pipe
        start "${extract[@]}" -i pipe
        exec 8>pipe
        head -c $((RANDOM * (size - 1) / 32768)) "$here/archive" >&8
        kill -$signal $pid
        rc=0
        wait $pid || rc=$?
        exec 8>&-
        rm pipe
        [ $rc -eq $((128 + $(kill -l $signal))) ]
        whole out
        [ "$temporary" -eq 0 ]
        [ "$named" -lt 60 ]
    done
}

@test "a filter with -o: no file under the name, and after a signal none at all" {
    xbcrypt-enc -f "$here/key" -i "$here/archive" -o whole
    for signal in KILL TERM INT; do
        mkfifo pipe
        start xbcrypt-dec -f "$here/key" -i pipe -o out
        exec 8>pipe
        head -c $((1000000 + RANDOM * 1000)) whole >&8
        kill -$signal $pid
        rc=0
        wait $pid || rc=$?
        exec 8>&-
        rm pipe
        [ $rc -eq $((128 + $(kill -l $signal))) ]
        [ ! -e out ]
        [ $signal = KILL ] || [ -z "$(find . -name '.xbpipe-*')" ]
        find . -name '.xbpipe-*.tmp' -delete
    done
}
